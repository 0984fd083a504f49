"""When each kind of trigger fires."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

from bspump_like.testing import fresh_application
from bspump_like.trigger import (
    CronTrigger,
    OpportunisticTrigger,
    PeriodicTrigger,
    PubSubTrigger,
    RunOnceTrigger,
    Trigger,
)
from tests.trigger.ticking import run, settle


def test_opportunistic_goes_on_at_once_while_there_is_something():
    async def script(app, trigger, sources):
        await sources[0].reached(100)
        await settle()

    # The hundredth cycle finds the last event; the one after it finds nothing, so nothing follows for an hour.
    assert run(lambda app: OpportunisticTrigger(app, chilldown_period=3600), script, found=100)[0].cycles == 101


def test_opportunistic_looks_again_after_the_chilldown_period():
    async def script(app, trigger, sources):
        await sources[0].reached(3)

    run(lambda app: OpportunisticTrigger(app, chilldown_period=0.01), script)


def test_opportunistic_may_begin_with_the_chilldown_period():
    async def script(app, trigger, sources):
        await settle()

    assert run(lambda app: OpportunisticTrigger(app, run_immediately=False), script)[0].cycles == 0


def test_opportunistic_goes_on_at_once_when_the_pause_is_over():
    async def script(app, trigger, sources):
        await sources[0].reached(1)
        trigger.pause()
        trigger.pause(False)
        await sources[0].reached(2)

    run(lambda app: OpportunisticTrigger(app, chilldown_period=3600), script)


def test_periodic_fires_at_every_interval():
    async def script(app, trigger, sources):
        await sources[0].reached(3)

    run(lambda app: PeriodicTrigger(app, 0.01), script)


def test_periodic_waits_for_the_first_interval():
    async def script(app, trigger, sources):
        await settle()

    assert run(lambda app: PeriodicTrigger(app, 3600), script)[0].cycles == 0


def test_periodic_skips_what_a_blocked_loop_missed_and_keeps_its_grid():
    begun = []

    async def script(app, trigger, sources):
        await sources[0].reached(1)
        begun.append(trigger._next - trigger.Interval)
        cycles = sources[0].cycles
        time.sleep(0.1)  # the blocked loop is what is tested
        await sources[0].reached(cycles + 1)
        begun.append(trigger._next)
        begun.append(sources[0].cycles)

    run(lambda app: PeriodicTrigger(app, 0.02), script)
    first, following, cycles = begun
    steps = (following - first) / 0.02
    assert abs(steps - round(steps)) < 1e-6
    assert cycles < round(steps)


def test_run_once_is_one_cycle_of_each_source_and_then_the_end():
    sources = run(RunOnceTrigger, sources=3, found=1, ends_itself=True)
    assert [(source.cycles, source.finished) for source in sources] == [(1, True)] * 3


def test_run_once_paused_before_it_fires_waits():
    def make(app):
        trigger = RunOnceTrigger(app)
        trigger.pause()
        return trigger

    async def script(app, trigger, sources):
        await settle()
        assert sources[0].cycles == 0
        assert not trigger.exhausted
        trigger.pause(False)

    assert run(make, script, ends_itself=True)[0].cycles == 1


def test_run_once_beside_another_trigger_does_not_end_the_source():
    async def script(app, trigger, sources):
        await sources[0].reached(1)
        await settle()
        app.PubSub.publish("more!")
        await sources[0].reached(2)

    run(RunOnceTrigger, script, beside=lambda app: PubSubTrigger(app, "more!"))


def test_pubsub_fires_for_each_of_its_messages():
    async def script(app, trigger, sources):
        for number, message in enumerate(["first!", "second!"], 1):
            app.PubSub.publish(message, "with", something="more")
            await sources[0].reached(number)
            await settle()
        app.PubSub.publish("third!")
        await settle()

    assert run(lambda app: PubSubTrigger(app, ["first!", "second!"]), script)[0].cycles == 2


def test_pubsub_listens_where_it_is_told_to():
    async def script(app, trigger, sources):
        other = sources[0].Pipeline.PubSub
        sources[0].on(PubSubTrigger(app, "here!", pubsub=other))
        app.PubSub.publish("here!")
        await settle()
        assert sources[0].cycles == 0
        other.publish("here!")
        await sources[0].reached(1)

    run(Trigger, script)


def test_cron_fires_on_second_boundaries():
    fired = []

    async def script(app, trigger, sources):
        await sources[0].reached(1)
        fired.append((time.time(), trigger.next_fire_at))

    run(lambda app: CronTrigger(app, "* * * * * *"), script)
    (moment, following) = fired[0]
    assert following == int(following)
    assert moment >= following - 1


class FakeClock:
    """A wall clock that is set by hand."""

    def __init__(self, text: str) -> None:
        self.set(text)

    def set(self, text: str) -> None:
        self.seconds = datetime.fromisoformat(text).timestamp()

    def __call__(self) -> float:
        return self.seconds


def test_cron_follows_a_changed_wall_clock_over_the_end_of_summer_time():
    clock = FakeClock("2025-10-26T01:59:00+02:00")

    async def script(app, trigger, sources):
        async def cycles_at(text):
            clock.set(text)
            trigger.on_timer()
            await settle()
            return sources[0].cycles

        assert await cycles_at("2025-10-26T02:29:59+02:00") == 0
        assert await cycles_at("2025-10-26T02:30:00+02:00") == 1
        assert await cycles_at("2025-10-26T02:30:00+01:00") == 1
        assert await cycles_at("2025-10-27T02:29:59+01:00") == 1
        assert await cycles_at("2025-10-27T02:30:00+01:00") == 2

    run(lambda app: CronTrigger(app, "30 2 * * *", timezone="Europe/Prague", now=clock), script)


def test_cron_fires_once_for_the_times_it_was_suspended():
    clock = FakeClock("2026-01-01T00:30:00+00:00")

    async def script(app, trigger, sources):
        clock.set("2026-01-01T09:10:00+00:00")
        trigger.on_timer()
        await settle()
        assert trigger.next_fire_at == datetime.fromisoformat("2026-01-01T10:00:00+00:00").timestamp()

    assert run(lambda app: CronTrigger(app, "@hourly", timezone="UTC", now=clock), script)[0].cycles == 1


def test_timers_end_with_the_application():
    with fresh_application() as app:
        trigger = PeriodicTrigger(app, 0.001)
        app.PubSub.publish("Application.exit!")

        async def some_turns():
            fired = trigger.LastFireAt
            await asyncio.sleep(0.01)
            return fired

        assert app.Loop.run_until_complete(some_turns()) == trigger.LastFireAt == 0.0
