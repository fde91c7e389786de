"""What counts as evidence, and what does not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.core.rollout.evidence import evidence
from reconciler.core.rollout.forecast import ends, lacking_words, step_ends
from reconciler.core.rollout.judging import Verdict, excused
from reconciler.core.rollout.position import Phase
from reconciler.core.rollout.series import Count, Seen, Series
from tests.rollout.test_deciding import BLUE_GREEN, CANARY, copying, order, world
from tests.rollout.world import GOOD

MINUTE = timedelta(minutes=1)


def series(here, *, minutes=60, bad=0, candidate=30, stable=570, since=None, until=None, error="", stable_bad=1):
    """Minutes since the step began, or since another moment."""
    begins = since or here.rollout().record.since
    found = tuple(Count(begins + at * MINUTE, candidate, stable, bad, stable_bad) for at in range(minutes))
    return Series(found, Seen(until or begins + minutes * MINUTE, error))


def verdicts(here, seen, now=None):
    return {each.gate: each.verdict for each in evidence(here.rollout(), seen, now or here.now).gates}


def test_minutes_that_are_not_over_do_not_count():
    """Nor do those from before the rollout."""
    here = world(steps=2)
    begins = here.rollout().record.since
    before = series(here, bad=30, since=here.rollout().record.started - timedelta(days=1))
    unseen = series(here, bad=30, until=begins)

    assert [each.samples for each in evidence(here.rollout(), before, here.now).gates] == [0, 0]
    assert verdicts(here, unseen)["errors"] is not Verdict.FAIL
    assert verdicts(here, series(here, bad=30))["errors"] is Verdict.FAIL


@pytest.mark.parametrize(
    ("later", "error", "verdict"),
    [
        pytest.param(14, "", Verdict.PASS, id="late"),
        pytest.param(16, "", Verdict.MISSING, id="gone"),
        pytest.param(0, "permission denied", Verdict.MISSING, id="not-to-be-read"),
    ],
)
def test_what_cannot_be_seen_is_missing(later, error, verdict):
    """Neither good nor bad; a gap of some minutes is none."""
    here = world(steps=2)
    seen = series(here, error=error)

    assert verdicts(here, seen, seen.answers_seen.until + later * MINUTE)["errors"] is verdict


def test_what_was_seen_to_be_bad_stays_bad():
    """Metrics that vanish afterwards take nothing back."""
    here = world(steps=2)
    seen = series(here, bad=15)

    assert verdicts(here, seen, here.now + timedelta(hours=5))["errors"] is Verdict.FAIL


def test_copies_are_called_so_and_are_no_requests_of_anybody():
    """Whoever reads it looks for no 5xx of users, and the pace is that of what can be copied."""
    here = copying()
    assert here.rollout().shadowed

    found = evidence(here.rollout(), series(here, bad=30), here.now)

    [errors] = [each for each in found.gates if each.gate == "errors"]
    assert errors.why.startswith("100 % errors or refusals of 1800 copies")
    assert found.per_minute == 570


def test_nothing_is_judged_that_has_no_traffic():
    """A preview has requests of nobody."""
    assert evidence(world(steps=1).rollout(), Series(), world().now).gates == ()


def test_a_bake_without_anybody_to_compare_with_is_judged_by_the_limit():
    """And by what came since: errors of the steps before were judged then."""
    here = world(BLUE_GREEN, steps=1)
    order(here, "promote")
    here.pass_(GOOD)
    here.now += timedelta(hours=1)

    assert here.rollout().phase is Phase.BAKE
    assert verdicts(here, series(here, bad=3, stable=0, stable_bad=0)) == {"errors": Verdict.FAIL}
    assert verdicts(here, series(here, bad=0, stable=0, stable_bad=0)) == {"errors": Verdict.PASS}


def test_clients_that_stay_with_their_version_are_no_missing_share():
    """With session affinity only silence counts."""
    here = world(steps=2)
    seen, silent = series(here, candidate=3), series(here, candidate=0)
    assert verdicts(here, seen)["share"] is Verdict.FAIL
    here.policy = replace(CANARY, requests_per_client=5)
    assert "share" not in verdicts(here, seen)
    assert verdicts(here, silent)["share"] is Verdict.FAIL


def test_slow_answers_of_instances_that_just_started_are_left_out():
    """As many as they take at once, of either version; others count."""
    begins = world().now

    assert excused([Count(begins, 10, 90, 9, 5, 1, 0)], concurrency=4) == [Count(begins, 6, 90, 5, 5)]


def test_a_forecast_is_of_the_requests_that_come():
    """None where none come, and never before the hold is over."""
    here = world(steps=2)
    here.now = here.rollout().record.since + 10 * MINUTE
    rollout = here.rollout()
    few = evidence(rollout, series(here, minutes=10, candidate=1, stable=19, stable_bad=0), here.now)
    none = evidence(rollout, series(here, minutes=10, candidate=0, stable=0, stable_bad=0), here.now)

    assert step_ends(rollout, few, here.now) == here.now + 84 * MINUTE
    assert lacking_words(rollout, few, here.now).startswith("10 of 94 requests; at 1.0 req/min step 1 ends about ")
    assert (step_ends(rollout, none, here.now), ends(rollout, none, here.now)) == (None, None)
    assert "no requests come" in lacking_words(rollout, none, here.now)
    assert ends(rollout, few, here.now) > step_ends(rollout, few, here.now) + timedelta(hours=1)


def test_a_forecast_holds_every_step():
    """Where requests are plenty a rollout lasts as long as its holds together."""
    here = world(steps=2)
    rollout = here.rollout()
    now = rollout.record.since + 10 * MINUTE
    plenty = evidence(rollout, series(here, minutes=10, candidate=300, stable=5700), now)

    assert ends(rollout, plenty, now) == rollout.record.since + 75 * MINUTE


def test_what_came_before_the_first_traffic_is_no_evidence_of_a_step():
    """Copies, and what checks asked: of copies all since they began counts, of a step what users asked since."""
    policy = replace(CANARY, shadow_s=600, shadow_percent=10)
    here = world(policy)
    here.live = replace(here.live, versions=tuple(replace(each, copies=True) for each in here.live.versions))
    for _ in range(2):
        here.pass_(GOOD)
        here.now += timedelta(minutes=30)
    copied = here.rollout()
    assert copied.shadowed
    early = Count(copied.record.since - timedelta(minutes=5), 50, 50, 50, 0)
    copies = tuple(Count(copied.record.since + timedelta(minutes=each), 50, 500) for each in range(1, 5))
    seen = Series(answers=(early, *copies), answers_seen=Seen(here.now))
    assert [(each.gate, each.verdict, each.samples) for each in evidence(copied, seen, here.now).gates] == [
        ("errors", Verdict.PASS, 200)
    ]
    here.pass_(GOOD)
    here.now += timedelta(minutes=10)
    step = here.rollout()
    later = Count(here.now - timedelta(minutes=5), 5, 95)

    [errors, _] = evidence(step, Series(answers=(*copies, later), answers_seen=Seen(here.now)), here.now).gates

    assert (step.phase, errors.samples) == (Phase.STEP, 5)
