"""Pumps for the command line: user modules and definitions in a directory of their own, `pump` in a subprocess."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120.0

PARTS = '''
import asyncio, os, pathlib, signal
from bspump_like import Processor, Sink, Source, TriggerSource, option
from bspump_like.abc import ProcessorOptions, SourceOptions


class NumbersOptions(SourceOptions):
    count: int = option(1000, "so many numbers")
    wait: bool = option(False, "do not end")
    die_at: int = option(-1, "number at which worker 1 kills itself, the first time")


class Numbers(Source):
    """0, 1, 2, ...; workers take turns."""

    shares = True
    worker = (0, 1)

    class Options(NumbersOptions):
        """How many."""

    async def main(self):
        index, count = self.worker
        mine = range(index, self.options.count, count)
        for at in range(self.position.get("at", 0), len(mine), 50):
            if 0 <= self.options.die_at <= mine[at] and index == 1 and not os.path.exists("died"):
                pathlib.Path("died").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            await self.deliver(list(mine[at:at + 50]), {"at": at + 50})
        if self.options.wait:
            await asyncio.Event().wait()

    def progress(self):
        return self.position.get("at", 0), self.options.count


class Cycles(TriggerSource):
    async def cycle(self):
        await self.deliver([1])


class Odd(Processor):
    def process(self, context, event):
        return event if event % 2 else None


class Fussy(Processor):
    def process(self, context, event):
        if event == 13 and not os.path.exists("mended"):
            raise ValueError("unlucky \\x1b[31m number")
        return event


class WriteOptions(ProcessorOptions):
    path: str = option("", "file")


class Write(Sink):
    """Lines in a file, durable after flush."""

    class Options(WriteOptions):
        """Where to."""

    def __init__(self, app, pipeline, id=None, config=None):
        super().__init__(app, pipeline, id, config)
        self.lines = []

    def process(self, context, event):
        self.lines.append(f"{event}\\n")

    async def flush(self):
        lines, self.lines = self.lines, []
        if lines:
            with open(self.options.path, "a") as stream:
                stream.writelines(lines)
'''

PUMP = """pipelines:
  - id: P
    source: {module: parts, class: Numbers}
    processors:
      - {module: parts, class: Odd}
    sink:
      module: parts
      class: Write
      config: {path: out.txt}
"""


class Pump:
    """The command `pump` in one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._started: list[subprocess.Popen[str]] = []
        directory.joinpath("parts.py").write_text(PARTS)
        directory.joinpath("pump.yaml").write_text(PUMP)
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": ""}

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run to the end; what a user did wrong is never answered with a traceback."""
        done = subprocess.run(self._command(arguments), cwd=self.directory, env=self.environment, text=True,
                              capture_output=True, timeout=PATIENCE, check=False)  # fmt: skip
        assert done.returncode == 0 or "Traceback" not in done.stderr, done.stderr
        return done

    def start(self, *arguments: str) -> Running:
        process = subprocess.Popen(self._command(arguments), cwd=self.directory, env=self.environment, text=True,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # fmt: skip
        self._started.append(process)
        return Running(process)

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "bspump_like.cli", *arguments]

    def lines(self, pattern: str = "out.txt") -> list[int]:
        """Return the numbers written, sorted."""
        return sorted(int(line) for path in self.directory.glob(pattern) for line in path.read_text().split())

    def stop(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.wait()
            if process.stderr is not None:
                process.stderr.close()


class Running:
    """A pump that runs in the background."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said = ""

    def wait_for(self, pattern: str, timeout: float = PATIENCE) -> re.Match[str]:
        """Read what it says until it says `pattern`."""
        watchdog = threading.Timer(timeout, self.process.kill)
        watchdog.start()
        try:
            assert self.process.stderr is not None
            for line in self.process.stderr:
                self.said += line
                if found := re.search(pattern, line):
                    return found
            raise AssertionError(f"it never said {pattern!r}: {self.said}")
        finally:
            watchdog.cancel()

    def end(self, timeout: float = PATIENCE) -> int:
        """Wait for its end; return its exit code."""
        self.said += self.process.communicate(timeout=timeout)[1]
        return self.process.returncode


@pytest.fixture(autouse=True)
def as_a_program(program: None) -> None:
    """Verbs that run in this process set things for the rest of it."""


@pytest.fixture
def pump(tmp_path: Path) -> Iterator[Pump]:
    one = Pump(tmp_path)
    yield one
    one.stop()


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], str]:
    def write(name: str, text: str) -> str:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return name

    return write
