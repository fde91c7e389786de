"""Filters of lists: `state="JOB_STATE_SUCCEEDED" AND display_name:"my_job_*"`.

Source: comments of `ListCustomJobsRequest.filter` and `ListModelsRequest.filter`; AIP-160, by which OR binds closer
than AND.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from emulator.core.failures import ApiFailure

TOKEN = re.compile(r'\s*(?:(?P<mark>[()]|<=|>=|!=|=|<|>|:)|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<word>[^\s()=!<>:"]+))')
SIGNS = ("=", "!=", "<", "<=", ">", ">=", ":")
TIMES = frozenset({"=", "!=", "<", "<=", ">", ">="})
TEXTS = frozenset({"=", "!=", ":"})
EQUAL = frozenset({"=", "!="})
Test = Callable[[Any], bool]
DEEPEST = 32
"""Brackets and NOTs inside one another; more are refused before Python's own stack ends."""


@dataclass(frozen=True, slots=True)
class Field:
    """What one can filter by.

    Attributes:
        read: Gives the text, the time or the map of a message.
        signs: The comparisons that it supports.
    """

    read: Callable[[Any], Any]
    signs: frozenset[str] = EQUAL


def text(name: str, signs: frozenset[str] = EQUAL) -> Field:
    """A field that is a text."""
    return Field(lambda message: str(getattr(message, name)), signs)


def time(name: str) -> Field:
    """A field that is a time; None where it is not set."""
    return Field(
        lambda message: getattr(message, name).ToDatetime(UTC) if message.HasField(name) else None,
        TIMES,
    )


LABELS = Field(lambda message: dict(message.labels), TEXTS)


def not_understood(query: str) -> ApiFailure:
    """A filter in another language."""
    return ApiFailure("INVALID_ARGUMENT", f"Invalid filter: {query!r}.")


def matching(messages: list[Any], query: str, fields: Mapping[str, Field]) -> list[Any]:
    """Those that the filter lets through; all for an empty one.

    Raises:
        ApiFailure: INVALID_ARGUMENT for a filter that is not understood.
    """
    if not query.strip():
        return messages
    test = Parser(query, fields).parse()
    return [message for message in messages if test(message)]


def snake(name: str) -> str:
    """`displayName` -> `display_name`: both are supported."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


class Parser:
    """Reads one filter."""

    def __init__(self, query: str, fields: Mapping[str, Field]) -> None:
        self._query = query
        self._fields = fields
        self._tokens = self._split()
        self._depth = 0

    def _split(self) -> list[tuple[str, str]]:
        """Pairs of kind (`mark`, `quoted`, `word`) and text."""
        found, at = [], 0
        query = self._query.rstrip()
        while at < len(query):
            token = TOKEN.match(query, at)
            if token is None or token.lastgroup is None:
                raise not_understood(self._query)
            found.append((token.lastgroup, token[token.lastgroup]))
            at = token.end()
        return found

    def parse(self) -> Test:
        """The whole filter as a test of one message."""
        test = self._all()
        if self._tokens:
            raise not_understood(self._query)
        return test

    def _all(self) -> Test:
        tests = [self._any()]
        while self._take("word", "AND"):
            tests.append(self._any())
        return lambda message: all(test(message) for test in tests)

    def _any(self) -> Test:
        tests = [self._one()]
        while self._take("word", "OR"):
            tests.append(self._one())
        return lambda message: any(test(message) for test in tests)

    def _one(self) -> Test:
        self._depth += 1
        if self._depth > DEEPEST:
            raise not_understood(self._query)
        try:
            if self._take("word", "NOT"):
                denied = self._one()
                return lambda message: not denied(message)
            if self._take("mark", "("):
                inner = self._all()
                if not self._take("mark", ")"):
                    raise not_understood(self._query)
                return inner
            return self._comparison()
        finally:
            self._depth -= 1

    def _take(self, kind: str, wanted: str) -> bool:
        if self._tokens and self._tokens[0] == (kind, wanted):
            del self._tokens[0]
            return True
        return False

    def _next(self, *kinds: str) -> str:
        if not self._tokens or self._tokens[0][0] not in kinds:
            raise not_understood(self._query)
        return self._tokens.pop(0)[1]

    def _comparison(self) -> Test:
        name = self._next("word")
        key = ""
        if name.startswith("labels."):
            key = name.removeprefix("labels.") or self._next("quoted")
            name = "labels"
        sign, value = self._next("mark"), self._next("quoted", "word")
        field = self._fields.get(snake(name))
        if field is None or sign not in field.signs:
            raise not_understood(self._query)
        return self._label(field, key, sign, value) if name == "labels" else self._value(field, sign, value)

    def _label(self, field: Field, key: str, sign: str, value: str) -> Test:
        if sign == ":" and not key:
            return lambda message: value in field.read(message)
        if not key or (sign == ":" and value != "*"):
            raise not_understood(self._query)
        if sign == ":":
            return lambda message: key in field.read(message)
        return lambda message: (field.read(message).get(key) == value) == (sign == "=")

    def _value(self, field: Field, sign: str, value: str) -> Test:
        if field.signs is TIMES:
            wanted = self._time(value)
            return lambda message: (found := field.read(message)) is not None and compared(found, sign, wanted)
        if sign == ":" and value == "*":
            return lambda message: bool(field.read(message))
        if sign == ":":
            pattern = value if "*" in value else f"*{value}*"
            return lambda message: fnmatchcase(field.read(message), pattern)
        return lambda message: (field.read(message) == value) == (sign == "=")

    def _time(self, value: str) -> datetime:
        try:
            found = datetime.fromisoformat(value)
        except ValueError as error:
            raise not_understood(self._query) from error
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def compared(found: datetime, sign: str, wanted: datetime) -> bool:
    """Whether a time stands to another as the sign says."""
    return {
        "=": found == wanted,
        "!=": found != wanted,
        "<": found < wanted,
        "<=": found <= wanted,
        ">": found > wanted,
        ">=": found >= wanted,
    }[sign]
