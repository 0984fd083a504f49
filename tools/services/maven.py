"""Fetch jars with their dependencies through the `mvn` client as the machine configures it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

from .errors import ServiceUnavailable
from .versions import Artifact


def fetch(name: str, artifacts: Sequence[Artifact], directory: Path) -> Path:
    """Copy the jars to `directory/lib` unless exactly these are there already; return that path.

    The second time nothing is run, so it works offline.

    Raises:
        ServiceUnavailable: `mvn` is missing or cannot resolve them; the sentence holds what it answered.
    """
    lib, stamp = directory / "lib", directory / "installed.json"
    wanted = json.dumps([[artifact.coordinates, *artifact.exclude] for artifact in artifacts])
    if lib.exists() and stamp.exists() and stamp.read_text() == wanted:
        return lib
    directory.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    shutil.rmtree(lib, ignore_errors=True)
    (directory / "pom.xml").write_text(_pom(name, artifacts))
    _run(name, directory, "dependency:copy-dependencies", f"-DoutputDirectory={lib}", "-DincludeScope=runtime")
    stamp.write_text(wanted)
    return lib


def fetch_archive(name: str, artifact: Artifact, directory: Path) -> Path:
    """Unpack a distribution, the `tar.gz` with the classifier `all`, to `directory/unpacked` unless it is there; return that.

    Raises:
        ServiceUnavailable: `mvn` is missing or cannot resolve it; the sentence holds what it answered.
    """
    unpacked, stamp = directory / "unpacked", directory / "installed.json"
    if unpacked.exists() and stamp.exists() and stamp.read_text() == artifact.coordinates:
        return unpacked
    directory.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    shutil.rmtree(unpacked, ignore_errors=True)
    (directory / "pom.xml").write_text(_pom(name, ()))
    what = f"-Dartifact={artifact.coordinates}:tar.gz:all"
    _run(name, directory, "dependency:copy", what, f"-DoutputDirectory={directory}")
    archive = directory / f"{artifact.coordinates.split(':')[1]}-{artifact.version}-all.tar.gz"
    with tarfile.open(archive) as tar:
        tar.extractall(unpacked, filter="data")
    archive.unlink()
    stamp.write_text(artifact.coordinates)
    return unpacked


def _run(name: str, directory: Path, goal: str, *options: str) -> None:
    # --update-snapshots makes it ask again for what was not found, or not reachable, last time.
    command = [
        "mvn",
        "--quiet",
        "--batch-mode",
        "--update-snapshots",
        "--file",
        str(directory / "pom.xml"),
        goal,
        *options,
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise ServiceUnavailable(name, "mvn", "no such program (install Maven)") from None
    if done.returncode:
        plain = re.sub(r"\x1b\[[\d;]*m", "", done.stdout + done.stderr)  # it colours even what goes to a pipe
        errors = re.findall(r"(?m)^\[ERROR\] (.+?)(?: -> \[Help 1\])?$", plain)
        raise ServiceUnavailable(name, f"mvn {goal}", (errors or [plain.strip()])[0])


def _pom(name: str, artifacts: Sequence[Artifact]) -> str:
    dependencies = "".join(_dependency(artifact) for artifact in artifacts)
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>\n'
        f"<groupId>local</groupId><artifactId>{name}</artifactId><version>1</version><packaging>pom</packaging>\n"
        f"<dependencies>\n{dependencies}</dependencies></project>\n"
    )


def _dependency(artifact: Artifact) -> str:
    group, identifier, version = artifact.coordinates.split(":")
    exclusions = ""
    for excluded in artifact.exclude:
        excluded_group, excluded_id = excluded.split(":")
        exclusions += (
            f"<exclusion><groupId>{excluded_group}</groupId><artifactId>{excluded_id}</artifactId></exclusion>"
        )
    return (
        f"<dependency><groupId>{group}</groupId><artifactId>{identifier}</artifactId><version>{version}</version>"
        f"<exclusions>{exclusions}</exclusions></dependency>\n"
    )
