"""Branches written in place: each becomes an ordinary pipeline with a predictable id: address, metrics, dead letters work.

    processors:
    - {when: delay > 60, branch: {processors: [...], sink: {...}}}          # these events leave for the branch
    - case: [{when: carrier == "UA", branch: {...}}, {branch: {...}}]       # the first case that holds takes the event
    - {fork: {sink: {...}}}                                                 # a copy of every event
    config:
      on_error: {route: {processors: [...], sink: {...}}}                   # events that fail

The branch of step S in pipeline P is the pipeline `P-S`; S is the id of the branch, else that of its step, else `when`,
`case-1`, `else`, `fork`, `errors`. A branch of `case` without a sink gives its events back: what follows the step is then
the pipeline `P-S-rest`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..config import nearest
from ..errors import Problem
from .origins import Origin, Origins
from .steps import BRANCH_KEYS, STEP_KEYS, WAY_KEYS, Names, divide, kinds_of

_ROUTES = ("route", "then")
_INHERITED = ("on_error", "commit_interval")
"""Options that a branch has from its pipeline. The interval: pipelines that are linked share their barriers, the least counts."""
_ANY_SINK = {"class": "NullSink"}
"""In place of one that is missing, which is said: the rest is checked all the same, and never run."""


class Branches:
    """Writes out the branches of a tree.

    Args:
        origins: Of the tree, in which no template is left.

    Attributes:
        problems: What is wrong, with file and line.
    """

    def __init__(self, origins: Origins) -> None:
        """Look at nothing yet."""
        self.problems: list[Problem] = []
        self._origins = origins
        self._pipelines: list[Any] = []

    def write_out(self) -> None:
        """Replace the branches of all pipelines, those of branches too, by components and pipelines."""
        pipelines = self._origins.tree.get("pipelines")
        if not isinstance(pipelines, list):
            return
        self._pipelines = pipelines
        for index, pipeline in enumerate(pipelines):  # grows meanwhile: branches have branches
            if isinstance(pipeline, dict) and isinstance(_name(pipeline), str):
                _Pipeline(self, pipeline, self._origins.at(("pipelines", index))).write_out()

    def add(self, pipeline: dict[str, Any], origin: Origin) -> None:
        """Add a pipeline that was made from a branch."""
        self._pipelines.append(pipeline)
        self._origins.mark(pipeline, origin)

    def member(self, owner: Any, key: str | int, origin: Origin) -> tuple[Any, Origin]:
        """Return a member of a part, and where it was written."""
        return self._origins.step(owner, key, origin)

    def mark(self, part: Any, origin: Origin) -> None:
        """Note where a part was written that was made or moved."""
        self._origins.mark(part, origin)

    def mark_member(self, owner: Any, key: str | int, origin: Origin) -> None:
        """Note where a member of a part was written."""
        self._origins.mark_member(owner, key, origin)

    def say(self, message: str, origin: Origin, hint: str = "") -> None:
        """Report a mistake."""
        self.problems.append(origin.locate(Problem(message, hint=hint)))


class _Pipeline:
    """One pipeline whose branches are written out."""

    def __init__(self, branches: Branches, pipeline: dict[str, Any], origin: Origin) -> None:
        self._branches = branches
        self._pipeline = pipeline
        self._origin = origin
        self._id = str(_name(pipeline))

    def write_out(self) -> None:
        """Write out the branches of error routes first: those of steps inherit them."""
        self._route_errors_of(self._pipeline, self._origin, "errors")
        steps, origin = self._branches.member(self._pipeline, "processors", self._origin)
        if isinstance(steps, list):
            self._write_out_steps(steps, origin)
            for index, step in enumerate(steps):
                self._route_errors_of(step, self._branches.member(steps, index, origin)[1], f"{_name(step)}-errors")
        sink, origin = self._branches.member(self._pipeline, "sink", self._origin)
        self._route_errors_of(sink, origin, f"{_name(sink)}-errors")

    def _write_out_steps(self, steps: list[Any], origin: Origin) -> None:
        names = Names(steps)
        for index, step in enumerate(steps):
            kinds = kinds_of(step)
            if not kinds:
                continue
            _, place = self._branches.member(steps, index, origin)
            name = names.of(step, kinds[0])
            before = len(self._branches.problems)
            if len(kinds) > 1:
                said = " and ".join(f"'{kind}'" for kind in kinds)
                self._branches.say(f"a step has {said}, and may have only one of them", place, "make two steps of it")
            else:
                self._check_keys(step, STEP_KEYS[kinds[0]], f"a step with '{kinds[0]}'", place)
                made = self._component_of(kinds[0], steps, index, name, place)
                if made is None:
                    return
            if len(self._branches.problems) > before:
                made = _component("TeeProcessor", name, {}, {})  # sound, so that nothing more is said about this step
            steps[index] = made
            self._branches.mark(made, place)

    def _component_of(self, kind: str, steps: list[Any], index: int, name: str, place: Origin) -> dict[str, Any] | None:
        """Return the component that does what a step says; None when it has become the sink, and nothing follows it."""
        step = steps[index]
        if kind == "when":
            return _component("DivertProcessor", name, step, self._divert(step, name, place))
        if kind == "fork":
            return _component("TeeProcessor", name, step, self._fork(step, name, place))
        cases = self._cases(step, name, place)
        if self._ends_with(cases, steps, index, name, place):
            return None
        return _component("SwitchProcessor", name, step, cases.config)

    # when

    def _divert(self, step: dict[str, Any], name: str, place: Origin) -> dict[str, Any]:
        condition, origin = self._branches.member(step, "when", place)
        target, from_ = self._way(step, name, place, "when")
        config = {"when": condition, "target": target}
        self._mark_all(config, when=origin, target=from_)
        return config

    # fork

    def _fork(self, step: dict[str, Any], name: str, place: Origin) -> dict[str, Any]:
        written = step["fork"]
        many = isinstance(written, list)
        targets: list[Any] = []
        origins = []
        for index, one in enumerate(written if many else [written]):
            origin = place.below("fork", index) if many else place.below("fork")
            label = f"{name}-{index + 1}" if many else name
            if isinstance(one, str):
                targets.append(one)
            else:
                targets.append(self._branch(one, label, origin, "fork"))
            origins.append(origin)
        if not targets:
            self._branches.say("'fork' has no branch", place.below("fork"), '{"sink": ...}')
        config = {"targets": targets} | ({"copy_event": step["copy_event"]} if "copy_event" in step else {})
        for index, origin in enumerate(origins):
            self._branches.mark_member(targets, index, origin)
        self._mark_all(config, **{key: place.below("fork" if key == "targets" else key) for key in config})
        return config

    # case

    def _cases(self, step: dict[str, Any], name: str, place: Origin) -> _Cases:
        written = step["case"]
        found = _Cases()
        if not isinstance(written, list) or not written:
            self._branches.say("'case' must be a list of cases", place.below("case"), '[{"when": ..., "branch": ...}]')
            return found
        for index, case in enumerate(written):
            origin = place.below("case", index)
            if not isinstance(case, dict):
                self._branches.say("a case must be an object", origin, '{"when": ..., "branch": ...}')
                continue
            self._check_keys(case, ("when", "id", "description", *WAY_KEYS), "a case", origin)
            is_last = "when" not in case
            if is_last and index < len(written) - 1:
                message = "a case without 'when' takes all that is left, and here others follow it"
                self._branches.say(message, origin, "give it a condition, or put it last")
            label = str(case.get("id") or (("else" if name == "case" else f"{name}-else") if is_last else f"{name}-{index + 1}"))
            target, from_ = self._way(case, label, origin, "case", found)
            if is_last:
                found.config["default"] = target
                self._branches.mark_member(found.config, "default", from_)
            else:
                condition, from_when = self._branches.member(case, "when", origin)
                made = {"when": condition, "target": target}
                found.config["cases"].append(made)
                self._branches.mark(made, origin)
                self._mark_all(made, when=from_when, target=from_)
        self._branches.mark(found.config["cases"], place.below("case"))
        return found

    def _ends_with(self, cases: _Cases, steps: list[Any], index: int, name: str, place: Origin) -> bool:
        """Make a sink of the switch when events must not go on behind it in this pipeline; return whether that was so."""
        sink, behind = self._pipeline.get("sink"), steps[index + 1 :]
        is_end = not behind and sink is None
        if not is_end and not cases.giving_back:
            return False
        if is_end and cases.giving_back:
            message = "a branch without a sink gives its events back, and nothing follows this step"
            self._branches.say(message, place, "give the branch a sink, or the pipeline")
            for pipeline, _ in cases.giving_back:
                pipeline["sink"] = dict(_ANY_SINK)
            cases.giving_back.clear()
        rest = f"{self._id}-{name}-rest"
        if not is_end:
            self._continue(rest, steps, index, place)
        for pipeline, origin in cases.giving_back:
            pipeline["sink"] = {"class": "InternalSink", "config": {"target": rest}}
            self._branches.mark(pipeline["sink"], origin)
        if not is_end and "default" not in cases.config:
            cases.config["default"] = rest
        del steps[index:]
        made = _component("SwitchSink", name, {}, cases.config)
        self._pipeline["sink"] = made
        self._branches.mark(made, place)
        return True

    def _continue(self, rest: str, steps: list[Any], index: int, place: Origin) -> None:
        """Make a pipeline of what follows a step: events come there from this pipeline and from branches."""
        _, origin = self._branches.member(self._pipeline, "processors", self._origin)
        behind = steps[index + 1 :]
        for number, step in enumerate(behind, index + 1):
            if isinstance(step, dict):
                self._branches.mark(step, self._branches.member(steps, number, origin)[1])
        config = self._inherited({}, place, _INHERITED)
        made = {"id": rest, "source": {"class": "InternalSource"}, "processors": behind, "config": config}
        sink, origin = self._branches.member(self._pipeline, "sink", self._origin)
        if sink is not None:
            made["sink"] = sink
            if isinstance(sink, dict):
                self._branches.mark(sink, origin)
        above = self._pipeline.get("config")
        if isinstance(above, dict) and isinstance(above.get("error_scopes"), list):
            names = {str(_name(step)) for step in [*behind, sink]}
            above["error_scopes"], config["error_scopes"] = divide(above["error_scopes"], names)
        self._branches.add(made, place)

    # Branches

    def _way(
        self, written: dict[str, Any], label: str, origin: Origin, kind: str, cases: _Cases | None = None
    ) -> tuple[Any, Origin]:
        """Return the address that `branch` or `to` means, and where it was written."""
        given = [key for key in WAY_KEYS if written.get(key) is not None]
        if not given and any(nearest(key, WAY_KEYS).startswith("did") for key in written if key not in STEP_KEYS[kind]):
            return "", origin  # misspelled, which is said
        if len(given) != 1:
            message = f"'{kind}' needs 'branch', a pipeline in place, or 'to', the address of another"
            self._branches.say(message + (", not both" if given else ""), origin)
            return "", origin
        _, place = self._branches.member(written, given[0], origin)
        if given[0] == "branch":
            return self._branch(written["branch"], label, place, kind, cases), place
        if not isinstance(written["to"], str):
            self._branches.say("'to' must be text, the address of a pipeline", place)
        return written["to"], place

    def _branch(self, written: Any, label: str, origin: Origin, kind: str, cases: _Cases | None = None) -> str:
        """Make a pipeline of a branch and return its id."""
        if not isinstance(written, dict):
            self._branches.say("a branch must be an object", origin, '{"processors": [...], "sink": {...}}')
            return ""
        self._check_keys(written, BRANCH_KEYS, "a branch", origin)
        made = {
            "id": f"{self._id}-{written.get('id') or label}", "source": {"class": "InternalSource"},
            **{key: written[key] for key in ("processors", "sink", "description") if written.get(key) is not None},
        }  # fmt: skip
        config = written.get("config")
        made["config"] = self._inherited(config, origin, _INHERITED if kind != "on_error" else ("commit_interval",))
        self._branches.mark(made["source"], origin)
        self._branches.add(made, origin)
        if "sink" not in made and not _ends_itself(made):
            if cases is None:
                hint = "its events do not come back; NullSink throws them away"
                self._branches.say(f"the branch of '{kind}' needs a sink", origin, hint)
                made["sink"] = dict(_ANY_SINK)
            else:
                cases.giving_back.append((made, origin))
        return str(made["id"])

    def _inherited(self, config: Any, origin: Origin, keys: tuple[str, ...]) -> Any:
        """Return the options of a branch: some are those of its pipeline, unless it says otherwise."""
        above, place = self._branches.member(self._pipeline, "config", self._origin)
        config = {} if config is None else config
        if not isinstance(above, dict) or not isinstance(config, dict):
            return config
        made = dict(config)
        self._branches.mark(made, origin.below("config"))
        for key in keys:
            if key in above and key not in config:
                value, from_ = self._branches.member(above, key, place)
                made[key] = _plain(value)
                self._branches.mark_member(made, key, from_)
        return made

    # Error routes

    def _route_errors_of(self, part: Any, origin: Origin, label: str) -> None:
        config, place = self._branches.member(part, "config", origin)
        if not isinstance(config, dict):
            return
        self._route_errors(config.get("on_error"), place.below("on_error"), label)
        scopes, place = self._branches.member(config, "error_scopes", place)
        for index, scope in enumerate(scopes if isinstance(scopes, list) else ()):
            if isinstance(scope, dict):
                self._route_errors(scope.get("on_error"), place.below(index, "on_error"), f"{label}-{index + 1}")

    def _route_errors(self, policy: Any, origin: Origin, label: str) -> None:
        """Replace the branch in a policy by its address."""
        for key in _ROUTES if isinstance(policy, dict) else ():
            if key == "then":
                self._route_errors(policy.get("then"), origin.below("then"), label)
            elif isinstance(policy.get(key), dict):
                place = origin.below(key)
                policy[key] = self._branch(policy[key], label, place, "on_error")
                self._branches.mark_member(policy, key, place)

    def _check_keys(self, written: Mapping[str, Any], known: tuple[str, ...], what: str, origin: Origin) -> None:
        for key in written:
            if key not in known:
                self._branches.say(f"unknown key '{key}' in {what}", origin.below(key), nearest(key, known))

    def _mark_all(self, made: dict[str, Any], **origins: Origin) -> None:
        for key, origin in origins.items():
            self._branches.mark_member(made, key, origin)


class _Cases:
    """The cases of one step: the options of the switch, and the branches that give their events back."""

    def __init__(self) -> None:
        self.config: dict[str, Any] = {"cases": []}
        self.giving_back: list[tuple[dict[str, Any], Origin]] = []


def _component(cls: str, name: str, step: Mapping[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    made = {"id": name, "class": cls, "config": config}
    return made | ({"description": step["description"]} if step.get("description") else {})


def _name(part: Any) -> Any:
    return (part.get("id") or part.get("class") or "") if isinstance(part, Mapping) else ""


def _ends_itself(pipeline: Mapping[str, Any]) -> bool:
    """Tell whether the last step leads every event into branches, or is a sink that stands among the processors."""
    steps = pipeline.get("processors")
    last = steps[-1] if isinstance(steps, list) and steps else None
    return isinstance(last, dict) and ("case" in last or str(last.get("class", "")).endswith("Sink"))


def _plain(policy: Any) -> Any:
    if isinstance(policy, dict):
        return {key: _plain(value) for key, value in policy.items()}
    return [_plain(value) for value in policy] if isinstance(policy, list) else policy
