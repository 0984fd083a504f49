"""Random pumps for the property tests: a plan, the pump made from it, and a simple model of what it must do.

An event is `(number, path)`: its number in the source, and which copy of which generator it is. Whatever a step does depends
only on the event and the step, so that the model needs no engine: it walks the plan, event by event.
"""

from __future__ import annotations

import asyncio
import collections
import dataclasses
from typing import Any

from hypothesis import strategies as st

from bspump_like import Drop, Generator, Outcome, Processor, Reject, Sink, ThreadedProcessor
from bspump_like.common import InternalSource, TeeProcessor
from bspump_like.store import Store
from tests.pumping import Patient, add

Event = tuple[int, tuple[int, ...]]
FOREVER = 1_000_000


@dataclasses.dataclass(frozen=True)
class Step:
    """A processor that does `act` to about one event in `every`, and lets the others pass."""

    kind: str
    act: str
    every: int
    fails: int
    number: int = 0

    def hits(self, event: Event) -> bool:
        return (event[0] * 7 + sum(event[1]) * 3 + self.number) % self.every == 0


@dataclasses.dataclass(frozen=True)
class Expand:
    """A generator that makes 0 to 3 events of each."""

    kind: str
    number: int = 0

    def children(self, event: Event) -> list[Event]:
        return [(event[0], (*event[1], copy)) for copy in range((event[0] + self.number) % 4)]


@dataclasses.dataclass(frozen=True)
class State:
    """A processor that remembers every event, with snapshots."""

    number: int = 0


@dataclasses.dataclass(frozen=True)
class Tee:
    """Copies to the second pipeline."""

    number: int = 0


@dataclasses.dataclass(frozen=True)
class Policy:
    """`on_error` of a pipeline."""

    action: str
    attempts: int = 0

    def config(self) -> Any:
        action: Any = {"route": "E"} if self.action == "route" else self.action
        if not self.attempts:
            return action
        return {"retry": {"attempts": self.attempts, "backoff": 0.0005, "max_backoff": 0.001}, "then": action}


@dataclasses.dataclass(frozen=True)
class Plan:
    """Two pipelines, P and D, and E for errors."""

    count: int
    batch_size: int
    main: tuple[Any, ...]
    main_policy: Policy
    side: tuple[Any, ...]
    side_policy: Policy

    def chains(self) -> dict[str, tuple[tuple[Any, ...], Policy]]:
        return {"P": (self.main, self.main_policy), "D": (self.side, self.side_policy)}


def plans(*, stop: bool = True, count: int = 40) -> st.SearchStrategy[Plan]:
    """Return random plans; `stop`: some halt, and must be mended."""
    kinds = st.sampled_from(["plain", "plain", "async", "threaded"])
    acts = st.sampled_from(["pass", "drop", "Drop", "reject", "fail", "fail"])
    steps = st.builds(Step, kinds, acts, st.integers(2, 9), st.sampled_from([1, 2, FOREVER]))
    expands = st.builds(Expand, st.sampled_from(["inline", "task"]))
    parts = st.one_of(steps, steps, expands, st.builds(State))
    actions = ["drop", "dead_letter", "route"] + (["stop"] if stop else [])
    policies = st.builds(Policy, st.sampled_from(actions), st.integers(0, 2))

    def numbered(chain: list[Any], base: int) -> tuple[Any, ...]:
        return tuple(dataclasses.replace(part, number=base + index) for index, part in enumerate(chain))

    def plan(
        count: int, batch: int, main: list[Any], tee: int | None, mine: Policy, side: list[Any], other: Policy
    ) -> Plan:
        if tee is not None:
            main = [*main[:tee], Tee(), *main[tee:]]
        return Plan(count, batch, numbered(main, 0), mine, numbered(side, 100), other)

    return st.builds(
        plan, st.integers(0, count), st.integers(1, 12), st.lists(parts, max_size=5), st.none() | st.integers(0, 5), policies,
        st.lists(parts, max_size=2), policies,
    ).map(_mendable)  # fmt: skip


def _mendable(plan: Plan) -> Plan:
    """Let nothing fail for ever where it would halt for ever."""

    def mended(chain: tuple[Any, ...], policy: Policy) -> tuple[Any, ...]:
        if policy.action != "stop":
            return chain
        return tuple(
            dataclasses.replace(part, fails=2) if isinstance(part, Step) and part.fails == FOREVER else part
            for part in chain
        )

    return dataclasses.replace(plan, main=mended(plan.main, plan.main_policy), side=mended(plan.side, plan.side_policy))


