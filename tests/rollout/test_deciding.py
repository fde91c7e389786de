"""The next step of a rollout, row by row."""

import json
import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.rollout.deciding import next_step
from reconciler.core.rollout.evidence import Evidence
from reconciler.core.rollout.forecast import takes, takes_words
from reconciler.core.rollout.freezing import Closed, frozen_until
from reconciler.core.rollout.judging import Verdict
from reconciler.core.rollout.orders import subject
from reconciler.core.rollout.policy import Policy, Target
from reconciler.core.rollout.position import Live, Phase, Share, Version, untried
from reconciler.core.rollout.record import (
    LONGEST_REASON,
    ORDER,
    REJECTED,
    ROLLOUT,
    VERBS,
    Order,
    Record,
    Rejection,
    as_annotation,
    merged,
    read,
    written,
)
from reconciler.core.rollout.rehearsal import rehearse
from reconciler.core.rollout.series import Check
from reconciler.core.rollout.step import Wait, targets
from schemas.scenario import Scenario
from schemas.sections.rollout import (
    GateMode,
    OnFailure,
    OnInsufficientData,
    OnMetricsMissing,
    Strategy,
    Supersede,
    WhenStableFails,
)
from tests.rollout.world import GOOD, START, World, judged

CANARY = Policy(
    Strategy.CANARY,
    (Target(5, 900), Target(25, 1800), Target(50, 1800)),
    errors=0.01,
)
ALL_AT_ONCE = Policy()
BLUE_GREEN = Policy(Strategy.BLUE_GREEN, errors=0.01, approval=True, bake_s=1800)


def world(policy=CANARY, *, steps=0, base="v1"):
    """A service with a stable version, a new one in the spec, and so many good passes an hour apart after its start."""
    found = World(random.Random(0), policy=ALL_AT_ONCE)  # noqa: S311 - of no consequence
    found.out()
    found.policy, found.base = policy, base
    for _ in range(steps):
        found.pass_(GOOD)
        found.now += timedelta(hours=1)
    return found


def order(of, verb, **more):
    rollout = of.rollout()
    found = Order(verb, more.pop("version", subject(rollout)), more.pop("step", rollout.number), "ana", of.now, **more)
    of.annotate(ORDER, as_annotation(found))


def bad(*verdicts, **more):
    return Evidence(tuple(judged(each, **more) for each in verdicts), GOOD.checks, 60.0)


def test_a_good_version_goes_up_step_by_step():
    """Made without traffic, then each step once its hold is over and its gates pass; in the end it is stable."""
    here = world()
    seen = []
    for _ in range(6):
        step = here.pass_(GOOD)
        seen.append((str(step.phase), here.serving().get("v1", 0)))
        here.now += timedelta(hours=1)

    assert seen == [("Starting", 0), ("Step", 5), ("Step", 25), ("Step", 50), ("Steady", 100), ("Steady", 100)]
    assert {share.tag for share in here.live.traffic} == {"stable"}


def test_a_step_that_begins_in_the_future_says_so():
    """Whoever wrote the record, or whose clock was wrong, holds a version: its reader is told what it waits for."""
    here = world(steps=2)

    step = next_step(here.rollout(), GOOD, here.now - timedelta(days=1))

    assert (step.wait, "still to come" in step.why) == (Wait.HOLD, True)
    assert "still to come" not in next_step(here.rollout(), GOOD, here.now - timedelta(minutes=61)).why


def test_all_at_once_is_ready_first():
    """No request reaches a version before it can serve, and then all of them do."""
    here = world(ALL_AT_ONCE)
    here.pass_(GOOD, ready=False)
    waits = here.pass_(GOOD)

    assert (waits.phase, waits.writes, here.serving()) == (Phase.STARTING, False, {"v0": 100})
    here.live = replace(here.live, versions=(replace(here.live.versions[0], ready=True), *here.live.versions[1:]))
    assert (here.pass_(GOOD).phase, here.serving()) == (Phase.STEADY, {"v1": 100})


def test_blue_green_waits_for_a_person_and_keeps_what_was():
    """Ready at an address of its own, then everything in one write; what was before keeps a tag."""
    here = world(BLUE_GREEN, steps=1)
    assert here.pass_(GOOD).wait is Wait.APPROVAL
    order(here, "promote")
    assert (here.pass_(GOOD).phase, here.serving()) == (Phase.BAKE, {"v1": 100})
    assert {share.tag: share.percent for share in here.live.traffic} == {"candidate": 100, "stable": 0}
    here.now += timedelta(minutes=29)
    assert here.pass_(GOOD).wait is Wait.HOLD
    here.now += timedelta(minutes=1)
    assert (here.pass_(GOOD).phase, {share.tag for share in here.live.traffic}) == (Phase.STEADY, {"stable"})


