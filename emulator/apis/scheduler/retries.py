"""When a failed attempt is repeated.

Source: comments of `RetryConfig`; the example there is a test.
"""

from datetime import datetime, timedelta
from typing import Any

MIN_BACKOFF_S, MAX_BACKOFF_S, MAX_DOUBLINGS = 5, 3600, 5
"""What the server fills in."""
ENOUGH = 40
"""Doublings after which any pause is longer than the longest: some limit, so that numbers stay numbers."""


def fill(config: Any) -> None:
    """Write the defaults in place of what is left out or zero: without a pause retries would never end."""
    if not seconds(config.min_backoff_duration):
        config.min_backoff_duration.seconds = MIN_BACKOFF_S
    if not seconds(config.max_backoff_duration):
        config.max_backoff_duration.seconds = MAX_BACKOFF_S
    config.max_retry_duration.SetInParent()
    config.max_doublings = config.max_doublings or MAX_DOUBLINGS


def backoff_s(config: Any, retries: int) -> float:
    """How long to wait before one more attempt, after so many retries: doubling, then linear, then the most."""
    least, most = seconds(config.min_backoff_duration), seconds(config.max_backoff_duration)
    doublings: int = min(retries, config.max_doublings, ENOUGH)
    return min(least * (1 << doublings) * (retries - doublings + 1), most)


def following(config: Any, retries: int, began: datetime, now: datetime) -> datetime | None:
    """The time of the next attempt, or None: there is none.

    Args:
        config: A `RetryConfig`, filled.
        retries: How many there were.
        began: When the first attempt started.
        now: When the last one ended.
    """
    longest = seconds(config.max_retry_duration)
    in_time = longest > 0 and now - began < timedelta(seconds=longest)
    if config.retry_count == 0 or not (retries < config.retry_count or in_time):
        return None
    return now + timedelta(seconds=backoff_s(config, retries))


def seconds(duration: Any) -> float:
    """A duration in seconds."""
    return float(duration.seconds + duration.nanos / 1e9)
