"""The command line: `python -m tools.services up|down|status|env [NAME...]`."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable, Sequence

from .catalogue import select, servers
from .errors import ServiceUnavailable, StartFailed
from .lease import in_use
from .server import Server


def up(chosen: Sequence[Server]) -> int:
    """Install and start what does not run; return 1 if one does not start.

    What cannot be had is said, and is a failure only with REQUIRE_SERVICES=1. All are launched, then all are awaited.
    """
    failures = 0
    begin = time.monotonic()
    with contextlib.ExitStack() as locks:
        launched: list[Server] = []
        for server in chosen:
            locks.enter_context(server.locked())
            if server.running:
                print(f"{server.name:16} runs already: {server.url}")
                server.keep(True)
                continue
            try:
                server.install_alone()
                server.launch()
            except ServiceUnavailable as error:
                print(error, file=sys.stderr)
                failures += os.environ.get("REQUIRE_SERVICES", "") not in ("", "0")
            except StartFailed as error:
                print(error, file=sys.stderr)
                failures += 1
            else:
                launched.append(server)
        for server in launched:
            try:
                server.wait_ready()
            except StartFailed as error:
                print(error, file=sys.stderr)
                failures += 1
            else:
                server.keep(True)
                print(f"{server.name:16} {server.version:10} after {time.monotonic() - begin:4.1f} s: {server.url}")
    return 1 if failures else 0


def down(chosen: Sequence[Server]) -> int:
    """Stop them and forget their data; what is installed stays. Return 1 if a test run uses one: that is left to it."""
    failures = 0
    for server in chosen:
        if not server.directory.exists():
            continue
        if in_use(server):
            # The run stops it when it ends, now that nobody else wants it.
            server.keep(False)
            print(f"{server.name} is in use by a test run, which will stop it", file=sys.stderr)
            failures += 1
            continue
        with server.locked():
            if server.alive:
                print(f"{server.name:16} stops")
            server.stop()
            server.discard()
    return 1 if failures else 0


def status(chosen: Sequence[Server]) -> int:
    """Print one line for each."""
    for server in chosen:
        record = server.record
        if server.running:
            memory = f"{server.memory / 2**20:.0f} MB"
            print(f"{server.name:16} {record['version']:10} running   {memory:>8}  {server.url}")
        elif server.alive:
            print(f"{server.name:16} {record.get('version', ''):10} starting")
        else:
            print(f"{server.name:16} {server.version or '-':10} stopped")
    return 0


def env(chosen: Sequence[Server]) -> int:
    """Print shell lines for those that run: `export KAFKA=127.0.0.1:20123`; use it as `eval "$(... env)"`."""
    for server in chosen:
        if server.running:
            print(f"export {server.name.upper().replace('-', '_')}={server.url}")
    return 0


def main() -> int:
    """Run the verb of the command line; return the exit code."""
    verbs: dict[str, Callable[[Sequence[Server]], int]] = {"up": up, "down": down, "status": status, "env": env}
    parser = argparse.ArgumentParser(prog="python -m tools.services", description="Real servers for the tests.")
    parser.add_argument("verb", choices=verbs)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all if none is given: {', '.join(servers())}")
    arguments = parser.parse_args()
    try:
        chosen = select(arguments.names)
    except ValueError as error:
        parser.error(str(error))
    return verbs[arguments.verb](chosen)


if __name__ == "__main__":
    sys.exit(main())
