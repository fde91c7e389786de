"""Windows and distributions as standings keep them: what the retraining function said, and what jobs measured. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from reconciler.core.standings.words import count, moment, name, number, share, text, word
from reconciler.engine.monitoring.comparing import NO_WINDOW, Window
from reconciler.engine.monitoring.shapes import Shape
from reconciler.engine.monitoring.standing import COMPARISONS, standings
from schemas.kept.measured import MOST_BINS, MOST_COLUMNS, MOST_SHAPES, MOST_WINDOWS

Told = dict[str, Any]


@dataclass(frozen=True, slots=True)
class News:
    """What is new of one service's comparisons.

    Args:
        remembered: What the function said, as it wrote it; None where that is not news, or there is no function.
        source: Generation of what it wrote; empty for none.
        measured: What jobs measured: by schedule, the job's full name, and its windows by comparison.
        wanted: Comparisons that are to be made.
        problem: What of it cannot be read, and why.
    """

    remembered: Sequence[Mapping[str, Any]] | None = None
    source: str = ""
    measured: Mapping[str, tuple[str, Mapping[str, Window]]] = field(default_factory=dict)
    wanted: Sequence[str] = ()
    problem: str = ""


def monitoring(before: Mapping[str, Any] | None, news: News, now: datetime) -> Told | None:
    """Give what is known of a service's comparisons, as `schemas.kept.measured.Monitoring`.

    Args:
        before: What was known; None for nothing.
        news: What was read since.
        now: The time.

    Returns:
        None where nothing is compared, and nothing was.
    """
    if not (before or news.remembered or news.measured or news.wanted or news.problem):
        return None
    old = before or {}
    said = [each for raw in news.remembered or () if (each := _of_function(raw))]
    jobs = [each for job, windows in news.measured.values() for each in _of_job(job, windows)]
    windows = _merged([*(old.get("windows") or ()), *jobs, *said])
    something = news.remembered is not None or bool(news.measured)
    return {
        "comparisons": list(_comparisons(old, windows, news)),
        "windows": _newest(windows),
        "shapes": {**(old.get("shapes") or {}), **_shapes(news)},
        "jobs": {**(old.get("jobs") or {}), **{which: name(job) for which, (job, _) in news.measured.items()}},
        "source": name(news.source or old.get("source")),
        "looked": moment(now) if something else old.get("looked"),
        "problem": text(news.problem),
    }


def _of_function(window: Mapping[str, Any]) -> Told | None:
    """Give a window as the function wrote it; None for what is none."""
    at, sort = moment(window.get("at")), window.get("sort")
    if at is None or sort not in COMPARISONS:
        return None
    told = window.get("columns")
    columns = [_column(each) for each in told if isinstance(each, Mapping)] if isinstance(told, list) else []
    return _window(str(sort), at, window.get("job"), window.get("finding"), window.get("reason"), columns)


def _of_job(job: str, windows: Mapping[str, Window]) -> Iterator[Told]:
    for sort, each in windows.items():
        at = moment(each.at)
        if at is not None:
            judged = each.verdict.columns if each.verdict else ()
            columns = [_column(one.to_json()) for one in judged]
            yield _window(sort, at, job, each.finding, each.reason, columns)


def _window(which: str, at: str, job: object, finding: object, reason: object, columns: list[Told]) -> Told:  # noqa: PLR0917 - as documents have it
    rows = [each["samples"] for each in columns if each["samples"] is not None]
    return {
        "which": which,
        "at": at,
        "job": name(job),
        "finding": name(finding),
        "reason": text(reason),
        "samples": max(rows, default=None),
        "columns": columns[:MOST_COLUMNS],
    }


def _column(column: Mapping[str, Any]) -> Told:
    distance, limit = _farther(column)
    return {
        "name": word(column.get("name")),
        "finding": name(column.get("finding")),
        "reason": text(column.get("reason")),
        "distance": number(column.get("value")) if distance is None else distance,
        "limit": limit,
        "samples": count(column.get("rows")),
    }


def _farther(column: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Give a column's distance and limit: those of its order, where by its limit that is the farther of the two."""
    told = (column, order if isinstance(order := column.get("order"), Mapping) else {})
    one, other = ((number(each.get("distance")), number(each.get("limit"))) for each in told)
    return other if _part(*other) > _part(*one) else one