# The model


class Model:
    """What must come of the first `count` events of a plan."""

    def __init__(self, plan: Plan, count: int | None = None) -> None:
        self.plan = plan
        self.sinks: dict[str, list[Event]] = {"P": [], "D": [], "E": []}
        self.dead: list[Event] = []
        self.state: dict[int, list[Event]] = collections.defaultdict(list)
        self.dropped: collections.Counter[str] = collections.Counter()
        self.outcomes: dict[int, Outcome] = {}
        for number in range(plan.count if count is None else count):
            self.outcomes[number] = self._walk("P", 0, (number, ()))

    def _walk(self, name: str, place: int, event: Event) -> Outcome:
        chain, policy = self.plan.chains()[name]
        for at in range(place, len(chain)):
            match chain[at]:
                case State(number):
                    self.state[number].append(event)
                case Tee():
                    return max(self._walk("D", 0, event), self._walk(name, at + 1, event))
                case Expand() as part:
                    ends = [self._walk(name, at + 1, child) for child in part.children(event)]
                    return max(ends, default=Outcome.DROPPED)
                case Step() as part if part.hits(event) and part.act != "pass":
                    if part.act in ("drop", "Drop"):
                        self.dropped[name] += 1
                        return Outcome.DROPPED
                    if part.act == "reject":
                        return self._give_up(policy, event, Outcome.REJECTED)
                    if policy.action != "stop" and part.fails > policy.attempts:
                        return self._give_up(policy, event, Outcome.FAILED)
        self.sinks[name].append(event)
        return Outcome.PROCESSED

    def _give_up(self, policy: Policy, event: Event, outcome: Outcome) -> Outcome:
        if policy.action == "dead_letter" or (policy.action == "stop" and outcome is Outcome.REJECTED):
            self.dead.append(event)
        elif policy.action == "route":
            self.sinks["E"].append(event)
        return outcome

    def keeps_order(self) -> bool:
        """Tell whether the sink of P gets its events in the model's order."""
        blocked = self.plan.main_policy.action == "stop"
        unordered = any(
            (isinstance(part, Expand) and part.kind == "task")
            or (isinstance(part, Step) and part.act == "fail" and part.kind != "plain" and blocked)
            for part in self.plan.main
        )
        return not unordered and not self.plan.main_policy.attempts


# The pump