@pytest.mark.parametrize("policy", [CANARY, ALL_AT_ONCE, BLUE_GREEN], ids=lambda each: str(each.strategy))
def test_a_rollback_in_the_console_is_understood(policy):
    """What is wanted is what the person did: it stays, with why, until another version or a person's word."""
    here = world(policy)
    here.out()
    before = next(each.revision for each in here.live.versions if each.hash == "v0")
    here.live = replace(here.live, traffic=(Share(before, 100),))
    step = here.pass_(GOOD)

    assert (step.phase, step.event, here.serving()) == (Phase.ROLLED_BACK, "aborted by hand", {"v0": 100})
    for _ in range(3):
        here.now += timedelta(days=1)
        assert not here.pass_(GOOD).writes
    order(here, "retry")
    assert here.pass_(GOOD).event == "started"


def test_everything_given_to_what_is_wanted_is_accepted():
    """Even where it was rejected."""
    here = world(steps=2)
    here.pass_(bad(Verdict.FAIL))
    name = next(each.revision for each in here.live.versions if each.hash == "v1")
    here.live = replace(here.live, traffic=(Share(name, 100),))

    assert (here.pass_(GOOD).phase, here.rollout().rejection("v1")) == (Phase.STEADY, None)


def test_other_percents_are_pinned_until_somebody_resumes():
    """Nothing goes up, a gate that fails still goes back, and a newer version is made without traffic."""
    here = world(steps=2)
    names = [each.revision for each in here.live.versions]
    here.live = replace(here.live, traffic=(Share(names[0], 40), Share(names[1], 60)))
    here.now += timedelta(days=1)
    assert (here.pass_(GOOD).phase, here.serving()["v1"]) == (Phase.PINNED, 40)
    here.base = "v2"
    assert (here.pass_(GOOD).create, here.serving()) == (True, {"v1": 40, "v0": 60})
    assert not here.pass_(GOOD).writes
    here.base = "v1"
    order(here, "resume")
    assert here.pass_(GOOD).event == "resumed"
    assert here.pass_(GOOD).wait is Wait.HOLD
    here.live = replace(here.live, traffic=(Share(names[0], 41), Share(names[1], 59)))
    assert (here.pass_(bad(Verdict.FAIL)).event, here.serving()) == ("rolled back", {"v0": 100})


@pytest.mark.parametrize(("moved_to", "after"), [(3, 5), (5, 25), (10, 25), (30, 50), (49, 50), (60, 100)])
def test_no_step_is_skipped_after_a_hand_moved_the_share(moved_to, after):
    """From wherever somebody put it, the next step is the first one that has more."""
    here = world(steps=3)
    names = [each.revision for each in here.live.versions]
    here.live = replace(here.live, traffic=(Share(names[0], moved_to), Share(names[1], 100 - moved_to)))
    order(here, "resume")
    here.pass_(GOOD)
    assert here.serving()["v1"] == moved_to

    here.now += timedelta(hours=1)
    here.pass_(GOOD)

    assert here.serving()["v1"] == after


def test_manual_shares_are_the_specs_until_a_hand_moves_them():
    """And are so again when the spec says something new."""
    here = world(Policy(Strategy.MANUAL, keep_percent=20))
    here.pass_(GOOD)
    assert here.serving() == {"v1": 80, "v0": 20}
    names = [each.revision for each in here.live.versions]
    here.live = replace(here.live, traffic=(Share(names[0], 50), Share(names[1], 50)))
    step = here.pass_(GOOD)
    assert (step.phase, step.writes) == (Phase.PINNED, False)
    here.policy = replace(here.policy, keep_percent=30)
    here.pass_(GOOD)
    assert sorted(here.serving().values()) == [30, 70]


FAILING = bad(Verdict.FAIL)
ALWAYS = Closed(first=date(2026, 1, 1), last=date(2027, 1, 1))


