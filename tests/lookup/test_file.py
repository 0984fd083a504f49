from __future__ import annotations

import asyncio
import datetime
import json
import zipfile

import pytest

from bspump_like import ConfigError, Pipeline
from bspump_like.lookup import DictionaryLookup, FileLookup, Lookup, MappingLookup
from bspump_like.testing import CollectSink, ListSource, fresh_application, run_pump
from tests.pumping import until

CSV = "faa,name,lat\nEWR,Newark,40.7\nIAH,Houston,NA\n"
ROWS = {"EWR": {"faa": "EWR", "name": "Newark", "lat": "40.7"}, "IAH": {"faa": "IAH", "name": "Houston", "lat": None}}


@pytest.fixture
def load(tmp_path):
    """Write a file, load it, return the lookup."""

    def loaded(name, content, config=None):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with fresh_application() as app:
            lookup = FileLookup(app, "Airports", config={"path": str(path), **(config or {})})
            assert app.Loop.run_until_complete(lookup.load()) is True
            assert app.Loop.run_until_complete(lookup.load()) is False  # nothing has changed
            return lookup

    return loaded


def test_the_contract_classes_are_here_too():
    assert issubclass(FileLookup, DictionaryLookup)
    assert issubclass(DictionaryLookup, MappingLookup)
    assert issubclass(MappingLookup, Lookup)


def test_csv_rows_are_found_by_their_key(load):
    lookup = load("a.csv", CSV, {"key": "faa"})
    assert dict(lookup) == ROWS
    assert (lookup["EWR"]["name"], lookup.get("XXX"), "IAH" in lookup, len(lookup)) == ("Newark", None, True, 2)


def test_a_value_column_makes_scalars_and_types_make_numbers(load):
    assert dict(load("a.csv", CSV, {"key": "faa", "value": "name"})) == {"EWR": "Newark", "IAH": "Houston"}
    typed = load("a.csv", CSV, {"key": "faa", "value": "lat", "types": {"lat": "float"}})
    assert dict(typed) == {"EWR": 40.7, "IAH": None}


def test_several_key_columns_make_tuples(load):
    lookup = load("w.csv", "o,h,t\nEWR,1,39\nEWR,2,40\n", {"key": ["o", "h"], "value": "t", "types": {"h": "int"}})
    assert dict(lookup) == {("EWR", 1): "39", ("EWR", 2): "40"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", json.dumps(list(ROWS.values()))),
        ("a.ndjson", "\n".join(map(json.dumps, ROWS.values())) + "\n\n"),
        ("a.yaml", json.dumps(list(ROWS.values()))),
        ("a.csv", b"\xef\xbb\xbf" + CSV.encode()),
    ],
)
def test_other_formats_give_the_same_rows(load, name, content):
    assert dict(load(name, content, {"key": "faa"})) == ROWS


@pytest.mark.parametrize(("name", "content"), [("a.json", '{"a": {"v": 1}}'), ("a.yml", "a:\n  v: 1\n")])
def test_a_mapping_is_the_table_itself(load, name, content):
    assert dict(load(name, content)) == {"a": {"v": 1}}
    assert dict(load(name, content, {"value": "v"})) == {"a": 1}


def test_zip_archives_and_other_encodings_are_read(tmp_path, load):
    with zipfile.ZipFile(tmp_path / "a.csv.zip", "w") as archive:
        archive.writestr("a.csv", CSV)
    with fresh_application() as app:
        lookup = FileLookup(app, "A", config={"path": str(tmp_path / "a.csv.zip"), "key": "faa"})
        app.Loop.run_until_complete(lookup.load())
        assert dict(lookup) == ROWS
    assert load("b.csv", "k;v\nx;č\n".encode("iso-8859-2"), {
        "key": "k", "value": "v", "encoding": "iso-8859-2", "delimiter": ";"
    })["x"] == "č"  # fmt: skip


def test_a_file_of_an_installed_package_is_found(tmp_path, monkeypatch):
    folder = tmp_path / "airports_for_test"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "a.csv").write_text(CSV)
    monkeypatch.syspath_prepend(str(tmp_path))
    with fresh_application() as app:
        lookup = FileLookup(app, "A", config={"path": "package:airports_for_test/a.csv", "key": "faa"})
        app.Loop.run_until_complete(lookup.load())
        assert dict(lookup) == ROWS


def test_the_last_of_several_rows_with_a_key_wins_and_it_is_said(load, caplog):
    assert load("a.csv", "k,v\nx,1\nx,2\n", {"key": "k", "value": "v"})["x"] == "2"
    assert "lookup Airports: 1 keys come several times" in caplog.text


