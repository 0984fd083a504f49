"""What a process and all its descendants cost, read from /proc."""

from __future__ import annotations

import contextlib
import os
import pathlib

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Tree:
    """A process with its descendants.

    Args:
        pid: The process at the root.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.peak = 0
        """Most bytes resident at one time, of those at which `sample` was called; shared pages count for each process."""

    def sample(self) -> float:
        """Take the memory; return the CPU seconds so far, user and system.

        Of children that have ended and were waited for the system keeps the time in their parent.
        """
        seconds, resident = 0.0, 0
        for pid in self.pids():
            with contextlib.suppress(OSError, IndexError):
                fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
                seconds += sum(int(field) for field in fields[11:15]) / _TICK
                resident += int(fields[21]) * _PAGE
        self.peak = max(self.peak, resident)
        return seconds

    def busy(self) -> float:
        """Return the CPU seconds of all threads there are now, to the nanosecond; those that have ended do not count."""
        nanoseconds = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                for task in os.listdir(f"/proc/{pid}/task"):
                    with contextlib.suppress(OSError):
                        schedule = pathlib.Path(f"/proc/{pid}/task/{task}/schedstat").read_text(encoding="utf-8")
                        nanoseconds += int(schedule.split()[0])
        return nanoseconds / 1e9

    def pids(self) -> list[int]:
        """Return the numbers of the processes there are now."""
        found, waiting = [], [self._pid]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            with contextlib.suppress(OSError):
                for task in os.listdir(f"/proc/{pid}/task"):
                    children = pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text(encoding="utf-8")
                    waiting += [int(child) for child in children.split()]
        return found
