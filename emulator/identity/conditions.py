"""Conditions of IAM bindings: the part of CEL that IAM's documentation uses.

What is not understood is not true: a binding whose condition cannot be read grants nothing, and the refusal says so.

Source:
    https://cloud.google.com/iam/docs/conditions-overview and conditions-attribute-reference: comparisons, `&&`, `||`,
    `!`, string functions, `request.time` with `timestamp()`, `duration()` and its parts, `api.getAttribute`, `hasOnly`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from emulator.core.failures import ApiFailure
from emulator.identity import cel

WITHOUT_A_VALUE = (TypeError, ValueError, OverflowError, ZoneInfoNotFoundError, OSError)
"""What evaluating raises where sorts of values are mixed, or a zone is none."""
DEEPEST = 60
"""Parts of parts that an expression may have: one has a meaning, or none, whoever asks and however deep its stack."""


class UnknownConditionError(Exception):
    """The emulator cannot tell whether a condition holds."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a condition is asked about.

    Attributes:
        attributes: Of the request, by the names that `api.getAttribute` knows; an absent one has its default.
    """

    name: str
    type: str
    service: str
    time: datetime
    attributes: Mapping[str, Any] = field(default_factory=dict)


Node = Callable[[Any], Any]
"""Gives a value of what an expression is asked about."""


def holds(expression: str, context: Context) -> bool:
    """Whether a condition is true.

    Raises:
        UnknownConditionError: It is none of those that the emulator can evaluate.
    """
    try:
        found = parsed(expression)(context)
    except (*WITHOUT_A_VALUE, ApiFailure) as error:
        raise UnknownConditionError(expression) from error
    if not isinstance(found, bool):
        raise UnknownConditionError(expression)
    return found


@lru_cache(maxsize=1024)
def parsed(expression: str) -> Node:
    """The function that an expression is."""
    return Meaning(expression).whole()


COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}
PARTS: dict[str, Callable[[datetime], int]] = {
    "getFullYear": lambda t: t.year,
    "getMonth": lambda t: t.month - 1,
    "getDate": lambda t: t.day,
    "getDayOfMonth": lambda t: t.day - 1,
    "getDayOfYear": lambda t: t.timetuple().tm_yday - 1,
    "getDayOfWeek": lambda t: t.isoweekday() % 7,
    "getHours": lambda t: t.hour,
    "getMinutes": lambda t: t.minute,
    "getSeconds": lambda t: t.second,
    "getMilliseconds": lambda t: t.microsecond // 1000,
}
"""Parts of a time, numbered as CEL does: January, Sunday and a month's first are 0; only `getDate` counts from 1."""


