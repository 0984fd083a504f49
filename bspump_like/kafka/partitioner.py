"""Which partition a message goes to: the default of Kafka's own clients, so that both sides agree."""

from __future__ import annotations

import struct


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
    """Chooses partitions of one topic: by the key's hash, or one after the other (KIP-480: a batch each).

    Args:
        topic: The topic.
        count: Number of its partitions.
    """

    def __init__(self, topic: str, count: int) -> None:
        """Begin with partition 0."""
        self.count = count
        self._all: list[Place] = [(topic, number) for number in range(count)]
        self._current = 0

    def place(self, key: bytes | None) -> Place:
        """Return where a message with this key goes."""
        return self._all[self._current if key is None else (murmur2(key) & 0x7FFFFFFF) % self.count]

    def turn(self, place: Place) -> bool:
        """Let messages without a key go to the next partition if they have gone here; return whether they have."""
        if place != self._all[self._current]:
            return False
        self._current = (self._current + 1) % self.count
        return True
