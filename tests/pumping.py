"""How the tests of the core make pipelines, and wait for what must become true."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from bspump_like import Generator, Pipeline, Processor, ThreadedProcessor
from bspump_like.testing import CollectSink, ListSource, run_pump

PATIENCE = 60.0
"""Seconds after which something will not come any more, on a machine however busy; waiting ends as soon as it has come."""
QUICK = {"commit_interval": 0}


async def until(condition: Callable[[], Any]) -> None:
    """Give the loop its turns until `condition()` holds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE
    turns = 0
    while not condition():
        assert loop.time() < deadline, "it did not become true"
        turns += 1
        # Most of it takes a few turns; while a thread or a server works the processor is left to it.
        await asyncio.sleep(0 if turns < 1000 else 0.001)


def add(app, id, source, *parts, config=None, cls=Pipeline):
    """Add a pipeline; `source` and `parts` are functions of (app, pipeline), or functions of one event for a processor."""
    pipeline = cls(app, id, {**QUICK, **(config or {})})
    sources = [made(app, pipeline) for made in (source if isinstance(source, list) else [source])]
    pipeline.build(sources, *(made(app, pipeline) for made in parts))
    app.pump_service.add_pipeline(pipeline)
    return pipeline


class Patient(ListSource):
    """A source that ends, of a pump that waits to be mended: a finite one would end with exit code 1 when it halts."""

    def is_finite(self):
        return False


class Endless(Patient):
    """A source that waits when all is read."""

    async def read(self):
        if self._next >= len(self.events):
            await asyncio.Event().wait()
        return await super().read()


def events(items, batch_size=10, cls=Patient, id=None):
    """Return what makes a `ListSource` of the items."""
    return lambda app, pipeline: cls(app, pipeline, items, id, {"batch_size": batch_size})


def collect(into=None, cls=CollectSink, id=None, **config):
    """Return what makes a sink that collects into `into`."""

    def made(app, pipeline):
        sink = cls(app, pipeline, id, config or None)
        if into is not None:
            sink.events = into
        return sink

    return made


class _Step(Processor):
    def __init__(self, app, pipeline, function, id=None, config=None):
        super().__init__(app, pipeline, id, config)
        self.function = function

    def process(self, context, event):
        return self.function(event)


class _AsyncStep(_Step):
    async def process(self, context, event):
        return await self.function(event)


class _ThreadedStep(ThreadedProcessor):
    def __init__(self, app, pipeline, function, id=None, config=None):
        super().__init__(app, pipeline, id, config)
        self.function = function

    def process(self, context, event):
        return self.function(event)


class _Expand(Generator):
    def __init__(self, app, pipeline, function, id=None, config=None):
        super().__init__(app, pipeline, id, config)
        self.function = function


class _InlineExpand(_Expand):
    def generate(self, context, event, depth):
        for item in self.function(event):
            self.Pipeline.inject(context, item, depth)


class _TaskExpand(_Expand):
    async def generate(self, context, event, depth):
        async for item in self.function(event):
            await self.Pipeline.inject(context, item, depth)


def step(function, id=None, **config):
    """Return what makes a processor of a function of one event; an `async def` makes an asynchronous one."""
    cls = _AsyncStep if inspect.iscoroutinefunction(function) else _Step
    return lambda app, pipeline: cls(app, pipeline, function, id, config or None)


def threaded(function, id=None, **config):
    """Return what makes a processor that runs a function in threads."""
    return lambda app, pipeline: _ThreadedStep(app, pipeline, function, id, config or None)


def expand(function, id=None, **config):
    """Return what makes a generator; a function that yields runs inline, one that yields asynchronously in a task."""
    cls = _TaskExpand if inspect.isasyncgenfunction(function) else _InlineExpand
    return lambda app, pipeline: cls(app, pipeline, function, id, config or None)


def run(*pipelines, during=None, prepare=None, **options):
    """Run pipelines, each given as the arguments of `add` behind the application; return the application."""

    def build(app):
        if prepare is not None:
            prepare(app)
        for one in pipelines:
            *arguments, last = one
            if isinstance(last, dict):
                add(app, *arguments, config=last)
            else:
                add(app, *one)

    return run_pump(build, during=during, **options)


class Failing:
    """A function of one event that raises for some of them, each `times` times; then it lets them pass."""

    def __init__(self, *events, times=1_000_000, error=ValueError):
        self.left = dict.fromkeys(events, times)
        self.error = error
        self.seen = []

    def __call__(self, event):
        self.seen.append(event)
        if self.left.get(event, 0) > 0:
            self.left[event] -= 1
            raise self.error(f"no {event}")
        return event


class Gate:
    """A coroutine function of one event that waits until `open` is set."""

    def __init__(self):
        self.open = asyncio.Event()
        self.entered = []

    async def __call__(self, event):
        self.entered.append(event)
        await self.open.wait()
        return event
