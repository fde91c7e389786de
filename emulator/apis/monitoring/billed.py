"""`run.googleapis.com/container/billable_instance_time`: for how long instances of Cloud Run are billed.

In it is all that is on the bill: time with requests; time without where an instance is kept, or is billed whole.

Google has a point for each minute. Here a quiet time becomes one point of up to four hours: points are written when
instances are looked at (`instances.py`) and before they are read, up to where the reader's interval ends.

Source:
    model_monitoring.md E.1 (kind, type and unit). Public guides that check bills by it: 24 hours a day for an instance
    that is kept and never asked, 48 for two, and next to nothing after that minimum is gone; of services with a GPU,
    which are billed whole, their instance hours. Google samples every 60 s and shows points up to two minutes later.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from emulator.apis.monitoring import revisions
from emulator.apis.run.journal import resource
from emulator.apis.run.running import Running
from emulator.core.world import World

if TYPE_CHECKING:
    from emulator.processes.billable import Spell

BILLED = "run.googleapis.com/container/billable_instance_time"
DELAY = timedelta(seconds=120)
LONGEST = timedelta(hours=4)
_MINUTE = timedelta(seconds=60)
_ZERO = datetime(1970, 1, 1, tzinfo=UTC)


def write(world: World, until: datetime, *, delay: timedelta = DELAY) -> None:
    """Write what is billed and was not yet written.

    Args:
        world: Where.
        until: Not what is later: whole minutes before it.
        delay: Nor what is not so long ago.
    """
    running = world.find(Running)
    if running is None or running.started is None:
        return
    last = _floor(min(until, world.clock.now() - delay), _MINUTE)
    with world.store.transaction():  # two that write at once would write in the wrong order
        found = running.started.billed(last)
        revisions.write(world, [(name, series(name, *point)) for name, spells in found for point in points(spells)])


def finish(world: World) -> None:
    """Write what there is, but for the minute that has not ended: what runs will be stopped."""
    write(world, world.clock.now(), delay=timedelta(0))


def points(spells: Iterable["Spell"]) -> Iterator[tuple[datetime, datetime, float]]:
    """Give points: when each begins and ends, in whole minutes that no other one has, and its seconds."""
    slots: dict[datetime, list[Spell]] = {}
    for each in spells:
        rest: Spell | None = each
        while rest is not None:
            slot = _floor(rest.since, LONGEST)
            before, rest = rest.cut(slot + LONGEST)
            if before is not None:
                slots.setdefault(slot, []).append(before)
    for _, inside in sorted(slots.items()):
        since, until = min(each.since for each in inside), max(each.until for each in inside)
        end = _floor(until + _MINUTE - timedelta(microseconds=1), _MINUTE)
        start = _floor(since, _MINUTE)
        yield start, max(end, start + _MINUTE), sum(each.seconds for each in inside)


def series(revision: str, start: datetime, end: datetime, seconds: float) -> dict[str, Any]:
    """Give a series of one point, in JSON."""
    return {
        "metric": {"type": BILLED},
        "resource": resource(revision),
        "metricKind": "DELTA",
        "unit": "s",
        "points": [
            {
                "interval": {"startTime": start.isoformat(), "endTime": end.isoformat()},
                "value": {"doubleValue": seconds},
            }
        ],
    }


def _floor(moment: datetime, step: timedelta) -> datetime:
    return moment - (moment - _ZERO) % step
