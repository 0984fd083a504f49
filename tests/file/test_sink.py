"""File sinks in a running pump: what is on disk, after the end, after a crash, and when the disk refuses."""

from __future__ import annotations

import asyncio
import csv
import fcntl
import os
import resource
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bspump_like import Pipeline
from bspump_like.errors import ConfigError
from bspump_like.file import FileBlockSink, FileCSVSink, FileJSONSink, FileLineSink, FileLineSource
from bspump_like.file.codec import InputStream, codec_of, compress
from bspump_like.file.naming import Naming
from bspump_like.testing import ListSource, fresh_application, run_pump
from tests.common.stopping import StoppedSource

ENDINGS = ["", ".gz", ".bz2", ".xz", ".zst"]


def content(path: Path) -> bytes:
    with open(path, "rb", buffering=0) as raw, InputStream(raw, str(path), codec_of(str(path))) as stream:
        parts = []
        while block := stream.read_block():
            parts.append(block)
        return b"".join(parts)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if not path.name.startswith("store"))


def of(events: Any, **config: Any) -> Callable[..., Any]:
    """Return a source of these events; it resumes like a real one."""
    settings = {"batch_size": 10, **config}

    def source(app: Any, pipeline: Any, config: Any) -> ListSource:
        return ListSource(app, pipeline, events, id="S", config=settings)

    return source


@pytest.mark.parametrize("ending", ENDINGS)
def test_lines_are_written_and_a_second_run_appends(pump: Any, tmp_path: Path, ending: str) -> None:
    out = {"path": str(tmp_path / f"out{ending}")}
    pump.run(of([b"1\n", "zwei", bytearray(b"3"), b"4"]), {}, FileLineSink, out)
    assert content(tmp_path / f"out{ending}") == b"1\nzwei\n3\n4\n"
    pump.store = ":memory:"
    pump.run(of([b"5"]), {}, FileLineSink, out)
    assert content(tmp_path / f"out{ending}") == b"1\nzwei\n3\n4\n5\n"
    pump.run(of([b"6"]), {}, FileLineSink, {**out, "mode": "overwrite"})
    assert content(tmp_path / f"out{ending}") == b"6\n"


def test_what_is_no_line_is_an_error_of_the_event(pump: Any, tmp_path: Path) -> None:
    out = {"path": str(tmp_path / "out")}
    pump.run(of([b"1", {"a": 1}, b"2"]), {}, FileLineSink, out, pipeline={"on_error": "drop"})
    assert content(tmp_path / "out") == b"1\n2\n"


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_torn_tail_is_cut_off_and_what_it_held_comes_again(pump: Any, tmp_path: Path, ending: str) -> None:
    file, codec = tmp_path / f"out{ending}", codec_of(f"out{ending}")
    pump.run(of([b"1", b"2"]), {}, FileLineSink, {"path": str(file)})
    with file.open("ab") as f:  # a kill -9 in the middle of the next write
        f.write(compress(codec, b"3\n4\n")[:-2])
    pump.run(of([b"1", b"2", b"3", b"4"]), {}, FileLineSink, {"path": str(file)})
    assert content(file) == b"1\n2\n3\n4\n"


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_torn_tail_without_a_mark_spoils_no_later_line(pump: Any, tmp_path: Path, ending: str) -> None:
    file, codec = tmp_path / f"out{ending}", codec_of(f"out{ending}")
    file.write_bytes(compress(codec, b"1\n") + compress(codec, b"2\n" if codec != "none" else b"2\nxx")[:-1])
    pump.run(of([b"3"]), {}, FileLineSink, {"path": str(file)})
    assert content(file) == (b"1\n2\nx\n3\n" if codec == "none" else b"1\n3\n")


def test_rotation_by_lines_is_exact_and_goes_on_after_a_stop(pump: Any, tmp_path: Path) -> None:
    out = {"path": str(tmp_path / "out.txt.gz"), "rotate_lines": 4}
    events = [b"%d" % number for number in range(14)]
    pump.run(of(events[:10], batch_size=3), {}, FileLineSink, out)
    pump.run(of(events, batch_size=3), {}, FileLineSink, out)
    assert [content(tmp_path / f"out-00000{index}.txt.gz").split() for index in (1, 2, 3, 4)] == [
        events[:4], events[4:8], events[8:12], events[12:],
    ]  # fmt: skip


def test_rotation_by_size_splits_no_line(pump: Any, tmp_path: Path) -> None:
    events = [b"1234", b"12345678901", b"12", b"123456", b"1", b"1"]
    pump.run(of(events), {}, FileLineSink, {"path": str(tmp_path / "{index}.txt"), "rotate_size": 10})
    assert [(tmp_path / name).read_text() for name in names(tmp_path)] == [
        "1234\n", "12345678901\n", "12\n123456\n", "1\n1\n",
    ]  # fmt: skip