@pytest.mark.parametrize(
    ("name", "content", "config", "told"),
    [
        ("a.csv", CSV, {"key": "fa"}, "has no column 'fa'; its columns are faa, name, lat .did you mean 'faa'"),
        ("a.csv", CSV, {"key": "faa", "value": "nme"}, "has no column 'nme'.*did you mean 'name'"),
        ("a.csv", CSV, {}, "holds rows, so 'key' must be set"),
        ("a.csv", CSV, {"key": "faa", "types": {"name": "int"}}, "row 1, column 'name' has 'Newark', which is no int"),
        ("a.csv", CSV, {"key": "faa", "types": {"latt": "int"}}, "no column 'latt' to give a type, did you mean 'lat'"),
        ("a.csv", "a,b\n1,2,3\n", {"key": "a"}, "line 2 has more values than there are columns"),
        ("a.json", "[1]", {"key": "a"}, "row 1 is int, expected a mapping"),
        ("a.json", "{", {}, "cannot be read"),
        ("a.json", '{"a": 1}', {"key": "a"}, "is a mapping and has its keys already"),
        ("a.txt", "x", {}, "its name tells no format"),
        ("a.zip", "x", {"format": "csv"}, "cannot be read: File is not a zip file"),
        ("a.yaml", "a: [", {}, "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(load, name, content, config, told):
    with pytest.raises(ConfigError, match=told):
        load(name, content, config)


def test_a_file_that_is_not_there_is_told_with_the_nearest(tmp_path):
    (tmp_path / "airports.csv").write_text(CSV)
    with fresh_application() as app:
        lookup = FileLookup(app, "A", config={"path": str(tmp_path / "airprots.csv"), "key": "faa"})
        with pytest.raises(ConfigError, match="there is no file .*airprots.csv.*did you mean 'airports.csv'"):
            app.Loop.run_until_complete(lookup.load())


def test_where_the_table_comes_from_must_be_said_and_a_slave_names_no_file():
    with fresh_application() as app:
        with pytest.raises(ConfigError, match="option 'path' must be set .*or 'master_url'"):
            FileLookup(app, "Airports", config={"key": "faa"})
        assert not FileLookup(app, "Airports", config={"key": "faa", "master_url": "http://127.0.0.1:1"}).is_master()


@pytest.mark.parametrize("key", ["faa", "n"])
def test_a_slave_gets_the_same_table(load, key):
    master = load("a.csv", "faa,n\nEWR,1\nIAH,2\n", {"key": key, "types": {"n": "int"}})
    slave = load("b.csv", "faa,n\n", {"key": key})
    slave.deserialize(master.serialize())
    assert dict(slave) == dict(master)


def test_a_slave_gets_tuples_as_keys(load):
    master = load("a.csv", "a,b,c\n1,2,3\n", {"key": ["a", "b"]})
    slave = load("b.csv", "a,b,c\n", {"key": ["a", "b"]})
    slave.deserialize(master.serialize())
    assert dict(slave) == dict(master)


class WatchedLookup(FileLookup):
    def __init__(self, app, id, config):
        super().__init__(app, id, config)
        self.failed = asyncio.Event()

    async def load(self):
        try:
            return await super().load()
        except ConfigError:
            self.failed.set()
            raise


class Endless(ListSource):
    async def read(self):
        await asyncio.Event().wait()


def test_a_changed_file_is_loaded_again_and_a_broken_one_leaves_the_old_table(tmp_path, caplog):
    path = tmp_path / "a.csv"
    path.write_text("k,v\nx,1\n")
    changed = asyncio.Event()

    def on_change(message, lookup):
        changed.set()

    def build(app):
        config = {"path": str(path), "key": "k", "value": "v", "reload_period": "10ms"}
        app.pump_service.add_lookup(WatchedLookup(app, "L", config=config))
        pipeline = Pipeline(app, "P")
        pipeline.build(Endless(app, pipeline, []), CollectSink(app, pipeline))
        app.pump_service.add_pipeline(pipeline)
        app.PubSub.subscribe("bspump.Lookup.changed!", on_change)

    async def during(app):
        lookup = app.pump_service.locate_lookup("L")
        await app.pump_service.Pipelines["P"].ready()
        assert dict(lookup) == {"x": "1"}
        path.write_text("v\nbroken\n")
        await lookup.failed.wait()
        assert dict(lookup) == {"x": "1"}
        changed.clear()
        path.write_text("k,v\nx,22\n")
        await changed.wait()
        assert dict(lookup) == {"x": "22"}
        app.stop()

    run_pump(build, during=during)
    assert "lookup L cannot be loaded: row 1 of" in caplog.text
    assert "the table as it was stays" in caplog.text
    assert "lookup L: loaded again" in caplog.text


def parquet(path, rows):
    pyarrow, writer = (pytest.importorskip(name) for name in ("pyarrow", "pyarrow.parquet"))
    writer.write_table(pyarrow.Table.from_pylist(rows), str(path), row_group_size=2)


def test_parquet_gives_rows_with_their_types(tmp_path):
    rows = [{"faa": f"A{n}", "n": n, "lat": n / 2, "at": datetime.date(2026, 1, 1 + n), "no": None} for n in range(5)]
    parquet(tmp_path / "a.parquet", rows)
    with fresh_application() as app:
        for config, expected in (
            ({"key": "faa"}, {row["faa"]: row for row in rows}),
            ({"key": ["faa", "n"], "value": "lat"}, {(row["faa"], row["n"]): row["lat"] for row in rows}),
            ({"key": "n", "value": "at", "types": {"n": "str"}}, {str(row["n"]): row["at"] for row in rows}),
        ):
            lookup = FileLookup(app, "A", config={"path": str(tmp_path / "a.parquet"), **config})
            app.Loop.run_until_complete(lookup.load())
            assert dict(lookup) == expected


def test_parquet_in_an_archive_is_read(tmp_path):
    parquet(tmp_path / "a.parquet", [{"k": 1, "v": 2}])
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "a.parquet", "a.parquet")
    with fresh_application() as app:
        lookup = FileLookup(app, "A", config={"path": f"{tmp_path}/a.zip!a.parquet", "key": "k", "value": "v"})
        app.Loop.run_until_complete(lookup.load())
        assert dict(lookup) == {1: 2}


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"key": "kk"}, "has no column 'kk'; its columns are k, v"),
        ({"key": "k", "value": "w"}, "has no column 'w'; its columns are k, v"),
    ],
)
def test_a_column_that_parquet_has_not_is_told(tmp_path, config, told):
    parquet(tmp_path / "a.parquet", [{"k": 1, "v": 2}])
    with fresh_application() as app:
        lookup = FileLookup(app, "A", config={"path": str(tmp_path / "a.parquet"), **config})
        with pytest.raises(ConfigError, match=told):
            app.Loop.run_until_complete(lookup.load())


