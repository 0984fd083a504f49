"""Section `[pumpbuilder]` of the configuration file: what the operator lets definitions do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import config as declared
from ..config import Configurable, option


def _directories(value: Any) -> list[Path]:
    named = value.split(",") if isinstance(value, str) else value
    return [Path(one.strip()).resolve() for one in named if one.strip()]


class BuilderSettings(Configurable):
    """What a definition may do besides what it may always."""

    class Options(declared.Options):
        """Modules and directories."""

        allow: list[str] = option(
            [], "modules and packages that definitions may load besides known components", example="my_pumps"
        )
        include: list[Path] = option(
            [], "directories that definitions may include files from besides their own, separated by commas; declarations, too",
            parse=_directories, example="/etc/pumps",
        )  # fmt: skip
        secrets: list[Path] = option(
            [], "directories that ${file:...} may read from besides /run/secrets and that of the definition, separated by commas",
            parse=_directories, example="/etc/pumps/secrets",
        )  # fmt: skip


def settings() -> Any:
    """Return the options of `[pumpbuilder]`, read anew."""
    return BuilderSettings("pumpbuilder").options
