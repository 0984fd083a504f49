"""How long a pattern of `re` can take: an upper bound as a power of the length of the text.

`re` tries, and where it fails goes back to the last place with another way. A repetition whose characters can also be what
follows has as many ways as it has rounds, and each of them tries the rest anew: degrees add up. One whose characters cannot be
what follows has one way. A repetition of something that has several ways itself is exponential.
"""

from __future__ import annotations

import re
from re import _constants as codes  # type: ignore[attr-defined]  # what `re` itself parses with; there is no public way
from re import _parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

_ALL = frozenset(range(256))
"""Every character; 255 stands for itself and all above."""

_MOST_PARTS = 3000
_MARK = "mark"
"""Code of an item of ours: a set of characters that may follow."""


class Cost(NamedTuple):
    """At most `factor * n ** degree` steps for a text of n characters; more than any number if `factor` is infinite."""

    degree: int
    factor: float

    def longest(self, steps: int) -> int:
        """Return for how many characters so many steps suffice."""
        if self.factor > steps:
            return 0
        if self.degree <= 1:
            return int(100 * steps / self.factor)  # as long as reading the text takes: nothing else would be faster
        return int((steps / self.factor) ** (1 / self.degree))


_ENDLESS = Cost(0, float("inf"))


def cost_of(pattern: str) -> Cost:
    """Return a bound for a search with a pattern.

    Raises:
        re.error: It is none.
    """
    tree = _parser.parse(pattern)
    items = list(tree)
    anchored = bool(items) and items[0] == (codes.AT, codes.AT_BEGINNING) and not tree.state.flags & re.MULTILINE
    try:
        cost = _Judge().failing(items)
    except _TooLarge:
        return _ENDLESS
    # A search tries from every character, and reads what it finds once.
    return Cost(max(cost.degree + (0 if anchored else 1), 1), cost.factor)


class _TooLarge(Exception):
    """The pattern has too many parts to look at."""


class _Judge:
    """Bounds the time in which items fail; what cannot fail any more takes none."""

    def __init__(self) -> None:
        self._parts = 0

    def failing(self, items: list[Any]) -> Cost:
        """Return the cost of trying all ways of items that follow each other."""
        items = _flat(items)
        self._parts += len(items)
        if self._parts > _MOST_PARTS:
            raise _TooLarge
        cost = Cost(0, 1)
        for index in reversed(range(len(items))):
            cost = self._before(items[index], items[index + 1 :], cost)
        return cost

    def _before(self, item: Any, rest: list[Any], cost: Cost) -> Cost:
        """Return the cost of an item and the rest, whose cost is known."""
        code, argument = item
        if code in (codes.MAX_REPEAT, codes.MIN_REPEAT):
            return self._repeated(argument, rest, cost)
        if code in (codes.POSSESSIVE_REPEAT, codes.ATOMIC_GROUP):
            inner = self.failing(list(argument[2] if code is codes.POSSESSIVE_REPEAT else argument))
            return Cost(max(inner.degree + 1, cost.degree), inner.factor * cost.factor)
        if code is codes.BRANCH:
            sides = [self.failing([*branch, *rest]) for branch in argument[1]]
            shared = _overlap([_firsts(list(branch))[0] for branch in argument[1]])
            factor = max(side.factor for side in sides) * (len(sides) if shared else 1)
            return Cost(max(side.degree for side in sides), factor)
        if code in (codes.ASSERT, codes.ASSERT_NOT):
            inner = self.failing(list(argument[1]))
            return Cost(inner.degree + 1 + cost.degree, inner.factor * cost.factor)
        if code in (codes.GROUPREF, codes.GROUPREF_EXISTS):
            return _ENDLESS
        return cost

    def _repeated(self, argument: Any, rest: list[Any], cost: Cost) -> Cost:
        least, most, body = argument
        body = _flat(list(body))
        first, _ = _firsts(body)
        following, _ = _firsts(rest)
        moves = bool(rest) and bool(first & following)
        inner = Cost(0, 1)
        if not (len(body) == 1 and _is_one_character(body[0])):
            # Within a round: what follows a round is another one, or the rest.
            inner = self.failing([*body, (_MARK, first | following)])
            if most != codes.MAXREPEAT and int(most) <= 1:
                ways = 2 if moves or inner.degree else 1
                return Cost(inner.degree + cost.degree, inner.factor * cost.factor * ways)
            if not self._has_one_way(body, first | following):
                return _ENDLESS
        if not rest:
            return Cost(max(inner.degree, cost.degree), cost.factor)  # the first way is the answer
        if not moves:
            return Cost(max(1, inner.degree, cost.degree), cost.factor)
        if most != codes.MAXREPEAT and int(most) - int(least) < 50:
            return Cost(max(inner.degree, cost.degree), cost.factor * (int(most) - int(least) + 1))
        return Cost(max(inner.degree, 1 + cost.degree), cost.factor)

    def _has_one_way(self, body: list[Any], following: frozenset[int]) -> bool:
        """Tell whether there is at most one way in which rounds of a body can share given characters."""
        items = [*body, (_MARK, following)]
        for index, (code, argument) in enumerate(items):
            rest = items[index + 1 :]
            if code in (codes.MAX_REPEAT, codes.MIN_REPEAT):
                inner = _flat(list(argument[2]))
                first, empty = _firsts(inner)
                if argument[0] != argument[1] and (empty or first & _firsts(rest)[0]):
                    return False
                if not self._has_one_way(inner, first | _firsts(rest)[0]):
                    return False
            elif code is codes.BRANCH:
                sides = [_flat(list(branch)) for branch in argument[1]]
                if _overlap([_firsts(side)[0] if side else frozenset() for side in sides]):
                    return False
                # An empty side is as good as what follows.
                if any(_firsts(side)[1] and _firsts(other)[0] & _firsts(rest)[0] for side in sides for other in sides):
                    return False
                if not all(self._has_one_way(side, _firsts(rest)[0]) for side in sides):
                    return False
            elif code not in (_MARK, codes.AT) and not _is_one_character((code, argument)):
                return False
        return True