@pytest.mark.parametrize(
    ("policy", "evidence", "event", "wait"),
    [
        pytest.param(CANARY, FAILING, "rolled back", None, id="fails"),
        pytest.param(replace(CANARY, on_failure=OnFailure.HOLD), FAILING, "paused by a gate", Wait.PAUSED, id="holds"),
        pytest.param(replace(CANARY, mode=GateMode.REPORT), FAILING, "step 2", None, id="only-reports"),
        pytest.param(CANARY, bad(Verdict.STABLE_FAILS), "", Wait.STABLE_FAILING, id="stable-fails"),
        pytest.param(
            replace(CANARY, when_stable_fails=WhenStableFails.PROCEED),
            bad(Verdict.STABLE_FAILS, alike=True),
            "step 2",
            None,
            id="stable-fails-and-its-successor-is-no-worse",
        ),
        pytest.param(CANARY, bad(Verdict.MISSING), "", Wait.METRICS_MISSING, id="metrics-missing"),
        pytest.param(
            replace(CANARY, on_metrics_missing=OnMetricsMissing.ROLLBACK),
            bad(Verdict.MISSING, stale=True),
            "rolled back",
            None,
            id="metrics-missing-for-long",
        ),
        pytest.param(
            replace(CANARY, on_metrics_missing=OnMetricsMissing.ROLLBACK),
            bad(Verdict.MISSING),
            "",
            Wait.METRICS_MISSING,
            id="one-call-failed",
        ),
        pytest.param(CANARY, bad(Verdict.NOT_ENOUGH_DATA), "", Wait.NOT_ENOUGH_DATA, id="few-requests"),
        pytest.param(
            replace(CANARY, deadline_s=60, on_insufficient_data=OnInsufficientData.PROCEED),
            bad(Verdict.NOT_ENOUGH_DATA),
            "step 2",
            None,
            id="few-requests-and-the-deadline-proceeds",
        ),
        pytest.param(
            replace(CANARY, deadline_s=60, on_insufficient_data=OnInsufficientData.ROLLBACK),
            bad(Verdict.NOT_ENOUGH_DATA),
            "rolled back",
            None,
            id="few-requests-and-the-deadline-goes-back",
        ),
        pytest.param(replace(CANARY, freezes=(ALWAYS,)), FAILING, "rolled back", None, id="a-freeze-stops-no-rollback"),
        pytest.param(replace(CANARY, freezes=(ALWAYS,)), GOOD, "", Wait.FROZEN, id="frozen"),
    ],
)
def test_what_gates_say_is_done(policy, evidence, event, wait):
    """At 5 %, an hour after the step began."""
    here = world(steps=2)
    here.policy = policy
    step = here.pass_(evidence)

    assert (step.event, step.wait) == (event, wait)
    assert here.serving().get("v1", 0) == {"rolled back": 0, "step 2": 25}.get(event, 5)


def test_a_rejection_is_in_the_write_that_causes_it():
    """And in a pass that was killed right after it; no pass tries that version again, and another one goes."""
    here = world(steps=2)
    here.pass_(FAILING, killed="after")

    assert [each.version for each in read(here.live.annotations).rejected] == ["v1"]
    assert not here.inventory
    here.now += timedelta(days=30)
    assert (here.pass_(GOOD).writes, here.rollout().phase) == (False, Phase.ROLLED_BACK)
    here.base = "v2"
    assert here.pass_(GOOD).event == "started"


def test_checks_come_before_any_traffic():
    """What fails there no user has seen."""
    here = world(replace(CANARY, checks=("smoke",)), steps=1)
    assert here.pass_(Evidence((), {}, None)).why == "waiting for smoke"
    step = here.pass_(Evidence((), {"smoke": Check(passed=False, why="500 of POST /predict")}, None))

    assert (step.event, here.serving()) == ("rolled back", {"v0": 100})
    assert "500 of POST" in step.why


@pytest.mark.parametrize(
    ("verb", "more", "why"),
    [
        pytest.param("promote", {"version": "v7"}, "it is for version v7, and this one is v1", id="another-version"),
        pytest.param("promote", {"step": 2}, "it is for step 2, and step 1 is on", id="another-step"),
        pytest.param("retry", {}, "the rollout is Step", id="another-phase"),
        pytest.param("promote", {"ignore_gates": True}, "whoever passes over gates says why", id="no-reason"),
    ],
)
def test_an_order_for_something_else_is_refused_in_words(verb, more, why):
    """It names version and step, and nothing comes of it."""
    here = world(steps=2)
    here.now -= timedelta(minutes=59)
    order(here, verb, **more)
    step = here.pass_(GOOD)

    assert why in step.refused
    assert not step.writes


def test_an_order_is_carried_out_once():
    """`promote` cuts a hold short and is gone with the step that it was for."""
    here = world(steps=2)
    here.now -= timedelta(minutes=59)
    order(here, "promote")
    step = here.pass_(GOOD)

    assert (step.event, "by ana" in step.why, ORDER in here.live.annotations) == ("step 2", True, False)
    assert here.pass_(GOOD).wait is Wait.HOLD


def test_an_approval_waits_for_gates_and_never_passes_over_them():
    """Only who says so and why goes on against them."""
    here = world(steps=2)
    order(here, "promote")
    assert here.pass_(bad(Verdict.NOT_ENOUGH_DATA)).wait is Wait.NOT_ENOUGH_DATA
    assert ORDER in here.live.annotations
    order(here, "promote", ignore_gates=True, reason="the errors are of a test")
    step = here.pass_(bad(Verdict.FAIL))
    assert (step.event, "the errors are of a test" in step.why) == ("step 2", True)
    assert here.pass_(bad(Verdict.FAIL)).event == "rolled back"


