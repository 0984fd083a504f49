"""Other systems with the same five steps, each in a virtual environment of its own under `var/peers`.

    python -m benchmarks.peers --install        make the environments
    python -m benchmarks.peers                  say which are there

A peer runs as a process that prints one line of JSON: `{"seconds": CPU time, "events": how many, "version": ...}`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable

from .measure import Row, Taken, Unavailable, Workload

ROOT = pathlib.Path(__file__).parent.parent
PLACE = ROOT / "var" / "peers"
REASON = "not-installed.txt"


@dataclasses.dataclass(frozen=True)
class Peer:
    """One system.

    Attributes:
        key: Name of its row.
        folder: Name of its environment; rows of one system share one.
        title: What a reader sees.
        module: The module of this package that runs the five steps in it.
        installs: Arguments of `pip install`, one call after the other; none where another row installs it.
        arguments: Further arguments of the module.
    """

    key: str
    folder: str
    title: str
    module: str
    installs: tuple[tuple[str, ...], ...] = ()
    arguments: tuple[str, ...] = ()

    @property
    def python(self) -> pathlib.Path:
        """The interpreter of its environment."""
        return PLACE / self.folder / "bin" / "python"


PEERS = (
    Peer(
        "bspump", "bspump", "BSPump 21.11, event by event as it works", "peer_bspump",
        # Its full list of requirements does not build on current Pythons (cysimdjson), and the chain needs none of it.
        (("--no-deps", "bspump==21.11"),
         ("asab==21.11", "aiohttp", "requests", "orjson", "numpy<2", "mongoquery", "pyyaml", "xxhash", "pytz", "setuptools<81")),
    ),
    Peer("bytewax", "bytewax", "Bytewax 0.21.1, batches of 1000", "peer_bytewax", (("bytewax==0.21.1", "orjson"),)),
    Peer("bytewax-1", "bytewax", "Bytewax 0.21.1, batches of 1 (default of its TestingSource)", "peer_bytewax",
         arguments=("--batch", "1")),
    Peer("streamz", "streamz", "streamz 0.6.6, event by event as it works", "peer_streamz", (("streamz==0.6.6", "orjson"),)),
)  # fmt: skip


def install(peer: Peer) -> str:
    """Make the environment of a peer anew; return why it could not be made, empty when it could."""
    folder = PLACE / peer.folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    steps = [["python3", "-m", "venv", str(folder)]]
    pip = [str(peer.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    steps += [[*pip, *arguments] for arguments in peer.installs]
    steps += [[str(peer.python), "-m", f"benchmarks.{peer.module}", "--events", "1000", *peer.arguments]]
    for step in steps:
        done = subprocess.run(step, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            reason = ((done.stderr or done.stdout).strip().splitlines() or ["it said nothing"])[-1]
            (folder / REASON).write_text(reason, encoding="utf-8")
            return reason
    return ""


def missing(peer: Peer) -> str:
    """Return why a peer cannot run, empty when it can."""
    failed = PLACE / peer.folder / REASON
    if failed.exists():
        return f"cannot be installed: {failed.read_text(encoding='utf-8')}"
    return "" if peer.python.exists() else "not installed: python -m benchmarks.peers --install"


def run(peer: Peer, events: int) -> Taken:
    """Run a peer once in its environment.

    Raises:
        Unavailable: It is not installed, or it failed.
    """
    reason = missing(peer)
    if reason:
        raise Unavailable(reason)
    command = [str(peer.python), "-m", f"benchmarks.{peer.module}", "--events", str(events), *peer.arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise Unavailable((done.stderr.strip().splitlines() or ["it failed and said nothing"])[-1])
    return Taken(json.loads(done.stdout.splitlines()[-1])["seconds"])


def rows() -> list[Row]:
    """Return one row for each peer."""
    return [Row(peer.key, peer.title, _runner(peer)) for peer in PEERS]


def _runner(peer: Peer) -> Callable[[Workload], Taken]:
    return lambda workload: run(peer, len(workload.lines))


def main() -> int:
    """Install the peers or say which are there; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__.splitlines()[0])
    parser.add_argument("--install", action="store_true", help="make the environments of all peers anew")
    parser.add_argument("names", nargs="*", help=f"only these: {', '.join(peer.key for peer in PEERS)}")
    arguments = parser.parse_args()
    for peer in PEERS:
        if arguments.names and peer.key not in arguments.names:
            continue
        reason = install(peer) if arguments.install and peer.installs else missing(peer)
        print(f"{peer.title}: {reason or 'ready'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
