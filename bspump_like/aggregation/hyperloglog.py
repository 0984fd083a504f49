"""HyperLogLog over numpy arrays, so that the cells of a matrix can count distinct values.

Formula: Flajolet, Fusy, Gandouet, Meunier, "HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm", 2007,
figure 3, with a hash of 64 bits, which needs no correction for large counts.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np

from ..errors import ConfigError

Array = np.ndarray[Any, Any]


class HyperLogLog:
    """Estimates how many different values were added to an array of `m` registers; the array is the caller's.

    The standard error is 1.04 / sqrt(m): 2.3 % for the 2048 registers of 2 KiB. Arrays of one `m` are united by `np.maximum`.

    Example:
        import numpy as np

        from bspump_like.aggregation import HyperLogLog

        sketch = HyperLogLog(m=2048)
        registers = np.zeros(2048, dtype="u1")  # or a cell of a matrix with dtype ("u1", 2048)
        for number in range(10_000):
            sketch.add(f"user {number}", registers)
        print(sketch.count(registers))  # within some percent of 10,000
    """

    def __init__(self, m: int = 2048) -> None:
        """Work out the constants.

        Args:
            m: Number of registers, a power of 2 from 16 to 65,536.

        Raises:
            ConfigError: It is none.
        """
        if not 16 <= m <= 65_536 or m & (m - 1):
            raise ConfigError(f"m is {m}, expected a power of 2 from 16 to 65536")
        self.m = m
        self._bits = m.bit_length() - 1
        self._alpha = {16: 0.673, 32: 0.697, 64: 0.709}.get(m, 0.7213 / (1 + 1.079 / m))

    def hash_data(self, value: Any) -> int:
        """Return 64 bits that depend on the value, the same in every process; a text and its UTF-8 bytes have the same."""
        data = value if isinstance(value, bytes) else str(value).encode()
        return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest())

    def add(self, value: Any, array: Array) -> None:
        """Add a value to the registers of `array`, shape (m,), an integer type."""
        hashed = self.hash_data(value)
        register = hashed & (self.m - 1)
        rest = hashed >> self._bits
        rank = 64 - self._bits - rest.bit_length() + 1
        if rank > array[register]:
            array[register] = rank

    def count(self, array: Array) -> float:
        """Return the estimate of how many different values were added to `array`."""
        registers = np.asarray(array, dtype=np.float64)
        estimate = self._alpha * self.m**2 / float(np.exp2(-registers).sum())
        empty = int(np.count_nonzero(registers == 0))
        if estimate <= 2.5 * self.m and empty:
            return self.m * math.log(self.m / empty)  # linear counting, for few values
        return estimate

    def compute_error(self, ground_truth: float, hll_count: float) -> float:
        """Return the error of an estimate as a share of the truth."""
        return abs(hll_count - ground_truth) / ground_truth
