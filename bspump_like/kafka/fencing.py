"""Offsets in a transaction that only a living member of the group may commit (KIP-447).

aiokafka sends the first version of the request, in which the broker cannot see who commits: a process that was frozen while
the group gave its partitions away could still commit for them, and messages would come twice. Version 3 names member and
generation, and the broker refuses those that are past.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from aiokafka.client import CoordinationType
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    IllegalGenerationError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
    for_code,
)
from aiokafka.producer.sender import TxnOffsetCommitHandler
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.transaction import TxnOffsetCommitRequest_v0
from aiokafka.protocol.types import CompactArray, CompactString, Int16, Int32, Int64, Schema, TaggedFields

Membership = tuple[int, str]
"""Generation of the group, and our name in it."""

_PAST = (IllegalGenerationError, UnknownMemberIdError)
_TEXT = CompactString("utf-8")


class _Response(Response):
    API_KEY = 28
    API_VERSION = 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "errors",
            CompactArray(
                ("topic", _TEXT),
                ("partitions", CompactArray(("partition", Int32), ("error_code", Int16), ("tags", TaggedFields))),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _Struct(RequestStruct):
    FLEXIBLE_VERSION = True
    API_KEY = 28
    API_VERSION = 3
    RESPONSE_TYPE = _Response
    SCHEMA = Schema(
        ("transactional_id", _TEXT),
        ("group_id", _TEXT),
        ("producer_id", Int64),
        ("producer_epoch", Int16),
        ("generation_id", Int32),
        ("member_id", _TEXT),
        ("group_instance_id", _TEXT),
        (
            "topics",
            CompactArray(
                ("topic", _TEXT),
                (
                    "partitions",
                    CompactArray(
                        ("partition", Int32),
                        ("offset", Int64),
                        ("leader_epoch", Int32),
                        ("metadata", _TEXT),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _Request(Request[TxnOffsetCommitRequest_v0 | _Struct]):
    API_KEY = 28

    def __init__(self, plain: Any, membership: Membership) -> None:
        self._plain, self._membership = plain, membership

    def build(self, request_struct_class: Any) -> Any:
        """Return the request in the version of the broker; before Kafka 2.5 nobody is named."""
        if request_struct_class is not _Struct:
            return self._plain.build(request_struct_class)
        plain = self._plain
        topics: list[Any] = [
            (topic, [(partition, offset, -1, metadata, {}) for partition, offset, metadata in partitions], {})
            for topic, partitions in plain._topics
        ]
        who = (plain._transactional_id, plain._group_id, plain._producer_id, plain._producer_epoch)
        return _Struct(*who, *self._membership, None, topics, {})


class _Handler(TxnOffsetCommitHandler):
    def __init__(self, sender: Any, offsets: Any, group_id: str, membership: Membership) -> None:
        super().__init__(sender, offsets, group_id)
        self._membership = membership

    def create_request(self) -> _Request:
        return _Request(super().create_request(), self._membership)

    def handle_response(self, response: Any) -> float | None:
        errors = [(topic, [(one[0], one[1]) for one in partitions]) for topic, partitions, *_ in response.errors]
        kinds = {for_code(code) for _, partitions in errors for _, code in partitions}
        past = next((kind for kind in kinds if kind in _PAST), None)
        if past is not None:
            _refuse(self._sender, past("the group has gone on without us"))
            return None
        if RebalanceInProgressError in kinds:
            return float(self._default_backoff)
        backoff: float | None = super().handle_response(SimpleNamespace(errors=errors))
        return backoff


def _refuse(sender: Any, error: KafkaError) -> None:
    """Let whoever waits for the offsets see the error; what becomes of the transaction is for him to decide."""
    *_, waiting = sender._txn_manager._pending_txn_offsets.popleft()
    waiting.set_exception(error)


def fence(client: Any, membership: Callable[[], Membership]) -> None:
    """Make a transactional producer say who commits.

    Args:
        client: The AIOKafkaProducer.
        membership: Returns who we were when the partitions were given to us.
    """
    sender = client._sender

    async def commit_offsets(offsets: Any, group_id: str) -> Any:
        if not offsets:
            return None
        try:
            node = await sender._find_coordinator(CoordinationType.GROUP, group_id)
        except GroupAuthorizationFailedError as error:
            _refuse(sender, error)
            return None
        return await _Handler(sender, offsets, group_id, membership()).do(node)

    sender._do_txn_offset_commit = commit_offsets
