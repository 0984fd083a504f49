"""SIGTERM: nothing is lost and nothing repeated; a stuck sink is given up at the deadline or at a second signal."""

from __future__ import annotations

import random
import signal

import orjson
import pytest

from tests.faults import definitions
from tests.faults.conftest import Make, Scale
from tests.faults.harness import Ledger, Progress, Pump, Stored, write_events

MOST = definitions.MOST_IN_FLIGHT + definitions.BATCH


def stop_and_count(pump: Pump, scale: Scale, ledgers: list[Ledger]) -> None:
    """Stop a pump again and again at random moments; each event must be there exactly once."""
    print(f"seed {scale.seed}")
    moments, line = random.Random(scale.seed), 0
    brake = scale.events - 200 * scale.kills
    pump.brake(brake)
    for number in range(scale.kills):
        target = line + moments.uniform(0, 1) * (scale.events - line) / (scale.kills - number + 1)
        target = max(line, min(target, brake))
        process, progress, readies = pump.start(), Progress(pump.store), pump.log().count("is ready")
        # The signal's handler is there once asab is ready; some stops come right then, in the middle of the start.
        pump.wait_for("ready", lambda readies=readies: pump.log().count("is ready") > readies)
        if number % 4:
            pump.wait_for(f"{target:.0f} lines", lambda target=target, progress=progress: progress.line() > target)
        progress.close()
        assert process.poll() is None, "ended by itself"
        assert pump.terminate() == 0, pump.log()[-3000:]
        stored = Stored.of(pump)
        line = stored.line
        for ledger in ledgers:
            ledger.check(stored)
            assert ledger.ahead == 0
            assert ledger.on_disk() == stored.sizes.get(ledger.name, 0)
    pump.release()
    assert pump.run() == 0, pump.log()[-3000:]
    for ledger in ledgers:
        ledger.check(Stored.of(pump))
        ledger.finish()
        assert ledger.repeated == 0
        print(f"{ledger.name}: {scale.events} lines, {scale.kills} SIGTERMs, lost 0, repeated 0")
    assert "Traceback" not in pump.log(), pump.log()[-4000:]
    assert "will be read again" not in pump.log()


def test_a_stopped_file_to_file_pump_repeats_nothing(make: Make, scale: Scale) -> None:
    pump = make(definitions.file_to_file())
    write_events(pump.folder / "in.ndjson", scale.events)
    stop_and_count(pump, scale, [Ledger(pump.folder / "out.ndjson", scale.events, most=MOST)])


def test_stopped_linked_pipelines_with_a_generator_repeat_nothing(make: Make, scale: Scale) -> None:
    pump = make(definitions.linked())
    write_events(pump.folder / "in.ndjson", scale.events)
    files = [pump.folder / "out.ndjson", pump.folder / "copy.ndjson"]
    stop_and_count(pump, scale, [Ledger(file, scale.events, parts=2, most=MOST) for file in files])


def test_a_stopped_pump_with_an_ordered_async_processor_repeats_nothing(make: Make, scale: Scale) -> None:
    pump = make(definitions.ordered())
    write_events(pump.folder / "in.ndjson", scale.events)
    stop_and_count(pump, scale, [Ledger(pump.folder / "out.ndjson", scale.events, most=MOST)])


def stuck(make: Make, where: str, timeout: int) -> Pump:
    """Return a pump that runs, and whose sink waits for the file `gate` in its first flush."""
    sink = definitions.own("GatedSink", path="out", gate="gate", waits_in=where)
    one = definitions.pipeline("P", definitions.lines_source(post="noop"), [definitions.own("Strip")], sink)
    pump = make(definitions.pump(one), {"bspump": {"stop_timeout": timeout}})
    write_events(pump.folder / "in.ndjson", 3000)
    pump.start()
    pump.wait_for("the sink is stuck", (pump.folder / "stuck").exists)
    return pump


@pytest.mark.parametrize("where", ["loop", "thread", "file"])
def test_a_stuck_sink_is_given_up_at_the_deadline_and_what_is_left_is_said(make: Make, where: str) -> None:
    pump = stuck(make, where, timeout=1)
    assert pump.terminate() == 1
    assert (
        "P: the time to stop is over; 500 events were taken since the last barrier and will be read again" in pump.log()
    )
    mend_and_count(pump)


def test_a_second_signal_forces_the_end(make: Make) -> None:
    pump = stuck(make, "thread", timeout=1000)
    assert pump.process is not None
    pump.process.send_signal(signal.SIGTERM)
    pump.wait_for("it begins to stop", lambda: "is exiting" in pump.log())
    assert pump.terminate() == 1
    assert "P: a second signal came; 500 events were taken since the last barrier and will be read again" in pump.log()
    mend_and_count(pump)


def mend_and_count(pump: Pump) -> None:
    """Let the sink go on, run the pump to its end, and count."""
    (pump.folder / "gate").touch()
    assert pump.run() == 0, pump.log()[-3000:]
    ids = [orjson.loads(line)["id"] for line in (pump.folder / "out").read_bytes().splitlines()]
    assert ids == list(range(3000))
