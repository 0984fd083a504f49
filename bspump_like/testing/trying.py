"""Run one case: the pump of its definition, isolated, fed with what is given, compared with what is expected."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from ..config import Option, Seconds
from ..errors import BSPumpError, ConfigError, Problem
from .cases import Case, CaseFile, case_file_of
from .clock import unix_seconds
from .expecting import mismatches
from .pump import PumpTimeout
from .running import PumpNotStarted
from .trial import Trial
from .values import read_value

Sections: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Of a configuration file: name -> key -> value."""


@dataclasses.dataclass
class Result:
    """How a case went.

    Attributes:
        case: The case.
        seconds: How long it took.
        mismatches: What is not as expected; empty when it passed.
        problems: Mistakes in the case or its definition; it did not run then.
        log: Warnings and errors of the pump.
    """

    case: Case
    seconds: float = 0.0
    mismatches: list[str] = dataclasses.field(default_factory=list)
    problems: list[Problem] = dataclasses.field(default_factory=list)
    log: list[str] = dataclasses.field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Tell whether all is as expected."""
        return not self.mismatches and not self.problems


def load_cases(path: str | os.PathLike[str]) -> list[Case]:
    """Return the cases of a file of cases, or of the one beside a definition, for `check_case` in a parametrized test.

    Raises:
        ConfigError: There is none, or something is wrong in it.
    """
    name = os.fspath(path)
    return CaseFile(case_file_of(name) or name).cases


def check_case(case: Case, *, allow: tuple[str, ...] = ()) -> None:
    """Run a case of `load_cases`.

    Args:
        case: The case.
        allow: Modules that the definition may load, besides those the file of cases allows.

    Raises:
        AssertionError: What came is not what the case expects, or the case is wrong; the message says it all.
    """
    result = run_case(case, allow=allow)
    if not result.passed:
        place = f"{case.file.path}:{case.line}: {case.name}"
        raise AssertionError("\n".join([place, *map(str, result.problems), *result.mismatches, *result.log]))


def run_case(case: Case, *, allow: tuple[str, ...] = (), config: Sections | None = None, timeout: float = 30.0) -> Result:
    """Run a case and return how it went.

    Args:
        case: The case.
        allow: Modules that the definition may load, besides those the file of cases allows.
        config: Sections of a configuration file; what the file of cases says wins.
        timeout: Seconds of real time that it may take.
    """
    result, began = Result(case), time.perf_counter()
    with _caught_log() as log:
        try:
            result.mismatches = list(_run(case, allow, config or {}, timeout))
        except ConfigError as error:
            result.problems = list(error.problems)
        except (PumpTimeout, PumpNotStarted) as error:
            result.mismatches = [str(error)]
    result.log = log.lines
    result.seconds = time.perf_counter() - began
    return result


def _run(case: Case, allow: tuple[str, ...], config: Sections, timeout: float) -> Iterator[str]:
    file = case.file
    sections = {name: {**config.get(name, {}), **file.config.get(name, {})} for name in {*config, *file.config}}
    trial = Trial(
        *file.definitions, config=sections, clock=_clock(case), allow=(*file.allow, *allow), overrides=case.get("set", []),
        timeout=timeout,
    )  # fmt: skip
    with trial:
        _mock(case, trial)
        for address in case.get("given", {}):
            _feed(case, trial, address)
        seconds = _advance(case)
        if seconds:
            trial.start()
            trial.advance(seconds)
        if seconds and not all(pipeline.is_finite() for pipeline in trial.pipelines.values()):
            trial.stop()  # a trigger that fires for ever
        else:
            trial.run()
        yield from mismatches(case, trial)


def _clock(case: Case) -> Any:
    clock = case.get("clock")
    try:
        return None if clock is None else unix_seconds(clock)
    except BSPumpError as error:
        raise case.problem(str(error), "clock") from None


def _advance(case: Case) -> float:
    value = case.get("advance", 0)
    if value and case.get("clock") is None:
        raise case.problem("'advance' needs 'clock', which says where it begins", "advance")
    try:
        seconds: float = Option("advance", Seconds, 0, "", ge=0).convert(value)
    except ValueError as error:
        raise case.problem(f"'advance' has {value!r}: {error}", "advance", hint="seconds, or text such as 5m") from None
    return seconds


def _mock(case: Case, trial: Trial) -> None:
    for address, mock in case.get("mocks", {}).items():
        answer = read_value(mock or {})
        try:
            trial.mock(address, **answer)
        except KeyError as error:
            raise case.problem(str(error.args[0]), "mocks", address) from None
    for address in case.get("real", []):
        try:
            _ = trial[address]
        except KeyError as error:
            raise case.problem(str(error.args[0]), "real") from None
    trial.isolate(keep=case.get("real", []))


def _feed(case: Case, trial: Trial, address: str) -> None:
    given = case.get("given", {})[address]
    if isinstance(given, list):
        given = {"events": given}
    events = [read_value(event) for event in given.get("events") or ()]
    if given.get("file"):
        events += _events_in(case, address, given["file"])
    contexts = given.get("contexts")
    if contexts is not None and len(contexts) != len(events):
        raise case.problem(f"{len(contexts)} contexts for {len(events)} events", "given", address, "contexts")
    try:
        trial.feed(address, *events, contexts=contexts)
    except KeyError as error:
        raise case.problem(str(error.args[0]), "given", address) from None
    except BSPumpError as error:
        raise case.problem(str(error), "given", address) from None


def _events_in(case: Case, address: str, name: str) -> list[Any]:
    """Return the events of a file: of `.json` its list, of `.ndjson` and `.jsonl` a value a line, of others the lines."""
    path = Path(case.file.path).parent / name
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            events = json.loads(text)
            return events if isinstance(events, list) else [events]
        if path.suffix in (".ndjson", ".jsonl"):
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        return text.splitlines()
    except OSError as error:
        message = f"cannot read {path}: {error.strerror}"
    except ValueError as error:
        message = f"{path} is not what its name says: {error}"
    raise case.problem(message, "given", address, "file", hint="it is looked for beside the file of cases")


class _Log(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name != "root":  # asab wonders at a handler that is there before its own
            self.lines.append(f"{record.levelname}: {record.getMessage()}")


@contextlib.contextmanager
def _caught_log() -> Iterator[_Log]:
    """Keep what the pump logs for the report; asab adds no handler of its own where there is one."""
    log, root = _Log(), logging.getLogger()
    root.addHandler(log)
    try:
        yield log
    finally:
        root.removeHandler(log)
