"""How large a definition may be, and how large it may grow: each limit ends what a hostile or mistaken file could begin."""

from __future__ import annotations

MAX_SIZE = 16 * 1024 * 1024
"""Bytes of all files of one definition together, and characters that its references may make."""

MAX_NODES = 200_000
"""Values in one definition once its aliases, templates and variables are written out."""

MAX_DEPTH = 100
"""Levels of nesting, branches in branches included."""

MAX_FILES = 500
"""Files that one definition may include, directly or not."""

MAX_INCLUDES_DEEP = 20
"""Files that include one another in a row."""

MAX_VARIABLES_DEEP = 50
"""Variables that refer to one another in a row."""

MAX_SECRET = 64 * 1024
"""Bytes of a file that `${file:...}` names."""


class TooLargeError(Exception):
    """A limit is passed; the message says which."""


class Budget:
    """What the writing out of templates and variables may still make; shared by all of one definition."""

    def __init__(self) -> None:
        """Begin with everything left."""
        self._nodes = MAX_NODES
        self._characters = MAX_SIZE

    def take(self, nodes: int = 0, characters: int = 0) -> None:
        """Note what was made.

        Raises:
            TooLargeError: It is more than there may be.
        """
        self._nodes -= nodes
        self._characters -= characters
        if self._nodes < 0:
            raise TooLargeError(f"templates and variables make more than {MAX_NODES} values")
        if self._characters < 0:
            raise TooLargeError(f"templates and variables make more than {MAX_SIZE // 1024**2} MiB of text")
