"""Whether a window is a breach: a pure function of what was measured, so that every reason can be tested and told.

Vertex AI's own alert knows a limit per feature and nothing else. What a person would ask before believing it is asked
here: were there rows enough, is it more than chance makes among so many features, was it measured at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from runtime.retraining.watching import chance, order

_NAMED = 3


class Finding(StrEnum):
    """What is said of a column, or of a window.

    Of a window: `BREACH` where a column is one, `TOO_FEW` where nothing could be told of any column, or one that has a
    limit could not be compared at all, else `CALM`.
    """

    BREACH = "Breach"
    CALM = "Calm"
    CHANCE = "Chance"  # beyond its limit, and within what so few rows do by chance
    TOO_FEW = "NotEnoughData"
    UNMEASURED = "NotMeasured"  # a side had nothing that could be compared, or its values are gone
    UNLIMITED = "NoLimit"


TELLING = frozenset({Finding.BREACH, Finding.CALM, Finding.CHANCE})
"""What a verdict can rest on."""


@dataclass(frozen=True, slots=True)
class Column:
    """What was measured of one feature, or of the predictions.

    Args:
        name: Of the column.
        distance: From its baseline, 0 to 1; None where the API tells none.
        limit: Greatest distance that is fine; None for none.
        algorithm: Which distance, in Model Monitoring's words.
        rows: Values in the window, without those that are missing; None where the API does not tell.
        baseline_rows: Values in the baseline.
        missing: Share of the window's rows without a value, 0 to 1.
        baseline_missing: Share of the baseline's.
        values: Buckets, or labels, of both sides together.
        told: Whether the API tells of it at all.
        order: Distance of its order, 0 to 1; None of what is no number, or where the API gives no buckets of it.
        order_limit: Greatest one that is fine; None for none.
        in_order: Values of the window and of the baseline that are in any order, as infinite ones are not; None where
            all are, as far as anybody knows.
    """

    name: str
    distance: float | None
    limit: float | None
    algorithm: str
    rows: int | None
    baseline_rows: int | None
    missing: float = 0.0
    baseline_missing: float = 0.0
    values: int = 2
    told: bool = True
    order: float | None = None
    order_limit: float | None = None
    in_order: tuple[int, int] | None = None

    @classmethod
    def silent(cls, name: str, limit: float | None) -> Column:
        """Give a column that was to be compared, and of which the API tells nothing: a side of it had no values.

        Source: TensorFlow Data Validation measures nothing where a side cannot be normalised; model_monitoring.md B.4.
        """
        return cls(name, None, limit, "", None, None, told=False)

    @property
    def limited(self) -> bool:
        """Tell whether it has a limit, of either distance."""
        return self.limit is not None or self.order_limit is not None

    @property
    def both(self) -> tuple[int, int]:
        """Values of both sides; 0 where nobody tells."""
        return self.rows or 0, self.baseline_rows or 0

    @property
    def whole(self) -> int:
        """Rows of the window, with those without a value, as far as this column tells."""
        return round((self.rows or 0) / (1 - self.missing)) if self.missing < 1 else 0


@dataclass(frozen=True, slots=True)
class Part:
    """What is said of a column by one of its distances.

    Args:
        finding: What.
        reason: Why, for people.
        expected: The distance that chance alone makes; None where that cannot be said.
    """

    finding: Finding
    reason: str
    expected: float | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What is said of one column.

    Args:
        column: Which.
        finding: What: the worse of what its two distances say.
        reason: Why, for people.
        expected: The distance that chance alone makes; None where that cannot be said.
        order: What is said by its order; None where that was not measured, and has no limit.
    """

    column: Column
    finding: Finding
    reason: str
    expected: float | None = None
    order: Part | None = None

    def to_json(self) -> dict[str, Any]:
        """Give plain data, as it is kept and told."""
        found = {
            "name": self.column.name,
            "finding": str(self.finding),
            "reason": self.reason,
            "distance": self.column.distance,
            "limit": self.column.limit,
            "algorithm": self.column.algorithm,
            "rows": self.column.rows,
            "baselineRows": self.column.baseline_rows,
            "missing": self.column.missing if self.column.told else None,
            "baselineMissing": self.column.baseline_missing if self.column.told else None,
            "expected": self.expected,
            "order": self._order(),
        }
        return {name: value for name, value in found.items() if value is not None}

    def _order(self) -> dict[str, Any] | None:
        if self.order is None:
            return None
        told = {
            "finding": str(self.order.finding),
            "distance": self.column.order,
            "limit": self.column.order_limit,
            "expected": self.order.expected,
        }
        return {name: value for name, value in told.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of a window.

    Args:
        finding: Of the window.
        reason: Why, for people: the columns, with their numbers.
        columns: What was said of each, the worst first.
    """

    finding: Finding
    reason: str
    columns: tuple[Judged, ...]


def judge(
    columns: Sequence[Column],
    *,
    least: int,
    windows: float = chance.WINDOW,
    wanted: Mapping[str, float | None] | None = None,
    orders: Mapping[str, float] | None = None,
) -> Verdict:
    """Judge a window.

    Args:
        columns: What was measured, each column once.
        least: Values below which nothing is said of a column.
        windows: Of all windows in which nothing changed, the share that may be called a breach.
        wanted: Limit of each column that was to be compared, None for none: those that are not among `columns` were
            not, which is said. Left out, nobody knows of others.
        orders: Greatest distance of its order, of each column that has such a limit.
    """
    known = {each.name for each in columns}
    silent = [Column.silent(name, limit) for name, limit in (wanted or {}).items() if name not in known]
    every = [replace(each, order_limit=(orders or {}).get(each.name)) for each in (*columns, *silent)]
    rows = max((each.whole for each in columns), default=0)
    compared = sum(_tests(each, least) for each in every)
    found = [_judged(each, least, rows, windows / max(compared, 1)) for each in every]
    found.sort(key=lambda each: (_ORDER.index(each.finding), -_over(each.column), each.column.name))
    return Verdict(*_summed(found, least), tuple(found))


def once(columns: Sequence[Column]) -> list[Column]:
    """Give each column once: an answer may tell of one by two distances, and the greater part of its limit counts."""
    found: dict[str, Column] = {}
    for each in columns:
        before = found.get(each.name)
        if before is None or _part(each) > _part(before):
            found[each.name] = each
    return list(found.values())


def _part(column: Column) -> float:
    return (column.distance or 0.0) / column.limit if column.limit else -1.0


_ORDER = (
    Finding.BREACH,
    Finding.CHANCE,
    Finding.TOO_FEW,
    Finding.UNMEASURED,
    Finding.CALM,
    Finding.UNLIMITED,
)


def _tests(column: Column, least: int) -> int:
    """Give how many of a column's distances can be beyond a limit: each is a chance more to be so by chance."""
    pairs = ((column.distance, column.limit), (column.order, column.order_limit))
    return sum(None not in pair for pair in pairs) if (column.rows or 0) >= least else 0


def _over(column: Column) -> float:
    """Give how far a column is, by its limit."""
    pairs = ((column.distance, column.limit), (column.order, column.order_limit))
    return max(far / most if far is not None and most else 0.0 for far, most in pairs)


def _judged(column: Column, least: int, rows: int, windows: float) -> Judged:
    if column.rows is None or column.rows < least:
        return Judged(column, *_too_few(column, column.rows, least, rows))
    google, by_order = _by_google(column, windows), _by_order(column, windows)
    ordered = [by_order] if by_order and column.order_limit is not None else []
    # What nobody limits is not missed, where the other distance tells.
    parts = [google, *ordered] if column.limit is not None or not ordered else ordered
    worst = min((each.finding for each in parts), key=_WORST.index)
    said = "; ".join(each.reason for each in parts if each.finding is worst)
    said += _gone(column) if worst in {Finding.BREACH, Finding.UNMEASURED} else ""
    return Judged(column, worst, said, google.expected, by_order)


_WORST = (Finding.BREACH, Finding.UNMEASURED, Finding.CHANCE, Finding.CALM, Finding.UNLIMITED)
"""Of a column's two distances: what was not measured is not calm, whatever the other one says."""


def _by_google(column: Column, windows: float) -> Part:
    if column.distance is None:
        return Part(Finding.UNMEASURED, "there was nothing to compare")
    expected = chance.of_distance(column.algorithm, column.values, *column.both, windows)
    return _compared((column.distance, column.limit, expected), "", column.both)


def _by_order(column: Column, windows: float) -> Part | None:
    if column.order is None:
        none = "nothing is told of its order"
        return Part(Finding.UNMEASURED, none) if column.order_limit is not None else None
    ours, theirs = column.in_order or column.both
    rows = (min(ours, column.both[0]), min(theirs, column.both[1]))
    expected = order.by_chance(*rows, windows)
    return _compared((column.order, column.order_limit, expected), "by order ", rows)


def _too_few(column: Column, values: int | None, least: int, rows: int) -> tuple[Finding, str]:
    """Say it of a column with few values, or of none that is known: among few rows that is no news."""
    if not column.told and rows < least:
        return Finding.TOO_FEW, f"no value, among {rows} rows: at least {least} tell something"
    if not column.told:
        return Finding.UNMEASURED, "no row has a value of it, of the window or of what it is compared with"
    if values is None:
        # A limit that nobody can check is no leave.
        return Finding.TOO_FEW, "nobody tells how many values there were"
    # With the baseline's share of missing ones there would be enough: they are gone.
    if rows >= least and rows * (1 - column.baseline_missing) >= least:
        return Finding.UNMEASURED, f"{values} of {rows} rows have a value{_gone(column)}"
    return Finding.TOO_FEW, f"{values} of at least {least} values{_gone(column)}"


def _compared(far: tuple[float, float | None, float], which: str, rows: tuple[int, int]) -> Part:
    """Say it of one distance, beside its limit and what chance makes of it."""
    distance, limit, expected = far
    if limit is None:
        return Part(Finding.UNLIMITED, f"{which}{distance:.3g}, and no limit is set", expected)
    told = f"{which}{distance:.3g}, limit {limit:g}"
    if distance <= limit:
        return Part(Finding.CALM, told, expected)
    if distance <= expected:
        few = f"{rows[0]} values beside {rows[1]} differ by up to {expected:.3g} by chance"
        return Part(Finding.CHANCE, f"{told}: {few}", expected)
    return Part(Finding.BREACH, told, expected)


def _gone(column: Column) -> str:
    """Say how many values are missing, where that is news: no distance knows of it."""
    if column.missing <= column.baseline_missing or column.missing < _SHOWN:
        return ""
    return f"; {column.missing:.0%} are missing, {column.baseline_missing:.0%} of the baseline"


_SHOWN = 0.005


def _summed(found: Sequence[Judged], least: int) -> tuple[Finding, str]:
    breaches = [each for each in found if each.finding is Finding.BREACH]
    if breaches:
        words = [f"{each.column.name} {each.reason}" for each in breaches[:_NAMED]]
        more = f"; and {len(breaches) - _NAMED} more" if len(breaches) > _NAMED else ""
        return Finding.BREACH, f"{len(breaches)} of {len(found)} columns too far: {'; '.join(words)}{more}"
    lost = [each for each in found if each.finding is Finding.UNMEASURED and each.column.limited]
    if not any(each.finding in TELLING for each in found) and not lost:
        return Finding.TOO_FEW, _nothing(found, least)
    by_chance = [each.column.name for each in found if each.finding is Finding.CHANCE]
    silent = {Finding.TOO_FEW, Finding.UNMEASURED}
    unknown = [each.column.name for each in found if each.finding in silent and each not in lost]
    parts = [f"all {len(found)} columns within their limits" if not by_chance and not unknown and not lost else ""]
    parts += [f"{_listed([each.column.name for each in lost])} not compared: {lost[0].reason}" if lost else ""]
    parts += [f"{_listed(by_chance)} beyond the limit, as chance does" if by_chance else ""]
    parts += [f"nothing can be said of {_listed(unknown)}" if unknown else ""]
    # What was not compared is not calm: its values may be gone because something broke.
    return Finding.TOO_FEW if lost else Finding.CALM, "; ".join(part for part in parts if part)


def _nothing(found: Sequence[Judged], least: int) -> str:
    if not found:
        return "nothing was measured"
    if all(each.finding is Finding.UNLIMITED for each in found):
        return "no limit is set"
    most = max((each.column.rows or 0 for each in found), default=0)
    if most < least:
        return f"{most} rows; fewer than {least} tell nothing"
    return f"nothing can be said of {_listed([each.column.name for each in found])}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def counted(columns: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Count findings of columns as they are kept."""
    found: dict[str, int] = {}
    for each in columns:
        found[str(each["finding"])] = found.get(str(each["finding"]), 0) + 1
    return found
