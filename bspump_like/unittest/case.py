"""Test cases in the way of the contract."""

from __future__ import annotations

import contextlib
import unittest
from collections.abc import Sequence
from typing import Any

from ..abc import Context, Event, ProcessorBase
from ..errors import ProcessingError
from ..testing import fresh_application
from .parts import UnitTestPipeline


class TestCase(unittest.TestCase):
    """A test case with an application of its own, `App`, which each test gets anew."""

    def setUp(self) -> None:
        """Make the application; its store is in memory."""
        self._application = contextlib.ExitStack()
        self.App = self._application.enter_context(fresh_application())

    def tearDown(self) -> None:
        """Leave nothing of it behind."""
        self._application.close()


class ProcessorTestCase(TestCase):
    """Runs events through one processor.

    Example:
        class Upper(ProcessorTestCase):
            def test_text_is_raised(self):
                self.set_up_processor(UpperProcessor)
                self.assertEqual(self.execute([(None, "a")]), [({}, "A")])
    """

    def set_up_processor(self, processor: type[ProcessorBase], *args: Any, **kwargs: Any) -> None:
        """Build the pipeline around a processor of this class; the arguments are its constructor's."""
        self.Pipeline = UnitTestPipeline(self.App, processor, *args, **kwargs)
        self.App.pump_service.add_pipeline(self.Pipeline)

    def execute(self, input_data: Sequence[tuple[Context | None, Event]]) -> list[tuple[Context, Event]]:
        """Run the application until the input has been processed; once in a test.

        Args:
            input_data: Pairs of context and event.

        Returns:
            Pairs of context and event, as they left the processor.

        Raises:
            ProcessingError: The pipeline halted; the processor's own error is its cause.
        """
        self.Pipeline.Source.Input = input_data
        self.App.run()
        if self.Pipeline.is_error():
            halted = self.Pipeline.failures.halted
            raise ProcessingError(f"the pipeline halted: {self.Pipeline.state()}") from (halted[0].error if halted else None)
        return self.Pipeline.Sink.Output
