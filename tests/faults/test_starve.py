"""A slow sink: what waits for it is bounded, in events and in memory, and nothing is lost when the pump is stopped."""

from __future__ import annotations

import pytest

from tests.faults import definitions
from tests.faults.conftest import Make
from tests.faults.harness import Progress, Pump, Stored, write_events

EVENTS = 300_000


@pytest.mark.parametrize("linked", [False, True])
def test_a_slow_sink_bounds_what_is_in_flight_and_in_memory(make: Make, linked: bool) -> None:
    pump = make(_slow(linked))
    write_events(pump.folder / "in.ndjson", EVENTS)
    pump.start()
    _barriers(pump, 2)
    memory = pump.resident()
    _barriers(pump, 12)
    assert pump.resident() < memory + 10_000_000
    assert pump.terminate() == 0
    in_flight = [int(count) for count in (pump.folder / "out.in_flight").read_text().split()]
    assert max(in_flight) < definitions.MOST_IN_FLIGHT + definitions.BATCH
    written = len((pump.folder / "out").read_bytes().splitlines())
    assert written == Stored.of(pump).line * (2 if linked else 1)
    assert 0 < written < EVENTS


def test_the_default_limit_holds_for_a_sink_that_does_not_move_at_all(make: Make) -> None:
    sink = definitions.own("GatedSink", path="out", gate="gate")
    tree = definitions.pump(
        definitions.pipeline("P", definitions.lines_source(batch_size=1000), [definitions.own("Strip")], sink)
    )
    del tree["pipelines"][0]["config"]
    pump = make(tree)
    write_events(pump.folder / "in.ndjson", EVENTS)
    pump.start()
    pump.wait_for("the sink is stuck", (pump.folder / "stuck").exists)
    # The offset of the descriptor stands still when the source waits; it is one block ahead of what was handed over.
    assert pump.process is not None
    offsets: list[int] = []

    def stands_still() -> bool:
        offsets.append(_input_offset(pump))
        return len(offsets) > 200 and len(set(offsets[-200:])) == 1

    pump.wait_for("the source waits", stands_still)
    line = (pump.folder / "in.ndjson-locked").stat().st_size / EVENTS
    assert offsets[-1] < line * 101_000 + 3 * 2**20
    (pump.folder / "gate").touch()
    assert pump.process.wait(60) == 0
    assert len((pump.folder / "out").read_bytes().splitlines()) == EVENTS


def _slow(linked: bool) -> definitions.Tree:
    sink = definitions.own("GatedSink", path="out", delay=0.1)
    parse, dump, internal = definitions.PARSE, definitions.DUMP, definitions.INTERNAL
    if not linked:
        return definitions.pump(definitions.pipeline("P", definitions.lines_source(), [parse, dump], sink))
    onward = definitions.part("bspump.common", "InternalSink", target="Last")
    return definitions.pump(
        definitions.pipeline("P", definitions.lines_source(), [parse, definitions.own("Halves")], onward),
        definitions.pipeline("Last", internal, [dump], sink),
    )


def _barriers(pump: Pump, count: int) -> None:
    """Wait until so many barriers have passed."""
    progress = Progress(pump.store)
    seen: set[int] = set()

    def passed() -> bool:
        seen.add(progress.line())
        return len(seen) > count

    pump.wait_for(f"{count} barriers", passed)
    progress.close()


def _input_offset(pump: Pump) -> int:
    assert pump.process is not None
    descriptor = pump.open_files().get("in.ndjson-locked")
    if descriptor is None:
        return -1
    with open(f"/proc/{pump.process.pid}/fdinfo/{descriptor}") as info:
        return int(info.readline().split()[1])
