"""How much services were used in the last days: three lists for a whole project, however many services it has."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial

from reconciler.core.inventory import Key
from reconciler.core.kind import Roles
from reconciler.cost.measured import Use
from reconciler.engine.session import Session, naming_roles
from reconciler.gcp.run_use import BILLED, COUNT, LATE, LATENCIES, totals

ROLES = Roles(read=("roles/monitoring.viewer",))
SPAN = timedelta(days=7)
_MINUTE_S = 60


def until_now(session: Session) -> datetime:
    """Give until when everything is told that was counted, in whole minutes."""
    return (session.clock.now() - LATE).replace(second=0, microsecond=0)


def read_use(session: Session, made: Mapping[Key, datetime], span: timedelta = SPAN) -> dict[Key, Use]:
    """Read how much services were used in the last days, or since they were made.

    Args:
        session: The run's means.
        made: When each service was made, by region and name; others are left out.
        span: How long ago it begins: seven days, left out.

    Raises:
        ApiError: It cannot be read.
    """
    if not made:
        return {}
    until = until_now(session)
    since = until - span
    read = [partial(totals, session.connection, metric, since, until) for metric in (COUNT, LATENCIES, BILLED)]
    with naming_roles(ROLES):
        counts, means, billed = session.pool.gather(read)
    found = {}
    for key, moment in made.items():
        begun = max(since, moment.replace(second=0, microsecond=0))
        span_s = int((until - begun).total_seconds())
        if span_s >= _MINUTE_S:  # else nothing can be said of it yet
            spanned = (span_s, begun.isoformat(timespec="seconds"), until.isoformat(timespec="seconds"))
            found[key] = Use(int(counts.get(key, 0)), means.get(key), billed.get(key), *spanned)
    return found
