"""The testing kit for people who write `unittest` classes."""

from __future__ import annotations

import unittest
from typing import Any

from .trial import Pump, Trial


class PumpTestCase(unittest.TestCase):
    """A test case with pumps in it.

    Example:
        class Cities(PumpTestCase):
            def test_small_ones_are_dropped(self):
                trial = self.try_pump("cities.yaml")
                trial.isolate()
                trial.feed("Cities", {"name": "Lhota", "population": "12"})
                self.assertEqual(trial.run().outputs("Cities"), [])
    """

    def try_pump(self, *pumps: Pump, **options: Any) -> Trial:
        """Return a trial of a pump, which ends with the test; the arguments are those of `Trial`."""
        trial = Trial(*pumps, **options)
        self.addCleanup(trial.close)
        return trial