class World:
    """What lies outside of a run, and outlives it: the durable end of each sink, and how often what has failed."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.durable: dict[str, list[Event]] = {"P": [], "D": [], "E": []}
        self.failed: collections.Counter[tuple[int, Event]] = collections.Counter()
        self.states: dict[int, StateProcessor] = {}
        self.settled: list[tuple[Event, Outcome]] = []
        self.broken: list[str] = []
        """Promises of barriers that were not kept."""
        self.moments = 0
        self.at_moment = lambda moment: None
        self.mends = True

    def moment(self) -> None:
        """Note one more moment at which a pump may die or be stopped."""
        self.moments += 1
        self.at_moment(self.moments)

    def act(self, part: Step, event: Event) -> Event | None:
        if not part.hits(event) or part.act == "pass":
            return event
        if part.act == "drop":
            return None
        if part.act == "Drop":
            raise Drop("dropped")
        if part.act == "reject":
            raise Reject("rejected")
        self.failed[part.number, event] += 1
        if self.failed[part.number, event] <= part.fails:
            raise ValueError("failed")
        return event


class StateProcessor(Processor):
    def __init__(self, app, pipeline, number, world):
        super().__init__(app, pipeline, f"State{number}")
        self.seen = []
        world.states[number] = self

    def process(self, context, event):
        self.seen.append(event)
        return event

    def snapshot(self):
        return list(self.seen)

    def restore(self, state):
        self.seen = list(state)


class DurableSink(Sink):
    """Buffers; a flush makes what it began with durable, a while later."""

    def __init__(self, app, pipeline, world):
        super().__init__(app, pipeline)
        self.world, self.buffer = world, []

    def process(self, context, event):
        self.buffer.append(event)
        self.world.moment()

    async def flush(self):
        taken, self.buffer = self.buffer, []
        await asyncio.sleep(0)
        self.world.durable[self.Pipeline.Id] += taken
        self.world.moment()
        await asyncio.sleep(0)
        self.world.moment()


class CheckedSource(Patient):
    """Checks the promise of every barrier against the model."""

    def __init__(self, app, pipeline, world):
        plan = world.plan
        super().__init__(app, pipeline, [(n, ()) for n in range(plan.count)], "S", {"batch_size": plan.batch_size})
        self.world = world

    async def commit(self, position):
        await super().commit(position)
        try:
            await self._check()
        except AssertionError as error:
            self.world.broken.append(str(error))  # the pump takes it for an error to be mended
            raise
        self.world.moment()

    async def _check(self):
        model, world = Model(self.world.plan, self.committed), self.world
        for name, expected in model.sinks.items():
            missing = collections.Counter(expected) - collections.Counter(world.durable[name])
            assert not missing, f"{self.committed} was committed, but {missing} is not durable in {name}"
        store = self.App.pump_service.store
        dead = collections.Counter(letter.event for letter in await store.call(Store.dead_letters))
        assert not collections.Counter(model.dead) - dead, (
            f"{self.committed} was committed without {model.dead} in {dead}"
        )
        for name in ("P", "D"):
            states = await store.call(Store.snapshots, name)
            for key, state in states.items():
                expected = model.state[int(key.removeprefix("State"))]
                assert sorted(state) == sorted(expected), f"the snapshot of {key} at {self.committed}"
        settled = {event[0] for event, _ in world.settled}
        assert not self.settles or settled >= set(range(self.committed)), "a barrier passed what has not settled"


class SettlingSource(CheckedSource):
    settles = True

    async def read(self):
        batch = await super().read()
        return batch._replace(contexts=[{"source": event} for event in batch.events])

    async def settle(self, context, outcome, result, error):
        self.world.settled.append((context["source"], outcome))


class _Expand(Generator):
    def __init__(self, app, pipeline, part):
        super().__init__(app, pipeline, f"Expand{part.number}")
        self.part = part


class InlineExpand(_Expand):
    def generate(self, context, event, depth):
        for child in self.part.children(event):
            self.Pipeline.inject(context, child, depth)


class TaskExpand(_Expand):
    async def generate(self, context, event, depth):
        for child in self.part.children(event):
            await asyncio.sleep(0)
            await self.Pipeline.inject(context, child, depth)


def _step(part, world):
    class Plain(Processor):
        def process(self, context, event):
            return world.act(part, event)

    class Async(Processor):
        async def process(self, context, event):
            for _ in range(event[0] % 3):
                await asyncio.sleep(0)
            return world.act(part, event)

    class Threaded(ThreadedProcessor):
        def process(self, context, event):
            return world.act(part, event)

    cls = {"plain": Plain, "async": Async, "threaded": Threaded}[part.kind]
    return lambda app, pipeline: cls(app, pipeline, f"Step{part.number}", {"concurrency": 3})


def _part(part, world):
    match part:
        case Step():
            return _step(part, world)
        case Expand():
            cls = InlineExpand if part.kind == "inline" else TaskExpand
            return lambda app, pipeline: cls(app, pipeline, part)
        case State(number):
            return lambda app, pipeline: StateProcessor(app, pipeline, number, world)
        case Tee():
            return lambda app, pipeline: TeeProcessor(app, pipeline, config={"targets": ["D"]})


def build(world: World, source: type[CheckedSource] = CheckedSource) -> Any:
    """Return what adds the pump of a plan to an application; pipelines that halt are mended at once."""

    def mend(_message, pipeline):
        pipeline.Loop.call_soon(pipeline.set_error, None, None, None)

    def built(app):
        app.mend = mend  # asab's PubSub keeps no subscriber alive
        for name, (chain, policy) in world.plan.chains().items():
            first = (lambda a, p: source(a, p, world)) if name == "P" else InternalSource
            pipeline = add(
                app, name, first, *(_part(part, world) for part in chain), lambda a, p: DurableSink(a, p, world),
                config={"on_error": policy.config()},
            )  # fmt: skip
            if world.mends:
                pipeline.PubSub.subscribe("bspump.pipeline.error!", mend)
        add(app, "E", InternalSource, lambda a, p: DurableSink(a, p, world))

    return built
