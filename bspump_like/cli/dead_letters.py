"""`pump dead-letters`: look at the events that could not be processed, send them again, or throw them away."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

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
  pump dead-letters list --store 'var/bspump.worker-0-of-4.db'    each worker has its own store
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
    parser.add_argument("ids", nargs="*", type=int, metavar="ID", help="numbers, as list shows them")
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
    store = _open(options.store or _configured(options.config))
    try:
        return _list(store, options) if options.action == "list" else _each(store, options)
    finally:
        store.close()


def _open(path: str) -> Store:
    """Open the store; when only workers have some of that name, name one of them."""
    import os

    from ..store import StoreError, open_store
    from .stores import files_of_other_counts

    if not os.path.exists(path) and (files := files_of_other_counts(path, 1)):
        raise StoreError(f"there is no store at {path}", hint=f"each worker has its own: --store {files[0]}")
    return open_store(path)


def _configured(config: str | None) -> str:
    from ..settings import StoreSettings
    from .session import read_configuration

    read_configuration(config)
    path: str = StoreSettings("store").options.path
    return path


def _list(store: Store, options: argparse.Namespace) -> int:
    letters = store.dead_letters(options.pipeline, limit=options.limit + 1)
    letters = [letter for letter in letters if not options.ids or letter.id in options.ids]
    for letter in letters[: options.limit]:
        error, event = one_line(f"{letter.error_type}: {letter.error}", 60), one_line(_text(letter.event), 60)
        place = f"{letter.pipeline}.{letter.processor}"
        print(f"{letter.id:>6}  {_time(letter.time)}  {place}  {letter.state}  {error}  {event}")
    if not letters:
        print("no dead letters", file=sys.stderr)
    elif len(letters) > options.limit:
        print(f"and more; --limit {options.limit * 10} shows them", file=sys.stderr)
    return 0


def _each(store: Store, options: argparse.Namespace) -> int:
    ids = _all_ids(store, options.pipeline) if options.all else options.ids
    known = [letter for letter in map(store.dead_letter, ids) if letter is not None]
    missing = [id for id in ids if id not in {letter.id for letter in known}]
    if options.action == "show":
        for letter in known:
            _show(letter)
    elif options.action == "discard":
        print(f"discarded {store.discard(letter.id for letter in known)}")
    else:
        missing = [*missing, *_replay(store, known)]
    if missing:
        print(f"there is no dead letter {', '.join(map(str, missing))}", file=sys.stderr)
    return 1 if missing else 0


def _all_ids(store: Store, pipeline: str | None) -> list[int]:
    return [letter.id for letter in store.dead_letters(pipeline, limit=sys.maxsize)]


def _replay(store: Store, letters: list[DeadLetter]) -> list[int]:
    asked = store.request_replay(letter.id for letter in letters)
    print(f"{asked} will be sent again: at once if the pump runs, else when it runs next")
    for letter in letters:
        if letter.state == "unreplayable":
            print(f"{letter.id} cannot be sent again: the store has only a picture of its event", file=sys.stderr)
    return []


def _show(letter: DeadLetter) -> None:
    attempts = f"{letter.attempts} attempt{'s' if letter.attempts != 1 else ''}"
    print(f"dead letter {letter.id}, {letter.state}, {_time(letter.time)}, {attempts}")
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
