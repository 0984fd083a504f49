"""Assignments: fields from expressions, all of them in one function and all or none."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import ProcessingError
from .access import shown
from .compiler import Code, Compiler
from .error import ExpressionError
from .functions.table import MAX_TEXT
from .generated import Scope
from .program import Evaluate, Source, build
from .reading import fields_of
from .runtime import explanation

MAX_BITS = 1024
"""Of the largest whole number that an assignment may make by multiplying."""

_SIZED = frozenset({str, bytes, list, tuple, dict})


class Assignment(NamedTuple):
    """One field to set.

    Attributes:
        target: `name`, `a.b`, `context.name`; a name with other signs than letters, digits and `_` means that field.
        source: What it is set to.
        named: Name of a function or value that only this source knows -> what it means.
    """

    target: str
    source: Source
    named: Mapping[str, Any] = {}


def compile_assignments(
    assignments: Mapping[str, str] | Sequence[Assignment], *, names: Mapping[str, Any] | None = None
) -> Evaluate:
    """Return a function that sets fields of an event in place.

    Args:
        assignments: Target -> expression, in the order in which they are computed; later ones may read what earlier ones set.
        names: See `compile_expression`.

    Returns:
        A function of context and event that returns the event. It raises ProcessingError, which names the field; then event
        and context are as they were.

    Raises:
        ExpressionError: An expression is none, or it reads what cannot be read any more.
    """
    if isinstance(assignments, Mapping):
        assignments = [Assignment(target, _named_source(target, text)) for target, text in assignments.items()]
    known = dict(names or {})
    for assignment in assignments:
        known.update(assignment.named)
    targets = [_Target.of(assignment.target) for assignment in assignments]
    _check_order(assignments, targets, known)

    def body(compiler: Compiler, scope: Scope) -> list[str]:
        lines, writes = [], []
        for assignment, target in zip(assignments, targets, strict=True):
            compiler.grows = False
            code = compiler.write(*assignment.source)
            result = compiler.declare("r")
            lines += [f"{result} = {code.text}", *(_limited(result, code, scope) if compiler.grows else [])]
            if target.path:
                path = scope.bind(target.path)
                lines.append(f"{scope.bind(_check_path)}({target.root}, {path})")
                writes.append(f"{scope.bind(_put)}({target.root}, {path}, {scope.bind(target.name)}, {result})")
            else:
                writes.append(f"{target.root}[{scope.bind(target.name)}] = {result}")
                if target.root == "event":
                    compiler.known[target.name] = Code(result, code.kind, code.nullable)
        return [*lines, *writes, "return event"]

    sources = [assignment.source for assignment in assignments]
    return build(sources, body, _explanation(assignments, targets, known), known)


def _named_source(target: str, text: Any) -> Source:
    try:
        return Source.of(text)
    except ExpressionError as error:
        raise ExpressionError(f"field '{target}': {error}") from None


class _Target(NamedTuple):
    """Where a value goes: `root`, `event` or `context`; the names of dicts on the way; its name there."""

    root: str
    path: tuple[str, ...]
    name: str

    @classmethod
    def of(cls, text: str) -> _Target:
        parts = text.split(".")
        if not all(part.isidentifier() for part in parts):
            return cls("event", (), text)
        root = parts.pop(0) if parts[0] in ("event", "context") and len(parts) > 1 else "event"
        return cls(root, tuple(parts[:-1]), parts[-1])

    @property
    def top(self) -> str:
        """The field of the event (or `context`) that changes."""
        return "context" if self.root == "context" else (*self.path, self.name)[0]


def _check_order(assignments: Sequence[Assignment], targets: list[_Target], known: Mapping[str, Any]) -> None:
    """Refuse what would read or overwrite something that is set in part: everything is written at the end."""
    partly: set[str] = set()
    for assignment, target in zip(assignments, targets, strict=True):
        read = {*fields_of(assignment.source.tree, known.keys()), *_whole(assignment.source.tree)}
        for name in sorted(read & partly):
            raise ExpressionError(
                f"field '{assignment.target}': `{assignment.source.text}` reads '{name}', of which a part is set before",
                hint="put it into a processor behind this one",
            )
        if target.path or target.root == "context":
            partly.add(target.top)
    whole = {target.name for target in targets if not target.path and target.root == "event"}
    for name in sorted(whole & partly):
        raise ExpressionError(f"field '{name}' is set, and a part of it, too", hint="use two processors")


def _whole(tree: ast.expr) -> Iterator[str]:
    return (node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "context")


def _limited(result: str, code: Code, scope: Scope) -> list[str]:
    if code.kind == "number":
        most = scope.bind(2**MAX_BITS)
        test = f"{result}.__class__ is int and not -{most} < {result} < {most}"
    elif code.kind == "text":
        test = f"{result} is not None and len({result}) > {scope.bind(MAX_TEXT)}"
    else:
        test = f"{result}.__class__ in {scope.bind(_SIZED)} and len({result}) > {scope.bind(MAX_TEXT)}"
    return [f"if {test}:", f"    {scope.bind(_too_large)}({result})"]


def _too_large(value: Any) -> None:
    if isinstance(value, int):
        raise ValueError(f"the result has {value.bit_length()} bits, more than {MAX_BITS}")
    raise ValueError(f"the result has {len(value)} characters or items, more than {MAX_TEXT}")


def _check_path(root: Any, path: tuple[str, ...]) -> None:
    for name in path:
        root = root.get(name)
        if root is None:
            return
        if not isinstance(root, dict):
            raise TypeError(f"'{name}' is {shown(root)}, and a field is to be set in it")


def _put(root: Any, path: tuple[str, ...], name: str, value: Any) -> None:
    for step in path:
        inner = root.get(step)
        if inner is None:
            inner = root[step] = {}
        root = inner
    root[name] = value


def _explanation(
    assignments: Sequence[Assignment], targets: list[_Target], known: Mapping[str, Any]
) -> Callable[[Exception, Any, Any], Exception]:
    """Return what finds out which assignment failed: it computes them again, one by one."""

    def explain(error: Exception, context: Any, event: Any) -> Exception:
        if not isinstance(event, Mapping):
            return ProcessingError(f"expected a dict to set fields in, got {type(event).__name__}", detail=shown(event))
        now = dict(event)
        for assignment, target in zip(assignments, targets, strict=True):
            source = assignment.source
            told = explanation(source.text, fields_of(source.tree, known.keys()))
            try:
                value = _alone(assignment, known, told)(context, now)
                _check_path(now if target.root == "event" else context, target.path)
            except (ProcessingError, TypeError) as found:
                said = found if isinstance(found, ProcessingError) else told(found, context, now)
                message = getattr(said, "message", str(said))
                return ProcessingError(f"field '{assignment.target}': {message}", detail=getattr(said, "detail", ""))
            if target.root == "event" and not target.path:
                now[target.name] = value
        return explanation("the fields", ())(error, context, event)

    return explain


def _alone(assignment: Assignment, known: Mapping[str, Any], told: Callable[..., Exception]) -> Evaluate:
    def body(compiler: Compiler, scope: Scope) -> list[str]:
        code = compiler.write(*assignment.source)
        return [f"r = {code.text}", *(_limited("r", code, scope) if compiler.grows else []), "return r"]

    return build([assignment.source], body, told, known)
