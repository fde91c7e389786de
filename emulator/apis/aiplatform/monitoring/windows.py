"""Which rows a job reads: `24h` before a cut-off, a week ago.

Source: comments of `ModelMonitoringInput.TimeOffset`; model_monitoring.md A.5 and the windows of drift_vectors.json.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

SPAN = re.compile(r"(?P<count>\d{1,6})(?P<unit>[hdwHDW])")
UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def span(text: str) -> timedelta | None:
    """`2d` as a length; None for what is none."""
    found = SPAN.fullmatch(text)
    return None if found is None else int(found["count"]) * UNITS[found["unit"].lower()]


def bounds(given: Any, cut_off: datetime) -> tuple[datetime, datetime] | None:
    """From when and until when (exclusive) rows are read, UTC; None: all rows.

    Args:
        given: `ModelMonitoringInput`, checked.
        cut_off: The time of the schedule, or that of the job's creation.
    """
    kind = given.WhichOneof("time_spec")
    if kind == "time_interval":
        interval = given.time_interval
        start = (
            interval.start_time.ToDatetime(UTC) if interval.HasField("start_time") else datetime.min.replace(tzinfo=UTC)
        )
        return start, interval.end_time.ToDatetime(UTC) if interval.HasField("end_time") else cut_off
    if kind == "time_offset":
        end = cut_off - (span(given.time_offset.offset or "0h") or timedelta())
        return end - (span(given.time_offset.window) or timedelta()), end
    return None