def test_a_fresh_start_writes_behind_the_files_that_are_there(pump: Any, tmp_path: Path) -> None:
    (tmp_path / "out-000007.txt").write_text("old")
    pump.run(of([b"1"]), {}, FileLineSink, {"path": str(tmp_path / "out.txt"), "rotate_lines": 4})
    assert names(tmp_path) == ["out-000007.txt", "out-000008.txt"]


def test_files_begun_behind_the_last_mark_are_taken_back(pump: Any, tmp_path: Path) -> None:
    out = {"path": str(tmp_path / "out.txt"), "rotate_lines": 3}
    pump.run(of([b"1", b"2"]), {}, FileLineSink, out)
    with (tmp_path / "out-000001.txt").open("ab") as f:
        f.write(b"3\n")
    (tmp_path / "out-000002.txt").write_bytes(b"4\n5\n6\n")
    (tmp_path / "out-000003.txt").write_bytes(b"7")
    pump.run(of([b"1", b"2", b"3", b"4"]), {}, FileLineSink, out)
    assert [(tmp_path / name).read_bytes() for name in names(tmp_path)] == [b"1\n2\n3\n", b"4\n"]


def test_an_atomic_file_begun_and_completed_behind_the_last_mark_is_taken_back(pump: Any, tmp_path: Path) -> None:
    out = {"path": str(tmp_path / "out.txt"), "rotate_lines": 8, "atomic": True}
    events = [b"%d" % number for number in range(24)]

    def stopped(app: Any, pipeline: Any, config: Any) -> ListSource:
        return StoppedSource(app, pipeline, events, id="S", config={"batch_size": 8})

    pump.run(stopped, {}, FileLineSink, out)  # with 16 lines, and so at the end of the second file
    assert names(tmp_path) == ["out-000001.txt", "out-000002.txt"]
    (tmp_path / "out-000003.txt").write_bytes(b"".join(b"%d\n" % number for number in range(16, 24)))
    pump.run(of(events), {}, FileLineSink, out)
    assert b"".join(content(tmp_path / name) for name in names(tmp_path)).split() == events


def test_an_atomic_file_of_an_event_that_is_complete_does_not_hinder_the_next_start(pump: Any, tmp_path: Path) -> None:
    class ByEvent(FileLineSink):
        def get_file_name(self, context: Any, event: Any) -> str:
            return str(tmp_path / event.decode().strip())

    out = {"atomic": True, "max_open_files": 1}
    pump.run(of([b"a", b"b"]), {}, ByEvent, out)
    pump.run(of([b"a", b"b", b"c"]), {}, ByEvent, out)
    assert names(tmp_path) == ["a", "b", "c"]


def test_a_period_closes_files(pump: Any, tmp_path: Path) -> None:
    async def until_rotated(app: Any) -> None:
        while not (tmp_path / "out-000001.txt").exists():  # noqa: ASYNC110 - it watches a directory
            await asyncio.sleep(0.01)
        app.stop()

    def source(app: Any, pipeline: Any, config: Any) -> Any:
        class Idle(ListSource):
            async def read(self) -> Any:
                if self._next:
                    await asyncio.Event().wait()
                return await super().read()

        return Idle(app, pipeline, [b"1"], id="S")

    out = {"path": str(tmp_path / "out.txt"), "rotate_period": 0.05, "atomic": True}
    pump.run(source, {}, FileLineSink, out, during=until_rotated)
    assert content(tmp_path / "out-000001.txt") == b"1\n"


class StopsBefore(ListSource):
    """A list that never ends: behind its last event it stops the pump, like a signal."""

    async def read(self) -> Any:
        if self._next >= len(self.events):
            self.App.stop()
            await asyncio.Event().wait()
        return await super().read()


def test_atomic_files_get_their_name_at_the_end_of_input(pump: Any, tmp_path: Path) -> None:
    out = {"path": str(tmp_path / "out"), "atomic": True}
    pump.run(lambda app, p, config: StopsBefore(app, p, [b"1"], id="S"), {}, FileLineSink, out)
    assert names(tmp_path) == ["out.part"]
    pump.run(of([b"1", b"2"]), {}, FileLineSink, out)
    assert names(tmp_path) == ["out"]
    assert content(tmp_path / "out") == b"1\n2\n"


