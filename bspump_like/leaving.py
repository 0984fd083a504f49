"""The end of a process that gave something up: a thread that hangs in a system call must not keep it alive."""

from __future__ import annotations

import os
import threading
import time

GRACE = 1.0
"""Seconds that whatever was given up has for letting go."""


def end_with_main_thread(code: int) -> None:
    """End the process with `code`, `GRACE` seconds after its main thread, if a thread still runs then.

    The interpreter would wait for the threads of executors for ever: a disk or a server that hangs would keep the pump from
    ending, though the deadline has passed and all that could be saved is saved.
    """
    leaving = threading.Event()
    # Python has no public hook that comes before it waits for those threads; this one is what its own executors use.
    threading._register_atexit(leaving.set)  # type: ignore[attr-defined]

    def end() -> None:
        leaving.wait()
        time.sleep(GRACE)
        main = threading.main_thread()
        if any(thread.is_alive() and not thread.daemon for thread in threading.enumerate() if thread is not main):
            os._exit(code)

    threading.Thread(target=end, name="end with the main thread", daemon=True).start()
