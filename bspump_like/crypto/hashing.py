"""HashingProcessor and CoHashingProcessor: the digest of an event, in its place or beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import option
from ..errors import ProcessingError
from .algorithms import FORMS, HashOptions, digest_of

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class HashingOptions(HashOptions, ConcurrencyOptions):
    """Which function, which form."""

    form: str = option("bytes", "how the digest is written", choices=tuple(FORMS))


class HashingBaseProcessor(Processor):
    """The base of processors that hash an event; `digest(event)` does it.

    Example:
        from bspump_like.crypto import HashingBaseProcessor

        class Fields(HashingBaseProcessor):
            def process(self, context, event):
                event["digest"] = self.digest(event["body"])
                return event
    """

    to_override: ClassVar[tuple[str, ...]] = ("process",)

    class Options(HashingOptions):
        """Which function, which form."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`.

        Raises:
            ConfigError: There is no such hash function.
            MissingDependency: xxhash is not installed.
        """
        super().__init__(app, pipeline, id, config)
        self._digest = digest_of(self.options)
        self._form = FORMS[self.options.form]

    def digest(self, event: Event) -> Any:
        """Return the digest of bytes or text (as UTF-8), in the form that is wanted.

        Raises:
            ProcessingError: The event is neither.
        """
        if isinstance(event, str):
            event = event.encode()
        try:
            return self._form(self._digest(event))
        except TypeError as error:
            raise ProcessingError(
                f"expected bytes or text to hash, got {type(event).__name__}",
                hint="put a JSONDumperProcessor before, or use FingerprintProcessor",
            ) from error


class HashingProcessor(HashingBaseProcessor):
    """Turn an event into its digest.

    In: bytes or text. Out: the digest: bytes, or as `form` says. Raises: ProcessingError for anything else.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [one, two]}}
            processors:
              - {class: HashingProcessor, config: {algorithm: sha256, form: hex}}
            sink: {class: PrintSink}
    """

    def process(self, context: Context, event: Event) -> Event:
        """Return the digest."""
        return self.digest(event)


class CoHashingProcessor(HashingBaseProcessor):
    """Put the digest of an event into its context, under `hash`; the event goes on as it is.

    In: bytes or text. Out: the same. Raises: ProcessingError for anything else.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [one, two]}}
            processors:
              - {class: CoHashingProcessor, config: {algorithm: blake2b, digest_size: 8, form: hex}}
              - {class: PrintContextProcessor}
            sink: {class: PrintSink}
    """

    def process(self, context: Context, event: Event) -> Event:
        """Note the digest."""
        context["hash"] = self.digest(event)
        return event