def test_promote_through_all_steps_skips_holds_and_nothing_else():
    """Each pass takes one step, and what a gate holds stays."""
    here = world(replace(CANARY, steps=tuple(replace(each, approval=True) for each in CANARY.steps)), steps=2)
    order(here, "promote", everything=True)
    assert here.pass_(GOOD).event == "step 2"
    assert here.pass_(bad(Verdict.NOT_ENOUGH_DATA)).wait is Wait.NOT_ENOUGH_DATA
    assert [here.pass_(GOOD).event for _ in range(2)] == ["step 3", "finished"]


def test_paused_stays_paused_and_still_goes_back():
    """A pause is written once; a gate that fails is stronger."""
    here = world(steps=2)
    order(here, "pause")
    assert here.pass_(GOOD).event == "paused"
    assert (here.pass_(GOOD).wait, here.pass_(GOOD).writes) == (Wait.PAUSED, False)
    assert here.pass_(FAILING).event == "rolled back"


def test_rollback_of_what_is_stable_goes_to_what_was_before():
    """By a person's word, long after it was finished."""
    here = world()
    here.out()
    order(here, "rollback", reason="wrong prices")
    step = here.pass_(GOOD)

    assert (here.serving(), "rolled back by ana: wrong prices" in step.why) == ({"v0": 100}, True)
    assert not here.pass_(GOOD).writes


@pytest.mark.parametrize(
    ("supersede", "event", "serving"),
    [
        pytest.param(Supersede.NEWEST, "started", {"v0": 100}, id="newest"),
        pytest.param(Supersede.FINISH, "step 2", {"v0": 75, "v1": 25}, id="finish"),
    ],
)
def test_a_newer_version_replaces_the_one_on_its_way_or_waits(supersede, event, serving):
    """What retraining makes faster than rollouts end would else never reach anybody."""
    here = world(replace(CANARY, supersede=supersede), steps=2)
    here.base = "v2"

    assert (here.pass_(GOOD).event, here.serving()) == (event, serving)
    assert here.out()


def test_git_that_goes_back_withdraws():
    """Without a word against the version: it may come again."""
    here = world(steps=2)
    here.base = "v0"

    assert (here.pass_(GOOD).event, here.serving(), here.rollout().rejection("v1")) == ("withdrawn", {"v0": 100}, None)


def test_no_capacity_is_not_the_versions_fault():
    """Another revision is tried after a while, and nothing is rejected."""
    here = world(steps=1)
    first, *others = here.live.versions
    here.live = replace(here.live, versions=(replace(first, ready=False, failed="no quota", capacity=True), *others))
    here.now -= timedelta(minutes=59)
    assert here.pass_(GOOD).wait is Wait.NO_CAPACITY
    here.now += timedelta(minutes=15)
    step = here.pass_(GOOD)

    assert (step.create, bool(step.attempt), here.rollout().rejected) == (True, True, ())
    assert here.out()


def found_no_room(here):
    """The newest revision did not start, since there was no quota, and may be tried again by now."""
    first, *others = here.live.versions
    here.live = replace(here.live, versions=(replace(first, ready=False, failed="no quota", capacity=True), *others))
    here.now += timedelta(minutes=20)


def tried_again():
    """A world whose new version found no room at first, and has the traffic of a step as its second try."""
    here = world()
    here.pass_(GOOD, ready=False)
    found_no_room(here)
    here.pass_(GOOD)
    here.pass_(GOOD)
    assert [untried(each) for each in here.serving()] == ["v0", "v1"]
    return here


def taken_back_by_gates(here):
    here.pass_(bad(Verdict.FAIL))


def aborted_by_a_person(here):
    order(here, "abort")


def moved_back_by_hand(here):
    here.live = replace(here.live, traffic=(Share(here.live.versions[-1].revision, 100),))


def refused_and_then_forgotten(here):
    here.pass_(bad(Verdict.FAIL))
    here.annotate(ROLLOUT, "")


def finished(here):
    for _ in range(12):
        here.pass_(GOOD)
        here.now += timedelta(hours=30)


def finished_and_then_forgotten(here):
    finished(here)
    here.annotate(ROLLOUT, "")


def accepted_by_hand(here):
    here.live = replace(here.live, traffic=(Share(here.live.versions[0].revision, 100),))


def split_by_the_spec(here):
    finished(here)
    here.policy = replace(here.policy, strategy=Strategy.MANUAL)


