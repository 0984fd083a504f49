"""What becomes of the events of one pipeline that fail; `policy.py` says what may be asked for.

A halted event stays here, with the place where it failed. Clearing the error runs it again from there, so that stopping on an
error loses nothing and repeats nothing. Dead letters wait here for the next barrier, which stores them.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .abc import Context, Event, Generator, Outcome, ProcessorBase
from .abc.clock import wall_time
from .errors import BSPumpError, ConfigError, Drop, Problem, Reject
from .policy import ErrorPolicy, ErrorScope
from .settlement import hold, note, release
from .store import DeadLetter

if TYPE_CHECKING:
    from .pipeline import Pipeline

ATTEMPTS = "bspump.attempts"
"""Where the number of earlier tries of a deferred or replayed event stands in its context."""


class Halted(NamedTuple):
    """An event that stopped the pipeline, and where it goes on when the error is cleared."""

    depth: int
    place: int
    context: Context
    event: Event
    error: BaseException


class Failures:
    """Applies the error policies of one pipeline.

    Args:
        pipeline: The pipeline.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        """Begin with no failure."""
        self._pipeline = pipeline
        self._default = ErrorPolicy()
        self._own: dict[ProcessorBase, ErrorPolicy] = {}
        self._scopes: list[tuple[int, int, ErrorScope]] = []
        self._logged: dict[tuple[str, str], int] = {}
        self.count = 0
        """Events that raised, dropped ones among them; the pipeline subtracts it from what came out."""
        self.halted: list[Halted] = []
        self.resumed = 0
        """Halted events that were run again so far: a barrier that was waiting for their work waits once more."""
        self.dead_letters: list[DeadLetter] = []

    def configure(self, on_error: Any, scopes: Sequence[Any]) -> None:
        """Take the pipeline's policies; called once it is built.

        Raises:
            ConfigError: A policy is not understood or names an unknown processor.
        """
        problems: list[Problem] = []
        processors = list(self._pipeline.iter_processors())
        ids = [processor.Id for processor in processors]

        def policy_of(value: Any) -> ErrorPolicy:
            policy = ErrorPolicy.parse(value)
            self._connect_route(policy)
            return policy

        def scope_of(value: Any) -> ErrorScope:
            scope = ErrorScope.parse(value)
            self._connect_route(scope.policy)
            return scope

        def parsed(where: str, parse: Any, value: Any) -> Any:
            try:
                return parse(value)
            except ConfigError as error:
                problems.extend(
                    Problem(p.message, ("config",), f"pipeline {self._pipeline.Id}{where}", p.hint)
                    for p in error.problems
                )

        self._default = parsed("", policy_of, on_error or "stop")
        for processor in processors:
            value = processor.options.on_error
            if value:
                self._own[processor] = parsed(f", {processor.Id}", policy_of, value)
        self._scopes = []
        for value in scopes:
            scope = parsed("", scope_of, value)
            span = parsed("", lambda ids, scope=scope: scope.span(ids), ids) if scope else None
            if span:
                self._scopes.append((*span, scope))
        self._scopes.sort(key=lambda scope: scope[1] - scope[0])  # innermost first
        if problems:
            raise ConfigError(problems)

    def _connect_route(self, policy: ErrorPolicy) -> None:
        """Find the pipeline that a route leads to, now rather than at the first error."""
        if policy.route:
            self._pipeline.App.pump_service.connect_input(self._pipeline, policy.route)

    def failed(self, depth: int, index: int, error: BaseException, context: Context, inputs: Sequence[Event]) -> bool:
        """Take an event that raised; return True when the pipeline halts with it.

        Args:
            depth: Where it failed.
            index: Of the processor within the depth.
            error: What was raised.
            context: Of the event.
            inputs: What each processor of the depth up to this one was given.
        """
        self.count += 1
        pipeline, event = self._pipeline, inputs[-1]
        if isinstance(error, Drop):
            pipeline.counters.dropped += 1
            note(context, Outcome.DROPPED)
            return False
        processor = pipeline.processor_at(depth, index)
        try:
            soft = self._is_soft(error, context, event)
        except Exception as raised:  # the user's hook is wrong: the event has failed, with that error
            error, soft = raised, False
        if soft:
            pipeline.counters.warnings += 1
            self._log(processor, error, "ignored")
            pipeline.PubSub.publish("bspump.pipeline.warning!", pipeline=pipeline)
            note(context, Outcome.DROPPED, error)
            return False
        pipeline.counters.errors += 1
        policy, first = self._policy_of(processor, error)
        if policy.retry is not None and not isinstance(error, Reject):
            attempt = context.get(ATTEMPTS, 0) + 1
            if not policy.retry.defer:
                retry = self._retry(depth, index, policy, error, context, event)
                pipeline.start_retry(retry, depth, context, event, processor)
                return False
            if attempt <= policy.retry.attempts:
                self._defer(processor, policy, attempt, error, context, event)
                return False
        if first is not None and first.PipelineDepth == depth:
            entered = pipeline.index_at(depth, first)
            # Unknown when it began behind: in an asynchronous processor, or at a new try.
            if inputs[entered] is not None:
                event, index = inputs[entered], entered
        return self._give_up(policy, depth, index, processor, error, context, event)

    def reject(self, processor: ProcessorBase, context: Context, event: Event, error: BaseException) -> None:
        """Take an event that a sink was handed earlier and now knows can never be delivered.

        It goes where the policy says; `stop` means dead letter here, since one item that will never be taken must not block
        what can be.
        """
        self._pipeline.counters.errors += 1
        policy, _ = self._policy_of(processor, error)
        depth = processor.PipelineDepth
        refused = error if isinstance(error, Reject) else _as_reject(error)
        self._give_up(policy, depth, self._pipeline.index_at(depth, processor), processor, refused, context, event)

    def wait_behind(self, depth: int, place: int, context: Context, event: Event) -> None:
        """Keep an event that comes while others are halted, so that it does not overtake them."""
        hold(context)
        self.halted.append(Halted(depth, place, context, event, self.halted[0].error))

    def where_halted(self) -> str:
        """Return ` at ID` for the processor that an event has halted at, nothing when it was no event."""
        if not self.halted:
            return ""
        last = self.halted[-1]
        return f" at {self._pipeline.processor_at(last.depth, last.place).Id}"

    def resume(self) -> None:
        """Run the halted events again, from where they stopped; what fails once more halts once more."""
        halted, self.halted = self.halted, []
        self.resumed += len(halted)
        for number, one in enumerate(halted):
            self._pipeline.push(one.depth, one.context, one.event, start=one.place)
            release(one.context)
            if self.halted:
                self.halted += halted[number + 1 :]
                return

    def abandon(self) -> None:
        """Settle the halted events as failed: the pump stops, and they will be read again."""
        for one in self.halted:
            note(one.context, Outcome.FAILED, one.error)
            release(one.context)

    def log_repeats(self) -> None:
        """Log, in one line each, how often a failure that was logged once has come again; called now and then."""
        for (place, kind), count in self._logged.items():
            if count:
                self._pipeline.L.warning("%s: %s came %d more times", place, kind, count)
        self._logged = {key: 0 for key, count in self._logged.items() if count}

    def _is_soft(self, error: BaseException, context: Context, event: Event) -> bool:
        pipeline = self._pipeline
        if pipeline.handles_errors:
            return bool(pipeline.handle_error(error, context, event))
        if pipeline.catches_errors:
            return not pipeline.catch_error(error, event)
        return False

    def _policy_of(self, processor: ProcessorBase, error: BaseException) -> tuple[ErrorPolicy, ProcessorBase | None]:
        """Return the policy, and the first processor of the scope it comes from."""
        own = self._own.get(processor)
        if own is not None:
            return own, None
        if self._scopes:
            processors = list(self._pipeline.iter_processors())
            place = processors.index(processor)
            for first, last, scope in self._scopes:
                if first <= place <= last and scope.takes(error):
                    return scope.policy, processors[first]
        return self._default, None

    def _give_up(
        self, policy: ErrorPolicy, depth: int, index: int, processor: ProcessorBase, error: BaseException, context: Context,
        event: Event,
    ) -> bool:  # fmt: skip
        rejected = isinstance(error, Reject)
        action = "dead_letter" if rejected and policy.action == "stop" else policy.action
        if action == "stop":
            hold(context)
            self.halted.append(Halted(depth, index, context, event, error))
            self._pipeline.set_error(context, event, error)
            return True
        self._log(processor, error, action.replace("_", " "))
        if action == "dead_letter":
            self._keep(self._letter(depth, index, error, event, context))
        elif action == "route":
            self._pipeline.route_error(policy.route, processor, error, context, event)
        note(context, Outcome.REJECTED if rejected else Outcome.FAILED, error)
        return False

    def _letter(self, depth: int, index: int, error: BaseException, event: Event, context: Context) -> DeadLetter:
        kept = {key: value for key, value in context.items() if not key.startswith("bspump.")}
        letter = DeadLetter.of(self._pipeline.Id, self._pipeline.part_key(depth, index), error, event, kept)
        letter.attempts = context.get(ATTEMPTS, 0) + 1
        return letter

    def _keep(self, letter: DeadLetter) -> None:
        self._pipeline.counters.dead_letters += 1
        self.dead_letters.append(letter)
        self._pipeline.committer.touch()

    def _defer(
        self,
        processor: ProcessorBase,
        policy: ErrorPolicy,
        attempt: int,
        error: BaseException,
        context: Context,
        event: Event,
    ) -> None:
        depth = processor.PipelineDepth
        letter = self._letter(depth, self._pipeline.index_at(depth, processor), error, event, context)
        letter.state, letter.due, letter.attempts = "deferred", wall_time() + policy.wait(attempt), attempt
        self._log(processor, error, "deferred")
        self.dead_letters.append(letter)
        self._pipeline.committer.touch()
        note(context, Outcome.DEFERRED, error)

    async def _retry(
        self, depth: int, index: int, policy: ErrorPolicy, error: BaseException, context: Context, event: Event
    ) -> None:
        pipeline, retry = self._pipeline, policy.retry
        assert retry is not None
        processor = pipeline.processor_at(depth, index)
        self._log(processor, error, "tried again")
        for attempt in range(1, retry.attempts + 1):
            await asyncio.sleep(policy.wait(attempt))
            pipeline.counters.retries += 1
            try:
                result = await _process_again(processor, context, event, depth + 1)
            except Drop:
                pipeline.counters.dropped += 1
                note(context, Outcome.DROPPED)
                return
            except Reject as refused:
                error = refused
                break
            except Exception as again:  # the last one counts when the attempts are used up
                error = again
                continue
            pipeline.go_on_after(depth, index, context, event, result)
            return
        self._give_up(policy, depth, index, processor, error, context, event)

    def _log(self, processor: ProcessorBase, error: BaseException, fate: str) -> None:
        key = (processor.Id, type(error).__name__)
        if key in self._logged:
            self._logged[key] += 1
            return
        self._logged[key] = 0
        expected = isinstance(error, BSPumpError)
        self._pipeline.L.warning(
            "%s: %s, event %s", processor.Id, error if expected else f"{type(error).__name__}: {error}", fate,
            exc_info=None if expected else error,
        )  # fmt: skip


async def _process_again(processor: ProcessorBase, context: Context, event: Event, depth: int) -> Event:
    if isinstance(processor, Generator):
        # Awaited here, not started as one more task: its failure must count as a failure of this attempt.
        started: Any = processor.generate(context, event, depth)
        return await started if started is not None else None
    if processor.threaded:
        return await asyncio.to_thread(processor.process, context, event)
    result = processor.process(context, event)
    return await result if inspect.isawaitable(result) else result


def _as_reject(error: BaseException) -> Reject:
    refused = Reject(str(error))
    refused.__cause__ = error
    return refused
