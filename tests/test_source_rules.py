"""Ways in which data gets lost quietly, forbidden over the syntax tree (style: habits)."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

import pytest

from tests.source_tree import source_files

BROAD = {"Exception", "BaseException"}
# File -> functions that may, with the reason: what they do is not on the way of an event.
ALLOWED = {
    "service.py": {"_quietly": "stopping one part must not keep the others open"},
}
LOG_METHODS = {"debug", "info", "warning", "error", "exception", "critical", "log", "print"}


def swallowed_errors(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Find handlers of any error that do nothing about it: at most a line in the log."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and _is_broad(node.type) and all(map(_does_nothing, node.body)):
            yield node.lineno, "catches every error and only logs it; catch the narrow class, or let it rise"
        if isinstance(node, ast.Call) and _name(node.func) == "suppress" and any(_name(arg) in BROAD for arg in node.args):
            yield node.lineno, "suppresses every error; name the narrow class"


def commits_in_finally(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Find what commits even when the work before it has failed."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Try | ast.TryStar):
            for statement in node.finalbody:
                for call in ast.walk(statement):
                    if isinstance(call, ast.Call) and "commit" in _name(call.func).lower():
                        yield call.lineno, "commits in a `finally`, so after a failure too; commit behind the last step"


def tasks_without_owner(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Find tasks whose end nobody sees: the result of creating them is thrown away."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
            function = node.value.func
            owned = _name(function.value) in ("group", "_group", "TaskGroup")
            if (function.attr == "create_task" and not owned) or ast.unparse(function) == "asyncio.ensure_future":
                yield node.lineno, "starts a task that nobody awaits; keep it, or use a TaskGroup"


def _is_broad(caught: ast.expr | None) -> bool:
    if isinstance(caught, ast.Tuple):
        return any(map(_is_broad, caught.elts))
    return caught is None or _name(caught) in BROAD


def _does_nothing(statement: ast.stmt) -> bool:
    match statement:
        case ast.Pass() | ast.Continue() | ast.Break() | ast.Return(value=None | ast.Constant()):
            return True
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Expr(value=ast.Call(func=function)):
            return _name(function) in LOG_METHODS
    return False


def _name(node: ast.expr) -> str:
    """Return the last part of a dotted name; '' when it is none."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _function_around(tree: ast.AST, line: int) -> str:
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    around = [node for node in functions if node.lineno <= line <= (node.end_lineno or 0)]
    return max(around, key=lambda node: node.lineno).name if around else ""


Rule = Callable[[ast.AST], Iterator[tuple[int, str]]]
RULES: list[Rule] = [swallowed_errors, commits_in_finally, tasks_without_owner]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_package_keeps_the_rule(rule):
    problems = [
        f"{file.path}:{line}: {what}"
        for file in source_files()
        for line, what in rule(file.tree)
        if _function_around(file.tree, line) not in ALLOWED.get(str(file.path), ())
    ]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(
    ("rule", "program", "found"),
    [
        (swallowed_errors, "try: f()\nexcept: pass", 1),
        (swallowed_errors, "try: f()\nexcept Exception: L.exception('oh')", 1),
        (swallowed_errors, "try: f()\nexcept (OSError, Exception) as e:\n  self.L.warning(e)\n  return None", 1),
        (swallowed_errors, "with contextlib.suppress(BaseException): f()", 1),
        (swallowed_errors, "try: f()\nexcept OSError: L.exception('oh')", 0),
        (swallowed_errors, "try: f()\nexcept Exception as error: self.fail(error)", 0),
        (swallowed_errors, "try: f()\nexcept Exception:\n  L.error('oh')\n  raise", 0),
        (commits_in_finally, "try: f()\nfinally: await self.source.commit(1)", 1),
        (commits_in_finally, "try: f()\nfinally:\n  if x:\n    commit_offsets()", 1),
        (commits_in_finally, "try: f()\nfinally: close()\ncommit()", 0),
        (tasks_without_owner, "asyncio.create_task(f())", 1),
        (tasks_without_owner, "self.Loop.create_task(f())", 1),
        (tasks_without_owner, "asyncio.ensure_future(f())", 1),
        (tasks_without_owner, "task = asyncio.create_task(f())", 0),
        (tasks_without_owner, "group.create_task(f())", 0),
    ],
)
def test_rule_finds_what_it_forbids_and_nothing_else(rule, program, found):
    assert len(list(rule(ast.parse(program)))) == found
