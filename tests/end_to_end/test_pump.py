"""What happens to pumps: they are killed, they share a group, they meet messages that nobody can store."""

from __future__ import annotations

import random

import pytest

from tests.end_to_end.harness import DIES, for_seconds, moving, stored, wait_for

pytestmark = pytest.mark.service


@pytest.mark.parametrize("where", ["broker", "store"])
def test_a_pump_killed_again_and_again(route, make, scale, where):
    kills, moments = scale.pick(3, 50), random.Random(scale.seed)
    print(f"seed {scale.seed}")
    group = DIES if where == "broker" else {"group_id": ""}
    pump = make(route.definition(**group))
    share = route.count // (kills + 1)
    for _ in range(kills):
        route.fill(share)
        before = stored(pump)
        pump.start()
        if moments.random() < 0.2:  # anywhere between the first import and the first barriers
            for_seconds(moments.uniform(0, 1), pump)
        else:
            goal = before + moments.uniform(0, 1) * share
            pump.wait_for("the moment to kill it", lambda goal=goal: stored(pump) >= goal)
        pump.kill()
    route.fill()
    pump.start()
    route.finish(f"killed -9 {kills} times, positions at the {where}", pump)


def test_two_pumps_share_a_group_and_come_and_go(route, make, scale):
    first, second = make(route.definition()), make(route.definition())
    rounds = scale.pick(2, 10)
    first.start()
    for _ in range(rounds):
        route.fill(route.count // (4 * rounds))
        moving(first, 100)
        second.start()
        route.fill(route.count // (4 * rounds))
        before = stored(second)

        def both_work(before: int = before) -> bool:
            route.fill(40)
            return stored(second) > before

        wait_for("the second has its share", both_work, first, second)
        route.fill(route.count // (4 * rounds))
        assert second.terminate() == 0, second.log()[-3000:]  # in the midst of them
    assert "will be read again" not in first.log() + second.log()
    route.finish(f"a second pump joined and left {rounds} times", first)


def test_poison_goes_aside_and_holds_nothing_up(route, make, scale):
    refused = route.topics.create("refused")
    pump = make(route.definition(refused=refused))
    pump.start()
    poison = [b"", b"\xff\xfe", b"{", b'{"n": "no number"}', b'{"n": {"x": 1}}', b'["none"]', b"x" * 100_000]
    route.fill(route.count // 2)
    route.topics.produce(route.topic, poison)
    route.fill()
    wait_for("the poison is aside", lambda: len(route.topics.values(refused)) >= len(poison), pump)
    route.finish("poison", pump)
    aside = route.topics.values(refused)
    assert len(aside) == len(poison)
    # A document that does not fit the mapping was parsed by then.
    assert sorted(value.replace(b" ", b"") for value in aside) == sorted(value.replace(b" ", b"") for value in poison)
