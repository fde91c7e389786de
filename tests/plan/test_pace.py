"""How fast an API is called: never faster than its quota, never before it said, and never so slow as to stand."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core import pace
from reconciler.core.pace import Pace, Quota

GAPS = st.lists(st.floats(0, 5), min_size=1, max_size=120)
LUCK = st.floats(0, 1, exclude_max=True)
PER_MINUTE = st.floats(1, 600)


@given(PER_MINUTE, GAPS)
@settings(deadline=None, max_examples=100)
def test_in_no_minute_there_are_more_calls_than_two_quotas_and_in_the_long_run_one(per_minute, gaps):
    """However callers come: a full bucket and what flows in, as Google counts it."""
    made, now, calls = Pace.of(per_minute, 0.0), 0.0, []
    for gap in gaps:
        now += gap
        now += made.wait_s(now)
        made = made.called(now)
        calls.append(now)

    for index, begin in enumerate(calls):
        for count, end in enumerate(calls[index:], 1):
            assert count <= max(per_minute, 1) + per_minute * (end - begin) / 60 + 1e-3


@given(PER_MINUTE, st.lists(st.tuples(st.floats(0, 30), st.floats(0, 900), LUCK), max_size=30))
@settings(deadline=None, max_examples=200)
def test_nobody_calls_before_he_was_told_to_and_nobody_waits_for_ever(per_minute, story):
    """Whatever is refused, and when: the wait is as long as was said, it is bounded, and after it a call is made."""
    made, now = Pace.of(per_minute, 0.0), 0.0
    for gap, told_s, luck in story:
        now += gap + made.wait_s(now + gap)
        made = made.called(now).refused(now, now, told_s, luck)

        wait_s = made.wait_s(now)

        assert wait_s >= min(told_s, pace.LONGEST_TOLD_S) - 1e-6
        assert wait_s <= max(pace.LONGEST_TOLD_S * 1.25, 60 / per_minute) + 1e-6
        assert made.wait_s(now + wait_s) < 1e-6
        assert pace.SLOWEST <= made.factor <= 1


@given(st.lists(LUCK, min_size=2, max_size=12))
def test_each_refusal_in_a_row_pauses_longer(lucks):
    """Twice as long each time, by chance a half more or less, up to half a minute."""
    made, now, pauses = Pace.of(6000, 0.0), 0.0, []
    for luck in lucks:
        made = made.called(now).refused(now, now, 0.0, luck)
        pauses.append((made.until - now) / (0.5 + luck))
        now = made.until

    assert all(after == pytest.approx(min(2 * before, pace.LONGEST_PAUSE_S)) for before, after in pairwise(pauses))


@given(st.integers(1, 16), LUCK)
def test_calls_on_their_way_together_slow_us_down_once(many, luck):
    """Sixteen threads that are refused in one moment are one refusal."""
    made = Pace.of(6000, 0.0)
    for _ in range(many):
        made = made.called(1.0)
    for _ in range(many):
        made = made.refused(1.1, 1.0, 0.0, luck)

    assert (made.refusals, made.factor) == (1, 0.5)


def test_while_it_refuses_one_call_at_a_time_asks():
    """The others wait for its answer; one that was taken lets them go on, one from before says nothing."""
    made = Pace.of(6000, 0.0).called(0.0).called(0.0).refused(0.1, 0.0, 5.0, 0.0)
    assert made.answered(0.2, 0.0) == made
    asked = made.called(5.1)

    assert asked.wait_s(5.1) == pace.PROBE_S
    assert asked.answered(5.2, 5.1).wait_s(5.3) == 0


@given(st.integers(1, 10))
def test_what_is_taken_again_goes_as_fast_again(refusals):
    """After as many good answers as steps there are, the whole quota is used."""
    made, now = Pace.of(6000, 0.0), 0.0
    for _ in range(refusals):
        now += made.wait_s(now)
        made = made.called(now).refused(now, now, 0.0, 0.5)
    for _ in range(32):
        now += made.wait_s(now)
        made = made.called(now).answered(now, now)

    assert (made.factor, made.refusals) == (1.0, 0)


@pytest.mark.parametrize(
    ("reason", "limit", "message", "passes"),
    [
        pytest.param("RATE_LIMIT_EXCEEDED", "", "no", True, id="reason"),
        pytest.param("rateLimitExceeded", "", "", True, id="cloud-storage"),
        pytest.param("", "ReadPerMinutePerProjectRegion", "", True, id="limit"),
        pytest.param("", "", "limit 'Write requests per minute' of service 'run.googleapis.com'", True, id="words"),
        pytest.param("", "CpuAllocPerProjectRegion", "Quota exceeded", False, id="cpus"),
        pytest.param("", "", "Quota exceeded for total allowable CPU per project per region.", False, id="cpu-words"),
        pytest.param("RESOURCE_EXHAUSTED", "", "too many service accounts", False, id="things"),
    ],
)
def test_only_limits_of_rate_are_waited_for(reason, limit, message, passes):
    """One of things that are there does not pass by itself."""
    assert pace.passes(reason, limit, message) == passes


@pytest.mark.parametrize(
    ("host", "api"),
    [
        ("run.googleapis.com", "run.googleapis.com"),
        ("europe-west1-aiplatform.googleapis.com", "aiplatform.googleapis.com"),
        ("iam.googleapis.com:443", "iam.googleapis.com"),
    ],
)
def test_hosts_of_regions_count_for_their_api(host, api):
    """A quota is the API's."""
    assert pace.api_of(host) == api


def test_quotas_are_those_that_google_documents():
    """Reads and writes apart; what is not documented has a default."""
    assert pace.quota_of("iam.googleapis.com") == Quota(6000, 600)
    assert pace.quota_of("cloudscheduler.googleapis.com").of(write=True) == 500
    assert pace.quota_of("none.googleapis.com") == pace.DEFAULT


@pytest.mark.parametrize(
    ("method", "read"),
    [
        ("GetService", True),
        ("ListJobs", True),
        ("TestIamPermissions", True),
        ("SetIamPolicy", False),
        ("Getaway", False),
        ("CreateService", False),
    ],
)
def test_methods_read_or_write_by_their_first_word(method, read):
    """Quotas are for each apart."""
    assert pace.is_read(f"/google.cloud.run.v2.Services/{method}") == read
