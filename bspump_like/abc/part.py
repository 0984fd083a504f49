"""Parts of a pipeline: what sources, processors, generators and sinks have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from ..config import Configurable

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class PipelinePart(Configurable):
    """What has a name and options within a pipeline."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """Read the configuration; connect to nothing yet.

        Args:
            app: The application.
            pipeline: The pipeline this part belongs to; it need not be built yet.
            id: Name within the pipeline; the class name when empty.
            config: Options; wins over the section `[pipeline:PIPELINE:ID]` of the configuration file.
        """
        self.Id = id or type(self).__name__
        super().__init__(f"pipeline:{pipeline.Id}:{self.Id}", config, where=f"pipeline {pipeline.Id}, {self.Id}")
        self.App = app
        self.Loop = app.Loop
        self.Pipeline = pipeline

    @classmethod
    def construct(cls, app: BSPumpApplication, pipeline: Pipeline, definition: Mapping[str, Any]) -> Self:
        """Return the part that a definition describes: its `id`, `config` and `args`."""
        return cls(
            app, pipeline, id=definition.get("id"), config=definition.get("config"), **definition.get("args", {})
        )

    def time(self) -> float:
        """Return the UNIX time in seconds, read from the loop's clock."""
        return float(self.App.time())
