"""The fleet: what needs a person, then one row for each service."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from page.documents import Data
from page.needs import needs_of, needs_of_operator
from page.query import STATES, Query
from page.snapshot import Snapshot
from page.state import State, Tone, is_moving, state_of
from page.views.measures import drift, money, serving, signals, traffic
from page.words import short

MOST_NEEDS = 25
"""Of what needs a person so much is listed on one page; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Row:
    """One service, and what it is sorted and searched by.

    Args:
        data: What is shown.
        state: Its state.
        words: Everything that a search looks into, in lower case.
    """

    data: Data
    state: State
    words: str


def rows(snapshot: Snapshot) -> tuple[Row, ...]:
    """Make a row of each service."""
    return tuple(row_of(each) for each in snapshot.fleet())


def row_of(service: Data) -> Row:
    """Make the row of one service."""
    needs = needs_of(service)
    state = state_of(service, [need.state for need in needs])
    labels = dict(service.get("labels") or {})
    told = {name: service.get(name) or "" for name in ("region", "name", "project", "environment", "owner", "commit")}
    data = {
        **told,
        "labels": labels,
        "state": state.to_json(),
        "needs": [need.to_json() for need in needs],
        "serving": serving(service),
        "asked": service.get("asked") or "",
        "traffic": traffic(service),
        "rollout": _rollout(service),
        "drift": drift(service),
        "signals": signals(service),
        "money": money(service),
        "pending": len(service.get("pending") or ()),
        "changed": service.get("changed"),
        "checked": service.get("checked"),
    }
    words = [*told.values(), *(f"{key}:{value}" for key, value in labels.items()), service.get("serving") or ""]
    return Row(data, state, " ".join(words).lower())


def head_of(service: Data) -> Data:
    """Give what every view of one service begins with: which it is, and how."""
    data = row_of(service).data
    return {name: data[name] for name in ("region", "name", "project", "environment", "owner", "state", "needs")}


def _rollout(service: Data) -> Data | None:
    rollout = service.get("rollout")
    if not rollout:
        return None
    names = ("phase", "step", "of", "percent", "wait", "why", "forecast", "ends", "since")
    moving = {"moving": is_moving(service), "version": short(rollout["version"])}
    return {**{name: rollout.get(name) for name in names}, **moving}


def fleet(found: Sequence[Row], query: Query, per_page: int, passes: tuple[Data, ...] = ()) -> Data:
    """Make the view.

    Args:
        found: Every row.
        query: What of them is asked for.
        per_page: Rows of a page.
        passes: The latest report of each shard, for what of the job needs a person.
    """
    named = [row for row in found if _is_named(row, query)]
    wanted = [row for row in named if not query.state or _is_in(row, query.state)]
    ordered = in_order(wanted, query)
    pages = max(1, -(-len(ordered) // per_page))
    page = min(query.page, pages)
    needing = [row for row in in_order(wanted, Query()) if row.data["needs"]]
    told = [] if query.is_filtered else [*_of_the_job(passes)]
    told += [
        {
            "view": "service",
            "region": row.data["region"],
            "name": row.data["name"],
            "more": len(row.data["needs"]) - 1,
            **need,
        }
        for row in needing
        for need in row.data["needs"][:1]
    ]
    return {
        "query": query.parameters(),
        "total": len(found),
        "matching": len(ordered),
        "page": page,
        "pages": pages,
        "states": _counted(named),
        "needsYou": told[:MOST_NEEDS],
        "needsYouLeftOut": max(0, len(told) - MOST_NEEDS),
        "choices": _choices(found),
        "services": [row.data for row in ordered[(page - 1) * per_page : page * per_page]],
    }


def _of_the_job(passes: tuple[Data, ...]) -> Iterable[Data]:
    for name, need in needs_of_operator(passes):
        yield {"view": "operator", "region": "", "name": name, "more": 0, **need.to_json()}


def _is_named(row: Row, query: Query) -> bool:
    """Tell whether a row is of those that are asked for, whatever its state."""
    data = row.data
    exact = (("environment", query.environment), ("owner", query.owner), ("region", query.region))
    if any(value and data[name] != value for name, value in exact):
        return False
    if query.label:
        key, colon, value = query.label.partition(":")
        if key not in data["labels"] or (colon and data["labels"][key] != value):
            return False
    return all(word in row.words for word in query.text.lower().split())


def _is_in(row: Row, state: str) -> bool:
    return {
        "needs-you": bool(row.data["needs"]),
        "failing": row.state.tone is Tone.BAD,
        "moving": bool(row.data["rollout"] and row.data["rollout"]["moving"]),
        "quiet": row.state.tone is Tone.QUIET,
        "well": row.state.tone is Tone.GOOD,
    }[state]


def _counted(found: Iterable[Row]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for row in found:
        counts.update(state for state in STATES if _is_in(row, state))
    return {state: counts[state] for state in STATES}


def _choices(found: Iterable[Row]) -> dict[str, list[str]]:
    """Give what may be chosen to filter by: each value that there is, bounded."""
    most, seen = 200, [row.data for row in found]
    names = ("environment", "owner", "region")
    return {name: sorted({str(each[name]) for each in seen if each[name]})[:most] for name in names}


def in_order(found: Iterable[Row], query: Query) -> list[Row]:
    """Sort rows; those without a value come last, whichever way round."""
    key = _KEYS[query.sort]
    named = sorted(found, key=lambda row: (row.data["name"], row.data["region"]))
    known = [row for row in named if key(row) is not None]
    unknown = [row for row in named if key(row) is None]
    return [*sorted(known, key=key, reverse=query.downwards), *unknown]


def _within(*path: str) -> Callable[[Row], Any]:
    def value(row: Row) -> Any:
        found: Any = row.data
        for name in path:
            found = (found or {}).get(name)
        return found

    return value


def _cost(row: Row) -> float | None:
    told = row.data["money"] or {}
    amount = told.get("spent") or told.get("expected")
    return float(amount) if amount is not None else None


def _progress(row: Row) -> int | None:
    rollout = row.data["rollout"]
    return int(rollout["percent"]) if rollout and rollout["moving"] else None


_KEYS: dict[str, Callable[[Row], Any]] = {
    "needs": lambda row: (not row.data["needs"], row.state.rank),
    "name": lambda row: (row.data["name"], row.data["region"]),
    "state": lambda row: (row.state.rank, row.state.word),
    "rollout": _progress,
    "drift": _within("drift", "ratio"),
    "errors": _within("signals", "errorRate"),
    "p95": _within("signals", "p95Ms"),
    "cost": _cost,
    "changed": lambda row: row.data["changed"] or None,
}
