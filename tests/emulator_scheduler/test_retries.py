"""When a failed attempt is repeated; no emulator."""

from datetime import UTC, datetime, timedelta

import pytest
from google.cloud.scheduler_v1.types import job

from emulator.apis.scheduler import retries

BEGAN = datetime(2026, 11, 25, 10, tzinfo=UTC)


def config(**fields):
    """A retry configuration as it is stored."""
    made = job.RetryConfig.pb(job.RetryConfig(fields))
    retries.fill(made)
    return made


def seconds(count):
    return {"seconds": count}


def test_the_pauses_of_the_documented_example():
    """Least 10 s, most 300 s, three doublings: it doubles, then grows by the same, then stays."""
    made = config(min_backoff_duration=seconds(10), max_backoff_duration=seconds(300), max_doublings=3)

    assert [retries.backoff_s(made, count) for count in range(8)] == [10, 20, 40, 80, 160, 240, 300, 300]


def test_what_is_left_out_is_filled_in():
    """Five seconds to an hour, five doublings, no limit of time."""
    made = config()

    assert (made.min_backoff_duration.seconds, made.max_backoff_duration.seconds, made.max_doublings) == (5, 3600, 5)
    assert made.HasField("max_retry_duration")


def test_pauses_stay_numbers():
    """Whatever is asked for."""
    made = config(max_doublings=2**31 - 1)

    assert retries.backoff_s(made, 10**6) == 3600


@pytest.mark.parametrize(
    ("fields", "count", "elapsed_s", "again_s"),
    [
        pytest.param({}, 0, 1, None, id="not-asked-for"),
        pytest.param({"retry_count": 2}, 0, 1, 6, id="first"),
        pytest.param({"retry_count": 2}, 1, 7, 17, id="second"),
        pytest.param({"retry_count": 2}, 2, 20, None, id="enough"),
        pytest.param({"retry_count": 1, "max_retry_duration": seconds(60)}, 1, 7, 17, id="time-is-left"),
        pytest.param({"retry_count": 1, "max_retry_duration": seconds(60)}, 3, 60, None, id="neither-is-left"),
        pytest.param({"retry_count": 5, "max_retry_duration": seconds(60)}, 3, 90, 130, id="count-is-left"),
        pytest.param({"max_retry_duration": seconds(60)}, 0, 1, None, id="a-time-alone-asks-for-none"),
    ],
)
def test_whether_there_is_another_attempt(fields, count, elapsed_s, again_s):
    """Until both limits are reached; none at all where no count is given."""
    now = BEGAN + timedelta(seconds=elapsed_s)

    found = retries.following(config(**fields), count, BEGAN, now)

    assert found == (None if again_s is None else BEGAN + timedelta(seconds=again_s))
