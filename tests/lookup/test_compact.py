"""Large tables in a mapped file: the same answers as a dict, made once, replaced while it is read."""

from __future__ import annotations

import decimal
import fcntl
import json
import os
import signal
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bspump_like import ConfigError
from bspump_like.common import LookupEnricher
from bspump_like.lookup import CompactLookup, FileLookup
from bspump_like.lookup.compact import _Table
from bspump_like.lookup.sorted_runs import sorted_unique
from bspump_like.testing import fresh_application
from tests.pumping import collect, events, run


@pytest.fixture
def app():
    with fresh_application() as made:
        yield made


def write(path, rows):
    new = path.with_suffix(".new")
    new.write_text("".join(json.dumps(row) + "\n" for row in rows))
    os.replace(new, path)


def made(app, tmp_path, cls=CompactLookup, **config):
    config = {"path": str(tmp_path / "t.ndjson"), "key": "k", "table_dir": str(tmp_path / "tables"), **config}
    if cls is FileLookup:
        del config["table_dir"]
    return cls(app, "T", config)


def load(app, lookup):
    return app.Loop.run_until_complete(lookup.load())


ROWS = [
    {"k": "b", "v": 1},
    {"k": "a", "v": None},
    {"k": "b", "v": [2, {"x": "č"}]},
    {"k": "", "v": 0},
    {"k": "x" * 600, "v": 5},
]


@pytest.mark.parametrize("value", ["", "v"])
def test_answers_as_a_dict_of_the_same_file(app, tmp_path, value):
    write(tmp_path / "t.ndjson", ROWS)
    compact, plain = (made(app, tmp_path, cls, value=value) for cls in (CompactLookup, FileLookup))
    assert load(app, compact) is load(app, plain) is True
    for key in [*plain, "none", "\x00", "\x02stamp", None, 5]:
        assert compact.get(key, "default") == plain.get(key, "default")
        assert (key in compact) == (key in plain)
    assert len(compact) == len(plain) == 4
    assert sorted(compact) == ["", "a", "b"]  # the long one is kept by its digest
    with pytest.raises(KeyError):
        compact["none"]


JSON = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
KEYS = st.text() | st.integers(-(2**53), 2**53) | st.tuples(st.text(), st.integers(0, 9)) | st.booleans() | st.none()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(table=st.dictionaries(KEYS, st.dictionaries(st.text(), JSON), max_size=20), others=st.lists(KEYS, max_size=20))
def test_any_keys_and_values_come_back(app, tmp_path, table, others):
    # 1, 1.0 and True are one key to a dict, and three to a file.
    table = {key: value for key, value in table.items() if not isinstance(key, bool)}
    others = [key for key in others if not isinstance(key, bool)]

    lookup = made(app, tmp_path)
    lookup._file.items = lambda: iter(table.items())
    path = str(tmp_path / "any.lmdb")
    lookup._build(path, b"stamp")
    lookup._table = _Table(lookup._lmdb, path)
    for key in [*table, *others]:
        assert lookup.get(key, "default") == table.get(key, "default")
    assert len(lookup) == len(table)
    os.unlink(path)


def test_the_last_of_several_rows_with_a_key_wins_and_it_is_said(app, tmp_path, caplog):
    write(tmp_path / "t.ndjson", [{"k": n % 3, "v": n} for n in range(10)])
    lookup = made(app, tmp_path, value="v")
    load(app, lookup)
    assert [lookup[n] for n in range(3)] == [9, 7, 8]
    assert "lookup T: 7 keys come several times in" in caplog.text


def test_the_table_is_made_once_and_anew_when_the_file_or_the_options_change(app, tmp_path):
    source, table = tmp_path / "t.ndjson", tmp_path / "tables" / "lookup-T.lmdb"
    write(source, ROWS)
    first = made(app, tmp_path)
    load(app, first)
    app.Loop.run_until_complete(first.on_stop())
    written = table.stat().st_ino
    first = made(app, tmp_path)  # of another start
    assert load(app, first) is True
    assert load(app, first) is False
    assert table.stat().st_ino == written

    other = made(app, tmp_path, value="v")
    first.options.reload_period = 1.0  # is no reason
    assert load(app, first) is False
    app.Loop.run_until_complete(first.on_stop())
    load(app, other)
    assert table.stat().st_ino != written
    assert other["b"] == [2, {"x": "č"}]

    reader, first = iter(other), other
    write(source, [{"k": "new", "v": 1}])
    assert load(app, first) is True
    assert list(first) == ["new"]
    assert sorted(reader) == ["", "a", "b"]  # the old table, as long as somebody reads it
    assert list((tmp_path / "tables").iterdir()) == [table]


