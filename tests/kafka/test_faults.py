"""Numbered messages from Kafka to Kafka through pumps that are killed, stopped and rebalanced; counted at the other end."""

from __future__ import annotations

import asyncio
import collections
import os
import random
import signal
import time

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from tests.kafka.pumps import definition

pytestmark = [pytest.mark.service, pytest.mark.slow]

KILLED = {"session_timeout_ms": 1500, "heartbeat_interval_ms": 300}
STOPPED = {"session_timeout_ms": 60_000, "heartbeat_interval_ms": 300}
"""Members that leave by themselves: a busy machine shall not make it look as if one had died."""


def numbers(count, start=0):
    return [b"%d" % number for number in range(start, start + count)]


@pytest.fixture
def pipe(topics):
    """Return the names of two topics, and what defines a pump between them."""
    source, target = topics.create("in", partitions=4), topics.create("out", partitions=4)

    def define(delivery="at_least_once", transaction_timeout_ms=2000, **options):
        sink = {"topic": target, "delivery": delivery, "transaction_timeout_ms": transaction_timeout_ms}
        group = {"topic": source, "group_id": source, "event_block_size": 20, **KILLED, **options}
        return definition(topics.servers, group, sink, max_in_flight=200)

    return source, target, define


def waiting(topics, source, target, count, pump):
    """Wait until the group has committed everything there is to read."""
    pump.wait_for("all is committed", lambda: sum(topics.committed(source, source).values()) >= count, 120)


def counted(topics, target):
    return collections.Counter(int(value) for value in topics.values(target))


def killed_again_and_again(topics, pipe, make, delivery, kills=4, count=6000):
    """Kill the pump so many times in the midst of its work, then let it come to the end; return what came out, counted."""
    source, target, define = pipe
    pump = make(define(delivery))
    pick, produced, share = random.Random(), 0, count // (kills + 1)
    for kill in range(1, kills + 1):
        # There is always something left to do for the next run, however late the kill comes.
        topics.produce(source, numbers(share, produced))
        produced += share
        pump.start()
        begun = sum(topics.committed(source, source).values())
        goal = begun + (produced - begun) // 3
        pump.wait_for(f"kill {kill}", lambda goal=goal: sum(topics.committed(source, source).values()) > goal)
        time.sleep(pick.uniform(0, 0.03))  # anywhere within a barrier
        pump.kill()
    topics.produce(source, numbers(count - produced, produced))
    pump.start()
    waiting(topics, source, target, count, pump)
    assert pump.terminate() == 0, pump.log()[-3000:]
    return counted(topics, target)


def test_kill_9_loses_nothing(topics, pipe, make):
    found = killed_again_and_again(topics, pipe, make, "at_least_once")
    assert set(found) == set(range(6000))


@pytest.mark.parametrize("kills", [3, pytest.param(40, marks=pytest.mark.soak)])
def test_kill_9_doubles_nothing_where_it_is_exactly_once(topics, pipe, make, kills):
    found = killed_again_and_again(topics, pipe, make, "exactly_once", kills)
    assert set(found) == set(range(6000))
    assert set(found.values()) == {1}


@pytest.mark.parametrize("delivery", ["at_least_once", "exactly_once"])
def test_graceful_rebalances_lose_nothing_and_double_nothing(topics, pipe, make, delivery):
    """Pumps join and leave a group while messages flow."""
    source, target, define = pipe
    first, second = (make(named(define(delivery, 60_000, **STOPPED), id)) for id in ("First", "Second"))
    produced = 0

    def flow(count, pump):
        nonlocal produced
        for _ in range(10):
            topics.produce(source, numbers(count // 10, produced))
            produced += count // 10
        goal = produced - 50
        pump.wait_for("messages flow", lambda: sum(topics.committed(source, source).values()) >= goal)

    first.start()
    flow(1000, first)
    for _ in range(2):
        second.start()
        flow(2000, first)
        second.wait_for("second works", lambda: both_work(topics, source))
        flow(1000, first)
        assert second.terminate() == 0, second.log()[-3000:]
        flow(1000, first)
    waiting(topics, source, target, produced, first)
    # The group's offsets may be there a moment before the end of the transaction is in all partitions.
    first.wait_for("all can be read", lambda: len(topics.values(target)) >= produced, 120)
    assert first.terminate() == 0, first.log()[-3000:]
    found = counted(topics, target)
    assert set(found) == set(range(produced))
    assert {number: count for number, count in found.items() if count > 1} == {}


def named(tree, id):
    """Return the definition with another id of the pipeline, hence another transactional.id."""
    tree["pipelines"][0]["id"] = id
    return tree


def members(topics, group):
    """Return the state of a group and how many members it has."""

    async def describe():
        admin = AIOKafkaAdminClient(bootstrap_servers=topics.servers)
        await admin.start()
        try:
            (answer,) = await admin.describe_consumer_groups([group])
            ((_, _, state, _, _, found),) = answer.groups
            return state, len(found)
        finally:
            await admin.close()

    return asyncio.run(describe())


def both_work(topics, group):
    return members(topics, group) == ("Stable", 2)


@pytest.mark.parametrize("delivery", ["at_least_once", "exactly_once"])
def test_a_killed_member_is_replaced(topics, pipe, make, delivery):
    source, target, define = pipe
    first, second = make(define(delivery)), make(named(define(delivery), "Second"))
    first.start()
    second.start()
    first.wait_for("both work", lambda: both_work(topics, source))
    topics.produce(source, numbers(3000))
    first.wait_for("work", lambda: sum(topics.committed(source, source).values()) > 500)
    second.kill()
    waiting(topics, source, target, 3000, first)
    # What the dead one has left open hides what comes behind it until the broker aborts it.
    first.wait_for("all can be read", lambda: len(topics.values(target)) >= 3000)
    assert first.terminate() == 0
    found = counted(topics, target)
    assert set(found) == set(range(3000))
    if delivery == "exactly_once":
        assert set(found.values()) == {1}


def test_a_member_that_was_frozen_does_not_commit_for_partitions_that_have_moved(topics, pipe, make):
    """Exactly once holds even when a process sleeps through its own replacement."""
    source, target, define = pipe
    first, second = make(define("exactly_once")), make(named(define("exactly_once"), "Second"))
    first.start()
    second.start()
    first.wait_for("both work", lambda: both_work(topics, source))
    topics.produce(source, numbers(20000))
    first.wait_for("work", lambda: sum(topics.committed(source, source).values()) > 1000)
    assert second.process is not None
    os.kill(second.process.pid, signal.SIGSTOP)
    first.wait_for("the group goes on without the second", lambda: members(topics, source) == ("Stable", 1))
    os.kill(second.process.pid, signal.SIGCONT)
    waiting(topics, source, target, 20000, first)
    assert second.terminate() == 0, second.log()[-3000:]
    assert first.terminate() == 0, first.log()[-3000:]
    found = counted(topics, target)
    assert set(found) == set(range(20000))
    assert {number: count for number, count in found.items() if count > 1} == {}
