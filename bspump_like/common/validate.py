"""ValidateProcessor: events that fit a JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import option
from ..errors import ConfigError, Reject, needs
from ..schema_file import schema_or_file

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class ValidateOptions(ConcurrencyOptions):
    """The schema."""

    schema: Any = option(None, "JSON Schema that events must fit", example={"type": "object", "required": ["id"]})
    schema_file: str = option("", "JSON file with the schema, in place of it", example="event.schema.json")


class ValidateProcessor(Processor):
    """Let events pass that fit a JSON Schema; reject the others, with the reason.

    In: what JSON can say, usually a dict. Out: the same. The drafts that `$schema` may name are those of the package
    jsonschema; without it 2020-12 counts. A `$ref` leads only within the schema: nothing is loaded from elsewhere.
    Raises: Reject, naming the place.

    Example:
        pipelines:
          - id: Example
            config: {on_error: drop}
            sources:
              - {class: IteratorSource, args: {iterator: [{id: 1}, {id: x}, {}]}}
            processors:
              - class: ValidateProcessor
                config:
                  schema:
                    type: object
                    required: [id]
                    properties: {id: {type: integer}}
            sink: {class: PPrintSink}
    """

    class Options(ValidateOptions):
        """The schema."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`.

        Raises:
            ConfigError: There is no schema, or it is none.
            MissingDependency: jsonschema is not installed.
        """
        super().__init__(app, pipeline, id, config)
        with needs("schema"):
            import jsonschema
            import referencing
        schema = self._declared()
        kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
        try:
            kind.check_schema(schema)
        except jsonschema.SchemaError as error:
            raise ConfigError(
                f"{self.locate_address()}: no JSON Schema: {error.message}, at {error.json_path}"
            ) from error
        self._validator: Any = kind(schema, registry=referencing.Registry())
        self._best: Any = jsonschema.exceptions.best_match

    def _declared(self) -> Any:
        o = self.options
        if (o.schema is None) == (not o.schema_file):
            raise ConfigError(f"{self.locate_address()} needs either 'schema' or 'schema_file'")
        return schema_or_file(o, self.locate_address())

    def process(self, context: Context, event: Event) -> Event:
        """Let the event pass if it fits."""
        if self._validator.is_valid(event):
            return event
        error = self._best(self._validator.iter_errors(event))
        raise Reject(f"the event does not fit the schema: {error.message[:200]}", detail=f"at {error.json_path}")