def _flat(items: list[Any]) -> list[Any]:
    """Return items with those of groups in their place."""
    found: list[Any] = []
    for code, argument in items:
        if code is codes.SUBPATTERN:
            found += _flat(list(argument[3]))
        else:
            found.append((code, argument))
    return found


def _firsts(items: list[Any]) -> tuple[frozenset[int], bool]:
    """Return the characters that items can begin with, and whether they can be empty."""
    found: frozenset[int] = frozenset()
    for item in items:
        first, may_be_empty = _firsts_of(item)
        found |= first
        if not may_be_empty:
            return found, False
    return found, True


def _firsts_of(item: Any) -> tuple[frozenset[int], bool]:
    code, argument = item
    if _is_one_character(item):
        return _characters(item), False
    if code == _MARK:
        return argument, False
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
        first, empty = _firsts(list(argument[2]))
        return first, empty or argument[0] == 0
    if code is codes.SUBPATTERN:
        return _firsts(list(argument[3]))
    if code is codes.ATOMIC_GROUP:
        return _firsts(list(argument))
    if code is codes.BRANCH:
        sides = [_firsts(list(branch)) for branch in argument[1]]
        return frozenset[int]().union(*(first for first, _ in sides)), any(empty for _, empty in sides)
    return _ALL, True  # the end of a line, an assertion, a reference: anything may be there


def _overlap(sets: list[frozenset[int]]) -> bool:
    return sum(map(len, sets)) > len(frozenset[int]().union(*sets))


def _is_one_character(item: Any) -> bool:
    return item[0] in (codes.LITERAL, codes.NOT_LITERAL, codes.IN, codes.ANY)


def _characters(item: Any) -> frozenset[int]:
    """Return the characters that one item takes, in either case: flags can change within a pattern."""
    code, argument = item
    if code is codes.ANY:
        return _ALL
    if code is codes.LITERAL:
        return _cases(argument)
    if code is codes.NOT_LITERAL:
        return _ALL - ({argument} if argument < 255 else set())
    found: frozenset[int] = frozenset()
    negated = False
    for kind, value in argument:
        if kind is codes.NEGATE:
            negated = True
        elif kind is codes.LITERAL:
            found |= frozenset({min(value, 255)}) if negated else _cases(value)
        elif kind is codes.RANGE:
            chars = range(value[0], min(value[1], 255) + 1)
            found |= frozenset(chars) if negated else frozenset[int]().union(*map(_cases, chars))
            found |= {255} if value[1] >= 255 else frozenset()
        else:
            found |= _CATEGORIES[value]
    # What is above 254 is in a set and in its opposite: it stands for many characters.
    return (_ALL - found) | {255} if negated else found


def _cases(char: int) -> frozenset[int]:
    return frozenset(min(ord(one), 255) for text in (chr(char), chr(char).lower(), chr(char).upper()) for one in text)


def _category(pattern: str) -> frozenset[int]:
    taken = re.compile(pattern)
    return frozenset(char for char in range(255) if taken.fullmatch(chr(char))) | {255}


_CATEGORIES = {
    codes.CATEGORY_DIGIT: _category(r"\d"), codes.CATEGORY_NOT_DIGIT: _category(r"\D"), codes.CATEGORY_SPACE: _category(r"\s"),
    codes.CATEGORY_NOT_SPACE: _category(r"\S"), codes.CATEGORY_WORD: _category(r"\w"), codes.CATEGORY_NOT_WORD: _category(r"\W"),
}  # fmt: skip
