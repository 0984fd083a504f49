"""The loop of sources that read: what is said of a server that comes and goes."""

from __future__ import annotations

from bspump_like.abc import Batch, ReaderSource
from bspump_like.errors import ConnectionLost, EndOfInput
from bspump_like.testing import Trial, pipeline_of


class LetsInAndRefuses(ReaderSource):
    """Connects every time, and fails with the first read; after a few times it gives an event, fails once more, and ends."""

    tries = 0

    async def read(self):
        self.tries += 1
        if self.tries == 5:
            return Batch([1], {"n": 1})
        if self.tries == 8:
            raise EndOfInput
        raise ConnectionLost("we are not wanted")


def test_a_server_that_lets_in_and_refuses_is_said_once_until_something_has_come(caplog):
    quick = {"reconnect_delay": 0.001, "reconnect_delay_max": 0.002}
    with Trial(pipeline_of((LetsInAndRefuses, quick))) as trial:
        assert trial.run().outputs("P") == [1]

    said = [record for record in caplog.records if "we are not wanted" in record.getMessage()]
    assert len(said) == 2  # before the event, and after it