def left_and_come_back_to(here):
    finished(here)
    here.base = "v2"
    here.pass_(GOOD)
    here.pass_(GOOD)
    here.base = "v1"


@pytest.mark.parametrize(
    "then", [taken_back_by_gates, aborted_by_a_person, moved_back_by_hand, refused_and_then_forgotten]
)
def test_a_second_try_that_was_refused_is_not_made_once_more(then):
    """It has a hash of its own, and is the spec's version all the same: it waits for a person, or another version."""
    here = tried_again()
    then(here)
    for _ in range(6):
        step = here.pass_(GOOD)
        here.now += timedelta(hours=1)
        assert not step.create

    assert (here.serving(), len(here.live.versions)) == ({"v0": 100}, 3)
    order(here, "retry")
    assert here.pass_(GOOD).create


@pytest.mark.parametrize(
    "then", [finished, finished_and_then_forgotten, accepted_by_hand, split_by_the_spec, left_and_come_back_to]
)
def test_a_second_try_that_serves_is_not_made_once_more(then):
    """There is nothing to do, whatever became of what was written beside the traffic."""
    here = tried_again()
    then(here)
    there = len(here.live.versions)
    for _ in range(6):
        here.pass_(GOOD)
        here.now += timedelta(hours=30)

    assert [untried(each) for each in here.serving()] == ["v1"]
    assert len(here.live.versions) == there
    assert not here.pass_(GOOD).writes


def test_a_first_version_that_found_room_later_is_not_made_once_more():
    """The first one has everything as soon as it is ready, as its second try too."""
    here = World(random.Random(0), policy=CANARY)  # noqa: S311 - of no consequence
    here.pass_(GOOD, ready=False)
    found_no_room(here)
    finished(here)

    assert len(here.live.versions) == 2
    assert not here.pass_(GOOD).writes


def test_another_region_goes_first():
    """It says which."""
    here = world()
    here.waits_for = "europe-west4"
    step = here.pass_(GOOD)

    assert (step.wait, "europe-west4" in step.why, step.writes) == (Wait.OTHER_REGION_FIRST, True, False)


def test_lost_annotations_begin_a_hold_again():
    """Never faster than before, never stuck: the percent is the position."""
    here = world(steps=3)
    here.annotate(ROLLOUT, "")
    step = here.pass_(GOOD)
    assert (step.traffic, step.record.since, here.serving()["v1"]) == (None, here.now, 25)
    assert here.pass_(GOOD).wait is Wait.HOLD
    assert here.out()


def test_steps_that_change_on_the_way_never_lower_traffic():
    """The step that is on is the last that has no more than what is there: none after it is skipped."""
    for steps, event, percent in (((10, 40), "step 2", 40), ((10, 20), "finished", 100), ((30, 40), "step 1", 30)):
        here = world(steps=3)
        here.policy = replace(CANARY, steps=tuple(map(Target, steps)))

        assert (here.pass_(GOOD).event, here.serving()["v1"]) == (event, percent)


def test_a_clock_that_goes_back_shortens_no_hold():
    """Nor does it make an old word about a version newer than a new one."""
    here = world(steps=2)
    here.now -= timedelta(hours=3)
    assert here.pass_(GOOD).wait is Wait.HOLD


YEAR = START.replace(year=2026, month=1, tzinfo=None), START.replace(year=2027, tzinfo=None)
PARIS = ZoneInfo("Europe/Paris")
WEEKEND = Closed(4 * 1440 + 16 * 60, 8 * 60)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        pytest.param(datetime(2026, 3, 27, 14, 59, tzinfo=UTC), None, id="friday-before-four"),
        pytest.param(
            datetime(2026, 3, 27, 15, tzinfo=UTC), datetime(2026, 3, 30, 6, tzinfo=UTC), id="the-night-without-an-hour"
        ),
        pytest.param(
            datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 26, 7, tzinfo=UTC), id="the-night-with-one-more"
        ),
        pytest.param(datetime(2026, 3, 30, 6, tzinfo=UTC), None, id="monday-at-eight"),
    ],
)
def test_a_freeze_is_by_the_clock_on_the_wall(now, until):
    """From Friday at four to Monday at eight in Paris, across the nights in which clocks change."""
    assert frozen_until((WEEKEND,), PARIS, now) == until


@pytest.mark.parametrize("minute", [0, 30, 59])
def test_the_hour_that_comes_twice_ends_once(minute):
    """A freeze until half past two: of the two half past twos the first that is to come."""
    window = Closed(6 * 1440, 6 * 1440 + 150)
    now = datetime(2026, 10, 25, 0, minute, tzinfo=UTC)  # 02:00 to 02:59, for the first time
    found = frozen_until((window,), PARIS, now)

    assert found == (datetime(2026, 10, 25, 0, 30, tzinfo=UTC) if minute < 30 else None)


