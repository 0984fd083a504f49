"""From a checked syntax tree to the text of a Python expression.

    where:  duration - pause > 0.5
    becomes ((t0 := event.get(c0)) is not None and (t1 := event.get(c1)) is not None and (t0 - t1) > c2)

None is looked for only where it can be and where it matters. What a definition says never stands in the text: names and values
are bound to names of ours.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from . import access
from .error import ExpressionError
from .functions import FUNCTIONS, Function
from .generated import Scope
from .reading import LITERALS
from .refused import REFUSED, nearest_function, refused_construct, refused_operator
from .syntax import MAX_INTEGER, column

Kind = Literal["number", "text", "flag", "any"]


class Code(NamedTuple):
    """A piece of text.

    Attributes:
        text: An expression of Python that can stand anywhere: a name, a call, or something in parentheses.
        kind: What its value is, if that is known.
        nullable: It may be None.
    """

    text: str
    kind: Kind = "any"
    nullable: bool = True


class Local(NamedTuple):
    """Among `names`: a further argument of the function.

    Attributes:
        text: Its name there.
    """

    text: str


_ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
}  # fmt: skip
_ORDER: dict[type[ast.cmpop], str] = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_EQUALITY: dict[type[ast.cmpop], str] = {ast.Eq: "==", ast.NotEq: "!="}


class Compiler:
    """Writes the expressions of one function.

    Args:
        scope: Where names and values are bound.
        names: What names mean besides the fields of the event: values, and functions by callables.
    """

    def __init__(self, scope: Scope, names: Mapping[str, Any]) -> None:
        """Begin with an empty function."""
        self._scope = scope
        self._names = names
        self._temporaries = 0
        self._text = ""
        self.known: dict[str, Code] = {}
        """Fields whose value a variable holds already."""
        self.grows = False
        """Something was written whose value can be much larger than its parts; reset it at will."""

    def declare(self, name: str) -> str:
        """Return a name for a variable of the function."""
        self._temporaries += 1
        return f"{name}{self._temporaries - 1}"

    def write(self, tree: ast.expr, text: str) -> Code:
        """Return the code of an expression.

        Args:
            tree: Of `parse`.
            text: What was parsed, for messages.

        Raises:
            ExpressionError: Something that is not in the language.
        """
        self._text = text
        return self._visit(tree)

    def read_field(self, name: str) -> str:
        """Return the code that reads a field of the event."""
        return f"event.get({self._scope.bind(name)})"

    # One method for each kind of node

    def _visit(self, node: ast.expr) -> Code:
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None or type(node) in REFUSED:
            raise refused_construct(node, self._text)
        code: Code = method(node)
        return code

    def _constant(self, node: ast.Constant) -> Code:
        value = node.value
        if value is None:
            return Code("None")
        if isinstance(value, bool):
            return Code(str(value), "flag", nullable=False)
        if isinstance(value, int) and abs(value) > MAX_INTEGER:
            raise self._error(f"the number is larger than {MAX_INTEGER}", node)
        if isinstance(value, int | float):
            return Code(self._scope.bind(value), "number", nullable=False)
        if isinstance(value, str):
            return Code(self._scope.bind(value), "text", nullable=False)
        raise self._error(f"there is no {type(value).__name__} here", node)

    def _name(self, node: ast.Name) -> Code:
        name = node.id
        if name in LITERALS:
            return self._constant(ast.Constant(LITERALS[name]))
        if name in ("event", "context"):
            return Code(name, nullable=False)
        if isinstance(self._names.get(name), Local):
            return Code(self._names[name].text)
        if name in self._names and not callable(self._names[name]):
            return Code(self._scope.bind(self._names[name]))
        return self._field(name, node)

    def _field(self, name: str, node: ast.expr) -> Code:
        if name.startswith("__"):
            raise self._error(f"'{name}' is no name of a field", node, 'write event["__..."] if it is')
        if name in self.known:
            return self.known[name]
        return Code(self.read_field(name))

    def _attribute(self, node: ast.Attribute) -> Code:
        return self._item(node, node.value, node.attr)

    def _subscript(self, node: ast.Subscript) -> Code:
        index = node.slice
        if isinstance(index, ast.Constant) and isinstance(index.value, str):
            return self._item(node, node.value, index.value)
        base = self._visit(node.value).text
        if isinstance(index, ast.Slice):
            if index.step is not None:
                raise self._error("a slice has a beginning and an end, no step", index.step)
            return self._slice(base, index)
        return Code(f"{self._scope.bind(access.item)}({base}, {self._visit(index).text})")

    def _slice(self, base: str, index: ast.Slice) -> Code:
        begin, end = (self._visit(one).text if one is not None else "None" for one in (index.lower, index.upper))
        held = self.declare("t")
        inline = f"{held}[{begin}:{end}] if ({held} := {base}).__class__ is str"
        return Code(f"({inline} else {self._scope.bind(access.part)}({held}, {begin}, {end}))")

    def _item(self, node: ast.expr, of: ast.expr, name: str) -> Code:
        if isinstance(of, ast.Name) and of.id == "event":
            if isinstance(node, ast.Attribute) or name in self.known:
                return self._field(name, node)
            return Code(self.read_field(name))
        if isinstance(node, ast.Attribute) and name.startswith("__"):
            raise self._error(f"'{name}' is no name of a field", node, 'write ["__..."] if it is')
        bound = self._scope.bind(name)
        if isinstance(of, ast.Name) and of.id == "context":
            return Code(f"context.get({bound})")
        base, held = self._visit(of).text, self.declare("t")
        # Plain dicts without a call of ours; objects of other kinds never have their attributes read.
        inline = f"{held}.get({bound}) if ({held} := {base}).__class__ is dict"
        return Code(f"({inline} else {self._scope.bind(access.member)}({held}, {bound}))")

    def _boolop(self, node: ast.BoolOp) -> Code:
        parts = [self._visit(part) for part in node.values]
        word = " and " if isinstance(node.op, ast.And) else " or "
        kind: Kind = "flag" if all(part.kind == "flag" for part in parts) else "any"
        return Code(f"({word.join(part.text for part in parts)})", kind, any(part.nullable for part in parts))

    def _unaryop(self, node: ast.UnaryOp) -> Code:
        if isinstance(node.op, ast.Not):
            return Code(f"(not {self._visit(node.operand).text})", "flag", nullable=False)
        return self._strict(node, "None")

    def _binop(self, node: ast.BinOp) -> Code:
        return self._strict(node, "None")

    def _compare(self, node: ast.Compare) -> Code:
        kinds = [type(op) for op in node.ops]
        if all(kind in _ORDER for kind in kinds):
            return self._strict(node, "False")
        if all(kind in _EQUALITY for kind in kinds):
            operands = [self._visit(part).text for part in (node.left, *node.comparators)]
            signs = [_EQUALITY[kind] for kind in kinds]
            pairs = "".join(f" {sign} {operand}" for sign, operand in zip(signs, operands[1:], strict=True))
            return Code(f"({operands[0]}{pairs})", "flag", nullable=False)
        if len(kinds) > 1:
            raise self._error("comparisons of different kinds cannot follow each other", node, "join them with 'and'")
        if issubclass(kinds[0], ast.Is | ast.IsNot):
            return self._identity(node)
        return self._membership(node)

    def _identity(self, node: ast.Compare) -> Code:
        word = "is" if isinstance(node.ops[0], ast.Is) else "is not"
        right = node.comparators[0]
        value = right.value if isinstance(right, ast.Constant) else LITERALS.get(getattr(right, "id", ""), right)
        if value is not None:
            raise self._error(f"'{word}' is for null only", right, f"write '{'==' if word == 'is' else '!='}'")
        return Code(f"({self._visit(node.left).text} {word} None)", "flag", nullable=False)

    def _membership(self, node: ast.Compare) -> Code:
        negated = isinstance(node.ops[0], ast.NotIn)
        container = node.comparators[0]
        left = self._visit(node.left).text
        values = _constants(container)
        if isinstance(container, ast.Name) and isinstance(self._names.get(container.id), frozenset):
            values = self._names[container.id]
        if values is not None:
            text = f"{left} in {self._scope.bind(values)}"
        else:
            text = f"{self._scope.bind(access.contains)}({self._visit(container).text}, {left})"
        return Code(f"(not ({text}))" if negated else f"({text})", "flag", nullable=False)

    def _ifexp(self, node: ast.IfExp) -> Code:
        # A chain of them without parentheses within: of those Python takes no more than 200.
        values, texts = [], []
        last: ast.expr = node
        while isinstance(last, ast.IfExp):
            test, then = self._visit(last.test), self._visit(last.body)
            values.append(then)
            texts.append(f"{then.text} if {test.text} else ")
            last = last.orelse
        values.append(self._visit(last))
        kind: Kind = values[0].kind if len({value.kind for value in values}) == 1 else "any"
        return Code(f"({''.join(texts)}{values[-1].text})", kind, any(value.nullable for value in values))

    def _list(self, node: ast.List | ast.Tuple) -> Code:
        return Code(f"[{', '.join(self._visit(item).text for item in node.elts)}]", nullable=False)

    _tuple = _list

    def _dict(self, node: ast.Dict) -> Code:
        items = []
        for key, value in zip(node.keys, node.values, strict=True):
            if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
                raise self._error("the keys of {...} are texts", key or value, 'write {"name": value}')
            items.append(f"{self._scope.bind(key.value)}: {self._visit(value).text}")
        return Code(f"{{{', '.join(items)}}}", nullable=False)

    # What is None when a part is None

    def _strict(self, node: ast.expr, otherwise: str) -> Code:
        tests: list[str] = []
        if isinstance(node, ast.Compare):
            operands = [self._operand(part, tests)[0] for part in (node.left, *node.comparators)]
            signs = [_ORDER[type(op)] for op in node.ops]
            text = operands[0] + "".join(f" {s} {o}" for s, o in zip(signs, operands[1:], strict=True))
            kind: Kind = "flag"
        else:
            text, kind = self._operand(node, tests)
        if not tests:
            return Code(f"({text})", kind, nullable=False)
        if otherwise == "False":
            return Code(f"({' and '.join(f'{test} is not None' for test in tests)} and {text})", kind, nullable=False)
        return Code(f"(None if {' or '.join(f'{test} is None' for test in tests)} else {text})", kind)

    def _operand(self, node: ast.expr, tests: list[str]) -> tuple[str, Kind]:
        """Return the text and the kind of a part of an arithmetic expression; what may be None is put into `tests`."""
        if isinstance(node, ast.BinOp):
            if type(node.op) not in _ARITHMETIC:
                raise refused_operator(node, self._text)
            left, right = self._operand(node.left, tests), self._operand(node.right, tests)
            return self._combined(_ARITHMETIC[type(node.op)], left, right)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            sign = "-" if isinstance(node.op, ast.USub) else "+"
            return f"({sign}{self._operand(node.operand, tests)[0]})", "number"
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert):
            raise refused_construct(node, self._text, node.op)
        code = self._visit(node)
        return self._tested(code, tests), code.kind

    def _tested(self, code: Code, tests: list[str]) -> str:
        """Return the text of a value that is not None; put what must be compared with None for that into `tests`."""
        if not code.nullable:
            return code.text
        if code.text.isidentifier() and code.text != "None":
            if code.text not in tests:
                tests.append(code.text)
            return code.text
        held = self.declare("t")
        tests.append(f"({held} := {code.text})")
        return held

    def _combined(self, sign: str, left: tuple[str, Kind], right: tuple[str, Kind]) -> tuple[str, Kind]:
        (a, a_kind), (b, b_kind) = left, right
        if sign == "+":
            kind: Kind = "number" if "number" in (a_kind, b_kind) else "text" if "text" in (a_kind, b_kind) else "any"
            self.grows = self.grows or kind != "number"
            return f"({a} + {b})", kind
        # The unary plus refuses text: `text * 10**9` and `text % value` would make texts of any length.
        if sign in "*%" and a_kind not in ("number", "flag"):
            a = f"+{a}"
        if sign == "*":
            self.grows = True
            if b_kind not in ("number", "flag"):
                b = f"+{b}"
        return f"({a} {sign} {b})", "number"

    # Functions

    def _call(self, node: ast.Call) -> Code:
        if not isinstance(node.func, ast.Name):
            hint = f"write {node.func.attr}(...)" if isinstance(node.func, ast.Attribute) else ""
            raise self._error("only functions are called here, by their name", node.func, hint)
        if node.keywords:
            raise self._error("arguments of functions have no names here", node.keywords[0].value)
        name = node.func.id
        given = self._names.get(name)
        if callable(given):
            return Code(f"{self._scope.bind(given)}({', '.join(self._visit(part).text for part in node.args)})")
        function = FUNCTIONS.get(name)
        if function is None:
            own = [key for key, value in self._names.items() if callable(value)]
            raise self._error(f"there is no function '{name}'", node, nearest_function(name, [*FUNCTIONS, *own]))
        least, most = function.takes
        if not least <= len(node.args) <= most:
            wanted = f"{least}" if least == most else f"{least} to {most}" if most < 100 else f"at least {least}"
            raise self._error(f"{name} takes {wanted} arguments, not {len(node.args)}", node, function.usage)
        return self._call_known(function, node)

    def _call_known(self, function: Function, node: ast.Call) -> Code:
        self.grows = self.grows or function.grows
        if function.provided:
            raise self._error(f"{function.name}(...) is not available here", node)
        if function.name == "coalesce":
            return self._coalesce(node)
        if function.name == "exists":
            return Code(f"({self._visit(node.args[0]).text} is not None)", "flag", nullable=False)
        arguments = [self._visit(part) for part in node.args]
        call = function.call
        if function.prepare is not None:
            constants = [part.value if isinstance(part, ast.Constant) else ... for part in node.args]
            try:
                prepared = function.prepare(constants)
            except ValueError as error:
                raise self._error(f"{function.name}: {error}", node) from None
            if prepared is not None:
                call, left = prepared
                arguments = [arguments[index] for index in left]
        return self._called(function, call, arguments)

    def _called(self, function: Function, call: Callable[..., Any], arguments: list[Code]) -> Code:
        """Return the call of a function, with the tests for None before it that it does not make itself."""
        tests: list[str] = []
        checked = 0 if function.takes_none else 1 if function.nullable else len(arguments)
        texts = [self._tested(code, tests) if index < checked else code.text for index, code in enumerate(arguments)]
        text = f"{self._scope.bind(call)}({', '.join(texts)})"
        if not tests:
            return Code(text, function.kind, function.nullable)
        if function.nullable:
            return Code(f"(None if {tests[0]} is None else {text})", function.kind)
        return Code(
            f"({' and '.join(f'{test} is not None' for test in tests)} and {text})", function.kind, nullable=False
        )

    def _coalesce(self, node: ast.Call) -> Code:
        *firsts, last = node.args
        texts = []
        for part in firsts:
            held = self.declare("t")
            texts.append(f"{held} if ({held} := {self._visit(part).text}) is not None else ")
        code = self._visit(last)
        return Code(f"({''.join(texts)}{code.text})", "any", code.nullable)

    # Messages

    def _error(self, message: str, node: ast.AST, hint: str = "") -> ExpressionError:
        return ExpressionError(message, column=column(node, self._text), text=self._text, hint=hint)


def _constants(node: ast.expr) -> frozenset[Any] | None:
    """Return the values of a list of constants; None for anything else."""
    if not isinstance(node, ast.List | ast.Tuple | ast.Set):
        return None
    values = []
    for item in node.elts:
        if isinstance(item, ast.Name) and item.id in LITERALS:
            values.append(LITERALS[item.id])
        elif isinstance(item, ast.Constant):
            values.append(item.value)
        elif isinstance(item, ast.UnaryOp) and isinstance(item.op, ast.USub) and isinstance(item.operand, ast.Constant):
            if not isinstance(item.operand.value, int | float):
                return None
            values.append(-item.operand.value)
        else:
            return None
    return frozenset(values)