def _part(distance: float | None, limit: float | None) -> float:
    return distance / limit if distance is not None and limit else -1.0


def _merged(windows: Iterable[Told]) -> list[Told]:
    """Give each window once, the later word of it, the oldest first."""
    found = {(each["which"], each["job"] or each["at"]): each for each in windows}
    return sorted(found.values(), key=lambda each: (datetime.fromisoformat(each["at"]), each["which"]))


def _newest(windows: Sequence[Told]) -> list[Told]:
    """Keep the newest of each comparison."""
    kept: list[Told] = []
    many: dict[str, int] = {}
    for each in reversed(windows):
        many[each["which"]] = many.get(each["which"], 0) + 1
        if many[each["which"]] <= MOST_WINDOWS:
            kept.append(each)
    kept.reverse()
    return kept


def _comparisons(before: Mapping[str, Any], windows: Sequence[Told], news: News) -> Iterator[Told]:
    known = {each["which"]: each for each in before.get("comparisons") or ()}
    found = {each.which: each for each in standings([{**each, "sort": each["which"]} for each in windows])}
    for which in COMPARISONS:
        if which in found:
            standing = found[which]
            told = {
                "which": which,
                "finding": name(standing.finding),
                "reason": text(standing.reason),
                "at": moment(standing.at),
                "since": moment(standing.since),
                "windows": standing.windows,
                "columns": [word(each) for each in sorted(standing.columns or {})][:MOST_COLUMNS],
            }
            oldest = next(each["at"] for each in windows if each["which"] == which)
            yield _longer(told, known.get(which), oldest)
        elif which in news.wanted:
            yield {"which": which, "finding": NO_WINDOW, "reason": "no window has ended yet"}


def _longer(told: Told, before: Mapping[str, Any] | None, oldest: str) -> Told:
    """Give a row of breaches the beginning that was known of it, where it is longer than the windows that are kept."""
    began = before.get("since") if before else None
    if before is None or not began or told["since"] != oldest:
        return told
    if datetime.fromisoformat(began) >= datetime.fromisoformat(oldest):
        return told
    more = told["at"] != before.get("at")
    return {**told, "since": began, "windows": max(told["windows"], int(before.get("windows") or 0) + more)}


def _shapes(news: News) -> dict[str, dict[str, Told]]:
    """Give how columns are distributed in the newest window of each comparison, the worst first."""
    found: dict[str, dict[str, Told]] = {}
    for _, windows in news.measured.values():
        for sort, each in windows.items():
            ranked = [one.column.name for one in (each.verdict.columns if each.verdict else ())]
            told = {word(column): _shape(each.shapes[column]) for column in ranked if column in each.shapes}
            found[sort] = dict([*told.items()][:MOST_SHAPES])
    return found


def _shape(shape: Shape) -> Told:
    sides = {"baseline": [*map(_rounded, shape.baseline)], "serving": [*map(_rounded, shape.serving)]}
    if shape.end is None:
        kept = {side: shares[:MOST_BINS] for side, shares in sides.items()}
        return {"labels": [word(each) for each in shape.bins][:MOST_BINS], "edges": [], **kept}
    edges = [number(float(each)) for each in shape.bins] + [number(shape.end)]
    if None in edges:  # greater than anything that is counted: programs would not read it as it is
        return {"labels": [word(each) for each in shape.bins][:MOST_BINS], "edges": [], **sides}
    return {"labels": [], "edges": edges, **sides}


def _rounded(value: float) -> float:
    return round(share(value), 6)
