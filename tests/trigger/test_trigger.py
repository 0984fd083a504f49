"""What all triggers have in common: overlap, limits, pauses, construction."""

from __future__ import annotations

import asyncio

import pytest

from bspump_like.errors import ConfigError
from bspump_like.testing import fresh_application
from bspump_like.trigger import PeriodicTrigger, PubSubTrigger, Trigger
from tests.trigger.ticking import run, settle


def test_each_firing_is_one_cycle():
    async def script(app, trigger, sources):
        for number in range(1, 4):
            trigger.fire()
            await sources[0].reached(number)
            await settle()

    assert run(Trigger, script)[0].cycles == 3


@pytest.mark.parametrize(("overlap", "cycles"), [("skip", 1), ("queue", 2)])
def test_firings_during_a_cycle(overlap, cycles):
    async def script(app, trigger, sources):
        sources[0].gate = asyncio.Event()
        trigger.fire()
        await sources[0].reached(1)
        trigger.fire()
        trigger.fire()
        sources[0].gate.set()
        await settle()

    assert run(lambda app: Trigger(app, overlap=overlap), script)[0].cycles == cycles


def test_no_more_sources_run_than_allowed_and_all_get_their_turn():
    most = []

    async def script(app, trigger, sources):
        gate = asyncio.Event()
        for source in sources:
            source.gate = gate
        trigger.fire()
        await settle()
        most.append(sum(source.running for source in sources))
        gate.set()
        await asyncio.gather(*(source.reached(1) for source in sources))

    sources = run(lambda app: Trigger(app, max_triggered=2), script, sources=5)
    assert most == [2]
    assert [source.cycles for source in sources] == [1] * 5


def test_paused_trigger_does_not_fire_and_tells_its_pipelines():
    told = []

    async def script(app, trigger, sources):
        def listen(message_type, pause):
            told.append(pause)

        sources[0].Pipeline.PubSub.subscribe("bspump.trigger.pause!", listen)
        trigger.pause()
        trigger.fire()
        await settle()
        assert sources[0].cycles == 0
        trigger.pause(False)
        trigger.fire()
        await sources[0].reached(1)

    run(Trigger, script)
    assert told == [True, False]


def test_removed_source_is_fired_no_more():
    async def script(app, trigger, sources):
        trigger.remove(sources[0])
        trigger.fire()
        await sources[1].reached(1)

    assert [source.cycles for source in run(Trigger, script, sources=2)] == [0, 1]


def test_failed_cycle_is_repeated_without_another_firing():
    async def script(app, trigger, sources):
        source = sources[0]
        cycle, failures = source.cycle, iter([OSError("the disk is away")])

        async def fail_once():
            for failure in failures:
                raise failure
            await cycle()

        source.cycle = fail_once
        source.options.reconnect_delay = 0.001
        await settle()
        trigger.fire()
        await source.reached(1)

    assert run(Trigger, script)[0].cycles == 1


def test_definition_gives_id_and_arguments_as_text_or_numbers():
    with fresh_application() as app:
        trigger = PeriodicTrigger.construct(app, {"id": "Nightly", "args": {"interval": "1d", "overlap": "queue"}})
    assert (trigger.Id, trigger.Interval, trigger.overlap) == ("Nightly", 86400, "queue")


@pytest.mark.parametrize(
    ("cls", "args", "said"),
    [
        (PeriodicTrigger, {"intervall": 5}, "did you mean 'interval'"),
        (PeriodicTrigger, {}, "has no 'interval'"),
        (PeriodicTrigger, {"interval": -1}, "expected a number > 0"),
        (PeriodicTrigger, {"interval": "soon"}, "'soon'"),
        (PeriodicTrigger, {"interval": 1, "overlap": "wait"}, "expected one of 'skip', 'queue'"),
        (PeriodicTrigger, {"interval": 1, "max_triggered": 0}, "expected a number >= 1"),
        (PubSubTrigger, {}, "'message_types' must be set"),
        (PubSubTrigger, {"message_types": []}, "at least one message type"),
    ],
)
def test_bad_argument_of_a_definition_is_named(cls, args, said):
    with fresh_application() as app, pytest.raises(ConfigError) as caught:
        cls.construct(app, {"args": args})
    assert said in str(caught.value)


def test_trigger_of_a_pump_that_never_runs_leaves_nothing_behind():
    with fresh_application() as app:
        PeriodicTrigger(app, 1)
        PubSubTrigger(app, "Application.tick!")
