"""Predictions of two versions, by bins that the stable one fixed before the rollout began: one query for many. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.core.googlesql import identifier, literal
from reconciler.core.rollout.binning import MOST_CLASSES, TENTHS
from reconciler.core.rollout.series import Bins, Seen

LATE = timedelta(minutes=3)
"""So long after its answer a row may come: the server sends in batches, and Pub/Sub writes to the table."""
BEFORE = timedelta(days=7)
"""So far before the rollout bins are fixed by what the stable version answered."""
FEWEST = 100
"""Predictions before the rollout; fewer fix no bins."""
_MOST_SPANS = 500
"""Spans that a rollout is divided into: minutes, while it is young."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Where a service's predictions are logged.

    Args:
        table: With its project.
        location: Of its dataset.
        column: Of the prediction.
        numbers: They are numbers, and no classes.
    """

    table: str
    location: str
    column: str
    numbers: bool

    @property
    def dataset(self) -> tuple[str, str]:
        """Name the dataset, with its project, and where it is: what one query reads."""
        return self.table.rpartition(".")[0], self.location


@dataclass(frozen=True, slots=True)
class Contest:
    """Two versions of a service.

    Args:
        compared: Where their predictions are.
        service: Its name.
        candidate: Revision.
        stable: Revision.
        started: When the rollout began.
        ours: Ids of requests that we made ourselves, and that nobody else is able to name.
    """

    compared: Compared
    service: str
    candidate: str
    stable: str
    started: datetime
    ours: tuple[str, ...] = ()

    def span_s(self, now: datetime) -> int:
        """Give how many seconds are counted together: a minute, and more of a rollout that goes on for long."""
        minutes = max(0.0, (now - self.started) / timedelta(minutes=1))
        return 60 * max(1, -(-int(minutes) // _MOST_SPANS))

    @property
    def began(self) -> datetime:
        """Give the first whole minute of the rollout."""
        return self.started.replace(second=0, microsecond=0) + timedelta(minutes=1)


_UNREAD = Seen(error="predictions were not read")


@dataclass(frozen=True, slots=True)
class Predicted:
    """What was read.

    Args:
        bins: Span by span.
        seen: How much could be read.
    """

    bins: tuple[Bins, ...] = ()
    seen: Seen = _UNREAD


def query(contests: Sequence[Contest], now: datetime) -> str:
    """Give one query of the predictions of many services.

    Of each request the first row counts, and once, however often it was delivered: rows of a request are no
    independent witnesses. What was answered before the rollout is in the span -1.

    Args:
        contests: All of one dataset.
        now: The time.
    """
    tables = [part for place, each in enumerate(contests) for part in _tables(place, each)]
    return f"WITH {', '.join(tables)} {' UNION ALL '.join(_counts(n, each, now) for n, each in enumerate(contests))}"


def _tables(place: int, each: Contest) -> Iterator[str]:
    apart = f" AND request_id NOT IN ({', '.join(map(literal, each.ours))})" if each.ours else ""
    column, since = identifier(each.compared.column), _moment(each.began - BEFORE)
    yield (
        f"r{place} AS (SELECT DISTINCT request_id, logging_time, revision, {column} AS p"  # noqa: S608 - BigQuery reads it, every part quoted
        f" FROM {identifier(each.compared.table)} WHERE service = {literal(each.service)} AND row_index = 0"
        f"{apart} AND revision IN ({literal(each.candidate)}, {literal(each.stable)})"
        f" AND logging_time >= {since} AND {column} IS NOT NULL)"
    )
    if each.compared.numbers:
        edges = ", ".join(f"MAX(IF(tile = {tenth}, p, NULL)) AS e{tenth}" for tenth in range(1, TENTHS))
        yield (
            f"e{place} AS (SELECT {edges} FROM (SELECT p, NTILE({TENTHS}) OVER (ORDER BY p) AS tile FROM r{place}"  # noqa: S608 - as above
            f" WHERE revision = {literal(each.stable)} AND logging_time < {_moment(each.began)}))"
        )


def _counts(place: int, each: Contest, now: datetime) -> str:
    began, span = _moment(each.began), each.span_s(now)
    numbers = each.compared.numbers
    tile = " + ".join(f"IF(p > e{tenth}, 1, 0)" for tenth in range(1, TENTHS)) if numbers else "p"
    beside = f" CROSS JOIN e{place}" if numbers else ""
    at = f"IF(logging_time < {began}, -1, DIV(UNIX_SECONDS(logging_time) - UNIX_SECONDS({began}), {span}))"
    return (
        f"SELECT {place} AS place, {at} AS span, revision, CAST({tile} AS STRING) AS bin, COUNT(*) AS n"  # noqa: S608 - as above
        f" FROM r{place}{beside} WHERE logging_time >= {began} OR revision = {literal(each.stable)} GROUP BY 1, 2, 3, 4"
    )


def _moment(moment: datetime) -> str:
    return f"TIMESTAMP({literal(moment.astimezone(UTC).isoformat(timespec='seconds'))})"


def predicted(rows: Sequence[Mapping[str, Any]], place: int, contest: Contest, now: datetime) -> Predicted:
    """Read what the query says of one service.

    Args:
        rows: All of them.
        place: Of the service among those asked for.
        contest: Its versions.
        now: The time that the query was made with.
    """
    ours = [row for row in rows if row["place"] == place]
    before = {row["bin"]: row["n"] for row in ours if row["span"] < 0}
    if (known := sum(before.values())) < FEWEST:
        why = f"the stable version logged {known} of {FEWEST} predictions before the rollout, which fix no bins"
        return Predicted(seen=Seen(error=why))
    places = _places(before, numbers=contest.compared.numbers)
    size, until = max(places.values()) + 2, now - LATE
    span = timedelta(seconds=contest.span_s(now))
    found: dict[int, dict[str, list[int]]] = {}
    for row in ours:
        if row["span"] >= 0 and contest.began + (row["span"] + 1) * span <= until:
            sides = found.setdefault(row["span"], {name: [0] * size for name in (contest.candidate, contest.stable)})
            sides[row["revision"]][places.get(row["bin"], size - 1)] += row["n"]
    bins = tuple(
        Bins(contest.began + at * span, tuple(sides[contest.candidate]), tuple(sides[contest.stable]))
        for at, sides in sorted(found.items())
    )
    return Predicted(bins, Seen(until))


def _places(before: Mapping[str, int], *, numbers: bool) -> dict[str, int]:
    """Give the place of each bin: of tenths all, of classes those that were answered most."""
    if numbers:
        return {str(tenth): tenth for tenth in range(TENTHS)}
    most = sorted(before, key=lambda name: (-before[name], name))[:MOST_CLASSES]
    return {name: place for place, name in enumerate(sorted(most))}