def test_what_is_no_parquet_is_told(load):
    with pytest.raises(ConfigError, match="cannot be read: .*arquet"):
        load("a.parquet", "k,v\n", {"key": "k"})


def test_a_table_that_somebody_still_reads_is_left_whole(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(CSV)
    with fresh_application() as app:
        lookup = FileLookup(app, "A", config={"path": str(path), "key": "faa"})
        app.Loop.run_until_complete(lookup.load())
        reader, kept = iter(lookup), lookup.Dictionary
        next(reader)
        path.write_text("faa,name,lat\nPRG,Prague,50\n")
        app.Loop.run_until_complete(lookup.load())
        assert list(reader) == ["IAH"]
        assert kept == ROWS
        lookup.deserialize(b'{"x":1}')
        lookup.deserialize(b'{"y":2}')
        assert dict(lookup) == {"y": 2}


def test_a_lazy_lookup_is_loaded_when_somebody_says_so(tmp_path, caplog):
    path = tmp_path / "a.csv"
    heard = []

    def on_change(message, lookup):
        heard.append((lookup.Id, lookup.version))

    def build(app):
        app.PubSub.subscribe("bspump.Lookup.changed!", on_change)
        app.pump_service.add_lookup(FileLookup(app, "L", config={"path": str(path), "key": "k"}, lazy=True))
        pipeline = Pipeline(app, "P")
        pipeline.build(Endless(app, pipeline, []), CollectSink(app, pipeline))
        app.pump_service.add_pipeline(pipeline)

    async def during(app):
        lookup = app.pump_service.Lookups["L"]
        await app.pump_service.Pipelines["P"].ready()
        assert (lookup.is_ready(), lookup.status(), len(lookup)) == (True, "lazy, not loaded", 0)
        lookup.ensure_future_update(app.Loop)  # there is no file
        await until(lambda: "there is no file" in lookup.status())
        path.write_text("k,v\nx,1\n")
        lookup.ensure_future_update(app.Loop)
        await until(lambda: heard)
        assert (lookup.status(), dict(lookup)) == ("loaded", {"x": {"k": "x", "v": "1"}})
        app.stop()

    run_pump(build, during=during)
    assert [id for id, _ in heard] == ["L"]
    assert "lookup L cannot be loaded: there is no file" in caplog.text
