"""UnarchiveGenerator: each file of an archive as an event."""

from __future__ import annotations

import asyncio
import functools
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatch
from typing import IO, TYPE_CHECKING, Any, Literal

from ..abc import Context, Event, Generator, ProcessorOptions
from ..config import Size, option
from ..errors import ProcessingError

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class UnarchiveOptions(ProcessorOptions):
    """Which format, which files, how much."""

    format: Literal["auto", "zip", "tar"] = option(
        "auto", "format of the archive; a tar may be compressed by gzip, bz2 or xz"
    )
    member: str = option("", "glob on the names within the archive; empty: all", example="*.csv")
    max_size: Size = option(256 << 20, "most bytes that all files of an archive may have, decompressed", gt=0)
    max_members: int = option(10_000, "most files of an archive", ge=1)


class UnarchiveGenerator(Generator):
    """Send on each file of an archive as an event of its own, in the order in which they stand there; archives in any order.

    In: bytes of a zip or tar archive. Out: bytes, the content; the context has `member`, the name. Directories and links
    are passed over; nothing is written to any disk. The archive is read as a whole first, so that a damaged one sends on
    nothing.
    Raises: ProcessingError, if it is none, is damaged, encrypted, or larger than allowed.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: FileBlockSource, config: {path: "in/*.tar.gz", post: noop, compression: none}}
            processors:
              - {class: UnarchiveGenerator, config: {member: "*.txt"}}
            sink: {class: PrintSink}
    """

    class Options(UnarchiveOptions):
        """Which format, which files, how much."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Generator`."""
        super().__init__(app, pipeline, id, config)
        self._format: str = self.options.format
        self._member: str = self.options.member

    async def generate(self, context: Context, event: Event, depth: int) -> None:
        """Send on the files."""
        if not isinstance(event, bytes | bytearray | memoryview):
            raise ProcessingError(f"expected bytes of an archive, got {type(event).__name__}")
        try:
            members = await asyncio.to_thread(lambda: list(self._members(bytes(event))))
        except (
            zipfile.BadZipFile,
            tarfile.TarError,
            zlib.error,
            lzma.LZMAError,
            EOFError,
            OSError,
            ValueError,
        ) as error:
            raise ProcessingError("the archive cannot be read", detail=str(error) or type(error).__name__) from error
        except (NotImplementedError, RuntimeError) as error:  # compressed in a way that zipfile has not, or encrypted
            raise ProcessingError("the archive cannot be read", detail=str(error)) from error
        for name, content in members:
            self.Pipeline.inject({**context, "member": name}, content, depth)

    def _members(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        wanted = self._format
        if wanted == "auto":
            wanted = "zip" if zipfile.is_zipfile(io.BytesIO(data)) else "tar"
        left = self.options.max_size
        for number, (name, file) in enumerate(_zip(data) if wanted == "zip" else _tar(data)):
            if number == self.options.max_members:
                raise ProcessingError(
                    f"the archive has more than {number} files", hint="raise 'max_members' if that is good"
                )
            if self._member and not fnmatch(name, self._member):
                continue
            content = file().read(left + 1)
            left -= len(content)
            if left < 0:
                raise ProcessingError(
                    f"the archive has more than {self.options.max_size} bytes", hint="raise 'max_size' if that is good"
                )
            yield name, content


def _zip(data: bytes) -> Iterator[tuple[str, Callable[[], IO[bytes]]]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                yield info.filename, functools.partial(archive.open, info)


def _tar(data: bytes) -> Iterator[tuple[str, Callable[[], IO[bytes]]]]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for info in archive:
            if info.isfile():
                yield info.name, lambda info=info: archive.extractfile(info) or io.BytesIO()  # type: ignore[misc]
