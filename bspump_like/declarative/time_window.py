"""DeclarativeTimeWindowAnalyzer: figures over time, by a declaration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import asab

from ..abc import Context, Event
from ..analyzer import TimeWindowAnalyzer
from ..analyzer.analyzer import AnalyzerOptions
from ..config import option
from ..errors import ConfigError, Problem, ProcessingError
from ..expression.access import shown
from .builder import ExpressionBuilder
from .loader import Node

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

_PARTS = ("define", "predicate", "evaluate", "trigger")
_MATRIX = "primary"
"""The one matrix that a declaration has."""


class DeclarativeTimeWindowAnalyzer(TimeWindowAnalyzer):
    """Keep figures in a TimeWindowMatrix, of which a declaration says rows, columns, cells and alarms.

        define: what the matrix is: `columns` (count, resolution in seconds, item: the field of the time), `dimension` (fields
          whose values name a row), `matrixes: {primary: {cell: type}}`, a type of numpy, or names and types
        predicate: expression: which events count; true, or the names of what is to be evaluated
        evaluate: name -> {primary: expression of the new value of the cell}; `evaluate` is done when the predicate is true.
          `!ARG` is the cell as it is, `!KWARG row` and `!KWARG column` say which
        trigger: list of {primary: {test: expression}}; `!ARG` is the new value. When one holds, an alarm is sent

    In: dict. Out: the same, unchanged. Raises: ProcessingError, if the event has no time, or an expression cannot be computed.

    Example:
        pipelines:
          - id: Alarms
            sources: [{class: InternalSource}]
            sink: {class: PrintSink}
          - id: Hits
            sources:
              - class: IteratorSource
                args: {iterator: [{user: ann, timestamp: 1}, {user: bob, timestamp: 2}, {user: ann, timestamp: 3}]}
            processors:
              - class: DeclarativeTimeWindowAnalyzer
                config:
                  alarms: Alarms.*InternalSource
                  declaration: |
                    define:
                      columns: {count: 15, resolution: 60, item: timestamp}
                      dimension: [user]
                      matrixes: {primary: {cell: i8}}
                    predicate: true
                    evaluate:
                      evaluate: {primary: !ADD [!ARG , 1]}
                    trigger:
                      - primary: {test: !GE [!ARG , 2]}
            sink: {class: NullSink}
    """

    class Options(AnalyzerOptions):
        """The declaration."""

        declaration: str = option("", "the declaration, YAML with tags; must be set unless it is given in code")

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, declaration: str | None = None, id: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """See `Analyzer`.

        Args:
            app: The application.
            pipeline: The pipeline.
            declaration: YAML with tags; the option `declaration` when left out.
            id: Name within the pipeline.
            config: Options.

        Raises:
            ConfigError: The declaration is none; names line and column.
        """
        # The matrix is made by the constructor that reads the options, and is made of what the declaration says.
        section = f"pipeline:{pipeline.Id}:{id or type(self).__name__}"
        in_file = asab.Config.get(section, "declaration", fallback="")
        text = (config or {}).get("declaration", in_file) if declaration is None else declaration
        try:
            parts = _read(text, app)
        except ConfigError as error:
            where = f"pipeline {pipeline.Id}, {id or type(self).__name__}"
            raise ConfigError([Problem(one.message, ("declaration",), where) for one in error.problems]) from None
        self.Predicate, self.Evaluates, self.Trigger = parts.predicate, parts.evaluates, parts.triggers
        self.Dimension, self.ColumnItem = parts.dimension, parts.item
        super().__init__(
            app, pipeline, dtype=parts.dtype, columns=parts.count, resolution=parts.resolution, start_time="first event",
            id=id, config=config,
        )  # fmt: skip

    def process(self, context: Context, event: Event) -> Event:
        """Evaluate what the predicate chooses."""
        chosen = self.Predicate(context, event)
        if chosen:
            for name in chosen if isinstance(chosen, list) else ["evaluate"]:
                if name not in self.Evaluates:
                    raise ProcessingError(f"the predicate chooses {shown(name)}, which 'evaluate' does not have")
                self.evaluate(self.Evaluates[name], context, event)
        return event

    def evaluate(self, evalobj: Callable[..., Any], context: Context, event: Event) -> None:  # type: ignore[override]
        """Compute the new value of the cell of an event, if its time is in the window."""
        time = event.get(self.ColumnItem)
        if not isinstance(time, int | float):
            raise ProcessingError(f"field '{self.ColumnItem}' has {shown(time)}, and the time of the event is needed")
        self.TimeWindow.advance(time)
        column = self.TimeWindow.get_column(time)
        if column is None:
            return
        name = (
            tuple(event.get(field) for field in self.Dimension)
            if len(self.Dimension) != 1
            else event.get(self.Dimension[0])
        )
        row = self.TimeWindow.get_row_index(name)
        if row is None:
            row = self.TimeWindow.add_row(name)
        value = evalobj(context, event, _plain(self.TimeWindow.Array[row, column]), {"row": row, "column": column})
        self.TimeWindow.Array[row, column] = _stored(value)
        self.trigger(context, event, _MATRIX, value, row, column)

    def trigger(self, context: Context, event: Event, matrix: str, cell: Any, row: int, column: int) -> None:
        """Send an alarm if a test of the new value of a cell holds."""
        for test in self.Trigger:
            if test(context, event, cell, {"row": row, "column": column}):
                name = self.TimeWindow.get_row_name(row)
                self.send_alarm({"matrix": matrix, "row": name, "column": column, "cell": cell, "event": event})


class _Parts:
    """What a declaration says."""

    def __init__(self, root: Mapping[str, Node], builder: ExpressionBuilder) -> None:
        define = _mapping(root, "define", ("columns", "dimension", "matrixes"))
        columns = _mapping(define, "columns", ("count", "resolution", "item"))
        self.count: int = _value(columns, "count", 15, int)
        self.resolution: float = _value(columns, "resolution", 60, int | float)
        self.item: str = _value(columns, "item", "timestamp", str)
        dimension = define["dimension"]
        names = [one.value for one in dimension.value] if isinstance(dimension.value, list) else [dimension.value]
        if not names or not all(isinstance(name, str) for name in names):
            raise dimension.error("'dimension' is a list of names of fields")
        self.dimension: list[str] = names
        self.dtype = _dtype(_mapping(_mapping(define, "matrixes", (_MATRIX,)), _MATRIX, ("cell",)))
        self.predicate = builder.function(root["predicate"])
        self.evaluates = {
            name: builder.function(_mapping(root["evaluate"].value, name, (_MATRIX,), required=True)[_MATRIX])
            for name in _mapping(root, "evaluate", ())
        }
        self.triggers = [
            builder.function(_mapping(one.value, _MATRIX, ("test",), required=True)["test"])
            for one in (root["trigger"].value or [] if "trigger" in root else [])
        ]


def _read(text: Any, app: BSPumpApplication) -> _Parts:
    builder = ExpressionBuilder(app)
    nodes = builder.nodes(str(text), "declaration")
    if len(nodes) != 1 or not isinstance(nodes[0].value, dict):
        raise ConfigError(f"the declaration has the parts {', '.join(_PARTS)}")
    root = nodes[0].value
    for name in ("define", "predicate", "evaluate"):
        if name not in root:
            raise nodes[0].error(f"the declaration has no '{name}'")
    if "dimension" not in (root["define"].value or {}):
        raise root["define"].error("'define' has no 'dimension'")
    return _Parts(root, builder)


def _mapping(
    parent: Mapping[str, Node], name: str, known: tuple[str, ...], *, required: bool = False
) -> dict[str, Node]:
    node = parent.get(name)
    if node is None:
        return {}
    if not isinstance(node.value, dict) or node.tag:
        raise node.error(f"'{name}' holds {' and '.join(known) or 'names'}")
    for key in node.value:
        if known and key not in known:
            raise node.value[key].error(f"'{name}' has no '{key}'", f"there are {', '.join(known)}")
    if required and not node.value:
        raise node.error(f"'{name}' needs {', '.join(known)}")
    return node.value


def _value(parent: Mapping[str, Node], name: str, default: Any, wanted: Any) -> Any:
    node = parent.get(name)
    if node is None:
        return default
    if not isinstance(node.value, wanted) or node.tag:
        raise node.error(f"'{name}' has {shown(node.value)}")
    return node.value


def _dtype(matrix: Mapping[str, Node]) -> Any:
    cell = matrix.get("cell")
    if cell is None:
        return "f8"
    if isinstance(cell.value, dict):
        return {"names": list(cell.value), "formats": [one.value for one in cell.value.values()]}
    return cell.value


def _plain(cell: Any) -> Any:
    """Return a cell as a number, or as a dict of its fields."""
    names = cell.dtype.names
    return cell.item() if names is None else dict(zip(names, cell.item(), strict=True))


def _stored(value: Any) -> Any:
    return tuple(value.values()) if isinstance(value, dict) else value
