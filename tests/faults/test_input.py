"""Input files that are truncated, deleted or rotated while they are read: said in a sentence, and what could be read is there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults import definitions
from tests.faults.conftest import Make
from tests.faults.harness import Progress, Pump, write_events

EVENTS = 60_000  # 3 MB: the source reads ahead by one block of 1 MB, so that the rest is still to come

Held = Callable[..., Pump]


@pytest.fixture
def held(make: Make) -> Held:
    """Return a function that starts a pump which is in the middle of its input, until the file `gate` exists."""

    def held(**source: object) -> Pump:
        sink = definitions.own("GatedSink", path="out", gate="gate")
        steps = [definitions.own("Strip")]
        pump = make(definitions.pump(definitions.pipeline("P", definitions.lines_source(**source), steps, sink)))
        write_events(pump.folder / "in.ndjson", EVENTS)
        pump.start()
        pump.wait_for("the sink holds its first barrier", (pump.folder / "stuck").exists)
        return pump

    return held


def go_on(pump: Pump, code: int = 0) -> list[bytes]:
    """Let the pump come to its end and return what is in the output."""
    (pump.folder / "gate").touch()
    assert pump.process is not None
    assert pump.process.wait(60) == code, pump.log()[-3000:]
    assert "Traceback" not in pump.log(), pump.log()[-3000:]
    return (pump.folder / "out").read_bytes().splitlines(keepends=True)


def test_an_input_that_is_truncated_while_it_is_read_has_failed_and_is_said(held: Held) -> None:
    pump = held()
    with (pump.folder / "in.ndjson-locked").open("r+b") as file:
        file.truncate(100)
    lines = go_on(pump, code=1)
    assert 500 <= len(lines) < EVENTS
    assert "in.ndjson cannot be read: it shrank to 100 bytes" in pump.log()
    assert (pump.folder / "in.ndjson-failed").exists()


@pytest.mark.parametrize("post", ["noop", "move", "delete"])
def test_an_input_that_is_deleted_while_it_is_read_is_read_to_its_end(held: Held, post: str) -> None:
    pump = held(post=post)
    (pump.folder / ("in.ndjson" if post == "noop" else "in.ndjson-locked")).unlink()
    assert len(go_on(pump)) == EVENTS
    if post != "noop":
        assert "in.ndjson-locked: No such file or directory" in pump.log()


def test_a_followed_input_that_is_rotated_again_and_again_under_kills_loses_nothing(make: Make) -> None:
    pump = make(definitions.file_to_file(source={"follow": True, "poll_interval": 0.01}))
    events = pump.folder / "in.ndjson"
    for number in range(6):
        if number:
            events.rename(f"{events}.{number}")
        write_events(events, 5000, start=5000 * number)
        pump.start()
        progress = Progress(pump.store)
        pump.wait_for("this file is begun", lambda progress=progress: 0 < progress.line() <= 5000)
        progress.close()
        pump.kill()
    pump.start()
    pump.wait_for("the last line", lambda: b'"id":29999,' in (pump.folder / "out.ndjson").read_bytes())
    assert pump.terminate() == 0
    lines = (pump.folder / "out.ndjson").read_bytes().splitlines()
    ids = [int(line.split(b",")[0].split(b":")[1]) for line in lines]
    assert sorted(set(ids)) == list(range(30_000))
    assert len(ids) <= 30_000 + 6 * (definitions.MOST_IN_FLIGHT + definitions.BATCH)
