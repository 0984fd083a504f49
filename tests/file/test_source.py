"""File sources in a running pump: what comes out, what becomes of the files, where a second run goes on."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest

from bspump_like.errors import ConfigError
from bspump_like.file import (
    FileABCSource,
    FileBlockSource,
    FileCSVSource,
    FileJSONSource,
    FileLineSource,
    FileMultiLineSource,
)  # fmt: skip
from bspump_like.file.codec import compress
from bspump_like.file.scan import parse_share

LINES = [b"line %d\n" % number for number in range(5000)]


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if not path.name.startswith("store"))


@pytest.mark.parametrize("ending", ["", ".gz", ".bz2", ".xz", ".lzma", ".zst"])
def test_lines_come_out_and_the_file_is_renamed(pump: Any, tmp_path: Path, ending: str) -> None:
    codec = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".lzma": "xz", ".zst": "zstd"}.get(ending, "none")
    (tmp_path / f"f{ending}").write_bytes(compress(codec, b"".join(LINES)))
    assert pump.run(FileLineSource, {"path": str(tmp_path / "f*")}) == LINES
    assert names(tmp_path) == [f"f{ending}-processed"]
    assert pump.sink.contexts[0]["filename"] == str(tmp_path / f"f{ending}")
    assert pump.source.progress()[0] == pump.source.progress()[1]


def test_members_of_a_zip_file_are_read_in_order(pump: Any, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "f.zip", "w") as archive:
        archive.writestr("b", "1\n2")
        archive.writestr("a", "3\n")
    assert pump.run(FileLineSource, {"path": str(tmp_path / "*.zip")}) == [b"1\n", b"2", b"3\n"]
    assert [context["member"] for context in pump.sink.contexts] == ["b", "b", "a"]


def test_files_are_chosen_by_glob_include_and_exclude(pump: Any, tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "c.txt", "d.csv-failed", "e.csv-processed"):
        (tmp_path / name).write_text(name)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.log").write_text("sub")
    path = os.pathsep.join([str(tmp_path / "*.csv"), str(tmp_path / "**/*.log"), str(tmp_path / "c*")])
    config = {"path": path, "exclude": "b*", "post": "noop", "mode": "r"}
    assert pump.run(FileBlockSource, config) == ["a.csv", "sub", "c.txt"]
    pump.store = ":memory:"
    assert pump.run(FileBlockSource, {**config, "include": "*.csv"}) == ["a.csv"]


def test_processed_files_go_to_the_destination_and_none_is_overwritten(pump: Any, tmp_path: Path) -> None:
    for content in ("1", "2"):
        (tmp_path / "f").write_text(content)
        pump.run(FileLineSource, {"path": str(tmp_path / "f"), "move_destination": str(tmp_path / "done")})
    assert names(tmp_path / "done") == ["f-processed", "f.2-processed"]
    assert (tmp_path / "done" / "f.2-processed").read_text() == "2"


def test_deleted_after_delivery(pump: Any, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("1\n")
    assert pump.run(FileLineSource, {"path": str(tmp_path / "f"), "post": "delete"}) == [b"1\n"]
    assert names(tmp_path) == []


def test_noop_reads_what_is_new_only(pump: Any, tmp_path: Path) -> None:
    file, config = tmp_path / "f", {"path": str(tmp_path / "f"), "post": "noop"}
    file.write_text("1\n2\n")
    assert pump.run(FileLineSource, config) == [b"1\n", b"2\n"]
    assert pump.run(FileLineSource, config) == []
    with file.open("a") as f:
        f.write("3\n")
    assert pump.run(FileLineSource, config) == [b"3\n"]
    (tmp_path / "new").write_text("a\nb\nc\nd\ne\n")
    (tmp_path / "new").rename(file)
    assert pump.run(FileLineSource, config) == [b"a\n", b"b\n", b"c\n", b"d\n", b"e\n"]
    file.write_text("X\nb\nc\nd\ne\nf\n")  # the same inode, longer: only its first bytes tell
    assert pump.run(FileLineSource, config)[0] == b"X\n"
    assert names(tmp_path) == ["f"]


def test_a_grown_compressed_file_is_read_on(pump: Any, tmp_path: Path) -> None:
    file, config = tmp_path / "f.gz", {"path": str(tmp_path / "f.gz"), "post": "noop"}
    file.write_bytes(compress("gzip", b"1\n"))
    assert pump.run(FileLineSource, config) == [b"1\n"]
    file.write_bytes(file.read_bytes() + compress("gzip", b"2\n"))
    assert pump.run(FileLineSource, config) == [b"2\n"]


class Stopping:
    """Makes a source that stops the pump behind so many batches, as a signal would, or dies there like a killed process."""

    def __init__(self, base: Any, batches: int) -> None:
        class Source(base):
            left = batches

            async def deliver(self, events: Any, position: Any = None, contexts: Any = None) -> None:
                if self.left == 0:
                    self.App.stop()
                    await asyncio.Event().wait()
                self.left -= 1
                await super().deliver(events, position, contexts)

        self.source = lambda app, pipeline, config: Source(app, pipeline, id="S", config=config)


def same_id(base: Any) -> Any:
    return lambda app, pipeline, config: base(app, pipeline, id="S", config=config)


@pytest.mark.parametrize("ending", ["", ".gz", ".zip"])
@pytest.mark.parametrize("post", ["move", "noop"])
def test_a_stopped_source_goes_on_at_the_byte(pump: Any, tmp_path: Path, ending: str, post: str) -> None:
    file = tmp_path / f"f{ending}"
    if ending == ".zip":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("1", b"".join(LINES[:800]))
            archive.writestr("2", b"".join(LINES[800:]))
    else:
        file.write_bytes(compress("gzip" if ending else "none", b"".join(LINES)))
    config = {"path": str(file), "batch_size": 100, "post": post}
    first = pump.run(Stopping(FileLineSource, 13).source, config)
    assert len(first) == 1300
    assert names(tmp_path) == [f"f{ending}-locked" if post == "move" else f"f{ending}"]
    assert first + pump.run(same_id(FileLineSource), config) == LINES
    assert names(tmp_path) == [f"f{ending}-processed" if post == "move" else f"f{ending}"]


def test_csv_goes_on_behind_the_record(pump: Any, tmp_path: Path) -> None:
    rows = ["a,b"] + [f'{n},"x\ny{n}"' for n in range(100)]
    (tmp_path / "f").write_text("\n".join(rows))
    config = {"path": str(tmp_path / "f"), "batch_size": 7}
    events = pump.run(Stopping(FileCSVSource, 3).source, config) + pump.run(same_id(FileCSVSource), config)
    assert events == [{"a": str(n), "b": f"x\ny{n}"} for n in range(100)]


def test_a_file_that_a_crash_left_locked_is_picked_up(pump: Any, tmp_path: Path) -> None:
    (tmp_path / "f-locked").write_text("1\n")
    assert pump.run(FileLineSource, {"path": str(tmp_path / "f")}) == [b"1\n"]
    assert names(tmp_path) == ["f-processed"]


def test_a_file_of_the_same_name_waits_for_the_older_one(pump: Any, tmp_path: Path) -> None:
    (tmp_path / "f-locked").write_text("old\n")
    (tmp_path / "f").write_text("new\n")
    assert pump.run(FileLineSource, {"path": str(tmp_path / "f")}) == [b"old\n", b"new\n"]
    assert names(tmp_path) == ["f-processed", "f.2-processed"]


def test_a_file_that_another_pump_reads_is_left_alone(pump: Any, tmp_path: Path) -> None:
    (tmp_path / "f-locked").write_text("1\n")
    with open(tmp_path / "f-locked", "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert pump.run(FileLineSource, {"path": str(tmp_path / "f*")}) == []
    assert names(tmp_path) == ["f-locked"]


def test_a_file_is_not_moved_before_it_is_durable(pump: Any, tmp_path: Path) -> None:
    from bspump_like.testing import CollectSink

    seen = []

    class Slow(CollectSink):
        async def flush(self) -> None:
            seen.append(names(tmp_path))
            await super().flush()

    (tmp_path / "f").write_text("1\n")
    assert pump.run(FileLineSource, {"path": str(tmp_path / "f")}, Slow) == [b"1\n"]
    assert seen[0] == ["f-locked"]
    assert names(tmp_path) == ["f-processed"]


@pytest.mark.parametrize(
    ("source", "content", "config", "good"),
    [
        (FileLineSource, b"1\n2\n3333333\n", {"max_line_length": 4}, [b"1\n", b"2\n"]),
        (FileJSONSource, b"{", {}, []),
        (FileJSONSource, b"1\n{\n", {"format": "ndjson"}, [1]),
        (FileJSONSource, b"[1, {", {"format": "array"}, [1]),
        (FileBlockSource, b"12345", {"max_size": 4}, []),
        (FileCSVSource, b"a\n\xff\n", {}, []),
        (FileLineSource, b"12345", {"compression": "gzip"}, []),
        (FileLineSource, b"12345", {"compression": "zip"}, []),
    ],
)
def test_a_file_that_cannot_be_read_fails_and_the_next_is_read(
    pump: Any, tmp_path: Path, caplog: Any, source: Any, content: bytes, config: Any, good: Any
) -> None:
    (tmp_path / "f1").write_bytes(content)
    (tmp_path / "f2").write_bytes(content)
    assert pump.run(source, {"path": str(tmp_path / "f*"), **config}) == good * 2
    assert names(tmp_path) == ["f1-failed", "f2-failed"]
    assert str(tmp_path / "f1") in caplog.text


def test_no_files_is_said(pump: Any, tmp_path: Path, caplog: Any) -> None:
    said = []

    def hear(message: str) -> None:
        said.append(message)

    def source(app: Any, pipeline: Any, config: Any) -> Any:
        pipeline.PubSub.subscribe("bspump.file_source.no_files!", hear)
        return FileLineSource(app, pipeline, config=config)

    pump.run(source, {"path": str(tmp_path / "nothing*")})
    assert said == ["bspump.file_source.no_files!"]
    assert str(tmp_path / "nothing*") in caplog.text
    assert "delivered" not in caplog.text


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({}, "renamed to NAME-processed; 'post: noop' leaves them"),
        ({"move_destination": "done"}, "moved to 'done'; "),
        ({"post": "move"}, ""),
        ({"post": "noop"}, ""),
        ({"post": "delete"}, ""),
    ],
)
def test_that_files_are_renamed_is_said_once_unless_it_was_decided(
    pump: Any, tmp_path: Path, monkeypatch: Any, caplog: Any, config: Any, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("f1", "f2"):
        (tmp_path / name).write_text("a\n")
    assert pump.run(FileLineSource, {"path": "f*", **config}) == [b"a\n"] * 2
    assert caplog.text.count("files that have been delivered are") == (1 if told else 0)
    assert told in caplog.text


def test_who_finds_no_files_hears_what_they_are_called_now(pump: Any, tmp_path: Path, caplog: Any) -> None:
    (tmp_path / "f1").write_text("a\n")
    (tmp_path / "f2-failed").write_text("a\n")
    config = {"path": str(tmp_path / "f?")}
    assert pump.run(FileLineSource, config) == [b"a\n"]
    assert pump.run(FileLineSource, config) == []
    assert "1 that did have been delivered and end in -processed now ('post: noop' leaves names alone)" in caplog.text
    assert "1 that did have failed and end in -failed now" in caplog.text


@pytest.mark.parametrize("mode", ["rb", "r"])
def test_a_users_source_reads_with_its_own_loop(pump: Any, tmp_path: Path, mode: str) -> None:
    class Source(FileABCSource):
        async def read(self, filename: str, f: Any) -> None:
            for line in f:
                await self.process(line)
                await self.simulate_event()

    (tmp_path / "f.gz").write_bytes(compress("gzip", b"\xc3\xa4\r\n2\n"))
    expected = ["ä\n", "2\n"] if mode == "r" else [b"\xc3\xa4\r\n", b"2\n"]
    config = {"path": str(tmp_path / "f.gz"), "mode": mode, "newline": "", "lines_per_event": 1, "event_idle_time": 0}
    if mode == "r":
        expected[0] = "ä\r\n"
    assert pump.run(Source, config) == expected
    assert pump.sink.contexts[0] == {"filename": str(tmp_path / "f.gz")}


def test_a_users_csv_reader_is_used(pump: Any, tmp_path: Path) -> None:
    class Source(FileCSVSource):
        def reader(self, f: Any) -> Any:
            return ({"line": line} for line in f)

    (tmp_path / "f").write_text("1\n")
    assert pump.run(Source, {"path": str(tmp_path / "f")}) == [{"line": "1\n"}]


def test_csv_with_options_and_fieldnames(pump: Any, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("1;'x;y'\n")

    def source(app: Any, pipeline: Any, config: Any) -> Any:
        return FileCSVSource(app, pipeline, fieldnames=["a", "b"], config=config)

    assert pump.run(source, {"path": str(tmp_path / "f"), "delimiter": ";", "quotechar": "'"}) == [
        {"a": "1", "b": "x;y"}
    ]


def test_json_in_its_three_formats(pump: Any, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{"a": 1}, {"a": 2}]))
    (tmp_path / "b.ndjson").write_text('{"a": 1}\n{"a": 2}\n')
    for pattern, form, expected in [
        ("*.json", "json", [[{"a": 1}, {"a": 2}]]),
        ("*.ndjson", "ndjson", [{"a": 1}, {"a": 2}]),
        ("*.json", "array", [{"a": 1}, {"a": 2}]),
    ]:
        pump.store = ":memory:"
        assert pump.run(FileJSONSource, {"path": str(tmp_path / pattern), "format": form, "post": "noop"}) == expected


def test_a_whole_file_is_read_again_when_it_changed(pump: Any, tmp_path: Path) -> None:
    file, config = tmp_path / "f", {"path": str(tmp_path / "f"), "post": "noop"}
    file.write_text("1")
    assert pump.run(FileJSONSource, config) == [1]
    assert pump.run(FileJSONSource, config) == []
    file.write_text("2")
    os.utime(file, ns=(1, 1))
    assert pump.run(FileJSONSource, config) == [2]


def test_events_of_several_lines(pump: Any, tmp_path: Path) -> None:
    def source(app: Any, pipeline: Any, config: Any) -> Any:
        return FileMultiLineSource(app, pipeline, "<", config=config)

    (tmp_path / "f").write_text("<1\na\n<2\n")
    assert pump.run(source, {"path": str(tmp_path / "f"), "mode": "r"}) == ["<1\na\n", "<2\n"]


def test_shares_are_disjoint_and_complete(pump: Any, tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"f{number:02}").write_text(f"{number}\n")
    config = {"path": str(tmp_path / "f*"), "post": "noop"}
    shares = []
    for k in range(3):
        pump.store = ":memory:"
        shares.append(pump.run(FileLineSource, {**config, "share": f"{k}/3"}))
    assert all(shares)
    assert sorted(int(line) for share in shares for line in share) == list(range(20))


@pytest.mark.parametrize("text", ["3/3", "1", "a/b", "-1/2"])
def test_a_share_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="k/N"):
        parse_share(text)


def test_follow_is_refused_for_whole_files(pump: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="follow"):
        pump.run(FileBlockSource, {"path": str(tmp_path / "f"), "follow": True})


def test_many_small_files(pump: Any, tmp_path: Path) -> None:
    expected = []
    for number in range(600):
        (tmp_path / f"f{number:03}").write_bytes(LINES[number])
        expected.append(LINES[number])
    assert pump.run(FileLineSource, {"path": str(tmp_path / "f*"), "post": "delete"}) == expected
    assert names(tmp_path) == []


@pytest.mark.parametrize("seed", range(3))
def test_any_content_batch_and_stop_gives_every_line_once(pump: Any, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    files = {}
    for name in "abc":
        content = b"".join(rng.randbytes(rng.randrange(60)) + b"\n" for _ in range(rng.randrange(400)))
        files[name] = content
        (tmp_path / name).write_bytes(content)
    config = {"path": str(tmp_path / "[abc]*"), "batch_size": rng.randrange(1, 50)}
    events = []
    for _ in range(3):
        events += pump.run(Stopping(FileLineSource, rng.randrange(1, 6)).source, config)
    events += pump.run(same_id(FileLineSource), config)
    assert b"".join(events) == b"".join(files.values())


def test_a_source_that_is_restarted_within_the_process_repeats_nothing(pump: Any, tmp_path: Path) -> None:
    class Failing(FileLineSource):
        left = 3

        async def deliver(self, events: Any, position: Any = None, contexts: Any = None) -> None:
            if self.left == 0:
                self.left = -1
                raise OSError("once")
            self.left -= 1
            await super().deliver(events, position, contexts)

    (tmp_path / "f").write_bytes(b"".join(LINES))
    config = {"path": str(tmp_path / "f"), "batch_size": 100, "reconnect_delay": 0.01}
    assert pump.run(Failing, config) == LINES
    assert names(tmp_path) == ["f-processed"]


def test_a_source_that_fails_at_the_end_of_a_file_still_moves_it(pump: Any, tmp_path: Path) -> None:
    class Failing(FileLineSource):
        failed = False

        async def deliver(self, events: Any, position: Any = None, contexts: Any = None) -> None:
            if not events and not self.failed:
                self.failed = True
                raise OSError("once")
            await super().deliver(events, position, contexts)

    (tmp_path / "f").write_bytes(b"1\n")
    assert pump.run(Failing, {"path": str(tmp_path / "f"), "reconnect_delay": 0.01}) == [b"1\n"]
    assert names(tmp_path) == ["f-processed"]


def test_a_destination_that_is_a_file_is_refused(pump: Any, tmp_path: Path) -> None:
    (tmp_path / "done").write_text("")
    with pytest.raises(ConfigError, match="move_destination"):
        pump.run(FileLineSource, {"path": str(tmp_path / "f"), "move_destination": str(tmp_path / "done")})
