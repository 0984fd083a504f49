"""Names of output files: one fixed path, a path for each event, or a template that gives a name for each index."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator

from ..abc import Context, Sink
from ..errors import ProcessingError

_COMPRESSED = {".gz", ".bz2", ".xz", ".lzma", ".zst"}


def path_for(sink: Sink, context: Context) -> str:
    """Return the file for an event: the option `path` of a sink, else `context['path']`.

    Raises:
        ProcessingError: There is neither.
    """
    path: str = sink.options.path or context.get("path", "")
    if not path:
        raise ProcessingError(
            f"{sink.locate_address()} does not know where to write", hint="set 'path', or context['path'] upstream"
        )
    return path


class Naming:
    """Turns an index into a path.

    Args:
        template: A path; `{index}` in it stands for six digits, `{worker}` for the number of this process.
        rotates: The file rotates, so a path without `{index}` gets `-000001` before its ending.
        worker: What `{worker}` becomes.
    """

    def __init__(self, template: str, *, rotates: bool = False, worker: int = 0) -> None:
        """Settle the template."""
        template = template.replace("{worker}", str(worker))
        if rotates and "{index}" not in template:
            stem, ending = _split(template)
            template = stem + "-{index}" + ending
        self._template = template
        self.indexed = "{index}" in template

    def first(self) -> int:
        """Return the index of the first file."""
        return 1

    def path(self, index: int) -> str:
        """Return the path with this index."""
        return self._template.replace("{index}", f"{index:06d}")

    def start(self, *, overwrite: bool) -> int:
        """Return the index to begin with when nothing is known of an earlier run: behind what is there, or 1.

        With `overwrite` what is there is removed, as far as its numbers follow one another.
        """
        if not self.indexed:
            return self.first()
        if overwrite:
            self.remove_after(self.first())
            return self.first()
        return max(self._existing(), default=0) + 1

    def _existing(self) -> Iterator[int]:
        before, _, after = self._template.partition("{index}")
        after = after.replace("{index}", "*")
        shape = re.compile(re.escape(before) + r"(\d{6,})")
        for path in glob.iglob(glob.escape(before) + "[0-9]*" + glob.escape(after) + "*"):
            match = shape.match(path)
            if match and path.removesuffix(".part") == self.path(int(match[1])):
                yield int(match[1])

    def remove_after(self, index: int) -> None:
        """Remove the files behind `index`: they were begun after the place to which everything is taken back."""
        while self.indexed:
            index += 1
            found = [path for path in (self.path(index), self.path(index) + ".part") if os.path.exists(path)]
            if not found:
                return
            for path in found:
                os.unlink(path)


def _split(path: str) -> tuple[str, str]:
    stem, ending = os.path.splitext(path)
    if ending.lower() in _COMPRESSED:
        stem, inner = os.path.splitext(stem)
        ending = inner + ending
    return stem, ending