def test_freezes_that_follow_on_one_another_end_together():
    """And so do days."""
    days = Closed(first=date(2026, 3, 30), last=date(2026, 4, 1))

    assert frozen_until((WEEKEND, days), PARIS, datetime(2026, 3, 28, tzinfo=UTC)) == datetime(
        2026, 4, 1, 22, tzinfo=UTC
    )


@given(st.datetimes(*YEAR), st.integers(0, 10079), st.integers(0, 10079))
def test_the_end_of_a_freeze_is_open(moment, begins, ends):
    """Whatever the window and the moment are, and whatever clocks do meanwhile."""
    now = moment.replace(tzinfo=UTC)
    found = frozen_until((Closed(begins, ends),), PARIS, now)

    assert found is None or (found > now and frozen_until((Closed(begins, ends),), PARIS, found) is None)


TEXTS = st.text(max_size=12)
MOMENTS = st.datetimes(*YEAR).map(lambda each: each.replace(tzinfo=UTC))
RECORDS = st.builds(
    Record,
    TEXTS,
    TEXTS,
    st.dictionaries(TEXTS, st.integers(1, 100), max_size=3),
    MOMENTS,
    MOMENTS,
    *[st.booleans()] * 3,
    *[TEXTS] * 6,
)
REJECTIONS = st.lists(st.builds(Rejection, TEXTS, TEXTS, MOMENTS, st.booleans()), max_size=4)
WORDS = TEXTS.filter(str.isprintable).map(lambda text: " ".join(text.split()))
"""What a person's words are made into when they are read: one line."""
ORDERS = st.builds(Order, st.sampled_from(VERBS), TEXTS, st.integers(0, 9), WORDS, MOMENTS, TEXTS)


@given(RECORDS, REJECTIONS, ORDERS)
def test_annotations_are_read_as_they_were_written(record, rejections, asked):
    """All that is not in the traffic lies there."""
    found = read(written(record, rejections, asked))

    assert (found.record, found.order, found.unreadable) == (record, asked, ())
    assert merged(found.rejected) == merged(rejections)


@given(
    st.sampled_from([ROLLOUT, REJECTED, ORDER]),
    st.one_of(TEXTS, st.sampled_from(["{}", "[]", "[[]]", '{"v":1}', "1e999"])),
)
def test_nonsense_in_annotations_is_told_and_stops_nothing(name, text):
    """Whoever may write there may write anything."""
    found = read({name: text})

    assert found.record is None
    assert found.order is None
    assert bool(found.unreadable) == (bool(text) and not (name == REJECTED and text in {"[]", "{}"}))


def test_what_somebody_asked_is_one_line_of_bounded_length():
    """Whoever writes the annotation by hand draws no line of his own in a plan, and floods none."""
    said = {
        "verb": "abort",
        "step": 1,
        "at": START.isoformat(),
        "by": "eve\n  - bucket gone",
        "reason": "\x1b[2J" * 999,
    }
    order = read({ORDER: json.dumps(said)}).order

    assert order.by == "eve - bucket gone"
    assert order.reason.isprintable()
    assert len(order.reason) <= LONGEST_REASON


OF_PREDICTIONS = replace(CANARY, errors=None, predictions=0.1, steps=(Target(10, 0),))


@pytest.mark.parametrize(
    ("policy", "per_minute", "words"),
    [
        pytest.param(CANARY, 600.0, "it takes about 1 h 15 min", id="busy-takes-its-holds"),
        pytest.param(CANARY, 6.0, "it takes about 9 h 57 min", id="quiet-waits-for-requests"),
        pytest.param(
            replace(CANARY, deadline_s=3600), 6.0, "9 h 57 min, longer than its deadline", id="longer-than-it-may"
        ),
        pytest.param(
            replace(CANARY, errors=None, steps=(Target(5, 900, approval=True),)),
            6.0,
            "15 min, and 1 approval",
            id="asks",
        ),
        pytest.param(replace(BLUE_GREEN, bake_s=3 * 86_400), 6.0, "about 3 days, and 1 approval", id="bakes"),
        pytest.param(CANARY, 0.0, "nobody asked it in the last week", id="nobody-asks"),
        pytest.param(OF_PREDICTIONS, 0.0, "nobody asked it in the last week", id="nobody-predicts"),
        pytest.param(OF_PREDICTIONS, 10.0, "it takes about 1 h 53 min", id="predictions-are-waited-for"),
    ],
)
def test_how_long_it_takes_is_foretold(policy, per_minute, words):
    """Holds, or what it takes until enough requests came, whichever is longer; what people take is only counted."""
    assert words in takes_words(policy, per_minute)


