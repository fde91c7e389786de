"""The language in which entries are asked for: `severity>=ERROR AND resource.labels.service_name="churn"`.

NOT binds closest, then OR, then AND, which may be left out. A field that an entry does not have makes every comparison
with it false, `!=` as well. Text is compared without case; regular expressions are not.

Source: https://cloud.google.com/logging/docs/view/logging-query-language. Functions other than `log_id` are refused.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from emulator.core.failures import ApiFailure

Test = Callable[[dict[str, Any]], bool]
LONGEST = 20_000
DEEPEST = 100
TOKEN = re.compile(
    r"""\s*(?:(?P<comment>--[^\n]*)|(?P<sign>>=|<=|!=|=~|!~|[=<>:])|(?P<bracket>[()])|(?P<comma>,)
    |(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
    |(?P<minus>-(?=[A-Za-z("']))
    |(?P<word>(?:[^\s()=<>!:~"',]|(?<=\.)"(?:\\.|[^"\\])*")+))""",
    re.VERBOSE,
)
SEGMENT = re.compile(r'"((?:\\.|[^"\\])*)"|([^."]+)')
SEVERITIES = {
    name: number * 100
    for number, name in enumerate(
        ("DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY")
    )
}
TIMES = frozenset({"timestamp", "receiveTimestamp"})
INTEGERS = frozenset(
    {
        ("httpRequest", "requestSize"),
        ("httpRequest", "responseSize"),
        ("httpRequest", "cacheFillBytes"),
        ("sourceLocation", "line"),
    }
)
"""Numbers that JSON writes as text, for they may have 64 bits. Other text is compared as text, like a number or not."""


@lru_cache(maxsize=64)
def compiled(text: str) -> Test:
    """What tells of an entry, as JSON with Google's names, whether a filter lets it through.

    Raises:
        ApiFailure: INVALID_ARGUMENT for what is no filter, or is one that the emulator does not understand.
    """
    if len(text) > LONGEST:
        raise ApiFailure("INVALID_ARGUMENT", f"Filter must not exceed {LONGEST} characters.")
    tokens = list(_tokens(text))
    if not tokens:
        return lambda _: True
    reader = _Reader(tokens)
    found = reader.every()
    if reader.kind:
        raise unparsed(f"unexpected {reader.value!r}")
    return found


def unparsed(why: str) -> ApiFailure:
    """The refusal of a filter."""
    return ApiFailure("INVALID_ARGUMENT", f"Unparseable filter: {why}")


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while text[at:].strip():
        found = TOKEN.match(text, at)
        if found is None:
            raise unparsed(f"at character {at}: {text[at : at + 20]!r}")
        at = found.end()
        kind = str(found.lastgroup)
        if kind != "comment":
            yield kind, found[kind]


class _Reader:
    """Reads tokens into a test, by descent."""

    def __init__(self, tokens: Sequence[tuple[str, str]]) -> None:
        self._tokens = [*tokens, ("", "")]
        self._at = self._depth = 0

    @property
    def kind(self) -> str:
        return self._tokens[self._at][0]

    @property
    def value(self) -> str:
        return self._tokens[self._at][1]

    def take(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1][1]

    def is_word(self, word: str) -> bool:
        return self.kind == "word" and self.value == word

    def every(self) -> Test:
        self._depth += 1
        if self._depth > DEEPEST:
            raise unparsed("too deeply nested")
        found = [self.any()]
        while self.kind and self.value != ")":
            if self.is_word("AND"):
                self.take()
            found.append(self.any())
        self._depth -= 1
        return found[0] if len(found) == 1 else lambda entry: all(test(entry) for test in found)

    def any(self) -> Test:
        found = [self.one()]
        while self.is_word("OR"):
            self.take()
            found.append(self.one())
        return found[0] if len(found) == 1 else lambda entry: any(test(entry) for test in found)

    def one(self) -> Test:
        if self.kind == "minus" or self.is_word("NOT"):
            self.take()
            self._depth += 1
            if self._depth > DEEPEST:
                raise unparsed("too deeply nested")
            test = self.one()
            self._depth -= 1
            return lambda entry: not test(entry)
        if self.value == "(" and self.kind == "bracket":
            self.take()
            found = self.every()
            self._close()
            return found
        if self.kind not in {"word", "text"} or self.is_word("AND") or self.is_word("OR"):
            raise unparsed(f"unexpected {self.value or 'end'!r}")
        return self._comparison()

    def _close(self) -> None:
        if self.value != ")":
            raise unparsed("a bracket is not closed")
        self.take()

    def _comparison(self) -> Test:
        kind, left = self.kind, self.take()
        if kind == "word" and self.value == "(" and self.kind == "bracket":
            return self._function(left)
        if self.kind != "sign":
            wanted = unquoted(left).lower()
            return lambda entry: any(wanted in str(value).lower() for value in _leaves(entry))
        sign = self.take()
        path = path_of(left)
        values = self._values()
        tests = [_compare(path, sign, value, quoted=quoted) for value, quoted in values]
        return tests[0] if len(tests) == 1 else lambda entry: any(test(entry) for test in tests)

    def _values(self) -> list[tuple[str, bool]]:
        """The value of a comparison, or those of `("a" OR "b")`."""
        if self.value != "(" or self.kind != "bracket":
            return [self._value()]
        self.take()
        found = [self._value()]
        while self.is_word("OR"):
            self.take()
            found.append(self._value())
        self._close()
        return found

    def _value(self) -> tuple[str, bool]:
        minus = self.take() if self.kind == "minus" else ""
        if self.kind not in {"word", "text"}:
            raise unparsed(f"unexpected {self.value or 'end'!r}")
        quoted = self.kind == "text"
        return minus + unquoted(self.take()), quoted

    def _function(self, name: str) -> Test:
        self.take()
        if name.lower() != "log_id" or self.kind != "text":
            raise ApiFailure("UNIMPLEMENTED", f"The emulator does not know {name}() in filters.")
        wanted = unquoted(self.take())
        self._close()
        from emulator.apis.logging.model import log_of  # noqa: PLC0415 - imports Google's messages

        return lambda entry: log_of(str(entry.get("logName", ""))) == wanted


def unquoted(text: str) -> str:
    """A text without its quotes."""
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[:1] in {'"', "'"} else text


def path_of(text: str) -> tuple[str, ...]:
    """The names in `labels."a.b".c`."""
    if text[:1] in {'"', "'"}:
        return (unquoted(text),)
    return tuple(re.sub(r"\\(.)", r"\1", quoted) or plain for quoted, plain in SEGMENT.findall(text))


def values_at(entry: Any, path: Sequence[str]) -> list[Any]:
    """What an entry has at a path; of a list, what each of its members has."""
    if isinstance(entry, list):
        return [found for member in entry for found in values_at(member, path)]
    if not path:
        return [entry]
    return values_at(entry[path[0]], path[1:]) if isinstance(entry, dict) and path[0] in entry else []


def _leaves(entry: Any) -> Iterator[Any]:
    if isinstance(entry, dict | list):
        for value in entry.values() if isinstance(entry, dict) else entry:
            yield from _leaves(value)
    else:
        yield entry


def _compare(path: Sequence[str], sign: str, wanted: str, *, quoted: bool) -> Test:
    if sign == ":" and wanted == "*" and not quoted:
        return lambda entry: bool(values_at(entry, path))
    if sign in {"=~", "!~"}:
        return _matches(path, wanted, found=sign == "=~")
    if path == ("severity",):
        return _by_severity(sign, wanted)
    if len(path) == 1 and path[0] in TIMES:
        return _by_time(path[0], sign, wanted)
    holds = _holds_number if path in INTEGERS else _holds
    return lambda entry: any(holds(value, sign, wanted) for value in values_at(entry, path))


def _matches(path: Sequence[str], wanted: str, *, found: bool) -> Test:
    try:
        pattern = re.compile(wanted)
    except re.error as error:
        raise unparsed(f"{wanted!r} is no regular expression: {error}") from error
    return lambda entry: any((pattern.search(str(value)) is not None) == found for value in values_at(entry, path))


def _by_severity(sign: str, wanted: str) -> Test:
    number = int(wanted) if wanted.isdecimal() else SEVERITIES.get(wanted.upper())
    if number is None:
        raise unparsed(f"{wanted!r} is no severity")
    return lambda entry: _ordered(SEVERITIES.get(entry.get("severity", "DEFAULT"), 0), sign, number)


def _by_time(field: str, sign: str, wanted: str) -> Test:
    limit = _moment(wanted)
    if limit is None:
        raise unparsed(f"{wanted!r} is no time; write it as 2026-11-26T08:00:00Z")
    return lambda entry: field in entry and _ordered(_moment(entry[field]) or limit, sign, limit)


def _moment(text: str) -> datetime | None:
    """A time, whose nanoseconds Python does not keep; one that names no zone is UTC."""
    short = re.sub(r"(\.\d{6})\d+", r"\1", text)
    try:
        found = datetime.fromisoformat(short)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _holds(value: Any, sign: str, wanted: str) -> bool:
    if isinstance(value, dict):
        return sign == ":" and wanted in value
    if isinstance(value, bool):
        return _ordered(str(value).lower(), "=" if sign == ":" else sign, wanted.lower())
    if isinstance(value, int | float):
        return _holds_number(value, sign, wanted)
    text = str(value).lower()
    return wanted.lower() in text if sign == ":" else _ordered(text, sign, wanted.lower())


def _holds_number(value: Any, sign: str, wanted: str) -> bool:
    number, found = _number(wanted), _number(value)
    return number is not None and found is not None and _ordered(found, "=" if sign == ":" else sign, number)


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _ordered(value: Any, sign: str, wanted: Any) -> bool:
    if sign in {"=", ":"}:
        return bool(value == wanted)
    if sign == "!=":
        return bool(value != wanted)
    return bool({">": value > wanted, "<": value < wanted, ">=": value >= wanted, "<=": value <= wanted}[sign])
