"""Which time series a filter selects: `metric.type = "x" AND resource.labels.zone = starts_with("europe-")`.

Source: https://cloud.google.com/monitoring/api/v3/filters: NOT binds strongest, then OR, then AND; two comparisons side
by side are joined by AND. `metadata` and groups are refused.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from emulator.core.failures import ApiFailure

LONGEST = 2048
"""Characters of a filter (comment of `MetricThreshold.filter`)."""
DEEPEST = 50
TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<word>[A-Za-z_0-9][\w./:-]*|-?\d[\w.]*)"""
    r"""|(?P<sign>!=|>=|<=|=|>|<|:|\(|\)|,|-))"""
)
PATH = re.compile(r"(?P<side>metric|resource)\.labels?\.(?P<label>[A-Za-z_]\w*)")
FIELDS = ("project", "metric.type", "resource.type")
Labels = Mapping[str, str]
Test = Callable[[Labels], bool]


class BadFilter(ValueError):
    """Not a filter. The text says why."""


@dataclass(frozen=True, slots=True)
class Selector:
    """A filter that was understood.

    Attributes:
        test: Whether it lets a series through, by its `metric.type`, `resource.type`, `project` and labels.
        metrics: The types of metrics that it names and that all it lets through have.
        resources: The same of monitored resources.
    """

    test: Test
    metrics: frozenset[str] = frozenset()
    resources: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Reader:
    """Reads a filter from left to right."""

    tokens: list[tuple[str, str]]
    at: int = 0
    depth: int = 0
    named: dict[str, set[str]] = field(default_factory=lambda: {"metric.type": set(), "resource.type": set()})

    @property
    def next(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def take(self, sign: str = "") -> str:
        kind, text = self.next
        if kind == "end" or (sign and text != sign):
            raise BadFilter(f"{sign or 'more'} is expected where {text or 'the end'} stands")
        self.at += 1
        return text

    def all_of(self, *, outermost: bool) -> Test:
        """Comparisons joined by AND."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise BadFilter("it is nested too deeply")
        parts = [self.any_of(outermost=outermost)]
        while self.next[0] != "end" and self.next[1] != ")":
            if self.next == ("word", "AND"):
                self.at += 1
            parts.append(self.any_of(outermost=outermost))
        self.depth -= 1
        return parts[0] if len(parts) == 1 else lambda labels: all(part(labels) for part in parts)

    def any_of(self, *, outermost: bool) -> Test:
        """Terms joined by OR."""
        from_here, named = self.at, {name: set(found) for name, found in self.named.items()}
        parts = [self.term(outermost=outermost)]
        if self.next == ("word", "OR"):  # then what it names is not true of all that are let through
            self.at, self.named = from_here, named
            parts = [self.term(outermost=False)]
        while self.next == ("word", "OR"):
            self.at += 1
            parts.append(self.term(outermost=False))
        return parts[0] if len(parts) == 1 else lambda labels: any(part(labels) for part in parts)

    def term(self, *, outermost: bool) -> Test:
        """One comparison, perhaps turned round, or what stands in brackets."""
        if self.next in {("word", "NOT"), ("sign", "-")}:
            self.at += 1
            inner = self.term(outermost=False)
            return lambda labels: not inner(labels)
        if self.next == ("sign", "("):
            self.at += 1
            found = self.all_of(outermost=outermost)
            self.take(")")
            return found
        return self.comparison(outermost=outermost)

    def comparison(self, *, outermost: bool) -> Test:
        """A path, a sign and a value or a function."""
        path, sign = path_of(self.take()), self.take()
        kind, text = self.next
        self.at += 1
        if kind not in {"text", "word"}:
            raise BadFilter(f"a value is expected where {text or 'the end'} stands")
        value = unquoted(text) if kind == "text" else text
        if kind == "word" and self.next == ("sign", "("):
            holds = self.function(value)
        else:
            holds = compared(sign, value)
            if sign == "=" and outermost and path in self.named:
                self.named[path].add(value)
        if sign == "!=":
            return lambda labels: not holds(labels.get(path, ""))
        if sign not in {"=", ":", ">", "<", ">=", "<="}:
            raise BadFilter(f"{sign} is no comparison")
        return lambda labels: path in labels and holds(labels[path])

    def function(self, name: str) -> Callable[[str], bool]:
        """What stands in place of a value: `starts_with("x")`."""
        self.take("(")
        given = []
        while self.next[1] != ")":
            given.append(unquoted(self.take()))
            if self.next[1] == ",":
                self.at += 1
        self.take(")")
        return called(name, given)


def called(name: str, given: list[str]) -> Callable[[str], bool]:
    """A function of the language.

    Raises:
        BadFilter: There is none of that name, or not with so many words in it.
    """
    if name == "one_of" and given:
        return frozenset(given).__contains__
    if name not in {"starts_with", "ends_with", "has_substring", "monitoring.regex.full_match"} or len(given) != 1:
        raise BadFilter(f"{name}({', '.join(given)}) is no function")
    [word] = given
    if name == "monitoring.regex.full_match":
        return matching(word)
    return {
        "starts_with": lambda found: found.startswith(word),
        "ends_with": lambda found: found.endswith(word),
        "has_substring": lambda found: word in found,
    }[name]


def matching(pattern: str) -> Callable[[str], bool]:
    """Whether a text is as a regular expression says. Backward references, which Google's RE2 lacks, are refused."""
    if re.search(r"\\[1-9]|\(\?[=!<P]", pattern):
        raise BadFilter(f"the regular expression {pattern} is not one of RE2")
    try:
        made = re.compile(pattern)
    except re.error as error:
        raise BadFilter(f"the regular expression {pattern} cannot be read: {error}") from error
    return lambda found: made.fullmatch(found) is not None


def compared(sign: str, value: str) -> Callable[[str], bool]:
    """A comparison with a value; by size only where both are numbers."""
    if sign in {"=", "!="}:
        return lambda found: found == value
    if sign == ":":
        return lambda found: value in found
    return lambda found: _ordered(sign, found, value)


def _ordered(sign: str, found: str, value: str) -> bool:
    try:
        one, other = float(found), float(value)
    except ValueError:
        return False
    return {">": one > other, "<": one < other, ">=": one >= other, "<=": one <= other}[sign]


def path_of(text: str) -> str:
    """A path as `metric.labels.x`, however it was written.

    Raises:
        BadFilter: One cannot filter by it.
    """
    if text in FIELDS:
        return text
    found = PATH.fullmatch(text)
    if found is None:
        raise BadFilter(f"one cannot filter by {text}")
    return f"{found['side']}.labels.{found['label']}"


def unquoted(text: str) -> str:
    """A text without its quotes."""
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[:1] in {'"', "'"} else text


def tokens_of(text: str) -> Iterator[tuple[str, str]]:
    """The words, texts and signs of a filter."""
    at = 0
    while text[at:].strip():
        found = TOKEN.match(text, at)
        if found is None:
            raise BadFilter(f"{text[at:].strip()[:40]} cannot be read")
        yield str(found.lastgroup), found[str(found.lastgroup)]
        at = found.end()


@lru_cache(maxsize=1000)
def parse(text: str) -> Selector:
    """Understand a filter.

    Raises:
        BadFilter: It cannot be read, or says what is not emulated.
    """
    if len(text) > LONGEST:
        raise BadFilter(f"it has {len(text)} characters, {LONGEST} at most are allowed")
    if text.lstrip().startswith("select_slo"):
        raise ApiFailure("UNIMPLEMENTED", f"The emulator does not select by {text.partition('(')[0]} here.")
    reader = _Reader([*tokens_of(text)])
    test = reader.all_of(outermost=True)
    if reader.next[0] != "end":
        raise BadFilter(f"{reader.next[1]} is not expected")
    named = {name: frozenset(found) for name, found in reader.named.items()}
    return Selector(test, named["metric.type"], named["resource.type"])
