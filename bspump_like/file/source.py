"""The base of all file sources: finds files, reads each once, and moves or deletes it when all of it has been delivered."""

from __future__ import annotations

import asyncio
import csv
import functools
import io
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import asab

from ..abc import Context, Event, Position, SourceOptions, TriggerSource
from ..config import Seconds, option
from ..errors import ConfigError, ConnectionLost, ProcessingError
from ..text_options import optional_encoding
from .codec import Compression, codec_of, members_of, require
from .follow import Follow
from .opened import FileStream, OpenedFile, take
from .scan import Found, Scan, Selection, belongs_to, check_packages, parse_share
from .telling import of_nothing, of_renaming
from .threads import in_thread

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

_MOST_WAITING = 256  # files read but not yet covered by a barrier; each holds a descriptor with its lock

_UNREADABLE = (ProcessingError, ValueError, EOFError, csv.Error, RecursionError)
"""What says that a file's content is at fault; anything else is the system's or the program's, and reading is tried again."""


class FileSourceOptions(SourceOptions):
    """Options of every file source."""

    path: str = option(help="globs of the files to read, joined by ':'; '**' matches directories", example="/in/*.csv")
    mode: str = option("rb", "how read(filename, f) gets the file: rb for bytes, r for text", choices=("rb", "r", "rt"))
    newline: str = option(os.linesep, "line ends in text mode, as open() takes them")
    encoding: str = option("", "encoding of text; empty: UTF-8", parse=optional_encoding)
    post: Literal["move", "delete", "noop"] = option("move", "what becomes of a file that has been delivered")
    move_destination: str = option(
        "", "directory that 'post: move' moves to; empty: the file stays where it is, renamed"
    )
    include: str = option("", "glob on path or name: only such files; empty: all")
    exclude: str = option("", "glob on path or name: not such files")
    lines_per_event: int = option(10000, "calls of simulate_event() between two pauses", ge=1)
    event_idle_time: Seconds = option(0.01, "length of such a pause in seconds", ge=0)
    compression: Compression = option("auto", "how files are compressed; auto: by the ending of the name")
    member: str = option("", "glob on the names within a zip file; empty: all, in order", example="*.csv")
    batch_size: int = option(1000, "most events handed over at once", ge=1)
    follow: bool = option(False, "like tail -F: wait for more, survive rotation; implies 'post: noop'")
    poll_interval: Seconds = option(0.5, "seconds between looks at files that are followed", gt=0)
    share: str = option(
        "", "k/N: only files whose path hashes to k modulo N; empty: as 'pump run --workers N' says", example="0/4"
    )