def test_predictions_that_nobody_logs_end_at_no_time():
    """Requests come and their predictions do not: it waits, and says for what, at no moment that moves along."""
    said = {
        "rollout": {"strategy": "Canary", "gates": {"predictionDrift": 0.1}, "steps": [{"traffic": 10}]},
        "minutes": [{"requestsPerMinute": 60}],
        "lasts": "3h",
    }
    *_, last = rehearse(Scenario.model_validate(said, by_alias=True, by_name=False))

    assert last.step.wait is Wait.NOT_ENOUGH_DATA
    assert last.step.ends is None
    assert "0 of 10 predictions; no predictions are in the log" in last.step.why


@pytest.mark.parametrize("per_minute", [6, 12])
def test_what_is_foretold_is_what_a_rehearsal_takes(per_minute):
    """Without chance: within a tenth, as passes are ten minutes apart."""
    steps = [{"traffic": 5, "hold": "15m"}, {"traffic": 25, "hold": "30m"}, {"traffic": 50, "hold": "30m"}]
    rollout = {"strategy": "Canary", "gates": {"errorRate": 0.01}, "steps": steps}
    said = {"rollout": rollout, "minutes": [{"requestsPerMinute": per_minute}], "passes": "10m"}
    passes = list(rehearse(Scenario.model_validate(said, by_alias=True, by_name=False)))
    first = next(each.at for each in passes if each.percent == 5)

    took = takes(CANARY, float(per_minute))

    assert passes[-1].step.event == "finished"
    assert abs((passes[-1].at - first) / took - 1) < 0.1, (passes[-1].at - first, took)


SHADOW = replace(CANARY, shadow_s=1800, shadow_percent=10)


def copying(policy=SHADOW):
    """A world whose stable version copies requests, and whose new one gets copies."""
    here = world(policy)
    [stable] = here.live.versions
    here.live = replace(here.live, versions=(replace(stable, copies=True),))
    here.pass_(GOOD)
    step = here.pass_(GOOD)
    assert (step.phase, step.event, here.serving()) == (Phase.PREVIEW, "shadowed", {"v0": 100})
    return here


def shadows(here):
    return [share.revision for share in here.live.traffic if share.tag == "shadow"]


def test_copies_come_before_any_traffic_and_end_with_the_first():
    """The tag that servers look for is given when checks passed, kept for the time, and gone in the write of step 1."""
    here = copying()
    assert shadows(here) == [here.rollout().candidate.revision]
    here.now += timedelta(minutes=29)
    waits = here.pass_(GOOD)
    assert (waits.phase, waits.wait, here.serving()) == (Phase.PREVIEW, Wait.HOLD, {"v0": 100})
    here.now += timedelta(minutes=1)

    here.pass_(GOOD)

    assert (here.serving(), shadows(here)) == ({"v0": 95, "v1": 5}, [])
    assert read(here.live.annotations).record.served == here.now
    here.now += timedelta(hours=1)
    here.pass_(GOOD)
    assert read(here.live.annotations).record.served == here.now - timedelta(hours=1)


@pytest.mark.parametrize(
    ("verdict", "after"),
    [
        (Verdict.FAIL, Phase.ROLLED_BACK),
        (Verdict.STABLE_FAILS, Phase.PREVIEW),
        (Verdict.NOT_ENOUGH_DATA, Phase.PREVIEW),
        (Verdict.MISSING, Phase.PREVIEW),
    ],
)
def test_copies_are_judged_as_the_requests_of_a_step(verdict, after):
    """What fails goes back and keeps no tag; what is not known is waited for, whatever time goes by."""
    here = copying()
    here.now += timedelta(days=2)

    step = here.pass_(bad(verdict, needed=9, samples=3))

    assert (step.phase, here.serving()) == (after, {"v0": 100})
    assert bool(shadows(here)) == (after is Phase.PREVIEW)


@pytest.mark.parametrize(("rule", "percent"), [("Hold", 0), ("Proceed", 5), ("Rollback", 0)])
def test_copies_that_never_come_are_what_the_spec_says_of_too_little_data(rule, percent):
    """From the deadline on; before it they are waited for, and that is said."""
    here = copying(replace(SHADOW, on_insufficient_data=OnInsufficientData(rule), deadline_s=86400))
    few = bad(Verdict.NOT_ENOUGH_DATA, needed=9, samples=0)
    here.now += timedelta(hours=20)
    assert "no copies come" in here.pass_(replace(few, per_minute=0.0)).why
    here.now += timedelta(hours=5)

    step = here.pass_(few)

    assert here.serving().get("v1", 0) == percent
    assert (step.phase is Phase.ROLLED_BACK) == (rule == "Rollback")


