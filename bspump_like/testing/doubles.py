"""Spies and mocks: what a part was given, and parts that answer as a test says.

Nothing is replaced: the part stays the one that was built, with its id, options and error policy, and only its methods are
other ones. So the pipeline runs as it does in production.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import dataclasses
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from typing import Any

from ..abc import Connection, Context, DictionaryLookup, Event, Generator, Lookup, ProcessorBase, Sink

_MISSING: Any = object()


@dataclasses.dataclass
class Call:
    """One event at one part.

    Attributes:
        event: What came in, as it was then.
        context: The context beside it, without the pump's own entries.
        result: What the part returned; None when it dropped the event, raised, or is a sink or a generator.
        error: What it raised.
    """

    event: Event
    context: Context
    result: Event = None
    error: BaseException | None = None


class Recorder:
    """What a part was called with.

    Args:
        part: The part.
    """

    def __init__(self, part: ProcessorBase) -> None:
        """Begin with no calls."""
        self.part = part
        self.calls: list[Call] = []
        self.mocked = False

    @property
    def events(self) -> list[Event]:
        """What came in, in order."""
        return [call.event for call in self.calls]

    @property
    def results(self) -> list[Event]:
        """What went out, in order, without what was dropped or failed."""
        return [call.result for call in self.calls if call.result is not None]

    @property
    def errors(self) -> list[BaseException]:
        """What was raised, in order."""
        return [call.error for call in self.calls if call.error is not None]

    @property
    def dropped(self) -> list[Event]:
        """What came in and was dropped."""
        if isinstance(self.part, Sink | Generator):
            return []
        return [call.event for call in self.calls if call.result is None and call.error is None]

    @property
    def last_input(self) -> Event:
        """What came in last; None when nothing did."""
        return self.calls[-1].event if self.calls else None

    @contextlib.contextmanager
    def calling(self, context: Context, event: Event) -> Iterator[Call]:
        """Note that an event has come in, and what the block raises."""
        kept = {key: value for key, value in context.items() if not key.startswith("bspump.")}
        call = Call(picture(event), kept)
        self.calls.append(call)
        try:
            yield call
        except BaseException as error:
            call.error = error
            raise


def picture(event: Event) -> Event:
    """Return an event as it is now: parts behind may change it in place."""
    try:
        return copy.deepcopy(event)
    except (TypeError, copy.Error):
        return event  # a socket, a generator: nothing that changes by being looked at


def watch(part: ProcessorBase) -> Recorder:
    """Record what a part is called with; it does what it did."""
    recorder, start = Recorder(part), part.on_start

    async def on_start() -> None:
        await start()
        _watch_calls(part, recorder)  # a part may put another function in the place of `process` when it starts

    _watch_calls(part, recorder)
    _set(part, on_start=on_start)
    if isinstance(part, Generator):
        _watch_generate(part, recorder)
    return recorder


def _watch_calls(part: ProcessorBase, recorder: Recorder) -> None:
    original, at_once = part.process, getattr(part, "process_at_once", None)

    def process(context: Context, event: Event) -> Event:
        with recorder.calling(context, event) as call:
            result = original(context, event)
            call.result = picture(result)
            return result

    async def process_later(context: Context, event: Event) -> Event:
        with recorder.calling(context, event) as call:
            result = await original(context, event)
            call.result = picture(result)
            return result

    def process_at_once(context: Context, event: Event) -> Event:
        assert at_once is not None
        with recorder.calling(context, event) as call:
            result = at_once(context, event)
            if result is NotImplemented:
                recorder.calls.pop()  # `process` will be called for it
            else:
                call.result = picture(result)
            return result

    if getattr(original, "recorder", None) is not recorder:
        _set(part, process=process_later if inspect.iscoroutinefunction(original) else process)
        part.process.recorder = recorder  # type: ignore[attr-defined]
    if at_once is not None and getattr(at_once, "recorder", None) is not recorder:
        _set(part, process_at_once=process_at_once)
        process_at_once.recorder = recorder  # type: ignore[attr-defined]


def _watch_generate(part: Generator, recorder: Recorder) -> None:
    """Record what `generate` raises in its task, after `process` has returned."""
    original = part.generate

    async def awaited(started: Awaitable[None], call: Call) -> None:
        try:
            await started
        except BaseException as error:
            call.error = error
            raise

    def generate(context: Context, event: Event, depth: int) -> Coroutine[Any, Any, None] | None:
        started = original(context, event, depth)
        # `process` has begun the call; at a new try after a failure the pipeline calls `generate` by itself.
        return None if started is None else awaited(started, recorder.calls[-1])

    _set(part, generate=generate)


Answer = Callable[[Event], Event]


def answer_with(output: Any = _MISSING, outputs: Any = _MISSING, error: BaseException | None = None) -> Answer:
    """Return a function of an event that gives the mocked result.

    Args:
        output: The result for every event; a function is called with the event.
        outputs: The results, one for each event in turn; the last of them from then on.
        error: Raise this instead.
    """
    if error is not None:

        def refuse(event: Event) -> Event:
            raise error

        return refuse
    if outputs is not _MISSING:
        return _in_turn(iter(list(outputs)))
    if callable(output):
        called: Answer = output
        return called
    return lambda event: event if output is _MISSING else copy.deepcopy(output)


def _in_turn(outputs: Iterator[Any]) -> Answer:
    last: Any = None

    def answer(event: Event) -> Event:
        nonlocal last
        last = next(outputs, last)
        if isinstance(last, BaseException):
            raise last
        return copy.deepcopy(last)

    return answer


def mock_part(part: ProcessorBase, answer: Answer) -> Recorder:
    """Let a processor, generator or sink give the answer instead of doing its work; record what it is called with.

    It opens nothing, holds nothing back and keeps no state. A generator sends on each item of the answer.
    """
    generates, takes = isinstance(part, Generator), isinstance(part, Sink)

    def process(context: Context, event: Event) -> Event:
        given = answer(event)
        if generates:
            for item in given if isinstance(given, list | tuple) else [given]:
                part.Pipeline.inject(context, item, part.PipelineDepth + 1)
        return None if generates or takes else given

    async def process_later(context: Context, event: Event) -> Event:
        await asyncio.sleep(0)
        return process(context, event)

    is_async = inspect.iscoroutinefunction(part.process)
    _set(part, process=process_later if is_async else process, on_start=_nothing, on_stop=_nothing, flush=_nothing,
         on_end_of_input=_nothing, mark=_no_state, snapshot=_no_state, restore=_take_state, transactional=False,
         process_at_once=None)  # fmt: skip
    recorder = watch(part)
    recorder.mocked = True
    return recorder


def mock_connection(connection: Connection) -> None:
    """Let a connection open nothing."""
    _set(connection, on_start=_nothing, on_stop=_nothing)


def mock_lookup(lookup: Lookup, table: Mapping[Any, Any]) -> None:
    """Let a lookup hold this table and load nothing; whoever has found it already finds the table in it."""
    _set(lookup, Lazy=True, load=_unchanged)  # the pump loads no lazy lookup
    if isinstance(lookup, DictionaryLookup):
        lookup.set(table)
    elif hasattr(lookup, "find"):

        async def find(keys: list[Any]) -> Mapping[Any, Any]:
            return {key: table[key] for key in keys if key in table}

        _set(lookup, find=find)  # the server's part; batches and cache are the lookup's own
    else:
        kind = type(lookup)
        # Special methods are looked up in the class, so the class is another one: the same, with these on top.
        methods = {"__module__": kind.__module__, "__doc__": kind.__doc__, **_READING, "mocked_table": dict(table)}
        lookup.__class__ = type(kind.__name__, (kind,), methods)


def _set(part: Any, **methods: Any) -> None:
    for name, method in methods.items():
        setattr(part, name, method)


async def _nothing(*_arguments: Any) -> None:
    return None


async def _unchanged(*_arguments: Any) -> bool:
    return False


def _no_state() -> None:
    return None


def _take_state(state: Any) -> None:
    return None


def _get(self: Any, key: Any, default: Any = None) -> Any:
    return self.mocked_table.get(key, default)


_READING: dict[str, Any] = {
    "on_stop": _nothing, "get": _get,
    "__getitem__": lambda self, key: self.mocked_table[key],
    "__iter__": lambda self: iter(self.mocked_table),
    "__len__": lambda self: len(self.mocked_table),
    "__contains__": lambda self, key: key in self.mocked_table,
}  # fmt: skip