@pytest.mark.parametrize("content", [b"", b"no table", os.urandom(9000)])
def test_a_damaged_table_is_made_anew(app, tmp_path, content):
    write(tmp_path / "t.ndjson", ROWS)
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "lookup-T.lmdb").write_bytes(content)
    lookup = made(app, tmp_path, value="v")
    load(app, lookup)
    assert lookup["b"] == [2, {"x": "č"}]


def test_a_broken_file_leaves_the_old_table(app, tmp_path):
    write(tmp_path / "t.ndjson", ROWS)
    lookup = made(app, tmp_path)
    load(app, lookup)
    write(tmp_path / "t.ndjson", [{"k": 1}, {"j": 2}])
    with pytest.raises(ConfigError, match="row 2 of .* has no column 'k'"):
        load(app, lookup)
    assert lookup["a"] == {"k": "a", "v": None}
    assert [one.name for one in (tmp_path / "tables").iterdir()] == ["lookup-T.lmdb"]


def test_a_value_that_json_has_not_is_told(app, tmp_path):
    pyarrow, writer = (pytest.importorskip(name) for name in ("pyarrow", "pyarrow.parquet"))
    writer.write_table(
        pyarrow.table({"k": ["a", "b"], "v": [None, decimal.Decimal("1.5")]}), str(tmp_path / "t.parquet")
    )
    config = {"path": str(tmp_path / "t.parquet")}
    with pytest.raises(
        ConfigError, match="row 2 of .*t.parquet', 'b', cannot be kept: .*ecimal.* .give the column a type"
    ):
        load(app, made(app, tmp_path, **config))
    assert list((tmp_path / "tables").iterdir()) == []
    typed = made(app, tmp_path, types={"v": "float"}, value="v", **config)
    load(app, typed)
    assert (typed.get("a", "none"), typed["b"]) == (None, 1.5)


def test_what_a_killed_process_left_is_removed_and_what_another_writes_is_not(app, tmp_path):
    write(tmp_path / "t.ndjson", ROWS)
    folder = tmp_path / "tables"
    folder.mkdir()
    left, written = (folder / f"lookup-T.lmdb.new-{pid}" for pid in (1, 2))
    left.write_bytes(b"x" * 100)
    with written.open("wb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        load(app, made(app, tmp_path))
        assert sorted(folder.iterdir()) == [folder / "lookup-T.lmdb", written]


KILLED = """
import os, signal, sys
from bspump_like.lookup import CompactLookup
from bspump_like.testing import fresh_application

class Killed(CompactLookup):
    def _build(self, path, stamp):
        items = self._file.items
        def some():
            for number, item in enumerate(items()):
                if number == 300:
                    os.kill(os.getpid(), signal.SIGKILL)
                yield item
        self._file.items = some
        super()._build(path, stamp)

with fresh_application() as app:
    lookup = Killed(app, "T", {"path": sys.argv[1], "key": "k", "table_dir": sys.argv[2]})
    app.Loop.run_until_complete(lookup.load())
"""


def test_a_process_that_is_killed_while_it_makes_the_table_leaves_nothing_wrong(app, tmp_path):
    write(tmp_path / "t.ndjson", [{"k": n} for n in range(500)])
    folder = tmp_path / "tables"
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "t.ndjson"), str(folder)], capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert [path.name.partition(".new-")[1] for path in folder.iterdir()] == [".new-"]
    lookup = made(app, tmp_path)
    load(app, lookup)
    assert sorted(lookup) == list(range(500))
    assert [path.name for path in folder.iterdir()] == ["lookup-T.lmdb"]


def test_a_table_from_nowhere_is_refused(app, tmp_path):
    with pytest.raises(ConfigError, match="'path' must be set.*or 'master_url'"):
        made(app, tmp_path, path="")


def test_events_are_enriched_from_it(tmp_path):
    write(tmp_path / "t.ndjson", [{"k": n, "v": n * n} for n in range(500)])
    got = []

    def prepare(app):
        app.pump_service.add_lookup(made(app, tmp_path))

    def enrich(app, pipeline):
        return LookupEnricher(
            app, pipeline, config={"lookup": "T", "key": "n", "fields": {"v": "v"}, "missing": "drop"}
        )

    run(("P", events([{"n": n} for n in range(0, 1000, 7)]), enrich, collect(got)), prepare=prepare)
    assert got == [{"n": n, "v": n * n} for n in range(0, 500, 7)]


@given(pairs=st.lists(st.tuples(st.binary(max_size=3), st.binary(max_size=3))), run=st.integers(1, 10))
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_runs_are_sorted_and_the_last_of_a_key_wins(tmp_path, pairs, run):
    assert list(sorted_unique(pairs, str(tmp_path), run)) == sorted(dict(pairs).items())
