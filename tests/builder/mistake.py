"""A mistake in a definition, and what is said about it."""

from __future__ import annotations

from collections.abc import Mapping

HEAD = """pipelines:
- id: P
  source: {module: bspump_like.testing, class: ListSource, args: {events: [1]}}
"""
"""Three lines that need a sink."""

SINK = "  sink: {class: NullSink}\n"

TEMPLATE = """templates:
  Carrier:
    parameters: {carrier: null, delay: 15}
    pipeline:
      id: Late-${carrier}
      source: {class: InternalSource}
      processors:
      - class: JSONParserProcessor
        config: {concurrency: "${delay}"}
      sink: {class: NullSink}
"""
"""Ten lines that need a use."""


class Mistake:
    """A mistake.

    Args:
        title: What is wrong.
        text: The definition, `pump.yaml`.
        *said: All that is said about it.
        files: Other files beside it.
    """

    def __init__(self, title: str, text: str, *said: str, files: Mapping[str, str] | None = None) -> None:
        self.title = title
        self.text = text
        self.said = said
        self.files = files or {}
