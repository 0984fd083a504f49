"""Which partition a message goes to: the default of Kafka's own clients, so that both sides agree."""

from __future__ import annotations

import struct

_CACHED = 100_000


def murmur2(data: bytes) -> int:
    """Return the 32-bit MurmurHash2 of `data` with Kafka's seed, as an unsigned number.

    Source: `org.apache.kafka.common.utils.Utils.murmur2`, after Austin Appleby's public domain MurmurHash2.
    """
    length = len(data)
    hashed = 0x9747B28C ^ length
    words = length >> 2
    for word in struct.unpack_from(f"<{words}I", data):
        word = word * 0x5BD1E995 & 0xFFFFFFFF
        word = (word ^ word >> 24) * 0x5BD1E995 & 0xFFFFFFFF
        hashed = (hashed * 0x5BD1E995 & 0xFFFFFFFF) ^ word
    rest = data[words << 2 :]
    if rest:
        hashed = (hashed ^ int.from_bytes(rest, "little")) * 0x5BD1E995 & 0xFFFFFFFF
    hashed = (hashed ^ hashed >> 13) * 0x5BD1E995 & 0xFFFFFFFF
    return hashed ^ hashed >> 15


Place = tuple[str, int]
"""Topic and number of a partition."""


class Partitioner:
    """Chooses partitions of one topic: by the key's hash, or round the partitions, a run of messages each.

    Args:
        topic: The topic.
        count: Number of its partitions.
        run: Messages without a key that go to one partition before the next: batches fill better.
    """

    def __init__(self, topic: str, count: int, run: int = 1000) -> None:
        """Begin with partition 0."""
        self.count = count
        self._run = run
        self._left = run
        self._all: list[Place] = [(topic, number) for number in range(count)]
        self._current = 0
        self.places: dict[bytes, Place] = {}
        """Keys whose place is known: the hash costs a microsecond in Python, and keys repeat."""

    def place(self, key: bytes | None) -> Place:
        """Return where a message with this key goes."""
        if key is None:
            self._left -= 1
            if self._left < 0:
                self._left = self._run - 1
                self._current = (self._current + 1) % self.count
            return self._all[self._current]
        place = self.places.get(key)
        if place is None:
            if len(self.places) >= _CACHED:
                self.places.clear()
            place = self.places[key] = self._all[(murmur2(key) & 0x7FFFFFFF) % self.count]
        return place
