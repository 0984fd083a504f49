"""CacheDict and LRUCacheDict."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..application import BSPumpApplication


class CacheDict(dict[Any, Any]):
    """A cache without bounds: the base for caches of one's own, and the simplest of them.

    Example:
        from bspump_like.cache import CacheDict

        names = CacheDict(EWR="Newark")
        assert names["EWR"] == "Newark"
    """


class LRUCacheDict(OrderedDict[Any, Any]):
    """A dict that keeps the `max_size` entries that were used last, none of them longer than `max_duration`.

    Reading or writing an entry makes it the youngest in use; what is too old is not found. Iteration, `items()` and
    `values()` leave the order of use as it is, and what is too old out. Use it on the event loop only.

    Args:
        app: The application, whose clock it reads when there is a `max_duration`.
        max_size: Most entries.
        max_duration: Seconds after which an entry that was written is too old; None: never.
        *args: As of `dict`.
        **kwargs: As of `dict`.

    Raises:
        ValueError: The bounds are not positive.

    Example:
        from bspump_like.cache import LRUCacheDict

        cache = LRUCacheDict(None, max_size=2, a=1, b=2)
        assert cache["a"] == 1
        cache["c"] = 3
        assert list(cache) == ["a", "c"]
    """

    def __init__(
        self,
        app: BSPumpApplication | None,
        max_size: int = 1000,
        max_duration: float | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Take the bounds, then the entries."""
        if max_size < 1 or (max_duration is not None and max_duration <= 0):
            raise ValueError(f"max_size {max_size} and max_duration {max_duration} must be positive")
        self.MaxSize, self.MaxDuration = max_size, max_duration
        self._time: Callable[[], float] = app.time if app is not None else _no_clock
        self._until: dict[Any, float] = {}
        super().__init__()
        self.update(*args, **kwargs)

    def __getitem__(self, key: Any) -> Any:
        """Return the value of an entry that is not too old; it is now the last used."""
        value = super().__getitem__(key)
        if self.MaxDuration is not None and self._until[key] <= self._time():
            del self[key]
            raise KeyError(key)
        self.move_to_end(key)
        return value

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the value of an entry that is not too old, else `default`."""
        try:
            return self[key]
        except KeyError:
            return default

    def __contains__(self, key: object) -> bool:
        """Tell whether there is an entry that is not too old; this is no use of it."""
        return super().__contains__(key) and not self._is_old(key)

    def _is_old(self, key: Any) -> bool:
        return self.MaxDuration is not None and self._until[key] <= self._time()

    def __setitem__(self, key: Any, value: Any) -> None:
        """Write an entry; the one used longest ago goes when there are too many."""
        super().__setitem__(key, value)
        self.move_to_end(key)
        if self.MaxDuration is not None:
            self._until[key] = self._time() + self.MaxDuration
        if len(self) > self.MaxSize:
            self.popitem(last=False)

    def __delitem__(self, key: Any) -> None:
        """Remove an entry."""
        super().__delitem__(key)
        self._until.pop(key, None)

    def popitem(self, last: bool = True) -> tuple[Any, Any]:
        """Remove and return the entry that was used last, or with `last=False` longest ago."""
        key, value = super().popitem(last)
        self._until.pop(key, None)
        return key, value

    def pop(self, key: Any, *default: Any) -> Any:
        """Remove an entry and return its value; `default` when there is none or it is too old."""
        old = super().__contains__(key) and self._is_old(key)
        self._until.pop(key, None)
        if not old:
            return super().pop(key, *default)
        super().pop(key)
        if default:
            return default[0]
        raise KeyError(key)

    def update(self, *args: Mapping[Any, Any] | Iterable[tuple[Any, Any]], **kwargs: Any) -> None:  # type: ignore[override]
        """Write several entries."""
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return the value of an entry, written with `default` when there is none."""
        try:
            return self[key]
        except KeyError:
            self[key] = default
            return default

    def clear(self) -> None:
        """Remove all entries."""
        super().clear()
        self._until.clear()

    def refresh(self) -> None:
        """Remove what is too old; nothing needs it but the memory."""
        if self.MaxDuration is not None:
            now = self._time()
            for key in [key for key, until in self._until.items() if until <= now]:
                del self[key]

    def items(self) -> Any:
        """Return the entries that are not too old, the one used longest ago first."""
        self.refresh()
        return super().items()

    def values(self) -> Any:
        """Return the values of the entries that are not too old, likewise."""
        self.refresh()
        return super().values()


def _no_clock() -> float:
    return 0.0
