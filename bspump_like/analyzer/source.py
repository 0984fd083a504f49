"""AnalyzingSource: looks through a matrix on a trigger."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..abc import TriggerSource

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class AnalyzingSource(TriggerSource):
    """Call `analyze()` of a matrix whenever the trigger fires; what it returns becomes an event, each item of a list one.

    Out: what the matrix's `analyze` returns; nothing for None.

    Example:
        from bspump_like import BSPumpApplication, Pipeline
        from bspump_like.analyzer import AnalyzingSource
        from bspump_like.common import PPrintSink
        from bspump_like.matrix import NamedMatrix
        from bspump_like.trigger import PeriodicTrigger


        class Hits(NamedMatrix):
            async def analyze(self):
                busy = (self.Array > 100).nonzero()[0]
                return [{"busy": self.get_row_name(row)} for row in busy]


        app = BSPumpApplication(args=[])
        app.pump_service.add_matrix(Hits(app, dtype="i8", id="Hits"))
        pipeline = Pipeline(app, "Watch")
        pipeline.build(AnalyzingSource(app, pipeline, "Hits").on(PeriodicTrigger(app, 60)), PPrintSink(app, pipeline))
        app.pump_service.add_pipeline(pipeline)
    """

    def __init__(
        self,
        app: BSPumpApplication,
        pipeline: Pipeline,
        matrix_id: str,
        id: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        """See `TriggerSource`.

        Args:
            app: The application.
            pipeline: The pipeline.
            matrix_id: Id of the matrix, or the matrix.
            id: Name within the pipeline.
            config: Options.

        Raises:
            KeyError: There is no such matrix.
        """
        super().__init__(app, pipeline, id, config)
        self.Matrix = app.pump_service.locate_matrix(matrix_id)

    async def cycle(self, *args: Any, **kwargs: Any) -> None:
        """Look through the matrix."""
        self.Matrix.settle()
        found = self.Matrix.analyze()
        if inspect.isawaitable(found):
            found = await found
        if found is not None:
            await self.deliver(found if isinstance(found, list) else [found])
