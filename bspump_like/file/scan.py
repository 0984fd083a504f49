"""Which files a source reads: globs, the names that a file under work has, and shares of several workers."""

from __future__ import annotations

import dataclasses
import fnmatch
import glob
import hashlib
import os
import re
from collections.abc import Iterable, Iterator

from ..errors import ConfigError
from ..resource import resolve_path

_SEPARATOR = re.compile(rf"(?<!^package)(?<!{os.pathsep}package){os.pathsep}")
"""Stands between globs; the colon of `package:NAME/path` does not."""

LOCKED, FAILED, PROCESSED = "-locked", "-failed", "-processed"
"""Endings of a file that is being read, that could not be read, that has been read."""


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """One file to read.

    Attributes:
        name: What the glob gave, without the ending of a file under work; `filename` in contexts.
        partition: Absolute path of it: the partition of its position.
        actual: Where the file is now: `name`, or `name-locked` when an earlier run has begun it.
    """

    name: str
    partition: str
    actual: str

    @property
    def locked(self) -> bool:
        """Tell whether an earlier run (or this one) has begun to read the file."""
        return self.actual != self.name


@dataclasses.dataclass(slots=True)
class Scan:
    """What one look at the directories found: files to read, and how many have which name."""

    files: list[Found] = dataclasses.field(default_factory=list)
    processed: int = 0
    failed: int = 0
    locked: int = 0

    def counts(self) -> dict[str, int]:
        """Return how many files have which state, by the contract's names."""
        return {
            "processed": self.processed, "failed": self.failed, "locked": self.locked,
            "unprocessed": sum(not found.locked for found in self.files),
            "all_files": len(self.files) + self.processed + self.failed,
        }  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Selection:
    """What a source wants to read.

    Attributes:
        path: Globs joined by the path separator of the system (`:`); `**` matches any number of directories.
        include: Glob on the path or the name; empty: everything.
        exclude: The same for what to leave out; wins over `include`.
        share: `(k, n)`: only files whose path hashes to k modulo n, the same in every process and run.
        renames: Files under work are renamed, so `NAME-locked` belongs to `NAME`.
    """

    path: str
    include: str = ""
    exclude: str = ""
    share: tuple[int, int] = (0, 1)
    renames: bool = True

    def scan(self) -> Scan:
        """Look at the directories; blocks. Files come sorted by name within each glob, begun ones before new ones."""
        scan, seen = Scan(), set()
        for pattern in filter(None, _SEPARATOR.split(self.path)):
            for actual in sorted(self._matches(resolve_path(pattern))):
                if actual in seen or not os.path.isfile(actual):
                    continue
                seen.add(actual)
                self._add(scan, actual)
        return scan

    def _matches(self, pattern: str) -> set[str]:
        found = set(glob.iglob(pattern, recursive=True))
        for ending in (LOCKED, FAILED, PROCESSED) if self.renames else ():
            found.update(glob.iglob(pattern + ending, recursive=True))
        return found

    def _add(self, scan: Scan, actual: str) -> None:
        if actual.endswith(PROCESSED):
            scan.processed += 1
        elif actual.endswith(FAILED):
            scan.failed += 1
        elif actual.endswith(LOCKED) and not self.renames:
            scan.locked += 1
        else:
            scan.locked += actual.endswith(LOCKED)
            name = actual.removesuffix(LOCKED)
            partition = os.path.abspath(name)
            if self._wanted(name) and self._is_ours(partition):
                scan.files.append(Found(name, partition, actual))

    def _wanted(self, name: str) -> bool:
        if self.exclude and _fits(name, self.exclude):
            return False
        return not self.include or _fits(name, self.include)

    def _is_ours(self, partition: str) -> bool:
        return belongs_to(partition, self.share)


def check_packages(path: str) -> None:
    """Make sure that the packages are installed that globs name; looks at no file.

    Raises:
        ConfigError: One is not.
    """
    for pattern in filter(None, _SEPARATOR.split(path)):
        resolve_path(pattern)


def belongs_to(partition: str, share: tuple[int, int]) -> bool:
    """Tell whether the file with this absolute path is one of share k of n; the same in every process and run."""
    k, n = share
    # Not a checksum: a CRC of names that differ in one digit may share its low bits.
    digest = hashlib.blake2b(partition.encode(errors="surrogateescape"), digest_size=8).digest()
    return n == 1 or int.from_bytes(digest) % n == k


def parse_share(text: str) -> tuple[int, int] | None:
    """Return `(k, n)` from `k/n`, None from an empty text.

    Raises:
        ConfigError: It is something else.
    """
    if not text:
        return None
    k, slash, n = text.partition("/")
    if not slash or not k.strip().isdigit() or not n.strip().isdigit() or not int(k) < int(n):
        raise ConfigError(f"option 'share' has {text!r}: expected k/N with 0 <= k < N", hint="0/4, 1/4, 2/4, 3/4")
    return int(k), int(n)


def _fits(name: str, patterns: str) -> bool:
    return any(
        fnmatch.fnmatch(name, pattern) or fnmatch.fnmatch(os.path.basename(name), pattern)
        for pattern in patterns.split(os.pathsep)
    )


def rotated_siblings(path: str) -> Iterator[str]:
    """Yield files that log rotation has made of `path`: `path.1`, `path-20260131`, `path.2026-01-31`."""
    for sibling in glob.iglob(glob.escape(path) + "[.-][0-9]*"):
        if _is_rotation(sibling[len(path) + 1 :]):
            yield sibling


def _is_rotation(ending: Iterable[str]) -> bool:
    return all(character.isdigit() or character in ".-_T" for character in ending)
