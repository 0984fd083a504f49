"""Other systems, each in a folder of its own under `var/peers`.

python -m benchmarks.servers.peers --install        make them anew
python -m benchmarks.servers.peers                  say which are there
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence

from tools.services import maven
from tools.services.errors import ServiceUnavailable
from tools.services.versions import Artifact

from . import peer_bento, peer_rsyslog
from .systems import ROOT, System, by_module
from .work import Job

PLACE = ROOT / "var" / "peers"
REASON = "not-installed.txt"
_STREAMS = "4.2.0"
_JAVA = pathlib.Path(__file__).parent / "java"


class NotInstalled(Exception):
    """A peer that cannot be had; the message says what was answered."""


@dataclasses.dataclass(frozen=True)
class Package:
    """What one or more systems need.

    Attributes:
        folder: Its name under `var/peers`.
        install: Fills the folder; raises NotInstalled.
    """

    folder: str
    install: Callable[[pathlib.Path], None]

    @property
    def place(self) -> pathlib.Path:
        """The folder."""
        return PLACE / self.folder

    @property
    def python(self) -> str:
        """The interpreter, where it is a virtual environment."""
        return str(self.place / "bin" / "python")

    def missing(self) -> str:
        """Return why it cannot be used, empty when it can."""
        failed = self.place / REASON
        if failed.exists():
            return f"cannot be installed: {failed.read_text(encoding='utf-8')}"
        return "" if self.place.exists() else "not installed: python -m benchmarks.servers.peers --install"

    def renew(self) -> None:
        """Install it anew; a reason for which that fails is kept in the folder."""
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir(parents=True)
        try:
            self.install(self.place)
        except NotInstalled as error:
            (self.place / REASON).write_text(str(error), encoding="utf-8")


def run(*command: str, cwd: pathlib.Path | None = None) -> None:
    """Run a step of an installation.

    Raises:
        NotInstalled: It failed.
    """
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise NotInstalled(((done.stderr or done.stdout).strip().splitlines() or ["it said nothing"])[-1])


def _environment(*installs: Sequence[str]) -> Callable[[pathlib.Path], None]:
    """Return what makes a virtual environment, with one call of `pip install` after the other."""

    def install(place: pathlib.Path) -> None:
        run("python3", "-m", "venv", str(place))
        for arguments in installs:
            run(
                str(place / "bin" / "python"),
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                *arguments,
            )

    return install


def _debian(*packages: str) -> Callable[[pathlib.Path], None]:
    """Return what unpacks packages of Debian into a folder; nothing is installed into the system."""

    def install(place: pathlib.Path) -> None:
        with tempfile.TemporaryDirectory() as folder:
            run("apt-get", "download", "--quiet", *packages, cwd=pathlib.Path(folder))
            for package in pathlib.Path(folder).glob("*.deb"):
                run("dpkg-deb", "-x", str(package), str(place))

    return install


def _bento(place: pathlib.Path) -> None:
    """Build it with the components that these paths need."""
    for name, text in peer_bento.FILES.items():
        (place / name).write_text(text, encoding="utf-8")
    run("go", "mod", "tidy", cwd=place)
    run("env", "CGO_ENABLED=0", "go", "build", "-o", peer_bento.PROGRAM, ".", cwd=place)


def _streams(place: pathlib.Path) -> None:
    """Fetch Kafka Streams and what it is logged with, and compile the program."""
    try:
        lib = maven.fetch("streams", (Artifact(f"org.apache.kafka:kafka-streams:{_STREAMS}"),), place)
    except ServiceUnavailable as error:
        raise NotInstalled(str(error)) from error
    run("javac", "--release", "17", "-cp", f"{lib}/*", "-d", str(place), str(_JAVA / "StreamsBench.java"))


BSPUMP = Package(
    "servers-bspump",
    # Its full list of requirements does not build on current Pythons, and these paths need none of it.
    _environment(
        ("--no-deps", "bspump==21.11"),
        ("asab==21.11", "aiokafka==0.14.0", "kafka-python==2.0.2", "aiohttp", "requests", "orjson", "numpy<2", "mongoquery",
         "pyyaml", "xxhash", "pytz", "setuptools<81"),
    ),
)  # fmt: skip
BYTEWAX = Package("servers-bytewax", _environment(("bytewax[kafka]==0.21.1", "orjson")))
QUIX = Package("servers-quix", _environment(("quixstreams[elasticsearch]==3.28.1", "orjson")))
RSYSLOG = Package("servers-rsyslog", _debian(*peer_rsyslog.PACKAGES))
BENTO = Package("servers-bento", _bento)
STREAMS = Package("servers-streams", _streams)
PACKAGES = (BSPUMP, BYTEWAX, QUIX, RSYSLOG, BENTO, STREAMS)


def _bytewax(job: Job) -> list[str]:
    store = pathlib.Path(job.folder) / "recovery"
    store.mkdir()
    run(BYTEWAX.python, "-m", "bytewax.recovery", str(store), "1")
    flow = [
        BYTEWAX.python,
        "-m",
        "bytewax.run",
        "benchmarks.servers.peer_bytewax:flow",
        "-r",
        str(store),
        "-s",
        "1",
        "-b",
        "0",
    ]
    return ["env", f"BENCH_JOB={job.write()}", *flow]


def _kafka_streams(job: Job) -> list[str]:
    java = ["java", "-Xmx512m", "-cp", f"{STREAMS.place}:{STREAMS.place}/lib/*", "StreamsBench"]
    return [*java, job.kafka, job.topic, job.group, job.folder, *([job.output] if job.output else [])]


def _counted(job: Job) -> int:
    path = pathlib.Path(job.folder) / "count"
    return int.from_bytes(path.read_bytes(), "little") if path.exists() else 0


def peers() -> list[System]:
    """Return the peers, in the order of the table."""
    bspump = by_module("peer_bspump", BSPUMP.python)
    return [
        System("bspump", "BSPump 21.11, commits before delivery", bspump, missing=BSPUMP.missing),
        System(
            "bspump-batch", "BSPump 21.11 with KafkaBatchSink", lambda job: [*bspump(job), "--batch"], paths=("kafka",),
            missing=BSPUMP.missing,
        ),
        System(
            "bytewax", "Bytewax 0.21.1, batches of 1000, snapshot each second", _bytewax, commits=False, counter=_counted,
            missing=BYTEWAX.missing,
        ),
        System("quix", "Quix Streams 3.28.1, checkpoint each second", by_module("peer_quix", QUIX.python), missing=QUIX.missing),
        System(
            "rsyslog", "rsyslog 8.2302 of Debian, commits before delivery", lambda job: peer_rsyslog.command(RSYSLOG.place, job),
            missing=RSYSLOG.missing,
        ),
        System(
            "bento", f"Bento {peer_bento.VERSION} (Benthos), Go, threads on all cores",
            lambda job: peer_bento.command(BENTO.place, job), missing=BENTO.missing,
        ),
        System(
            "streams", f"Kafka Streams {_STREAMS}, Java, commits each second", _kafka_streams, paths=("null", "kafka"),
            missing=STREAMS.missing,
        ),
    ]  # fmt: skip


def main() -> int:
    """Install the peers or say which are there; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.servers.peers", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--install", action="store_true", help="make the folders anew")
    parser.add_argument("names", nargs="*", help=f"only these: {', '.join(package.folder for package in PACKAGES)}")
    arguments = parser.parse_args()
    for package in PACKAGES:
        if arguments.names and package.folder not in arguments.names:
            continue
        if arguments.install:
            package.renew()
        print(f"{package.folder}: {package.missing() or 'ready'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
