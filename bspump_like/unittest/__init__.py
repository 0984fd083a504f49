"""The contract's test classes: one processor between a source and a sink of the test.

They are kept for tests written for BSPump. New tests have more from `bspump_like.testing`: whole pumps, mocks, clocks.
"""

from .case import ProcessorTestCase, TestCase
from .parts import UnitTestPipeline, UnitTestSink, UnitTestSource

__all__ = ["ProcessorTestCase", "TestCase", "UnitTestPipeline", "UnitTestSink", "UnitTestSource"]
