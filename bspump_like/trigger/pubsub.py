"""When a message is published."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .trigger import Overlap, Trigger

if TYPE_CHECKING:
    import asab

    from ..application import BSPumpApplication


class PubSubTrigger(Trigger):
    """Fires whenever one of some messages is published, `Application.tick/60!` or one of your own.

    Example:
        pipelines:
          - id: Example
            sources:
              - class: IteratorSource
                args: {iterator: [tick]}
                trigger: {class: PubSubTrigger, args: {message_types: Application.run!}}
            sink: {class: PPrintSink}
    """

    def __init__(
        self, app: BSPumpApplication, message_types: str | Sequence[str], pubsub: asab.PubSub | None = None,
        id: str | None = None, *, max_triggered: int | None = None, overlap: Overlap = "skip",
    ) -> None:  # fmt: skip
        """Subscribe to the messages.

        Args:
            app: The application.
            message_types: One message type or several; they end with an exclamation mark by custom.
            pubsub: Where they are published; the application's PubSub when left out.
            id: Name of the trigger; the class name when empty.
            max_triggered: See `Trigger`.
            overlap: See `Trigger`.

        Raises:
            ConfigError: No message type, or a value that does not fit.
        """
        super().__init__(app, max_triggered, id, overlap=overlap)
        names = [message_types] if isinstance(message_types, str) else message_types
        self.MessageTypes: list[str] = self._argument(
            "message_types", names, list[str], "one message type or a list of them", parse=_message_types
        )
        self.PubSub = pubsub if pubsub is not None else app.PubSub
        for message_type in self.MessageTypes:
            self.PubSub.subscribe(message_type, self.on_message)

    def on_message(self, message_type: str, *args: Any, **kwargs: Any) -> None:
        """Fire; called for every message, with whatever its publisher sends along."""
        self.fire()


def _message_types(value: Any) -> list[str]:
    if not isinstance(value, Sequence) or not value or not all(isinstance(name, str) and name for name in value):
        raise ValueError("expected at least one message type")
    return list(value)
