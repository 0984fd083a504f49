"""Following files that grow: every line once, through both kinds of rotation, and from where the last run stopped."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from bspump_like.file import FileCSVSource, FileLineSource
from tests.pumping import PATIENCE

Steps = Callable[[Callable[[int], Awaitable[None]]], Awaitable[None]]


def follow(pump: Any, path: Path | str, steps: Steps, source: Any = FileLineSource, **config: Any) -> list[Any]:
    """Run `steps` beside a pump that follows `path`, then stop it; `steps` gets a function that waits for so many events."""

    async def during(app: Any) -> None:
        async def arrived(count: int) -> None:
            async with asyncio.timeout(PATIENCE):
                while len(pump.sink.events) < count:  # noqa: ASYNC110 - it watches from outside, like a user
                    await asyncio.sleep(0.005)

        await steps(arrived)
        app.stop()

    events: list[Any] = pump.run(
        source, {"path": str(path), "follow": True, "poll_interval": 0.01, **config}, during=during
    )
    return events


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def rotate(log: Path) -> None:
    for old in sorted(log.parent.glob("log.*"), reverse=True):
        old.rename(log.with_suffix(f".{int(old.suffix[1:]) + 1}"))
    log.rename(log.with_suffix(".1"))


def test_what_is_appended_comes_out_by_whole_lines(pump: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    append(log, "1\n2")

    async def steps(arrived: Any) -> None:
        await arrived(1)
        append(log, "2\n")
        await arrived(2)
        append(log, "3\nrest")
        await arrived(3)

    assert follow(pump, log, steps) == [b"1\n", b"22\n", b"3\n"]
    assert log.exists()


def test_rotation_by_renaming_finishes_the_old_file_first(pump: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    append(log, "1\n")

    async def steps(arrived: Any) -> None:
        await arrived(1)
        log.rename(tmp_path / "log.1")
        append(tmp_path / "log.1", "2\n")  # a writer that has not turned to the new file yet
        append(log, "3\n")
        await arrived(3)
        append(log, "4\n")
        await arrived(4)

    assert follow(pump, log, steps) == [b"1\n", b"2\n", b"3\n", b"4\n"]


def test_rotation_by_copying_and_truncation(pump: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    append(log, "1\n2\n")

    async def steps(arrived: Any) -> None:
        await arrived(2)
        shutil.copy(log, tmp_path / "log.1")
        log.write_text("3\n")
        await arrived(3)
        log.write_text("4\n5\n6\n")  # longer than what was there: only its first bytes tell
        await arrived(6)

    assert follow(pump, log, steps) == [b"%d\n" % number for number in range(1, 7)]


def test_a_rotated_file_that_the_glob_matches_too_is_not_read_twice(pump: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    append(log, "1\n")

    async def steps(arrived: Any) -> None:
        await arrived(1)
        for number in (2, 3, 4):
            rotate(log)
            append(log, f"{number}\n")
            await arrived(number)

    pattern = tmp_path / "log*"
    assert follow(pump, pattern, steps) == [b"1\n", b"2\n", b"3\n", b"4\n"]

    async def one_more(arrived: Any) -> None:
        append(log, "5\n")
        await arrived(1)

    assert follow(pump, pattern, one_more) == [b"5\n"]
    append(log, "6\n")
    rotate(log)
    append(log, "7\n")
    assert sorted(follow(pump, pattern, lambda arrived: arrived(2))) == [b"6\n", b"7\n"]


def test_a_second_run_goes_on_at_the_byte(pump: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    append(log, "1\n2\n")
    assert follow(pump, log, lambda arrived: arrived(2)) == [b"1\n", b"2\n"]
    append(log, "3\n")
    assert follow(pump, log, lambda arrived: arrived(1)) == [b"3\n"]


def test_what_was_rotated_away_while_the_pump_was_down_is_finished_first(pump: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    append(log, "1\n")
    assert follow(pump, log, lambda arrived: arrived(1)) == [b"1\n"]
    append(log, "2\n")
    log.rename(tmp_path / "log.2")
    append(tmp_path / "log.1", "3\n")
    append(log, "4\n")
    assert follow(pump, log, lambda arrived: arrived(3)) == [b"2\n", b"3\n", b"4\n"]


def test_files_that_appear_later_are_followed(pump: Any, tmp_path: Path) -> None:
    async def steps(arrived: Any) -> None:
        append(tmp_path / "a.log", "1\n")
        await arrived(1)
        append(tmp_path / "b.log", "2\n")
        await arrived(2)
        append(tmp_path / "a.log", "3\n")
        await arrived(3)

    assert follow(pump, tmp_path / "*.log", steps) == [b"1\n", b"2\n", b"3\n"]


def test_csv_is_followed_with_its_header(pump: Any, tmp_path: Path) -> None:
    file = tmp_path / "f"
    append(file, "a,b\n1,")
    expected = [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]

    async def steps(arrived: Any) -> None:
        append(file, "2\n3,4\n")
        await arrived(2)

    assert follow(pump, file, steps, FileCSVSource) == expected
    append(file, "5,6\n")
    assert follow(pump, file, lambda arrived: arrived(1), FileCSVSource) == [{"a": "5", "b": "6"}]