class Meaning:
    """Makes a function of an expression; where more is known than here, `part`, `asked` and `methods` are added to."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._depth = 0

    def whole(self) -> Node:
        """What all of it means.

        Raises:
            UnknownConditionError: It is no CEL, or beyond what is known.
        """
        try:
            return self.of(cel.parse(self._expression))
        except cel.NotCelError as error:
            raise self.unknown() from error

    def unknown(self) -> UnknownConditionError:
        """What it is refused with."""
        return UnknownConditionError(self._expression)

    def of(self, tree: cel.Tree) -> Node:
        """What a part of it means."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise self.unknown()
        found = self.part(tree)
        self._depth -= 1
        return found

    def part(self, tree: cel.Tree) -> Node:
        """What a part of it means, however deep it is."""
        match tree:
            case cel.Literal(value):
                return lambda _: value
            case cel.Several(members):
                nodes = self.each(members)
                return lambda context: [node(context) for node in nodes]
            case cel.Signed(sign, sides):
                return self.signed(sign, self.each(sides))
            case cel.Call(value, name, arguments):
                return self.call(value, name, self.each(arguments))
            case cel.Member(cel.Name(word), name):
                return self.asked(word, name)
        raise self.unknown()

    def call(self, value: cel.Tree | None, name: str, arguments: list[Node]) -> Node:
        """What a function makes of its arguments, whatever it is of."""
        match value:
            case None:
                return self.function(name, arguments)
            case cel.Name(word):
                return self.function(f"{word}.{name}", arguments)
        return self.called(self.of(value), name, arguments)

    def each(self, trees: Sequence[cel.Tree]) -> list[Node]:
        """What several parts mean."""
        return [self.of(tree) for tree in trees]

    def signed(self, sign: str, sides: list[Node]) -> Node:
        """What an operator makes of its sides."""
        if sign in ("||", "&&"):
            return _settled(sides, sign == "||")
        if sign == "!":
            return lambda context: not truth(sides[0](context))
        if sign == "-" and len(sides) == 1:
            return lambda context: -_number(sides[0](context))
        if sign not in COMPARED:
            raise self.unknown()
        compare, (left, right) = COMPARED[sign], sides
        return lambda context: compare(left(context), right(context))

    def asked(self, word: str, name: str) -> Node:
        """A name: what a condition may ask."""
        known: dict[str, Node] = {
            "resource.name": lambda context: context.name,
            "resource.type": lambda context: context.type,
            "resource.service": lambda context: context.service,
            "request.time": lambda context: context.time,
        }
        if f"{word}.{name}" not in known:
            raise self.unknown()
        return known[f"{word}.{name}"]

    def function(self, name: str, arguments: list[Node]) -> Node:
        """A function that is not of a value, and the one of the API."""
        if name == "api.getAttribute" and len(arguments) == 2:  # noqa: PLR2004 - a name and what it is when it is not there
            key, default = arguments
            return lambda context: context.attributes.get(key(context), default(context))
        make = {"timestamp": _timestamp, "duration": _duration}.get(name)
        if make is None or len(arguments) != 1:
            raise self.unknown()
        return lambda context: make(arguments[0](context))

    def called(self, node: Node, method: str, arguments: list[Node]) -> Node:
        """A function of a value."""
        call = self.methods.get(method)
        if call is None:
            raise self.unknown()
        return lambda context: call(node(context), *(argument(context) for argument in arguments))

    @property
    def methods(self) -> Mapping[str, Callable[..., Any]]:
        """Functions of values."""
        return METHODS


def truth(value: Any) -> bool:
    """A value that must be true or false.

    Raises:
        TypeError: It is neither.
    """
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(value)
    return value


def _settled(nodes: list[Node], by: bool) -> Node:  # noqa: FBT001 - the truth that settles it
    """`||` and `&&`: a side that settles it does so in any order, whatever is wrong with the others.

    Source: https://github.com/google/cel-spec/blob/master/doc/langdef.md, "Logical Operators".
    """

    def found(context: Any) -> bool:
        wrong: Exception | None = None
        for node in nodes:
            try:
                if truth(node(context)) is by:
                    return by
            except WITHOUT_A_VALUE as error:
                wrong = wrong or error
        if wrong is not None:
            raise wrong
        return not by

    return found


def _timestamp(text: Any) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)
    return found


def _duration(text: Any) -> timedelta:
    units = {"s": 1, "m": 60, "h": 3600}
    if not re.fullmatch(r"(\d+[smh])+", text):
        raise ValueError(text)
    return timedelta(seconds=sum(int(each[:-1]) * units[each[-1]] for each in re.findall(r"\d+[smh]", text)))


def _part(part: Callable[[datetime], int]) -> Callable[..., int]:
    return lambda when, zone="UTC": part(_time(when).astimezone(ZoneInfo(zone)))


def _time(value: Any) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError(value)
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _extract(value: Any, template: Any) -> str:
    """`"projects/p/buckets/b".extract("buckets/{name}")`: what stands in the braces' place, or nothing."""
    before, _, rest = _text(template).partition("{")
    after = rest.partition("}")[2]
    text = _text(value)
    if before not in text:
        return ""
    tail = text.partition(before)[2] if before else text
    return tail if not after else tail.partition(after)[0] if after in tail else ""


METHODS: dict[str, Callable[..., Any]] = {
    "startsWith": lambda value, text: _text(value).startswith(_text(text)),
    "endsWith": lambda value, text: _text(value).endswith(_text(text)),
    "extract": _extract,
    "hasOnly": lambda values, allowed: set(values) <= set(allowed),
    **{name: _part(part) for name, part in PARTS.items()},
}
"""Functions on values. IAM has `hasOnly` for lists: https://cloud.google.com/iam/docs/setting-limits-on-granting-roles."""
