from __future__ import annotations

import pytest

from bspump_like.common import IteratorGenerator, IteratorSource
from bspump_like.testing import Trial, pipeline_of


def run(iterator, config=None):
    with Trial(pipeline_of(lambda app, pipeline: IteratorSource(app, pipeline, iterator, config=config))) as trial:
        return trial.run().outputs("P")


async def counted(count):
    for number in range(count):
        yield number


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_every_item_arrives_in_order_whatever_the_batch(batch):
    assert run(iter(range(50)), {"batch": batch}) == list(range(50))


def test_a_list_and_an_asynchronous_iterator_are_read_too():
    assert run([3, 1, 2]) == [3, 1, 2]
    assert run(counted(5)) == [0, 1, 2, 3, 4]


def test_a_generator_sends_on_each_item_of_an_event():
    with Trial(pipeline_of(IteratorGenerator, config={"on_error": "drop"})) as trial:
        trial.feed("P", [1, 2], "ab", 5, ())
        assert trial.run().outputs("P") == [1, 2, "a", "b"]
        assert [str(failure.error) for failure in trial.errors] == ["'int' object is not iterable"]
