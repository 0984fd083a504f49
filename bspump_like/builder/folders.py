"""Folders that a definition names to read from: as with included files, it opens nothing that it was not given."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import Problem
from .includes import is_below
from .positions import KeyPath
from .settings import settings


def check_folders(cls: Any, definition: Mapping[str, Any], path: KeyPath, directory: Path | None) -> Iterator[Problem]:
    """Yield a problem for each folder that lies neither below that of the definition nor where the operator allows it.

    Args:
        cls: Of the part; its options that name folders say so with `refers="folder"`.
        definition: Of the part.
        path: Where it stands.
        directory: Of the definition; None when it is no file.
    """
    declared = getattr(cls, "Options", None)
    folders = [name for name, field in declared.declarations().items() if field.refers == "folder"] if declared else []
    for name in folders:
        for key in ("config", "args"):
            value = (definition.get(key) or {}).get(name)
            if not isinstance(value, str) or not value:
                continue
            root = directory or Path.cwd()
            folder = Path(os.path.realpath(value))
            if not is_below(folder, [root.resolve(), *settings().include]):
                hint = f"allow it: [pumpbuilder] include={folder} in the configuration file"
                yield Problem(f"may not read from {value}: it lies outside of {root}", (*path, key, name), hint=hint)
