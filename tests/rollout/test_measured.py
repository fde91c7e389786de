"""What Cloud Monitoring says of two revisions becomes counts, minute by minute."""

from datetime import UTC, datetime, timedelta

import pytest
from google.api.distribution_pb2 import Distribution
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.rollout.policy import Policy
from reconciler.core.rollout.position import Known, Live, Share, Version, Wanted, locate
from reconciler.core.rollout.record import Record, written
from reconciler.gcp.rollout_series import Answers, Spread, _spread
from reconciler.kinds.run_service.measured import series_of
from schemas.sections.rollout import Strategy

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def exponential(scale, growth, finite, counts):
    options = Distribution.BucketOptions(
        exponential_buckets=Distribution.BucketOptions.Exponential(
            scale=scale, growth_factor=growth, num_finite_buckets=finite
        )
    )
    return Distribution(bucket_options=options, bucket_counts=counts)


@pytest.mark.parametrize(
    ("limit", "slow"),
    [(1, 10), (50, 10), (100, 10), (199, 10), (200, 7), (399, 7), (400, 4), (800, 1), (10_000, 1)],
)
def test_slow_is_above_the_bound_nearest_below_the_limit(limit, slow):
    """Buckets below 100, to 200, to 400, to 800, and above, of which the first is empty."""
    spread = Spread((100, 200, 400, 800), (0, 3, 3, 3, 1))

    assert spread.slower_than(limit) == slow


def test_buckets_at_the_end_that_are_not_listed_are_empty():
    """Google leaves them out."""
    assert _told(exponential(100, 2, 3, [0, 3])) == Spread((100, 200, 400, 800), (0, 3, 0, 0, 0))


def _told(value):
    from google.cloud.monitoring_v3.types import common  # noqa: PLC0415 - Google's own wrapper of the message

    return _spread(common.TypedValue(distribution_value=value).distribution_value)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5), st.integers(0, 5)), max_size=6))
def test_both_versions_stand_side_by_side(minutes):
    """Every answer of a minute is counted once, for the version that gave it, and none of before the rollout."""
    record = Record("new", "a", {"a": 80, "b": 20}, START, START)
    live = Live(
        (Version("b", "new", ready=True), Version("a", "old", ready=True)),
        (Share("a", 80), Share("b", 20)),
        written(record, ()),
    )
    rollout = locate(Wanted("new", Policy(Strategy.CANARY)), live, Known())
    answers = Answers(until=START + 20 * MINUTE)
    for place, (good, bad, theirs) in enumerate(minutes):
        at = START + (place - 1) * MINUTE
        answers.classes["b", at] = {"2xx": good, "5xx": bad}
        answers.classes["a", at] = {"4xx": theirs}

    series = series_of(rollout, answers)

    counted = minutes[1:]
    assert sum(each.candidate for each in series.answers) == sum(good + bad for good, bad, _ in counted)
    assert sum(each.candidate_bad for each in series.answers) == sum(bad for _, bad, _ in counted)
    assert sum(each.stable for each in series.answers) == sum(theirs for _, _, theirs in counted)
    assert series.answers_seen.until == answers.until


def test_nothing_read_is_nothing_seen():
    """No answers, and what went wrong."""
    live = Live((Version("a", "old", ready=True),), (Share("a", 100),))
    rollout = locate(Wanted("old", Policy()), live, Known())

    assert series_of(rollout, None).answers == ()
    assert series_of(rollout, Answers(error="no")).answers == ()
