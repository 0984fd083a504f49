"""A killed pump that chains events by hashes: one chain, without a gap, that whoever has the rows can check."""

from __future__ import annotations

import hashlib

import orjson

from tests.faults import definitions
from tests.faults.conftest import Make, Scale
from tests.faults.harness import Deaths, write_events


def test_a_killed_pump_makes_one_chain(make: Make, scale: Scale) -> None:
    chain = definitions.part("bspump.integrity", "IntegrityEnricher")
    steps = [definitions.PARSE, chain, definitions.DUMP]
    pump = make(
        definitions.pump(definitions.pipeline("P", definitions.lines_source(), steps, definitions.lines_sink()))
    )
    write_events(pump.folder / "in.ndjson", scale.events)
    Deaths(pump, scale.events, scale.kills, scale.seed, lambda stored: None).run()
    previous, count = None, 0
    for line in (pump.folder / "out.ndjson").read_bytes().splitlines():
        row = orjson.loads(line)
        found = row.pop("_id")
        salt = bytes.fromhex(found[:6])
        assert row["_prev_id"] == previous
        data = orjson.dumps(row, option=orjson.OPT_SORT_KEYS)
        assert found == salt.hex() + hashlib.sha256(salt + data).hexdigest()
        previous, count = found, count + 1
    assert count == scale.events
