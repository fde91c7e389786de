"""What was measured of the two versions of a rollout: read for a region at once, and put side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from reconciler.core.objects import Observed
from reconciler.core.rollout.record import on_its_way
from reconciler.core.rollout.series import Count, Seen, Series
from reconciler.gcp.rollout_series import Answers, answers_of
from reconciler.kinds.run_service.record import annotations_of

if TYPE_CHECKING:
    from reconciler.core.rollout.position import Rollout
    from reconciler.gcp.connection import Connection
    from reconciler.kinds.run_service.record import RunService

ANSWERS = "answers"
"""Where the client's output has what the revisions answered."""


def measure(connection: Connection, found: Sequence[Observed[RunService]], now: datetime) -> list[Observed[RunService]]:
    """Add what was measured to the services of one region that have a rollout on its way.

    Args:
        connection: How to reach it.
        found: Services of one region.
        now: The time.
    """
    begun = {each.address.name: started for each in found if (started := _started(each)) is not None}
    if not begun:
        return list(found)
    answers = answers_of(connection, found[0].address.location, sorted(begun), min(begun.values()), now)
    return [
        replace(each, output={**each.output, ANSWERS: answers[each.address.name]})
        if each.address.name in answers
        else each
        for each in found
    ]


def _started(seen: Observed[RunService]) -> datetime | None:
    record = on_its_way(annotations_of(seen.fields.service))
    return record.started if record is not None else None


def series_of(rollout: Rollout, answers: Answers | None) -> Series:
    """Put the answers of both versions side by side, minute by minute.

    Args:
        rollout: Where it stands.
        answers: What the revisions answered; None where nothing was read.
    """
    if answers is None or rollout.candidate is None or rollout.record is None:
        return Series()
    seen = Seen(answers.until, answers.error)
    pair = rollout.candidate.revision, rollout.stable.revision if rollout.stable else ""
    since = rollout.record.started
    limit = rollout.policy.slow_ms
    return Series(
        answers=tuple(_counted(answers, pair, since, refusals=rollout.shadowed and rollout.policy.known)),
        answers_seen=seen,
        slow=tuple(_slow(answers, pair, since, limit)) if limit is not None else (),
        slow_seen=seen,
    )


def _minutes(found: Any, since: datetime) -> list[datetime]:
    return sorted({minute for _, minute in found if minute >= since.replace(second=0, microsecond=0)})


def _counted(answers: Answers, pair: tuple[str, str], since: datetime, *, refusals: bool) -> Iterator[Count]:
    """Count answers and errors. Of copies, which were answered before, what the candidate refuses is an error, too."""
    bad = ("5xx", "4xx") if refusals else ("5xx",)
    for minute in _minutes(answers.classes, since):
        ours, theirs = (answers.classes.get((name, minute), {}) for name in pair)
        wrong = sum(ours.get(each, 0) for each in bad)
        yield Count(minute, sum(ours.values()), sum(theirs.values()), wrong, theirs.get("5xx", 0))


def _slow(answers: Answers, pair: tuple[str, str], since: datetime, limit_ms: int) -> Iterator[Count]:
    for minute in _minutes(answers.spreads, since):
        spreads = [answers.spreads.get((name, minute)) for name in pair]
        whole = [sum(each.counts) if each else 0 for each in spreads]
        late = [each.slower_than(limit_ms) if each else 0 for each in spreads]
        yield Count(minute, whole[0], whole[1], late[0], late[1])
