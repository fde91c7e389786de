"""What we manage of a dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.core.reference import Ref

NAME = "monitoring_dashboard"
HOST = "monitoring.googleapis.com"
VERSION = "v1"
LINE, AREA, LIMIT, TEXT = "LINE", "STACKED_AREA", "LIMIT", "TEXT"
"""How something is shown: the first two in the API's words."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One thing that a tile shows: series of a metric, a limit drawn across them, or a text.

    Args:
        how: `LINE`, `STACKED_AREA`, `LIMIT`, `TEXT`; of what we never write, what the API calls it.
        text: The legend, the limit's name, or Markdown.
        filter: Which series; without an aligner a query in PromQL, which says all of it.
        aligner: Without `ALIGN_`, such as `RATE`; empty for a query.
        reducer: Without `REDUCE_`; empty: series stay apart.
        groups: Labels by which series are told apart.
        over: Which series they are divided by; empty for none.
        period_s: Shortest length of a window, 60 or more; 0 for what is no series.
        limit: Where a limit is, in the metric's unit.
    """

    how: str
    text: str
    filter: str | Ref = ""
    aligner: str = ""
    reducer: str = ""
    groups: tuple[str, ...] = ()
    over: str = ""
    period_s: int = 0
    limit: float = 0.0


@dataclass(frozen=True, slots=True)
class Dashboard:
    """The fields we manage. Every other field of the live dashboard is left as found: where tiles stand, above all.

    Args:
        display_name: For people.
        tiles: What each tile shows, by its title.
        labels: Ours; others may add theirs.
    """

    display_name: str
    tiles: Mapping[str, tuple[Shown, ...]]
    labels: Mapping[str, str]
