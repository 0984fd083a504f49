"""Commands started so that none is left behind: not by a stop, not by a failure, not by a kill -9 of the pump.

A command runs in a session, and so in a process group, of its own; when it has ended, whatever it left in its group is killed. A
guard, one small shell for each part, knows the groups. It learns of each over a pipe whose other end only the pump holds: when
the pump is gone, by whatever death, the guard reads the end of that pipe and kills the groups. A command begins only after the
guard has been told, so there is no moment at which it would be forgotten. Only what leaves its session escapes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process, SubprocessStreamProtocol
from collections.abc import AsyncIterator
from typing import Any

import asab

from ..config import Options, Seconds, Size, option
from ..errors import BSPumpError, ConfigError

_SHELL = "/bin/sh"

_GUARD = """
all=' '
while read -r what group; do
    case $what in
        add) all="$all$group " ;;
        del) case $all in *" $group "*) all="${all%%" $group "*} ${all#*" $group "}" ;; esac ;;
    esac
done
for group in $all; do kill -KILL "-$group"; done
"""

_BEGIN = 'read -r go || exit 125; exec "$@"'  # POSIX: read takes no byte behind the line, so the rest is the command's

_TAIL = 4096  # bytes of standard error that are kept for messages
_PIECE = 1 << 16


def _command(value: Any) -> list[str]:
    if isinstance(value, str) and value.strip():
        return [_SHELL, "-c", value]
    if isinstance(value, list | tuple) and value and all(isinstance(part, str | int | float) for part in value):
        return [str(part) for part in value]
    raise ValueError("expected a line for the shell, or a list of the program and its arguments")


def _codes(value: Any) -> frozenset[int]:
    parts = value.replace(",", " ").split() if isinstance(value, str) else value
    try:
        return frozenset(
            int(part) for part in (parts if isinstance(parts, list | tuple | set | frozenset) else [parts])
        )
    except (TypeError, ValueError):
        raise ValueError("expected exit codes, such as '0 1'") from None


class CommandOptions(Options):
    """Options of everything that runs a command."""

    command: Any = option(
        help="a line for the shell, or a list of the program and its arguments", parse=_command, example=["sort", "-u"]
    )
    directory: str = option("", "directory in which the command runs; empty: that of the pump")
    environment: dict[str, str] = option({}, "variables that the command finds, besides those of the pump")
    ok_return_codes: Any = option("0", "exit codes that mean success, separated by spaces", parse=_codes)
    line_len_limit: Size = option(2**20, "longest line that the command may print, in bytes", gt=0)
    stop_timeout: Seconds = option(5.0, "seconds between asking the command to end (SIGTERM) and killing it", ge=0)


class CommandFailed(BSPumpError):
    """A command ended with an exit code that means failure, or printed what cannot be taken."""


class Guard:
    """Starts commands for one part, and sees to it that they end with the pump.

    Args:
        options: A `CommandOptions`.
        where: The part, for messages.

    Raises:
        ConfigError: Commands are forbidden here, the program or the directory does not exist.
    """

    def __init__(self, options: Any, where: str) -> None:
        """Check what can be checked; start nothing yet."""
        if not asab.Config.getboolean("subprocess", "enabled", fallback=True):
            raise ConfigError(f"{where} runs a command, and '[subprocess] enabled' is no here", hint="ask the operator")
        self._options, self._where = options, where
        self._argv: list[str] = options.command or [_SHELL, "-c", "true"]
        if shutil.which(self._argv[0], path=options.environment.get("PATH")) is None:
            raise ConfigError(
                f"{where}: there is no program '{self._argv[0]}'",
                hint="install it, or give its whole path in 'command'",
            )
        if options.directory and not os.path.isdir(options.directory):
            raise ConfigError(f"option 'directory' has '{options.directory}', which is no directory")
        self._process: Process | None = None
        self._pipe = -1
        self._groups: set[int] = set()
        self._starting = asyncio.Lock()

    def __str__(self) -> str:
        """Return the command as one would type it."""
        shown = self._argv[2] if self._argv[:2] == [_SHELL, "-c"] else shlex.join(self._argv)
        return shown if len(shown) <= 60 else f"{shown[:57]}..."

    async def _add(self, group: int) -> None:
        self._groups.add(group)
        async with self._starting:
            if self._process is not None and self._process.returncode is None:
                os.write(self._pipe, f"add {group}\n".encode())
                return
            await self.close()  # it has been killed, if there was one
            reading, self._pipe = os.pipe()
            try:
                self._process = await asyncio.create_subprocess_exec(
                    _SHELL, "-c", _GUARD, stdin=reading, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True
                )
            finally:
                os.close(reading)
            os.write(self._pipe, "".join(f"add {one}\n" for one in self._groups).encode())

    def forget(self, group: int) -> None:
        """Take note that a command and its group have ended."""
        self._groups.discard(group)
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(BrokenPipeError):  # it is dead and not yet known to be
                os.write(self._pipe, f"del {group}\n".encode())

    async def spawn(self) -> Child:
        """Start the command.

        Raises:
            OSError: There is no process to be had, now.
        """
        loop, o = asyncio.get_running_loop(), self._options
        transport, protocol = await loop.subprocess_exec(
            lambda: _Protocol(limit=_PIECE, loop=loop),
            _SHELL, "-c", _BEGIN, "sh", *self._argv, stdin=PIPE, stdout=PIPE, stderr=PIPE, start_new_session=True,
            cwd=o.directory or None, env={**os.environ, **o.environment},
        )  # fmt: skip
        child = Child(Process(transport, protocol, loop), transport, protocol.exited, self, o)
        try:
            await self._add(child.pid)
            child.stdin.write(b"\n")
        except BaseException:
            await child.end(patience=0)
            raise
        return child

    async def close(self) -> None:
        """End the guard, and with it what it still guards."""
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
        if self._process is not None:
            await self._process.wait()
            self._process = None

    def explain(self, code: int, tail: str) -> str:
        """Return how the command ended, in words, with what it said last."""
        if code < 0:
            how = f"was ended by {signal.Signals(-code).name if -code in set(signal.Signals) else f'signal {-code}'}"
        else:
            how = f"ended with exit code {code}"
        said = f": {tail}" if tail else ""
        return f"the command '{self}' {how}{said}"


class _Protocol(SubprocessStreamProtocol):
    """Tells when the command has ended; `Process.wait()` may wait for the ends of its pipes, which others can hold."""

    def __init__(self, limit: int, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit, loop)
        self.exited = loop.create_future()

    def process_exited(self) -> None:
        super().process_exited()
        if not self.exited.done():
            self.exited.set_result(None)


class Child:
    """A running command.

    Args:
        process: It.
        transport: Its pipes.
        exited: Done when it has ended.
        guard: Who started it.
        options: A `CommandOptions`.
    """

    def __init__(
        self, process: Process, transport: Any, exited: asyncio.Future[None], guard: Guard, options: Any
    ) -> None:  # fmt: skip
        """Begin to read what it says on standard error, which is a pipe that must not run full."""
        self.pid = process.pid
        self._process, self._transport, self._guard, self._options = process, transport, guard, options
        self._exited = exited
        # What it has left running is killed at once: it may hold the pipes, and then their end would never be read.
        exited.add_done_callback(lambda _: self._signal(signal.SIGKILL))
        assert process.stdin is not None
        assert process.stdout is not None
        self.stdin, self.stdout = process.stdin, process.stdout
        self._tail = b""
        self._listening = asyncio.get_running_loop().create_task(self._listen())
        self._ending: asyncio.Task[None] | None = None

    async def _listen(self) -> None:
        assert self._process.stderr is not None
        while piece := await self._process.stderr.read(_PIECE):
            self._tail = (self._tail + piece)[-_TAIL:]

    @contextlib.asynccontextmanager
    async def writing(self, data: bytes) -> AsyncIterator[None]:
        """Write to the command while the block reads what it prints: neither waits for the other; see `write`."""
        task = asyncio.create_task(self.write(data))
        try:
            yield
            await task
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def write(self, data: bytes) -> None:
        """Write to the command and close its standard input.

        A command that does not read all of it is no failure: its exit code says whether it is one.
        """
        try:
            self.stdin.write(data)
            await self.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.stdin.close()  # not when this was cancelled: half of the data must not look like all of it

    async def finish(self) -> None:
        """Wait until the command has ended.

        Raises:
            CommandFailed: Its exit code means failure.
        """
        await asyncio.shield(self._exited)
        code: int = self._transport.get_returncode()
        await self.end()
        if code not in self._options.ok_return_codes:
            raise CommandFailed(self._guard.explain(code, self.said()))

    def has_ended(self) -> bool:
        """Tell whether the command itself is gone."""
        return self._exited.done()

    def said(self) -> str:
        """Return the last line or two that the command wrote to standard error."""
        lines = [line for line in self._tail.decode(errors="replace").splitlines() if line.strip()]
        return " / ".join(lines[-2:])

    async def end(self, patience: float | None = None) -> None:
        """Ask the command to end, kill it when it does not, and kill what it left behind; may be called again.

        All of it is done even when the task that waits for it is cancelled.

        Args:
            patience: Seconds before it is killed; the option `stop_timeout` when left out.
        """
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(patience))
        try:
            await asyncio.shield(self._ending)
        except asyncio.CancelledError:
            await asyncio.wait([self._ending])
            raise

    async def _end(self, patience: float | None) -> None:
        if not self._exited.done():
            self._signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(self._options.stop_timeout if patience is None else patience):
                    await asyncio.shield(self._exited)
            except TimeoutError:
                self._signal(signal.SIGKILL)
                await self._exited
        self._guard.forget(self.pid)
        try:
            async with asyncio.timeout(1.0):
                await asyncio.shield(self._listening)
        except TimeoutError:  # something has left the group and holds the pipe: nobody waits for that
            self._listening.cancel()
            await asyncio.wait([self._listening])
        self._transport.close()

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            pass  # nobody is left; on some systems a group of zombies refuses


def too_long(guard: Guard, options: Any) -> CommandFailed:
    """Return the error for a command that prints more than it may."""
    return CommandFailed(
        f"the command '{guard}' printed a line of more than {options.line_len_limit} bytes",
        hint="raise 'line_len_limit' if such lines are good",
    )