def test_a_version_before_which_nothing_is_copied_goes_on_and_says_so():
    """The slot is in the template: the first version that has it finds nobody who copies."""
    here = world(SHADOW, steps=1)

    step = here.pass_(GOOD)

    assert here.serving() == {"v0": 95, "v1": 5}
    assert "shadow: the stable version copies nothing yet" in step.why


@pytest.mark.parametrize("tag", ["a", "shadow", "zz"])
def test_percents_stay_with_the_tags_that_have_them(tag):
    """A tag that somebody gives to the stable version reads as no change of traffic, whatever it is called."""
    stable = [Share("rev-1", 95, "stable"), Share("rev-2", 5, "candidate"), Share("rev-1", 0, tag)]
    here = Live([Version("rev-2", "v2", ready=True), Version("rev-1", "v1", ready=True)], stable)

    moved = targets(here, {"rev-1": 75, "rev-2": 25}, candidate="rev-2", stable="rev-1")
    fresh = targets(replace(here, traffic=stable[2:]), {"rev-1": 100}, stable="rev-1")

    assert moved == (Share("rev-1", 0, tag), Share("rev-1", 75, "stable"), Share("rev-2", 25, "candidate"))
    assert fresh == (Share("rev-1", 0, tag), Share("rev-1", 100, "stable"))


def test_a_tag_of_somebody_else_is_left_and_nothing_is_copied():
    """Whoever calls a revision `shadow` had a reason; the step says why nothing is copied."""
    here = world(SHADOW)
    [stable] = here.live.versions
    here.live = replace(here.live, versions=(replace(stable, copies=True),))
    here.tags.add(("shadow", stable.revision))
    here.live = replace(here.live, traffic=(*here.live.traffic, Share(stable.revision, 0, "shadow")))
    here.pass_(GOOD)

    step = here.pass_(GOOD)

    assert "the tag `shadow` is somebody else's" in step.why
    assert shadows(here) == [stable.revision]
    assert here.serving() == {"v0": 95, "v1": 5}


def test_promote_skips_the_time_of_copies_and_not_what_they_show():
    """An order that was given before there were any stays for it; over gates it needs no copies."""
    here = world(SHADOW)
    [stable] = here.live.versions
    here.live = replace(here.live, versions=(replace(stable, copies=True),))
    here.pass_(GOOD)
    order(here, "promote")
    assert here.pass_(GOOD).event == "shadowed"
    assert here.pass_(bad(Verdict.NOT_ENOUGH_DATA)).wait is Wait.NOT_ENOUGH_DATA

    here.pass_(GOOD)

    assert here.serving() == {"v0": 95, "v1": 5}
    assert here.rollout().order is None
    other = copying()
    order(other, "promote", ignore_gates=True, reason="so")
    other.pass_(bad(Verdict.FAIL))
    assert (other.serving(), shadows(other)) == ({"v0": 95, "v1": 5}, [])


def test_lost_annotations_leave_no_copies_behind():
    """Whoever takes them away: the tag is known again as ours, time begins again, and step 1 ends it."""
    here = copying()
    here.now += timedelta(hours=1)
    here.annotate(ROLLOUT, "")
    found = here.pass_(GOOD)
    assert (found.event, shadows(here)) == ("found on its way", [here.rollout().candidate.revision])
    assert here.pass_(GOOD).wait is Wait.HOLD
    here.now += timedelta(hours=1)

    here.pass_(GOOD)

    assert (here.serving(), shadows(here)) == ({"v0": 95, "v1": 5}, [])


@pytest.mark.parametrize("forgotten", [False, True])
def test_copies_end_where_a_hand_gave_it_traffic(forgotten):
    """Whoever moves shares in the console keeps its tags: before anything else is judged, copies are no part of it."""
    here = copying()
    new, old = here.rollout().candidate.revision, here.rollout().stable.revision
    tags = [Share(share.revision, 0, share.tag) for share in here.live.traffic if share.tag]
    here.live = replace(here.live, traffic=(Share(new, 25), Share(old, 75), *tags))
    if forgotten:
        here.annotate(ROLLOUT, "")
    else:
        assert here.pass_(GOOD).phase is Phase.PINNED
        order(here, "resume")
    assert shadows(here) == [new]
    for _ in range(2):
        here.now += timedelta(minutes=1)
        step = here.pass_(GOOD)

    assert (step.event, shadows(here), here.serving()) == ("copies ended", [], {"v0": 75, "v1": 25})
    record = read(here.live.annotations).record
    assert (record.served, record.shadow) == (here.now, False)
    assert here.pass_(GOOD).wait is Wait.HOLD
