"""`pump dead-letters`: look at the events that could not be processed, send them again, or throw them away."""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from .text import one_line, printable

if TYPE_CHECKING:
    from ..store import DeadLetter, Store

EPILOG = """
examples:
  pump dead-letters list --pipeline Flights
  pump dead-letters show 17
  pump dead-letters replay 17 18             the pump sends them again, at once or when it runs next
  pump dead-letters replay --all --pipeline Flights
  pump dead-letters discard --all
  pump dead-letters show 1/4:17              letter 17 in the store of worker 1 of 4

With --workers each worker has a store of its own beside the one that is configured; all of them are looked into.
"""

_ACTIONS = {
    "list": "one line for each",
    "show": "all that is known: event, error, traceback, context",
    "replay": "send them again, into the processor that refused them",
    "discard": "remove them for good",
}
_BATCH = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `pump dead-letters`."""
    actions = "; ".join(f"{name}: {text}" for name, text in _ACTIONS.items())
    parser.add_argument("action", choices=_ACTIONS, help=actions)
    parser.add_argument("ids", nargs="*", type=_place, metavar="ID", help="numbers, as list shows them")
    parser.add_argument("--all", action="store_true", help="all of them (of the pipeline, with --pipeline)")
    parser.add_argument("--pipeline", metavar="P", help="only those of this pipeline")
    parser.add_argument("--store", metavar="PATH", help="the store file; else [store] path, else var/bspump.db")
    parser.add_argument("-c", "--config", metavar="FILE", help="asab configuration file, for [store] path")
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="list at most so many (100)")


def run(options: argparse.Namespace) -> int:
    """Do one of the actions; return 1 if there is no such dead letter."""
    from ..errors import ConfigError

    if options.action != "list" and bool(options.ids) == options.all:
        raise ConfigError(f"say which to {options.action}", hint="one or more ID, or --all")
    with contextlib.ExitStack() as opened:
        stores = _open(options.store or _configured(options.config), opened)
        return _list(stores, options) if options.action == "list" else _each(stores, options)


_Stores = Mapping[str, "Store"]
"""Label of a worker, empty for a process alone -> its store."""


class _Place(NamedTuple):
    """Where a dead letter is: the label of its store, and its number there."""

    label: str
    id: int

    def __str__(self) -> str:
        return f"{self.label}:{self.id}" if self.label else str(self.id)


def _place(text: str) -> _Place:
    match = re.fullmatch(r"(?:(\d+/\d+):)?(\d+)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"expected a number such as 17, or 1/4:17 for a worker, not '{text}'")
    return _Place(match[1] or "", int(match[2]))


def _open(path: str, opened: contextlib.ExitStack) -> _Stores:
    """Open the store that is configured, and those of all workers beside it."""
    from ..store import open_store
    from .stores import StoreFile, store_files

    files = store_files(path) or [StoreFile(path)]  # which says that there is none
    return {file.label: opened.enter_context(contextlib.closing(open_store(file.path))) for file in files}


def _configured(config: str | None) -> str:
    from ..settings import StoreSettings
    from .session import read_configuration

    read_configuration(config)
    path: str = StoreSettings("store").options.path
    return path


def _list(stores: _Stores, options: argparse.Namespace) -> int:
    found = [
        (letter.time, _Place(label, letter.id), letter)
        for label, store in stores.items()
        for letter in store.dead_letters(options.pipeline, limit=options.limit + 1)
        if not options.ids or _Place(label, letter.id) in options.ids
    ]
    found.sort(key=lambda one: one[:2])
    for _, place, letter in found[: options.limit]:
        error, event = one_line(f"{letter.error_type}: {letter.error}", 60), one_line(_text(letter.event), 60)
        part = f"{letter.pipeline}.{letter.processor}"
        print(f"{place!s:>6}  {_time(letter.time)}  {part}  {letter.state}  {error}  {event}")
    if not found:
        _say_none(stores, options.pipeline)
    elif len(found) > options.limit:
        print(f"and more; --limit {options.limit * 10} shows them", file=sys.stderr)
    return 0


def _each(stores: _Stores, options: argparse.Namespace) -> int:
    places = _all(stores, options.pipeline) if options.all else options.ids
    if not places:
        _say_none(stores, options.pipeline)
    known: dict[_Place, DeadLetter] = {}
    for place in places:
        letter = stores[place.label].dead_letter(place.id) if place.label in stores else None
        if letter is not None:
            known[place] = letter
    if options.action == "show":
        for place, letter in known.items():
            _show(place, letter)
    elif options.action == "discard":
        print(f"discarded {_sum_over(stores, known, lambda store, ids: store.discard(ids))}")
    else:
        _replay(stores, known)
    if missing := [str(place) for place in places if place not in known]:
        print(f"there is no dead letter {', '.join(missing)}", file=sys.stderr)
    return 1 if missing else 0


def _say_none(stores: _Stores, pipeline: str | None) -> None:
    there = {letter.pipeline for store in stores.values() for letter in store.dead_letters(limit=sys.maxsize)}
    others = f" of the pipeline '{pipeline}'; there are some of {', '.join(sorted(there))}" if pipeline and there else ""
    print(f"no dead letters{others}", file=sys.stderr)


def _all(stores: _Stores, pipeline: str | None) -> list[_Place]:
    return [
        _Place(label, letter.id)
        for label, store in stores.items()
        for letter in store.dead_letters(pipeline, limit=sys.maxsize)
    ]


def _sum_over(stores: _Stores, places: Iterable[_Place], act: Callable[[Store, list[int]], int]) -> int:
    """Return the sum of what `act` returns for each store and the ids in it."""
    ids: dict[str, list[int]] = {}
    for place in places:
        ids.setdefault(place.label, []).append(place.id)
    return sum(act(stores[label], numbers) for label, numbers in ids.items())


def _replay(stores: _Stores, letters: Mapping[_Place, DeadLetter]) -> None:
    asked = _sum_over(stores, letters, lambda store, ids: store.request_replay(ids))
    print(f"{asked} will be sent again: at once if the pump runs, else when it runs next")
    for place, letter in letters.items():
        if letter.state == "unreplayable":
            print(f"{place} cannot be sent again: the store has only a picture of its event", file=sys.stderr)


def _show(place: _Place, letter: DeadLetter) -> None:
    attempts = f"{letter.attempts} attempt{'s' if letter.attempts != 1 else ''}"
    print(f"dead letter {place}, {letter.state}, {_time(letter.time)}, {attempts}")
    print(f"pipeline:  {letter.pipeline}\nprocessor: {letter.processor}")
    print(f"error:     {printable(f'{letter.error_type}: {letter.error}')}")
    _block("event", _text(letter.event, pretty=True))
    if letter.context:
        _block("context", _text(letter.context, pretty=True))
    if letter.traceback:
        _block("traceback", letter.traceback.rstrip())
    print()


def _block(title: str, text: str) -> None:
    print(f"{title}:")
    for line in text.splitlines() or [""]:
        print(f"    {printable(line)}")


def _text(value: Any, *, pretty: bool = False) -> str:
    """Return an event as a person reads it: JSON for what JSON can say, text for bytes that are text."""
    import json

    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return repr(value)
    if isinstance(value, str):
        return value
    return json.dumps(value, indent=2 if pretty else None, ensure_ascii=False, default=_unusual)


def _unusual(value: Any) -> Any:
    return _text(value) if isinstance(value, bytes) else repr(value)


def _time(when: float) -> str:
    import datetime

    return datetime.datetime.fromtimestamp(when).astimezone().isoformat(sep=" ", timespec="seconds")
