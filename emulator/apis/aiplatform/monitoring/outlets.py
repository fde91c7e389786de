"""What a job tells others: entries of Cloud Logging, points of a metric, mails and notifications.

An API that takes one of them replaces its outlet: `world.part(Outlets, Outlets).point = ...`. What nobody
takes is kept, the newest thousand of each, and shown at `/_emulator/model-monitoring`.
"""

import json
from collections.abc import Callable
from typing import Any

from emulator.core.world import World

KIND = "aiplatform.monitoring_told"
KEPT_MOST = 1000
SORTS = ("points", "notices")
Outlet = Callable[[World, dict[str, Any]], None]


def keep(world: World, sort: str, key: str, told: dict[str, Any]) -> None:
    """Remember something; the same key again is the same thing."""
    with world.store.transaction():
        world.store.put(KIND, f"{sort}/{key}", json.dumps(told).encode())
        known = [name for name, _ in world.store.list(KIND, f"{sort}/")]
        world.store.delete_all(KIND, known[:-KEPT_MOST])


def write_log_entry(world: World, entry: dict[str, Any]) -> None:
    """A `LogEntry` in JSON: kept by Cloud Logging, and handed to its sinks. Twice the same is one."""
    from google.protobuf import json_format  # noqa: PLC0415 - the daemon starts without it

    from emulator.apis.logging import keeping, routing  # noqa: PLC0415 - imports Cloud Logging's messages
    from emulator.apis.logging.model import Entry  # noqa: PLC0415 - the same

    message = keeping.dated(world, json_format.ParseDict(entry, Entry()))
    routing.hand_over(world, keeping.keep(world, [message]))


def keep_point(world: World, series: dict[str, Any]) -> None:
    """A `TimeSeries` of one point, in JSON."""
    labels = "/".join(series["metric"]["labels"].values())
    keep(world, "points", f"{series['points'][0]['interval']['endTime']}/{series['metric']['type']}/{labels}", series)


def keep_notice(world: World, notice: dict[str, Any]) -> None:
    """A mail or a notification: `{"time", "to", "about", "subject"}`."""
    keep(world, "notices", f"{notice['time']}/{notice['about']}/{notice['subject']}/{notice['to']}", notice)


class Outlets:
    """Where what jobs tell goes."""

    def __init__(self) -> None:
        self.log_entry: Outlet = write_log_entry
        self.point: Outlet = keep_point
        self.notice: Outlet = keep_notice


def told(world: World) -> dict[str, list[Any]]:
    """What is kept, the oldest first."""
    return {sort: [json.loads(body) for _, body in world.store.list(KIND, f"{sort}/")] for sort in SORTS}
