"""`pump run --workers N` on real Kafka: workers are killed, their number changes; ids are counted at the other end."""

from __future__ import annotations

import asyncio
import collections
import json
import os
import random
import re
import signal
from pathlib import Path
from typing import NamedTuple

import aiokafka
import pytest
from aiokafka.errors import GroupCoordinatorNotAvailableError

from tests.end_to_end.harness import DIES, SOURCE, stored, wait_for
from tests.kafka.pumps import definition
from tests.kafka.topics import Topics

pytestmark = pytest.mark.service


class Stored(NamedTuple):
    """The store of one worker, for `stored`."""

    store: Path


class Pipe:
    """Numbers from one topic to another, through pumps with workers."""

    def __init__(self, servers: str, partitions: int = 6) -> None:
        self.topics = Topics(servers)
        self.source = self.topics.create("in", partitions)
        self.target = self.topics.create("out", partitions)
        self.partitions = partitions
        self.produced = 0

    def definition(self, *processors, group=True, delivery="at_least_once", **source):
        """Return the pump; `processors` stand in the middle."""
        options = {"topic": self.source, **SOURCE, **({"group_id": self.source} if group else {}), **source}
        sink = {
            "topic": self.target, "reconnect_delay": 0.1, "delivery": delivery, "transaction_timeout_ms": 5000,
        }  # fmt: skip
        tree = definition(self.topics.servers, options, sink, max_in_flight=400)
        tree["pipelines"][0]["processors"] = list(processors)
        return tree

    def fill(self, count: int) -> None:
        """Produce the next numbers, round robin over the partitions."""
        asyncio.run(self._fill(count))
        self.produced += count

    async def _fill(self, count: int) -> None:
        async with aiokafka.AIOKafkaProducer(bootstrap_servers=self.topics.servers, linger_ms=5) as producer:
            numbers = range(self.produced, self.produced + count)
            await asyncio.gather(
                *[await producer.send(self.source, b'{"n": %d}' % n, partition=n % self.partitions) for n in numbers]
            )

    def committed(self) -> int:
        """Return how far the group has come; 0 while the broker still makes the topic of its offsets."""
        try:
            return sum(self.topics.committed(self.source, self.source).values())
        except GroupCoordinatorNotAvailableError:
            return 0

    def arrived(self) -> collections.Counter[int]:
        return collections.Counter(json.loads(value)["n"] for value in self.topics.values(self.target))

    def all_there(self, pump) -> None:
        wait_for("all numbers are there", lambda: len(self.arrived()) >= self.produced, pump)


@pytest.fixture
def pipe(broker):
    return Pipe(broker.url)


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def _totals(log: str) -> tuple[int, int]:
    """Return events in and out as the last line about the pipeline says."""
    found = re.findall(r"P: ([\d,]+) in, ([\d,]+) out, .* in [\d.]+ s", log)
    return tuple(int(number.replace(",", "")) for number in found[-1])


@pytest.mark.parametrize("delivery", ["at_least_once", "exactly_once"])
def test_a_worker_of_two_killed_again_and_again_loses_nothing(pipe, make, scale, delivery):
    kills, moments = scale.pick(3, 20), random.Random(scale.seed)
    print(f"seed {scale.seed}")
    share = scale.pick(3_000, 4_000)
    pump = make(pipe.definition(delivery=delivery, **DIES))
    process = pump.start("--workers", "2")
    for _ in range(kills):
        pipe.fill(share)
        goal = pipe.produced - moments.uniform(0, share)
        wait_for("the moment to kill", lambda goal=goal: pipe.committed() >= goal, pump)
        workers = _children(process.pid)
        os.kill(moments.choice(workers), signal.SIGKILL)
        wait_for("it starts again", lambda old=workers: len(set(_children(process.pid)) - set(old)) == 1, pump)
    pipe.fill(share)
    pipe.all_there(pump)
    wait_for("all is committed", lambda: pipe.committed() >= pipe.produced, pump)
    assert pump.terminate() == 0, pump.log()[-3000:]

    found = pipe.arrived()
    (taken, sent), messages = _totals(pump.log()), sum(found.values())
    print(f"\none of two workers killed -9 {kills} times, {delivery}: {pipe.produced} ids, lost {pipe.produced - len(found)}, "
          f"{messages - pipe.produced} came again; counted {taken} in, {sent} out")  # fmt: skip
    assert set(found) == set(range(pipe.produced))
    # Counted is what barriers have made durable. The group's offsets follow them, so a few may count twice, none is missed.
    assert pipe.produced <= taken == sent
    if delivery == "exactly_once":
        assert messages == pipe.produced
    else:
        assert taken <= messages
    assert pump.log().count("was killed by SIGKILL") == kills
    assert "Traceback" not in pump.log(), pump.log()[-4000:]


@pytest.mark.parametrize("group", [True, False], ids=["group", "partitions"])
def test_another_number_of_workers_goes_on_where_the_last_left_off(pipe, make, group):
    pump = make(pipe.definition(group=group))
    for workers in (1, 2, 3, 8, 1):
        pump.start("--workers", str(workers))
        pipe.fill(600)
        pipe.all_there(pump)
        assert pump.terminate() == 0, pump.log()[-3000:]
    found = pipe.arrived()
    assert set(found) == set(range(pipe.produced))
    assert set(found.values()) == {1}
    assert "Traceback" not in pump.log(), pump.log()[-4000:]


def test_state_does_not_follow_another_number_of_workers(pipe, make):
    parse = {"id": "Parse", "module": "bspump.common", "class": "JSONParserProcessor"}
    group_by = {
        "id": "Group", "module": "bspump.common", "class": "GroupByAggregator", "config": {"figures": {"n": "count"}},
    }  # fmt: skip
    shared = make(pipe.definition(parse, group_by))
    assert shared.start("--workers", "2").wait(120) == 2
    assert (
        "the group of P.*KafkaSource moves partitions from worker to worker, and the state of P.Group" in shared.log()
    )
    assert "remove group_id, then each worker has partitions of its own" in shared.log()

    pump = make(pipe.definition(parse, group_by, group=False))
    pump.start("--workers", "2")
    pipe.fill(60)
    stores = [Stored(pump.folder / f"store.worker-{index}-of-2.db") for index in (0, 1)]
    wait_for("both have done their share", lambda: sum(map(stored, stores)) == pipe.produced, pump)
    assert pump.terminate() == 0, pump.log()[-3000:]
    assert pump.start("--workers", "3").wait(120) == 2
    assert (
        "since the state of P.Group belongs to what each worker has read (run it --workers 2 to its end" in pump.log()
    )
