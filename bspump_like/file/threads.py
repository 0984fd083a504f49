"""Blocking file work in threads, waited for to its end even when the waiting task is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


async def in_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Return `function(*args, **kwargs)`, run in a thread.

    A thread cannot be cancelled: closing the file under one that still reads would let it read whatever file gets the same
    descriptor next. So a cancellation waits for the thread, then goes on; what the function returned is closed if it can be.
    """
    task = asyncio.create_task(asyncio.to_thread(function, *args, **kwargs))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await settle(task)
        raise


async def settle(task: asyncio.Task[R]) -> None:
    """Wait for a thread whose result nobody wants any more, and close what it opened."""
    await asyncio.wait([task])
    if not task.cancelled() and task.exception() is None:
        close = getattr(task.result(), "close", None)
        if close is not None:
            close()
