"""What a check finds: a problem with a spec path. The loader, which has the file, adds the place."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from schemas.problems import Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """`path` is below `spec` (`scaling.maxInstances`) or begins with `metadata`. `at_key`: point at the key."""

    path: str
    rule: str
    summary: str
    hint: str = ""
    severity: Severity = Severity.ERROR
    at_key: bool = False


def warning(path: str, rule: str, summary: str, hint: str = "") -> Finding:
    """A finding that does not stop the work: it may hold in this project, or be meant."""
    return Finding(path, rule, summary, hint, Severity.WARNING)


def exactly_one(path: str, choices: Mapping[str, object], what: str) -> Iterator[Finding]:
    """Of `choices` (key to value, None or empty where absent) exactly one must be given."""
    given = [key for key, value in choices.items() if value not in (None, (), {})]
    if len(given) == 1:
        return
    listed = ", ".join(choices)
    if given:
        summary = f"{what} is given {len(given)} times: {', '.join(given)}"
        yield Finding(f"{path}.{given[1]}", "exactly-one", summary, f"give exactly one of: {listed}", at_key=True)
    else:
        yield Finding(path, "exactly-one", f"{what} is missing", f"give exactly one of: {listed}", at_key=True)


def repeated(items: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Index and value of each item that stood before."""
    seen: set[str] = set()
    for index, item in enumerate(items):
        if item in seen:
            yield index, item
        seen.add(item)


def fraction(path: str, value: float | None, what: str) -> Iterator[Finding]:
    """A threshold must lie inside (0, 1): at 0 it always fires, at 1 never."""
    if value is None or 0 < value < 1:
        return
    hint = f"write a fraction: {value:g}% is {value / 100:g}" if 1 < value < 100 else "write a fraction inside (0, 1)"  # noqa: PLR2004 - percents
    yield Finding(path, "fraction-range", f"{value:g} is not inside (0, 1): {what}", hint)
