from __future__ import annotations

import unittest

import pytest

from bspump_like import Generator, Processor
from bspump_like.errors import ProcessingError
from bspump_like.unittest import ProcessorTestCase, TestCase


class Times(Processor):
    def __init__(self, app, pipeline, factor=2, id=None, config=None):
        super().__init__(app, pipeline, id, config)
        self.factor = factor

    def process(self, context, event):
        context["seen"] = event
        return None if event is None else event * self.factor


class Letters(Generator):
    async def generate(self, context, event, depth):
        for letter in event:
            await self.Pipeline.inject(context, letter, depth)


class TestProcessors(ProcessorTestCase):
    def test_pairs_come_out_as_pairs(self):
        self.set_up_processor(Times)
        assert self.execute([(None, 1), ({"a": 1}, 2)]) == [({"seen": 1}, 2), ({"a": 1, "seen": 2}, 4)]

    def test_arguments_reach_the_constructor(self):
        self.set_up_processor(Times, 3, id="Three")
        assert self.Pipeline.Processor.Id == "Three"
        assert self.execute([(None, 5)]) == [({"seen": 5}, 15)]

    def test_what_is_dropped_does_not_come_out(self):
        self.set_up_processor(Times)
        assert self.execute([(None, None)]) == []

    def test_a_generator_works_too(self):
        self.set_up_processor(Letters)
        assert [event for _, event in self.execute([(None, "ab"), (None, "c")])] == ["a", "b", "c"]

    def test_an_error_is_raised_in_the_test(self):
        self.set_up_processor(Times)
        with pytest.raises(ProcessingError, match="the pipeline halted") as raised:
            self.execute([(None, {})])
        assert isinstance(raised.value.__cause__, TypeError)


class TestApplication(TestCase):
    def test_each_test_has_an_application(self):
        assert self.App.pump_service.Pipelines == {}


def test_the_runner_of_unittest_runs_them():
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(TestProcessors)
    result = unittest.TestResult()
    suite.run(result)
    assert (result.testsRun, result.failures, result.errors) == (5, [], [])
