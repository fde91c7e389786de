"""Evidence that may be looked at as often as one likes."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.rollout import statistics
from reconciler.core.rollout.divergence import distance
from reconciler.core.rollout.evidence import bar_of
from reconciler.core.rollout.judging import Verdict, judge_predictions, judge_rate, judge_share, rate_of, verdict_of
from reconciler.core.rollout.series import Bins, Count
from tests.rollout.world import START

SHARES = [0.01, 0.05, 0.25, 0.5, 0.9]


def chances(number, share):
    """The binomial distribution."""
    return [math.comb(number, k) * share**k * (1 - share) ** (number - k) for k in range(number + 1)]


@given(st.integers(1, 12), st.integers(0, 30), st.sampled_from(SHARES))
def test_evidence_of_equal_versions_is_one_on_average_at_most(bad, fine, share):
    """Of all ways in which chance deals bad answers out: the hypergeometric law, of which nothing is assumed."""
    asked = bad + fine
    mine = max(1, min(asked - 1, round(asked * share))) if asked > 1 else 1
    ways = math.comb(asked, mine)
    mean = math.fsum(
        math.comb(bad, k)
        * math.comb(fine, mine - k)
        / ways
        * math.exp(statistics.relative([(mine, k, asked - mine, bad - k)]))
        for k in range(max(0, mine - fine), min(bad, mine) + 1)
    )

    assert mean <= 1 + 1e-9


@given(st.integers(1, 60), st.sampled_from([0.002, 0.01, 0.05]), st.floats(0.1, 1))
def test_evidence_at_the_limit_is_one_on_average_at_most(asked, limit, weight):
    """For a rate that is the limit, and for any that is lower; with requests that count less than one, too."""
    for rate in (limit, limit / 3):
        mean = math.fsum(
            chance * math.exp(statistics.beyond([(asked, bad)], limit, weight=weight))
            for bad, chance in enumerate(chances(asked, rate))
        )
        assert mean <= 1 + 1e-9


@given(st.integers(1, 60), st.sampled_from([0.04, 0.2, 0.4]))
def test_evidence_of_a_candidate_that_is_reached_is_one_on_average_at_most(asked, share):
    """For the least share that is no reason to worry, and for any that is larger."""
    for reached in (share, min(0.95, share * 1.2)):
        mean = math.fsum(
            chance * math.exp(statistics.fewer([(mine, asked)], share))
            for mine, chance in enumerate(chances(asked, reached))
        )
        assert mean <= 1 + 1e-9


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 200), st.integers(0, 9), st.integers(0, 9)), max_size=8))
def test_a_minute_says_no_more_than_its_cap(minutes):
    """However many bad answers it has; and one that is bad instead of good never speaks for the candidate."""
    each = [(mine + bad, bad, theirs + worse, worse) for mine, theirs, bad, worse in minutes]
    found = statistics.relative(each)

    assert found <= statistics.CAP * len(each) + 1e-9
    assert statistics.relative([(n, min(n, b + 1), s, w) for n, b, s, w in each]) >= found - 1e-9


def test_looking_each_minute_does_not_call_equal_versions_different():
    """Of 150 rollouts that are looked at 12 times each a test at 1 % would call a dozen bad."""
    source, called = random.Random(5), 0  # noqa: S311 - chance, no secret
    for _ in range(150):
        minutes = []
        for _ in range(60):
            bad = sum(source.random() < 0.02 for _ in range(60))
            mine = sum(source.random() < 0.25 for _ in range(bad))
            minutes.append((15, mine, 45, bad - mine))
        called += max(statistics.relative(minutes[:n]) for n in range(5, 61, 5)) >= math.log(100)

    assert called <= 2


@pytest.mark.parametrize(
    ("mine", "theirs", "bits"),
    [
        pytest.param((50, 50), (500, 500), 0.0, id="equal"),
        pytest.param((1000, 0), (0, 1000), 1.0, id="nothing-in-common"),
        pytest.param((9000, 1000), (5000, 5000), 0.1468, id="some"),
    ],
)
def test_divergence_is_jensen_and_shannons_to_the_base_two(mine, theirs, bits):
    """A divergence, not its root; without what chance adds to it."""
    found = distance(mine, theirs)

    assert found.value == pytest.approx(bits, abs=1e-3)
    assert found.low <= found.value <= found.high


def test_divergence_of_samples_of_the_same_holds_nothing_against_them():
    """A raw divergence of 100 predictions in ten bins is 0.02 on average; what chance makes is taken off."""
    source = random.Random(3)  # noqa: S311 - chance, no secret
    found = [distance(*([sum(each) for each in _sample(source, n)] for n in (100, 400))).value for _ in range(200)]

    assert sum(found) / len(found) < 0.006


def _sample(source, number):
    rows = [source.randrange(10) for _ in range(number)]
    return [[row == bin_ for row in rows] for bin_ in range(10)]


def counts(candidate, stable, bad, stable_bad, minutes=30):
    return [Count(START, candidate, stable, bad, stable_bad) for _ in range(minutes)]


BAR = math.log(200)


@pytest.mark.parametrize(
    ("minutes", "needed", "verdict"),
    [
        pytest.param(counts(10, 30, 0, 0), 300, Verdict.PASS, id="nothing-bad"),
        pytest.param(counts(10, 30, 0, 0), 301, Verdict.NOT_ENOUGH_DATA, id="one-request-short"),
        pytest.param(counts(10, 30, 3, 0), 300, Verdict.FAIL, id="worse-and-above-the-limit"),
        pytest.param(counts(10_000, 30_000, 50, 30), 300, Verdict.NOT_ENOUGH_DATA, id="worse-and-below-the-limit"),
        pytest.param(counts(10, 30, 1, 3), 300, Verdict.STABLE_FAILS, id="both-above"),
        pytest.param(counts(10, 0, 3, 0), 300, Verdict.FAIL, id="nobody-to-compare-with"),
        pytest.param(counts(1, 0, 1, 0, minutes=1), 1, Verdict.PASS, id="one-bad-answer-is-nobodys-proof"),
        pytest.param(counts(10, 30, 10, 0, minutes=1), 10, Verdict.NOT_ENOUGH_DATA, id="one-minute-is-no-proof"),
        pytest.param([], 1, Verdict.NOT_ENOUGH_DATA, id="nothing"),
    ],
)
def test_a_version_fails_by_significance_and_size(minutes, needed, verdict):
    """The limit is 1 %. What is neither good nor bad waits."""
    assert verdict_of(rate_of(minutes, 0.01, 1), 0.01, needed, BAR)[0] is verdict


@pytest.mark.parametrize(
    ("mine", "theirs", "verdict"),
    [
        pytest.param((10, 10, 10), (100, 100, 100), Verdict.PASS, id="equal"),
        pytest.param((30, 0, 0), (100, 100, 100), Verdict.FAIL, id="constant"),
        pytest.param((0, 1, 1), (100, 100, 100), Verdict.NOT_ENOUGH_DATA, id="few"),
    ],
)
def test_predictions_are_judged_by_size(mine, theirs, verdict):
    """Of ten minutes; the limit is 0.05 bits."""
    minutes = [Bins(START, mine, theirs) for _ in range(10)]

    assert judge_predictions(minutes, 0.05, bar=BAR, weight=1).verdict is verdict


@pytest.mark.parametrize(
    ("mine", "verdict"),
    [
        pytest.param(0, Verdict.FAIL, id="silent"),
        pytest.param(1, Verdict.FAIL, id="half"),
        pytest.param(2, Verdict.PASS, id="all"),
    ],
)
def test_a_candidate_that_nobody_reaches_is_not_healthy(mine, verdict):
    """Of 200 minutes with 40 requests, 5 % of them for the candidate."""
    minutes = [Count(START, mine, 40 - mine) for _ in range(200)]

    assert judge_share(minutes, 5, bar=BAR, weight=1).verdict is verdict


def test_a_gate_that_fails_says_what_it_counted_and_how_strongly_that_speaks():
    """Slow answers are not called errors, and who reads it sees that chance is no excuse."""
    slow = judge_rate("latency", counts(10, 30, 3, 0), 0.01, 300, bar=BAR, weight=1)
    silent = judge_share([Count(START, 0, 40) for _ in range(200)], 5, bar=BAR, weight=1)
    apart = judge_predictions([Bins(START, (30, 0, 0), (100, 100, 100)) for _ in range(10)], 0.05, bar=BAR, weight=1)

    assert slow.why.startswith("30 % slow answers of 300 requests, limit 1 %, stable 0 %; odds of ")
    assert silent.why == "0 requests reached it where 400 were expected"
    assert [each.verdict for each in (slow, silent, apart)] == [Verdict.FAIL] * 3
    assert min(each.evidence for each in (slow, silent, apart)) > BAR


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(lambda **weight: statistics.relative([(20, 1, 60, 0)], **weight), id="worse"),
        pytest.param(lambda **weight: statistics.beyond([(20, 1)], 0.01, **weight), id="beyond"),
        pytest.param(lambda **weight: statistics.fewer([(1, 40)], 0.05, **weight), id="fewer"),
        pytest.param(lambda **weight: statistics.different([((3, 1), (1, 3))], **weight), id="different"),
    ],
)
def test_a_request_counts_as_one_unless_it_is_said_to_count_less(told):
    """And where several of one client count as one, they say less."""
    assert told() == told(weight=1)
    assert abs(told(weight=0.1)) < abs(told())


def test_two_bad_answers_in_two_minutes_are_proof_at_a_small_share():
    """Of a version of which many answers are bad, at three requests a minute: one minute proves nothing."""
    minutes = [(3, 1, 57, 0), (3, 1, 57, 0)]

    assert math.isclose(sum(statistics.WEIGHTS), 1)
    assert len(statistics.WEIGHTS) == len(statistics.WORSE)
    assert statistics.relative(minutes) > bar_of(1)
    assert statistics.relative(minutes[:1]) < bar_of(1)
    assert statistics.relative([(3, 2, 57, 0)]) < bar_of(1)
    assert statistics.relative([*minutes, (3, 0, 57, 1)]) < bar_of(1)
