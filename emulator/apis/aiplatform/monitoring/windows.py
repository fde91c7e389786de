"""Which rows a job reads: `24h` before a cut-off, a week ago.

Source: comments of `ModelMonitoringInput.TimeOffset`; model_monitoring.md A.5 and the windows of drift_vectors.json.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

SPAN = re.compile(r"(?P<count>\d{1,6})(?P<unit>[hdwHDW])")
UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


LONGEST = timedelta(days=36_500)
"""Of an offset and of a window. Google's bound is not known: from there on dates would begin to run out."""


def is_time(stamp: Any) -> bool:
    """Whether a timestamp is one: its numbers may be any."""
    try:
        stamp.ToDatetime(UTC)
    except (ValueError, OverflowError):
        return False
    return True


def wrong(given: Any) -> Iterator[tuple[str, str]]:
    """What is wrong with the time specification of a `ModelMonitoringInput`: field and words."""
    kind = given.WhichOneof("time_spec")
    if kind == "time_offset":
        yield from wrong_offset(given.time_offset)
    if kind == "time_interval":
        yield from wrong_interval(given.time_interval)


def wrong_offset(given: Any) -> Iterator[tuple[str, str]]:
    """Lengths that are none, and those that no date has before it."""
    for name in ("offset", "window"):
        text = getattr(given, name)
        length = span(text)
        if length is None and (text or name == "window"):
            yield f"time_offset.{name}", f'"{text}" is not a number followed by h, d or w.'
        elif length is not None and length > LONGEST:
            yield f"time_offset.{name}", f'"{text}" is more than {LONGEST.days} days.'


def wrong_interval(given: Any) -> Iterator[tuple[str, str]]:
    """Times that are none, and an end before the start."""
    bad = [name for name in ("start_time", "end_time") if not is_time(getattr(given, name))]
    yield from ((f"time_interval.{name}", "It is no time.") for name in bad)
    if bad or not (given.HasField("start_time") and given.HasField("end_time")):
        return
    if given.end_time.ToDatetime(UTC) < given.start_time.ToDatetime(UTC):
        yield "time_interval.end_time", "It must not be before the start time."


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
