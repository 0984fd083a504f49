"""StdinSource: the lines of standard input."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Source, SourceOptions
from ..config import Size, option
from ..errors import ConfigError
from ..text_options import optional_encoding
from .line import LineSplitter
from .threads import in_thread

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

_PIECE = 1 << 16


class StdinSourceOptions(SourceOptions):
    """How lines become events."""

    strip: bool = option(False, "drop the line end")
    encoding: str = option("", "encoding, to send text; empty: bytes", parse=optional_encoding)
    batch_size: int = option(1000, "most events handed over at once", ge=1)
    max_line_length: Size = option(1 << 20, "longest line in bytes; a longer one ends the reading", gt=0)


class StdinSource(Source):
    """Read lines from standard input, as in `seq 1000 | pump run pump.json`; the pump ends with it.

    Out: bytes with their line end, or as `strip` and `encoding` say. What stands behind the last line end is a line, too.
    While the pipeline takes nothing nothing is read. There is no position: what a killed pump had read and not delivered
    is gone, so where that matters let a file stand between.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: StdinSource, config: {strip: true, encoding: utf-8}}
            sink: {class: PrintSink}
    """

    class Options(StdinSourceOptions):
        """How lines become events."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Source`."""
        super().__init__(app, pipeline, id, config)
        self._fd = -1

    def is_finite(self) -> bool:
        """Return True: there is an end."""
        return True

    async def main(self) -> None:
        """Read to the end.

        Raises:
            ConfigError: Standard input is closed.
        """
        try:
            self._fd = sys.stdin.fileno()
        except (AttributeError, ValueError, OSError):
            raise ConfigError(f"{self.locate_address()}: there is no standard input") from None
        o = self.options
        splitter = LineSplitter("standard input", o.batch_size, o.max_line_length, o.encoding, strip=o.strip)
        while piece := await self._read():
            for chunk in splitter.feed(piece):
                await self.deliver(chunk.events)
            if splitter.failure is not None:
                break
        for chunk in [] if splitter.failure is not None else splitter.finish():
            await self.deliver(chunk.events)
        if splitter.failure is not None:
            self.App.set_exit_code(1)  # the run goes on to its end; whoever started it must learn that not all was read
            self.Pipeline.L.error("%s: %s", self.locate_address(), splitter.failure)

    async def _read(self) -> bytes:
        """Return what there is, when there is something; nothing at the end."""
        readable = asyncio.get_running_loop().create_future()
        try:
            # A thread that waits in read() could not be stopped, and a descriptor that does not block would change under others.
            self.Loop.add_reader(self._fd, _resolve, readable)
        except PermissionError:
            return await in_thread(os.read, self._fd, _PIECE)  # a regular file: it never lets one wait
        try:
            await readable
        finally:
            self.Loop.remove_reader(self._fd)
        return os.read(self._fd, _PIECE)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