def test_an_atomic_file_is_not_replaced_unless_asked_to(pump: Any, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("old")
    with pytest.raises(ConfigError, match="overwrite"):
        start(FileLineSink, {"path": str(tmp_path / "out"), "atomic": True})
    pump.run(of([b"1"]), {}, FileLineSink, {"path": str(tmp_path / "out"), "atomic": True, "mode": "overwrite"})
    assert content(tmp_path / "out") == b"1\n"


def start(sink: Any, config: dict[str, Any]) -> None:
    """Start one sink by hand: what it raises is what the pump says at its start."""
    with fresh_application() as app:
        one = sink(app, Pipeline(app, "P"), config=config)
        try:
            app.Loop.run_until_complete(one.on_start())
        finally:
            app.Loop.run_until_complete(one.on_stop())
            app.Loop.run_until_complete(app.Loop.shutdown_default_executor())


def test_a_missing_directory_is_said_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"cannot write {tmp_path}/no/out.*create the directory {tmp_path}/no"):
        start(FileLineSink, {"path": str(tmp_path / "no" / "out")})


def test_a_parent_that_is_a_file_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="is no directory"):
        start(FileLineSink, {"path": str(tmp_path / "file" / "out")})


def test_two_pumps_do_not_share_a_file(tmp_path: Path) -> None:
    with open(tmp_path / "out", "wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="another pump writes it"):
            start(FileLineSink, {"path": str(tmp_path / "out")})


def test_a_zip_file_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="zip"):
        start(FileLineSink, {"path": str(tmp_path / "out.zip")})


def test_a_directory_that_appears_later_gets_every_line(pump: Any, tmp_path: Path, caplog: Any) -> None:
    async def make_it(app: Any) -> None:
        while "create the directory" not in caplog.text:  # noqa: ASYNC110 - it watches the log
            await asyncio.sleep(0.01)
        (tmp_path / "late").mkdir()

    def source(app: Any, p: Any, config: Any) -> Any:
        class Named(ListSource):
            async def deliver(self, events: Any, position: Any = None, contexts: Any = None) -> None:
                await super().deliver(events, position, [{"path": str(tmp_path / "late" / "out")} for _ in events])

        return Named(app, p, [b"%d" % number for number in range(30)], id="S")

    pump.run(source, {}, FileLineSink, {}, during=make_it)
    assert content(tmp_path / "late" / "out").split() == [b"%d" % number for number in range(30)]


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_full_disk_loses_nothing_and_leaves_no_half_line(pump: Any, tmp_path: Path, caplog: Any, ending: str) -> None:
    """The limit on file sizes stands for the full disk: the write that reaches it is cut short, the next one fails."""
    file = tmp_path / f"out{ending}"
    lines = [os.urandom(50).hex().encode() for _ in range(500)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    async def raise_limit(app: Any) -> None:
        # The store must be able to grow, so the limit is set only while the file is written.
        while "cannot write" not in caplog.text:  # noqa: ASYNC110 - it watches the log
            await asyncio.sleep(0.01)
        found = content(file).split()
        assert found == lines[: len(found)]
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    pump.store = ":memory:"
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_001, hard))
        pump.run(of(lines), {}, FileLineSink, {"path": str(file)}, during=raise_limit)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert content(file).split() == lines


def test_much_that_waits_is_written_without_being_asked(pump: Any, tmp_path: Path) -> None:
    line = b"x" * 100_000 + b"\n"
    pump.run(of([line] * 500, batch_size=500), {}, FileLineSink, {"path": str(tmp_path / "out")})
    assert (tmp_path / "out").stat().st_size == 500 * len(line)


def test_files_named_by_events_and_more_of_them_than_may_be_open(pump: Any, tmp_path: Path) -> None:
    class Sink(FileLineSink):
        def get_file_name(self, context: Any, event: Any) -> str:
            return str(tmp_path / f"out{int(event) % 7}")

    events = [b"%d" % number for number in range(200)]
    pump.run(of(events), {}, Sink, {"max_open_files": 2, "mode": "overwrite"})
    for rest in range(7):
        assert content(tmp_path / f"out{rest}").split() == events[rest::7]


def test_csv_has_one_header_and_keeps_the_columns(pump: Any, tmp_path: Path) -> None:
    out = {"path": str(tmp_path / "out.csv"), "lineterminator": "\n"}
    pump.run(of([{"a": 1, "b": "x,y"}, {"b": "ü"}]), {}, FileCSVSink, out)
    pump.store = ":memory:"
    pump.run(of([{"b": 'q"', "a": 2}]), {}, FileCSVSink, out)
    assert (tmp_path / "out.csv").read_text() == 'a,b\n1,"x,y"\n,ü\n2,"q"""\n'


