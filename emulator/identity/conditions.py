"""Conditions of IAM bindings: the part of CEL that IAM's documentation uses.

What is not understood is not true: a binding whose condition cannot be read grants nothing, and the refusal says so.

Source:
    https://cloud.google.com/iam/docs/conditions-overview and conditions-attribute-reference: comparisons, `&&`, `||`,
    `!`, string functions, `request.time` with `timestamp()`, `duration()` and its parts, `api.getAttribute`, `hasOnly`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from emulator.core.failures import ApiFailure

TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<number>-?\d+)|(?P<word>[A-Za-z_]\w*)"""
    r"""|(?P<sign>&&|\|\||==|!=|<=|>=|[<>!().,\[\]?:+]))"""
)
LENGTH_MOST = 4096
NESTED_MOST = 40
WITHOUT_A_VALUE = (TypeError, ValueError, OverflowError, RecursionError, ZoneInfoNotFoundError, OSError)
"""What evaluating raises where sorts of values are mixed, a zone is none, or calls are chained without end."""


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
    if len(expression) > LENGTH_MOST:
        raise UnknownConditionError(expression)
    parser = Parser(expression)
    node = parser.either()
    parser.end()
    return node


def tokens(expression: str) -> list[tuple[str, str]]:
    """Sort and text of each word."""
    found, at = [], 0
    text = expression.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise UnknownConditionError(expression)
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


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


class Parser:
    """Recursive descent, one method per level of precedence."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = tokens(expression)
        self._at = 0
        self._depth = 0

    def unknown(self) -> UnknownConditionError:
        """What it is refused with."""
        return UnknownConditionError(self._expression)

    def end(self) -> None:
        """Refuse what is left over."""
        if self._at != len(self._tokens):
            raise self.unknown()

    def take(self, *signs: str) -> str:
        """The next token where it is one of these signs, else nothing."""
        if self._at < len(self._tokens) and self._tokens[self._at] in {("sign", sign) for sign in signs}:
            self._at += 1
            return self._tokens[self._at - 1][1]
        return ""

    def take_word(self, word: str) -> bool:
        """Whether the next token is this word; it is taken then."""
        found = self._at < len(self._tokens) and self._tokens[self._at] == ("word", word)
        self._at += found
        return found

    def need(self, sign: str) -> None:
        """Refuse anything but this sign."""
        if not self.take(sign):
            raise self.unknown()

    def next(self) -> tuple[str, str]:
        """The next token, whatever it is."""
        if self._at == len(self._tokens):
            raise self.unknown()
        self._at += 1
        return self._tokens[self._at - 1]

    def either(self) -> Node:
        """`a || b`: a whole expression."""
        self._depth += 1
        if self._depth > NESTED_MOST:
            raise self.unknown()
        nodes = [self.both()]
        while self.take("||"):
            nodes.append(self.both())
        self._depth -= 1
        return nodes[0] if len(nodes) == 1 else _any_of(nodes)

    def both(self) -> Node:
        """`a && b`."""
        nodes = [self.comparison()]
        while self.take("&&"):
            nodes.append(self.comparison())
        return nodes[0] if len(nodes) == 1 else _all_of(nodes)

    def comparison(self) -> Node:
        """`a == b`."""
        left = self.unary()
        sign = self.take(*COMPARED)
        if not sign:
            return left
        compare, right = COMPARED[sign], self.unary()
        return lambda context: compare(left(context), right(context))

    def unary(self) -> Node:
        """`!a`."""
        negations = 0
        while self.take("!"):
            negations += 1
        node = self.primary()
        if not negations:
            return node
        return lambda context: _truth(node(context)) == (negations % 2 == 0)

    def primary(self) -> Node:
        """`a.f(b)`."""
        node = self._first()
        while self.take("."):
            sort, word = self.next()
            if sort != "word":
                raise self.unknown()
            self.need("(")
            node = self.call(node, word, self.arguments(")"))
        return node

    def _first(self) -> Node:
        if self.take("("):
            node = self.either()
            self.need(")")
            return node
        if self.take("["):
            members = self.arguments("]")
            return lambda context: [member(context) for member in members]
        sort, text = self.next()
        if sort == "number":
            number = int(text)
            return lambda _: number
        if sort == "text":
            literal = re.sub(r"\\(.)", r"\1", text[1:-1])
            return lambda _: literal
        if sort == "word":
            return self.word(text)
        raise self.unknown()

    def word(self, word: str) -> Node:
        """A name: what a condition may ask."""
        if word in ("true", "false"):
            return lambda _: word == "true"
        if self.take("("):
            return self._function(word, self.arguments(")"))
        self.need(".")
        attribute = f"{word}.{self.next()[1]}"
        if attribute == "api.getAttribute" and self.take("("):
            return self._attribute(self.arguments(")"))
        known: dict[str, Node] = {
            "resource.name": lambda context: context.name,
            "resource.type": lambda context: context.type,
            "resource.service": lambda context: context.service,
            "request.time": lambda context: context.time,
        }
        if attribute not in known:
            raise self.unknown()
        return known[attribute]

    def arguments(self, end: str) -> list[Node]:
        """Values between commas."""
        found: list[Node] = []
        while not self.take(end):
            if found:
                self.need(",")
            found.append(self.either())
        return found

    def _function(self, name: str, arguments: list[Node]) -> Node:
        make = {"timestamp": _timestamp, "duration": _duration}.get(name)
        if make is None or len(arguments) != 1:
            raise self.unknown()
        return lambda context: make(arguments[0](context))

    def _attribute(self, arguments: list[Node]) -> Node:
        if len(arguments) != 2:  # noqa: PLR2004 - a name and what it is when it is not there
            raise self.unknown()
        name, default = arguments
        return lambda context: context.attributes.get(name(context), default(context))

    def call(self, node: Node, method: str, arguments: list[Node]) -> Node:
        """A function of a value."""
        call = METHODS.get(method)
        if call is None:
            raise self.unknown()
        return lambda context: call(node(context), *(argument(context) for argument in arguments))


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _any_of(nodes: list[Node]) -> Node:
    return lambda context: any(_truth(node(context)) for node in nodes)


def _all_of(nodes: list[Node]) -> Node:
    return lambda context: all(_truth(node(context)) for node in nodes)


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
