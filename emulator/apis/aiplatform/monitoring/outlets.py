"""What a job tells others: entries of Cloud Logging, points of a metric, mails and notifications.

Mails and notifications go nowhere: the newest thousand are kept, and shown at `/_emulator/model-monitoring`.
"""

import json
from typing import Any

from emulator.core.world import World

KIND = "aiplatform.monitoring_told"
KEPT_MOST = 1000
SORTS = ("notices",)


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


def write_point(world: World, project: str, series: dict[str, Any]) -> None:
    """A `TimeSeries` of one point, in JSON: kept by Cloud Monitoring, whose policies look at it. Twice is once."""
    from google.protobuf import json_format  # noqa: PLC0415 - the daemon starts without it

    from emulator.apis.monitoring.recording import record  # noqa: PLC0415 - imports Cloud Monitoring's messages
    from emulator.apis.monitoring.series.keeping import TimeSeries  # noqa: PLC0415 - the same

    record(world, f"projects/{project}", [json_format.ParseDict(series, TimeSeries())])


def keep_notice(world: World, notice: dict[str, Any]) -> None:
    """A mail or a notification: `{"time", "to", "about", "subject"}`."""
    keep(world, "notices", f"{notice['time']}/{notice['about']}/{notice['subject']}/{notice['to']}", notice)


def told(world: World) -> dict[str, list[Any]]:
    """What is kept, the oldest first."""
    return {sort: [json.loads(body) for _, body in world.store.list(KIND, f"{sort}/")] for sort in SORTS}