def test_csv_files_named_by_the_context_and_rotated(pump: Any, tmp_path: Path) -> None:
    def source(app: Any, p: Any, config: Any) -> Any:
        class Named(ListSource):
            async def deliver(self, events: Any, position: Any = None, contexts: Any = None) -> None:
                await super().deliver(events, position, [{"path": str(tmp_path / e["f"])} for e in events])

        return Named(app, p, [{"f": "x"}, {"f": "y"}, {"f": "x"}], id="S")

    pump.run(source, {}, FileCSVSink, {"rotate_lines": 1, "quoting": "all"})
    assert names(tmp_path) == ["x-000001", "x-000002", "y-000001"]
    assert list(csv.reader((tmp_path / "x-000002").read_text().splitlines())) == [["f"], ["x"]]


def test_a_field_that_is_no_column_is_an_error_of_the_event(pump: Any, tmp_path: Path) -> None:
    out = {"path": str(tmp_path / "out.csv")}
    pump.run(of([{"a": 1}, {"c": 1}, "text", {"a": 2}]), {}, FileCSVSink, out, pipeline={"on_error": "drop"})
    assert (tmp_path / "out.csv").read_text().split() == ["a", "1", "2"]


def test_json_lines(pump: Any, tmp_path: Path) -> None:
    events = [{"a": 1}, b'{"a":2}', '{"a":3}\n', b'{\n"a": 4}', {1, 2}]
    pump.run(of(events), {}, FileJSONSink, {"path": str(tmp_path / "out")}, pipeline={"on_error": "drop"})
    assert (tmp_path / "out").read_bytes() == b'{"a":1}\n{"a":2}\n{"a":3}\n{"a":4}\n'


def test_blocks_are_written_to_files_of_their_own(pump: Any, tmp_path: Path) -> None:
    class Sink(FileBlockSink):
        def get_file_name(self, context: Any, event: Any) -> str:
            return str(tmp_path / event[:1])

    pump.run(of(["a1", "b1", "a2"]), {}, Sink, {})
    assert {name: (tmp_path / name).read_text() for name in names(tmp_path)} == {"a": "a2", "b": "b1"}
    pump.store = ":memory:"
    pump.run(of(["a3"]), {}, Sink, {"mode": "ab"})
    assert (tmp_path / "a").read_text() == "a2a3"
    pump.run(of(["a3", "a2a3", "a2a3"]), {}, Sink, {"flags": "O_CREAT|O_EXCL"}, pipeline={"on_error": "drop"})
    assert (tmp_path / "a").read_text() == "a2a3"
    assert names(tmp_path) == ["a", "b"]


def test_an_unknown_flag_is_refused(pump: Any) -> None:
    with pytest.raises(ConfigError, match="O_NONSENSE"):
        pump.run(of([]), {}, FileBlockSink, {"path": "x", "flags": "O_NONSENSE"})


def test_a_template_gives_names() -> None:
    assert Naming("out.csv.gz", rotates=True).path(3) == "out-000003.csv.gz"
    assert Naming("{worker}/out{index}.csv", worker=2).path(3) == "2/out000003.csv"
    assert Naming("out.csv").path(3) == "out.csv"


def test_killed_at_any_moment_every_line_is_there_once(tmp_path: Path) -> None:
    """Kill -9 in child processes until one comes to the end; a synchronous chain from file to file repeats nothing."""
    lines = [b"%d\n" % number for number in range(60_000)]
    (tmp_path / "in").write_bytes(b"".join(lines))
    killed = 0
    for attempt in range(8):
        child = os.fork()
        if child == 0:  # pragma: no cover - it runs in a process that is killed
            code = 1
            try:
                signal.signal(signal.SIGALRM, signal.SIG_DFL)  # which ends a process
                signal.setitimer(signal.ITIMER_REAL, 0.02 * attempt + 0.03)
                copy(tmp_path)
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        killed += os.WIFSIGNALED(status)
    copy(tmp_path)
    assert (tmp_path / "out").read_bytes() == b"".join(lines)
    assert killed


def copy(directory: Path) -> None:
    def build(app: Any) -> None:
        p = Pipeline(app, "P", config={"commit_interval": 0.0})
        source = FileLineSource(app, p, config={"path": str(directory / "in"), "batch_size": 500})
        p.build(source, FileLineSink(app, p, config={"path": str(directory / "out")}))
        app.pump_service.add_pipeline(p)

    run_pump(build, store=str(directory / "store.db"))


def test_the_store_holds_the_durable_size(pump: Any, tmp_path: Path) -> None:
    pump.run(of([b"1", b"2"]), {}, FileLineSink, {"path": str(tmp_path / "out")})
    assert pump.sink.mark()[str(tmp_path / "out")]["size"] == 4
    with sqlite3.connect(pump.store) as store:
        assert store.execute("select count(*) from sqlite_master").fetchone()[0] > 0
    store.close()
