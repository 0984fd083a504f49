"""Contexts that refer to the record of their event: their entries are made when somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

_ABSENT: Any = object()


class PlacedContext(dict[str, Any]):
    """A context that knows the record its event came from.

    Attributes:
        place: What the record is in; of Kafka topic and number of the partition.
        record: As the client has unpacked it, with `offset`: together with the place this names the event for ever.
    """

    __slots__ = ("place", "record")

    place: tuple[str, int]
    record: Any


def _when_made(name: str) -> Any:
    """Return a method of dict that makes the entries first."""
    method: Callable[..., Any] = getattr(dict, name)

    def call(self: RecordContext, *arguments: Any) -> Any:
        self.make()
        return method(self, *arguments)

    call.__name__, call.__doc__ = name, method.__doc__
    return call


class RecordContext(PlacedContext):
    """A context whose first entries are those of a record; most pipelines never look at them, so none is made before.

    It behaves as the dict that has them. Looking one up makes that one alone; whatever concerns all of them makes all, and
    turns the context into one with the methods of a dict and nothing more.
    """

    __slots__ = ()

    entries: ClassVar[Mapping[str, Callable[[Any], Any]]]
    """Name -> what makes the entry, of the context; a subclass sets it."""

    def make(self) -> None:
        """Make what is missing."""
        for name, entry in self.entries.items():
            if not dict.__contains__(self, name):
                dict.__setitem__(self, name, entry(self))
        self.__class__ = PlacedContext  # type: ignore[assignment] # from here on a plain one

    def __missing__(self, key: str) -> Any:
        """Make one entry."""
        entry = self.entries.get(key)
        if entry is None:
            raise KeyError(key)
        value = self[key] = entry(self)
        return value

    def get(self, key: str, default: Any = None) -> Any:
        """Return an entry, `default` when there is none."""
        value = dict.get(self, key, _ABSENT)
        if value is not _ABSENT:
            return value
        entry = self.entries.get(key)
        return default if entry is None else entry(self)

    def __contains__(self, key: object) -> bool:
        """Tell whether there is such an entry."""
        return dict.__contains__(self, key) or key in self.entries

    def __bool__(self) -> bool:
        """Return True: there are entries, whether they are made or not."""
        return True

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        """Become a plain dict in a copy."""
        return dict, (dict(self),)

    __iter__ = _when_made("__iter__")
    __reversed__ = _when_made("__reversed__")
    __len__ = _when_made("__len__")
    __delitem__ = _when_made("__delitem__")
    __eq__ = _when_made("__eq__")
    __ne__ = _when_made("__ne__")
    __or__ = _when_made("__or__")
    __repr__ = _when_made("__repr__")
    __hash__ = None  # type: ignore[assignment] # as of every dict
    keys = _when_made("keys")
    values = _when_made("values")
    items = _when_made("items")
    copy = _when_made("copy")
    pop = _when_made("pop")
    popitem = _when_made("popitem")
    setdefault = _when_made("setdefault")
    clear = _when_made("clear")
