"""Series of Cloud Run's revisions, written as any others are."""

import logging
from collections.abc import Sequence
from typing import Any

from google.protobuf.json_format import ParseDict

from emulator.apis.monitoring.recording import record
from emulator.apis.monitoring.series.keeping import TimeSeries
from emulator.apis.run.traffic import MINUTE_S
from emulator.core.world import World

log = logging.getLogger("emulator")


def write(world: World, told: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Write series of revisions.

    Args:
        world: Where.
        told: Full name of the revision, and a series with one point, in JSON.
    """
    by_project: dict[str, list[Any]] = {}
    for revision, each in told:
        by_project.setdefault("/".join(revision.split("/")[:2]), []).append(ParseDict(each, TimeSeries()))
    for project, many in by_project.items():
        if refused := record(world, project, many, period_ns=MINUTE_S * 10**9):
            log.warning("revisions were counted in vain", extra={"series": len(refused), "why": refused[0].why})
