"""The base of sinks for formats of records (Avro, Parquet), whose files are named and rolled over in the contract's way."""

from __future__ import annotations

from typing import ClassVar, Literal

from ..config import Seconds, option
from .output import Output
from .sink import AppendingSink, OutputOptions


class RollingOptions(OutputOptions):
    """Options of sinks for formats of records."""

    rollover_mechanism: Literal["none", "rows", "time"] = option(
        "none", "begin a new file after so many records, or after writing_period; none: as the options rotate_... say"
    )
    writing_period: Seconds = option("1d", "seconds of a file, for 'rollover_mechanism: time'", gt=0)


class RollingSink(AppendingSink):
    """Append records to files of a format that compresses and frames them itself.

    See `AppendingSink`; subclasses override `new_output` and `encode` or `process`.
    """

    class Options(RollingOptions):
        """The options of rolling sinks."""

    records_per_file: ClassVar[str] = "rotate_lines"
    """The option that says how many records a file has, for `rollover_mechanism: rows`."""

    def codec_at(self, path: str) -> str:
        """Return none: the format compresses, not the file."""
        return "none"

    def rotation(self) -> tuple[int, float]:
        """Return after how many records and seconds a new file begins."""
        o = self.options
        return (
            getattr(o, self.records_per_file) if o.rollover_mechanism == "rows" else o.rotate_lines,
            o.writing_period if o.rollover_mechanism == "time" else o.rotate_period,
        )

    def build_filename(self, postfix: str = "") -> str:
        """Return the name of the file that is being written, or will be by the next event, with a postfix."""
        return self._current().final_path() + postfix

    def _current(self) -> Output:
        return self.output if self.output is not None else self.output_at(self.options.path)

    def rotate(self, new_filename: str | None = None) -> None:
        """Complete the file behind what was handed over so far; the next event begins the next one.

        Args:
            new_filename: What comes next goes there, until the next start; as the option `path` says when left out.
        """
        super().rotate()
        if new_filename is not None:
            self.output = self.output_at(new_filename)

    async def rotate_async(self) -> None:
        """Complete the file, and return when it has been written; what went wrong is reported by the next barrier."""
        self.rotate()
        await self._current().spilled()
