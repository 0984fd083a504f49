"""What can go wrong with a server, told apart by what a test run should do about it."""

from __future__ import annotations


class ServiceUnavailable(Exception):
    """The server cannot be had on this machine: no client, no package, no network. Its tests are skipped.

    Args:
        name: The server.
        tried: What was run.
        answer: What it answered, or what is missing.
    """

    def __init__(self, name: str, tried: str, answer: str) -> None:
        """Join the three to one sentence."""
        super().__init__(f"{name} cannot be had: tried `{tried}`, the answer was: {answer}")


class StartFailed(Exception):
    """The server is installed and does not come up. Its tests fail."""
