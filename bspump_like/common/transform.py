"""MappingTransformator: a function for each key of a mapping."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from ..abc import Context, Event, Processor

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

Transform: TypeAlias = Callable[[Any, Any], tuple[Any, Any] | None]
"""Takes key and value, returns the new key and value, or None to leave the item out."""


class MappingTransformator(Processor):
    """Transform a mapping item by item: subclass it and override `build`.

        class Prices(MappingTransformator):
            def build(self, app):
                return {
                    "Price": lambda key, value: ("price", float(value)),
                    "Secret": lambda key, value: None,
                }

    In: mapping. Out: a new dict; items whose key has no transform stay as they are. Raises: what a transform raises.

    Example:
        from bspump_like.common import MappingTransformator

        class Prices(MappingTransformator):
            def build(self, app):
                return {"Price": lambda key, value: ("price", float(value)), "Secret": lambda key, value: None}
    """

    to_override: ClassVar[tuple[str, ...]] = ("build",)

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`; calls `build` once."""
        super().__init__(app, pipeline, id, config)
        self.Transforms: Mapping[Any, Transform] = self.build(app)

    def build(self, app: BSPumpApplication) -> Mapping[Any, Transform]:
        """Return key -> transform; called once, when the processor is made.

        Args:
            app: The application, to find lookups and connections.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no build(app)")

    def process(self, context: Context, event: Event) -> Event:
        """Return the transformed mapping."""
        find = self.Transforms.get
        transformed = {}
        for key, value in event.items():
            transform = find(key)
            if transform is None:
                transformed[key] = value
                continue
            item = transform(key, value)
            if item is not None:
                transformed[item[0]] = item[1]
        return transformed