class FileABCSource(TriggerSource):
    """Read every file that matches `path`, one after another; override `read(filename, f)`.

    Out: what `read` makes of a file; contexts carry `filename` (and `member`, within a zip file).

    A file under work is called `NAME-locked`; when all of it is durable downstream it becomes `NAME-processed` (`post: move`)
    or is deleted; one that cannot be read becomes `NAME-failed`. After a crash reading goes on where the store knows it to be.
    With `post: noop` names stay; a file read to its end is read again only if it is replaced, and read on if it has grown.

    Position: partition = absolute path; value = `offset` in the decompressed content, `line`, `member`, `inode`, `size`,
    `mtime`, `head` (length and CRC-32 of the first bytes), `done`, `failed`.
    Publishes `bspump.file_source.no_files!` when nothing matches.

    Example:
        import asyncio

        from bspump_like.file import FileABCSource

        class Words(FileABCSource):
            async def read(self, filename, f):
                for word in (await asyncio.to_thread(f.read)).split():
                    await self.process(word)
                    await self.simulate_event()
    """

    to_override: ClassVar[tuple[str, ...]] = ("read",)

    class Options(FileSourceOptions):
        """The options of every file source."""

    resumes = False
    """True: `read` begins at the offset of its stream and hands over positions; else a file is delivered as a whole."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """Read the configuration; look at no file yet.

        Raises:
            ConfigError: `follow` with whole or compressed files; `move_destination` is a file; a package in `path` is missing.
            MissingDependency: The package for `compression` is not installed.
        """
        super().__init__(app, pipeline, id, config)
        self.worker = (0, 1)
        """(k, n): this process is number k of n that share the files; the pump sets it before the start."""
        require(self.options.compression, writing=False)
        if self.options.follow and not (self.resumes and self.options.compression in ("auto", "none")):
            raise ConfigError(
                f"{self.locate_address()} cannot follow files: {type(self).__name__} reads whole or compressed files",
                hint="remove 'follow', or use FileLineSource on plain files",
            )
        destination = self.options.move_destination
        if destination and os.path.exists(destination) and not os.path.isdir(destination):
            raise ConfigError(f"option 'move_destination' has {destination!r}, which is no directory")
        check_packages(self.options.path)
        self._share = parse_share(self.options.share)
        self._decided = "post" in (config or {}) or asab.Config.has_option(self.config_section, "post")
        self._waiting: dict[str, OpenedFile] = {}
        self._forgotten: dict[str, None] = {}
        self._settled = asyncio.Event()
        self._current: OpenedFile | None = None
        self._member: str | None = None
        self._bytes_done = self._bytes_total = self._calls = 0
        self._counts: dict[str, int] = {}
        self._gauge: Any = None

    def is_finite(self) -> bool:
        """Tell whether it ends by itself: there is no trigger, and files are not followed."""
        return super().is_finite() and not self.options.follow

    # What users override and call

    async def read(self, filename: str, f: Any) -> None:
        """Read one file and hand over what is in it, with `await self.process(event, context)` or `deliver`.

        Called once per file. `f` is an open binary or text reader (option `mode`) of the decompressed content. When it returns,
        the file counts as read; it is read again from its beginning if the pump stops before that.

        Args:
            filename: The name as the glob gave it.
            f: The reader; closed by the caller.

        Raises:
            ProcessingError: The content is not what was expected (ValueError and EOFError mean the same): the file has failed.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no read(filename, f)")

    async def process(self, event: Event, context: Context | None = None) -> None:
        """Send one event down the pipeline, with `filename` in its context."""
        context = {} if context is None else context
        if self._current is not None:
            context.setdefault("filename", self._current.found.name)
            if self._member is not None:
                context.setdefault("member", self._member)
        await super().process(event, context)

    async def simulate_event(self) -> None:
        """Pause for `event_idle_time` at every `lines_per_event`-th call, so that a reader in a loop lets others work."""
        self._calls += 1
        if self._calls % self.options.lines_per_event == 0:
            await asyncio.sleep(self.options.event_idle_time)

    def belongs_to(self, partition: str, worker: tuple[int, int]) -> bool:
        """Tell whether a file is for worker k of n; a position of it is right for whichever worker that is."""
        return belongs_to(partition, self._share or worker)

    def progress(self) -> tuple[int, int] | None:
        """Return bytes read and bytes to read of all files of this scan, as they are on disk; None when there is no end."""
        if self.options.follow:
            return None
        done, current = self._bytes_done, self._current
        if current is not None and not current.raw.closed:
            done += min(current.raw.tell(), current.size)
        return done, max(self._bytes_total, done)

    # One scan

    async def cycle(self, *args: Any, **kwargs: Any) -> None:
        """Read what there is to read; with `follow`, for ever."""
        selection = self._selection()
        if self.options.follow:
            await Follow(self, selection).run()
        if self._waiting:
            await self.commit({})  # try once more to move what could not be moved
        while blocked := await self._read_all(selection):
            await self._until(functools.partial(self._is_delivered, blocked))

    def _is_delivered(self, names: set[str]) -> bool:
        return names.isdisjoint(self._undelivered())

    def _undelivered(self) -> set[str]:
        return {partition for partition, opened in self._waiting.items() if not opened.durable}

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Wait until a barrier has made `condition` true."""
        while not condition():
            self._settled.clear()
            await self._settled.wait()

    def _selection(self) -> Selection:
        o = self.options
        return Selection(o.path, o.include, o.exclude, self._share or self.worker, self._renames)

    @property
    def _renames(self) -> bool:
        return self.options.post != "noop" and not self.options.follow

    async def _read_all(self, selection: Selection) -> set[str]:
        """Read each file of one scan; return those that wait until an older file of their name is out of the way."""
        scan = await in_thread(selection.scan)
        self.report(scan)
        if not scan.files:
            self.say_no_files(scan)
            return set()
        if remark := self.remark():
            self._decided = True
            self.Pipeline.L.log(asab.LOG_NOTICE, "%s: %s", self.locate_address(), remark)
        todo = await in_thread(self._unread, scan.files)
        if not todo and not self.Triggers:
            self.Pipeline.L.warning(
                "%s: everything that matches %s has been read before (files: %d); nothing to do",
                self.locate_address(), self.options.path, len(scan.files),
            )  # fmt: skip
        blocked = set()
        self._bytes_done, self._bytes_total = 0, sum(size for _, size in todo)
        for found, size in sorted(todo, key=lambda one: not one[0].locked):
            await self._until(lambda: len(self._undelivered()) < _MOST_WAITING)
            if found.partition not in self._waiting:
                await self._read_one(found)
            elif not found.locked and not self._waiting[found.partition].durable:
                blocked.add(found.partition)
            self._bytes_done += size
        return blocked

    def _unread(self, files: Sequence[Found]) -> list[tuple[Found, int]]:
        unread = []
        for found in files:
            try:
                stat = os.stat(found.actual)
            except FileNotFoundError:
                continue
            value = self.position.get(found.partition)
            if self._renames or value is None or not value.get("done"):
                pass  # opening it will tell
            elif (stat.st_ino, stat.st_size, stat.st_mtime_ns) == (value["inode"], value["size"], value["mtime"]):
                continue
            unread.append((found, stat.st_size))
        return unread

    def remark(self) -> str:
        """Say what becomes of files when the option `post` is left to its default; see `Source.remark`."""
        return "" if self._decided or not self._renames else of_renaming(self.options.move_destination)

    def say_no_files(self, scan: Scan) -> None:
        """Tell that nothing matches: an event for subscribers, and a warning when the source will not look again."""
        self.Pipeline.PubSub.publish("bspump.file_source.no_files!")
        if not self.Triggers or self.once:
            self.Pipeline.L.warning("%s: %s", self.locate_address(), of_nothing(self.options.path, scan))

    # One file

    async def _read_one(self, found: Found) -> None:
        opened = await in_thread(take, found, renames=self._renames)
        if opened is None:
            return
        position: dict[str, Any] | None = None
        try:
            begin = await in_thread(self._begin, opened, self.position.get(found.partition))
            if begin is None:
                if found.locked:
                    await self._finish(opened)  # a crash came between the last barrier and the renaming
                return
            self._current = opened
            self._forgotten.pop(found.partition, None)
            position = await self._read_members(opened, begin)
            if self._renames:
                self._waiting[found.partition] = opened
            await self.deliver([], position)
        finally:
            self._current = None
            if self.position.get(found.partition) is not (position or {}).get(found.partition):
                self._waiting.pop(
                    found.partition, None
                )  # stopped before the pipeline took the end: it is read on later
            if self._waiting.get(found.partition) is not opened:
                await in_thread(opened.close)

    def _begin(self, opened: OpenedFile, value: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """Return the position to begin at; None when the file has been read already."""
        if value is None or not opened.is_that_of(value):
            return {}
        if not value.get("done"):
            return value if self.resumes else {}
        if self._renames:
            return None if opened.found.locked else {}
        if value["size"] == opened.size and (self.resumes or value["mtime"] == opened.mtime):
            return None
        return value if self.resumes else {}

    async def _read_members(self, opened: OpenedFile, begin: Mapping[str, Any]) -> dict[str, Any]:
        """Read a file, or the members of a zip file; return the position behind all of it."""
        opened.reached = begin.get("offset", 0), begin.get("line", 0), begin.get("member")
        offset, line, member = opened.reached
        name = opened.found.name
        codec = codec_of(name, self.options.compression)
        try:
            members = await in_thread(members_of, opened.raw, name, codec, self.options.member)
            first = members.index(member) if member in members else 0
            for member in members[first:]:
                self._member = member
                stream = await in_thread(FileStream, opened, codec, member, offset, line)
                try:
                    f = self._reader(stream)
                    try:
                        await self.read(name, f)
                    finally:
                        await in_thread(f.close)
                finally:
                    offset, line = stream.offset, stream.line
                if member is not None and member != members[-1]:
                    offset = line = 0
            opened.check_whole()
        except _UNREADABLE as error:
            opened.failed = str(error) or repr(error)
            self.App.set_exit_code(1)  # the run goes on; whoever started it must learn that not all was read
            self.Pipeline.L.error(
                "%s: %s cannot be read: %s", self.locate_address(), name, opened.failed,
                exc_info=None if isinstance(error, ProcessingError) else error,
            )  # fmt: skip
            return opened.position(*opened.reached, done=True)
        if self.resumes and codec != "zip":
            opened.size = opened.raw.tell()  # not a byte more than was read: the file may be growing
        return opened.position(offset if self.resumes else 0, line, member, done=True)

    def _reader(self, stream: FileStream) -> Any:
        buffered = io.BufferedReader(stream, 1 << 17)
        if self.options.mode == "rb":
            return buffered
        return io.TextIOWrapper(buffered, encoding=self.options.encoding or "utf-8", newline=self.options.newline)

    # Delivery

    async def deliver(
        self, events: Sequence[Event], position: Position | None = None, contexts: Sequence[Context] | None = None
    ) -> None:
        """Send a batch down the pipeline; see `Source.deliver`. Files that are out of the way are forgotten with it."""
        if position is not None and self._forgotten:
            position = {**self._forgotten, **position}
            self._forgotten.clear()
        await super().deliver(events, position, contexts)

    async def commit(self, position: Position) -> None:
        """Move or delete the files that are durable to their end.

        Raises:
            ConnectionLost: One cannot be moved; it is tried again after the next barrier and at the next start.
        """
        troubles = []
        for partition, opened in list(self._waiting.items()):
            value = position.get(partition)
            if opened.durable or (value is not None and value.get("done")):
                opened.durable = True
                try:
                    await self._finish(opened)
                except OSError as error:
                    troubles.append(f"{opened.actual}: {error.strerror or error}")
                    continue
                del self._waiting[partition]
        self._settled.set()
        if troubles:
            raise ConnectionLost(
                f"cannot {self.options.post} {len(troubles)} files that have been delivered", detail=troubles[0],
                hint="make the directory writable; it is tried again",
            )  # fmt: skip

    async def on_stop(self) -> None:
        """Give up the locks of files that no barrier has covered; they are read on at the next start."""
        await super().on_stop()
        while self._waiting:
            self._waiting.popitem()[1].close()

    async def _finish(self, opened: OpenedFile) -> None:
        await in_thread(opened.finish, self.options.post, self.options.move_destination)
        self._forgotten[opened.found.partition] = None

    # Facts

    def report(self, scan: Scan) -> None:
        """Note what a scan found, for `rest_get` and the contract's gauge."""
        self._counts = scan.counts()
        service = self.App.get_service("asab.MetricsService")
        if service is None:
            return
        if self._gauge is None:
            tags = {"pipeline": self.Pipeline.Id, "source": self.Id}
            self._gauge = service.create_gauge("file_count", tags=tags, init_values=dict(self._counts))
        for name, value in self._counts.items():
            self._gauge.set(name, value)

    def rest_get(self) -> dict[str, Any]:
        """Return what the web API shows of this source, with counts of files and the progress."""
        return {**super().rest_get(), "Path": self.options.path, "Files": self._counts, "Progress": self.progress()}
