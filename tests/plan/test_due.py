"""How many passes were due: by cron and time zone, however long ago, for whatever stands in the schedule."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from reconciler.core.due import due

NOW = datetime(2026, 11, 26, 12, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "zone", "ago", "count"),
    [
        ("*/5 * * * *", "Etc/UTC", timedelta(minutes=4), 1),
        ("*/5 * * * *", "Etc/UTC", timedelta(minutes=16), 4),
        ("*/5 * * * *", "Etc/UTC", timedelta(seconds=30), 0),
        ("0 13 * * *", "Europe/Paris", timedelta(days=2), 2),
        ("0 14 * * *", "Europe/Paris", timedelta(hours=1), 0),
        ("0 12 1 * thu", "Etc/UTC", timedelta(days=27), 5),
        ("0 12 * * thu", "Etc/UTC", timedelta(days=8), 2),
        ("0 12 */10 * *", "Etc/UTC", timedelta(days=26), 3),
        ("0 12 25 * *", "Etc/UTC", timedelta(days=40), 2),
        ("0 0 1 1 *", "Etc/UTC", timedelta(days=100), 0),
        ("0 0 31 2 *", "Etc/UTC", timedelta(days=9000), 0),
        ("*/5 * * * *", "Etc/UTC", timedelta(days=700_000), 9),
        ("whenever", "Etc/UTC", timedelta(days=1), 0),
        ("", "Etc/UTC", timedelta(days=1), 0),
    ],
)
def test_passes_that_were_due(schedule, zone, ago, count):
    """Counted to nine at most."""
    assert due(schedule, ZoneInfo(zone), NOW - ago, NOW, most=9) == count


def test_what_fires_at_the_ends_counts_once():
    """The first moment is the last pass's own, the last one is now."""
    at = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)

    assert due("0 * * * *", UTC, at - timedelta(hours=1), at, most=9) == 1
