"""Filters of notes and occurrences: `(kind = "VULNERABILITY") AND (has_prefix(resourceUrl, "https://…") OR …)`.

AND binds closer than OR. Other fields than these, and other functions, are refused.

Source: https://cloud.google.com/artifact-analysis/docs/os-scanning-view (kind, resourceUrl, noteProjectId, noteId,
createTime, has_prefix); gcloud sends `resourceUrl = "…"` in brackets, joined by OR, and has_suffix for attestations.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from emulator.apis.containeranalysis.model import Kind
from emulator.core.failures import ApiFailure

Test = Callable[[Any], bool]
LONGEST, DEEPEST = 20_000, 50
TOKEN = re.compile(
    r'\s*(?:(?P<sign><=|>=|!=|[=<>])|(?P<bracket>[()])|(?P<comma>,)|(?P<text>"(?:\\.|[^"\\])*")|(?P<word>[\w.:+-]+))'
)
TIMES = {"createTime": "create_time", "create_time": "create_time", "updateTime": "update_time"}


def uri_of(message: Any) -> str:
    """What an occurrence is of; of a note, nothing."""
    return str(getattr(message, "resource_uri", ""))


def note_of(message: Any) -> list[str]:
    """The words in the name of an occurrence's note, or of a note."""
    return str(getattr(message, "note_name", "") or message.name).split("/")


TEXTS: dict[str, Callable[[Any], str]] = {
    "kind": lambda each: Kind(each.kind).name,
    "name": lambda each: str(each.name),
    "resourceUrl": uri_of,
    "resource_url": uri_of,
    "resourceUri": uri_of,
    "noteProjectId": lambda each: note_of(each)[1],
    "noteId": lambda each: note_of(each)[3],
}
ENDS: dict[str, Callable[[str, str], bool]] = {"has_prefix": str.startswith, "has_suffix": str.endswith}


def matching(messages: list[Any], text: str) -> list[Any]:
    """Those that the filter lets through; all for an empty one.

    Raises:
        ApiFailure: INVALID_ARGUMENT for a filter that is not understood.
    """
    if not text.strip():
        return messages
    if len(text) > LONGEST:
        raise ApiFailure("INVALID_ARGUMENT", f"a filter has at most {LONGEST} characters")
    reader = Reader(list(tokens(text)))
    test = reader.either()
    if reader.kind:
        raise refused(f"unexpected {reader.value!r}")
    return [message for message in messages if test(message)]


def refused(why: str) -> ApiFailure:
    """The refusal of a filter; the words are ours."""
    return ApiFailure("INVALID_ARGUMENT", f"invalid filter: {why}")


def tokens(text: str) -> Iterator[tuple[str, str]]:
    """Kind and text of each word of a filter."""
    at = 0
    while text[at:].strip():
        found = TOKEN.match(text, at)
        if found is None:
            raise refused(f"at character {at}")
        at = found.end()
        yield str(found.lastgroup), found[str(found.lastgroup)]


class Reader:
    """Reads tokens into a test, by descent."""

    def __init__(self, words: Sequence[tuple[str, str]]) -> None:
        self._words = [*words, ("", "")]
        self._at = self._depth = 0

    @property
    def kind(self) -> str:
        """Of the word that comes next; nothing at the end."""
        return self._words[self._at][0]

    @property
    def value(self) -> str:
        """The word that comes next."""
        return self._words[self._at][1]

    def take(self, kind: str = "", value: str = "") -> str:
        """Go on to the next word, which must be as told."""
        if (kind and self.kind != kind) or (value and self.value != value):
            raise refused(f"unexpected {self.value or 'end'!r}")
        self._at += 1
        return self._words[self._at - 1][1]

    def either(self) -> Test:
        """What is joined by OR."""
        found = [self.both()]
        while self.value == "OR":
            self.take()
            found.append(self.both())
        return lambda message: any(test(message) for test in found)

    def both(self) -> Test:
        """What is joined by AND."""
        found = [self.one()]
        while self.value == "AND":
            self.take()
            found.append(self.one())
        return lambda message: all(test(message) for test in found)

    def one(self) -> Test:
        """A comparison, a function, or something in brackets."""
        if self.value == "(" and self.kind == "bracket":
            self._depth += 1
            if self._depth > DEEPEST:
                raise refused("too deeply nested")
            self.take()
            found = self.either()
            self.take("bracket", ")")
            self._depth -= 1
            return found
        field = self.take("word")
        return self.end(ENDS[field]) if field in ENDS else self.comparison(field)

    def end(self, has: Callable[[str, str], bool]) -> Test:
        """`has_prefix(field, "…")`, `has_suffix(field, "…")`."""
        self.take("bracket", "(")
        read = text_of(self.take("word"))
        self.take("comma")
        wanted = self.operand()
        self.take("bracket", ")")
        return lambda message: has(read(message), wanted)

    def comparison(self, field: str) -> Test:
        """`field = "…"`, and times also by their order."""
        sign, wanted = self.take("sign"), self.operand()
        if field in TIMES:
            return by_time(TIMES[field], sign, wanted)
        read = text_of(field)
        if sign not in ("=", "!="):
            raise refused(f"{field} {sign}")
        return lambda message: (read(message) == wanted) == (sign == "=")

    def operand(self) -> str:
        """A text, with quotes or without."""
        if self.kind == "word":
            return self.take()
        return re.sub(r"\\(.)", r"\1", self.take("text")[1:-1])


def text_of(field: str) -> Callable[[Any], str]:
    """What reads a field.

    Raises:
        ApiFailure: One cannot filter by it.
    """
    if field not in TEXTS:
        raise refused(f"one cannot filter by {field!r}")
    return TEXTS[field]


def by_time(field: str, sign: str, wanted: str) -> Test:
    """A comparison of times."""
    try:
        limit = datetime.fromisoformat(wanted)
    except ValueError:
        raise refused(f"{wanted!r} is no time") from None
    limit = limit if limit.tzinfo else limit.replace(tzinfo=UTC)

    def test(message: Any) -> bool:
        when = getattr(message, field).ToDatetime(tzinfo=UTC)
        return bool(
            {"=": when == limit, "!=": when != limit, "<": when < limit, ">": when > limit}.get(
                sign, when <= limit if sign == "<=" else when >= limit
            )
        )

    return test
