"""Bounds on the whole: what of services goes first where they are too many to keep all that is known of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.core.standings.trail import thinned
from schemas.kept import compact

LARGEST = 16 << 20
"""Bytes that the services of one shard may take. Who reads it may be a page with little memory."""

Service = Mapping[str, Any]
Size = Callable[[Service], int]


@dataclass(frozen=True, slots=True)
class _Level:
    """How much of a service is kept.

    Args:
        trail: Decisions about its rollout.
        windows: Windows of each comparison.
        columns: Columns of each of them.
        shapes: Columns whose distribution is kept.
        others: Of everything else of which there may be many.
    """

    trail: int
    windows: int
    columns: int
    shapes: int
    others: int


_LEVELS = (
    _Level(100, 24, 20, 20, 25),
    _Level(50, 12, 12, 12, 12),
    _Level(20, 6, 8, 4, 6),
    _Level(8, 3, 5, 0, 3),
    _Level(2, 1, 3, 0, 2),
    _Level(0, 0, 0, 0, 1),
)


def size_of(service: Service) -> int:
    """Give how many bytes a service takes, as it is kept."""
    return len(compact(service).encode())


def fitted(services: Sequence[Service], most: int, size: Size = size_of) -> list[Service]:
    """Give services that fit together. Those that take little stay whole; the largest lose most, the oldest first.

    Args:
        services: What is known of each.
        most: Bytes that all of them may take.
        size: Gives the bytes of one.
    """
    sizes = [size(each) for each in services]
    if sum(sizes) <= most:
        return [*services]
    cap = _cap(sizes, most)
    return [each if had <= cap else _smaller(each, cap, size) for each, had in zip(services, sizes, strict=True)]


def _cap(sizes: Sequence[int], most: int) -> int:
    """Give what one may take at the most, so that all fit: what small ones leave is for the others."""
    left, many = most, len(sizes)
    for each in sorted(sizes):
        if each * many > left:
            return left // many
        left, many = left - each, many - 1
    return max(sizes, default=0)


def _smaller(service: Service, cap: int, size: Size) -> Service:
    """Give as much of a service as fits: by halves, since what is large takes long to write."""
    low, high = 0, len(_LEVELS) - 1
    found = _at(service, _LEVELS[high])
    while low < high:
        middle = (low + high) // 2
        tried = _at(service, _LEVELS[middle])
        if size(tried) <= cap:
            found, high = tried, middle
        else:
            low = middle + 1
    return found


def _at(service: Service, level: _Level) -> Service:
    trail, gone = thinned(service.get("trail") or (), level.trail)
    kept = {**service, "trail": trail}
    kept |= {key: list(service[key])[: level.others] for key in ("versions", "pending") if service.get(key)}
    if monitoring := service.get("monitoring"):
        kept["monitoring"], lost = _less_measured(monitoring, level)
        gone += lost
    if retraining := service.get("retraining"):
        lists = {key: list(retraining[key])[: level.others] for key in ("decisions", "runs") if retraining.get(key)}
        gone += sum(len(retraining[key]) - len(lists[key]) for key in lists)
        kept["retraining"] = {**retraining, **lists}
    return kept | {"leftOut": service.get("leftOut", 0) + gone}


def _less_measured(monitoring: Mapping[str, Any], level: _Level) -> tuple[dict[str, Any], int]:
    windows = list(monitoring.get("windows") or ())
    of: dict[str, int] = {}
    kept = []
    for each in reversed(windows):
        of[each["which"]] = of.get(each["which"], 0) + 1
        if of[each["which"]] <= level.windows:
            kept.append({**each, "columns": list(each.get("columns") or ())[: level.columns]})
    worst = _worst_first(kept)
    shapes = {
        which: {column: shape for column, shape in columns.items() if column in worst.get(which, ())[: level.shapes]}
        for which, columns in (monitoring.get("shapes") or {}).items()
    }
    kept.reverse()
    shown = {which: columns for which, columns in shapes.items() if columns}
    return {**monitoring, "windows": kept, "shapes": shown}, len(windows) - len(kept)


def _worst_first(newest_first: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Give the columns of the newest window of each comparison, as they stand there: the worst first."""
    found: dict[str, list[str]] = {}
    for each in newest_first:
        found.setdefault(each["which"], [column["name"] for column in each["columns"]])
    return found
