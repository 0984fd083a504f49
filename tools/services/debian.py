"""Programs out of Debian packages, unpacked, never installed: nothing starts them behind our back."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .errors import ServiceUnavailable


def unpack(server: str, package: str, directory: Path) -> Path:
    """Download a package and unpack it into `directory/unpacked`; return the downloaded file.

    Args:
        server: Who wants it, for the message.
        package: Its name; Debian decides the version.
        directory: Where to.

    Raises:
        ServiceUnavailable: It cannot be had.
    """
    directory.mkdir(parents=True, exist_ok=True)
    _run(server, ["apt-get", "download", package], directory)
    file = sorted(directory.glob(f"{package}_*.deb"))[-1]
    _run(server, ["dpkg-deb", "--extract", str(file), str(directory / "unpacked")], directory)
    return file


def needed(server: str, file: Path, begin: tuple[str, ...]) -> list[str]:
    """Return the packages that a downloaded one depends on and whose names begin so.

    Raises:
        ServiceUnavailable: The file cannot be read.
    """
    depends = _run(server, ["dpkg-deb", "--field", str(file), "Depends"], file.parent)
    names = [part.split()[0] for part in depends.replace("\n", " ").split(",") if part.strip()]
    return [name.partition(":")[0] for name in names if name.startswith(begin)]


def _run(server: str, command: list[str], directory: Path) -> str:
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ServiceUnavailable(server, command[0], "no such program (it wants Debian)") from None
    if done.returncode:
        answer = done.stderr.strip().splitlines() or ["no word"]
        hint = " (apt-get update?)" if command[0] == "apt-get" else ""
        raise ServiceUnavailable(server, " ".join(command), answer[0] + hint)
    return done.stdout
