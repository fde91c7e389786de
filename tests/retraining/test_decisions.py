"""Each guard by itself: what it holds back, what it says, and when it lets go."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from runtime.retraining.decision import LEASE, Action, Event, Evidence, decide
from runtime.retraining.guards import Guard, Guards
from runtime.retraining.ledger import LARGEST
from runtime.retraining.runs import History, Row, Run, Status

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EVENT = Event("one", "weekly", NOW)
LOOSE = Guards(cooldown=timedelta(), max_per_day=1000, max_concurrent=100)


def run(key="before", *, ago=2 * DAY, status=Status.SUCCEEDED, took=HOUR, **fields):
    """A run claimed some time ago."""
    claimed = NOW - ago
    ended = None if status in {Status.CLAIMED, Status.STARTED} else claimed + took
    started = None if status is Status.CLAIMED else claimed
    return Run(key, "weekly", claimed, **{"status": status, "started": started, "ended": ended, **fields})


def history(*runs, **fields):
    return History({each.key: each for each in runs}, **fields)


def failed(count, ago=DAY):
    return [run(f"failed-{n}", ago=ago + n * HOUR, status=Status.FAILED, took=timedelta()) for n in range(count)]


HELD = {
    "cooldown": (
        Guards(cooldown=DAY, max_per_day=9), history(run(ago=23 * HOUR)), Evidence(),
        Guard.COOLDOWN, NOW + HOUR,
        "the last training started 2026-11-25 13:00 UTC; the cooldown ends 2026-11-26 13:00 UTC",
    ),
    "a-day": (
        Guards(cooldown=HOUR, max_per_day=2), history(run("a", ago=11 * HOUR), run("b", ago=3 * HOUR)), Evidence(),
        Guard.DAY, datetime(2026, 11, 27, tzinfo=UTC), "2 of at most 2 started today (UTC)",
    ),
    "a-month": (
        Guards(max_per_month=1), history(run(ago=20 * DAY)), Evidence(),
        Guard.MONTH, datetime(2026, 12, 1, tzinfo=UTC), "1 of at most 1 started this month (UTC)",
    ),
    "at-once": (
        Guards(cooldown=HOUR), history(run(ago=5 * DAY, status=Status.STARTED, name="jobs/7")), Evidence(),
        Guard.CONCURRENT, None, "1 of at most 1 going on: jobs/7",
    ),
    "the-circuit": (
        Guards(cooldown=HOUR), history(*failed(3)), Evidence(),
        Guard.CIRCUIT, NOW + 6 * DAY, "3 trainings in a row failed; nothing starts until 2026-12-02 12:00 UTC",
    ),
    "frozen": (
        Guards(), history(frozen="the budget is used up"), Evidence(),
        Guard.FROZEN, None, "retraining is frozen: the budget is used up",
    ),
    "frozen-for-a-while": (
        Guards(), history(frozen="the budget is used up", frozen_until=NOW + HOUR), Evidence(),
        Guard.FROZEN, NOW + HOUR, "retraining is frozen: the budget is used up",
    ),
    "few-rows": (
        Guards(min_new_rows=100), history(run(rows=950)), Evidence(rows=1000),
        Guard.ROWS, None, "50 new rows since the last training; 100 are needed",
    ),
    "nobody-counted-rows": (
        Guards(min_new_rows=100), history(), Evidence(),
        Guard.ROWS, None, "an unknown number of new rows since the last training; 100 are needed",
    ),
    "dear": (
        Guards(max_cost_per_run=40), history(), Evidence(cost=41.5),
        Guard.COST, None, "a run is expected to cost 41.5; the limit is 40",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HELD.values(), ids=HELD)
def test_a_guard_holds_and_says_why_and_until_when(case):
    """And lets go where a person names it, which is written down."""
    guards, before, evidence, guard, until, reason = case
    held = decide(EVENT, before, guards, evidence, NOW)
    forced = decide(Event("one", "manual", NOW, force=frozenset(Guard), by="ann"), before, guards, evidence, NOW)

    assert (held.action, held.guard, held.until, held.reason) == (Action.SKIP, guard, until, reason)
    assert forced.action is Action.START
    assert guard in forced.overridden
    assert forced.reason.endswith("overridden by ann")


LETS_GO = {
    "cooldown-over": (Guards(cooldown=DAY), history(run(ago=DAY))),
    "yesterday": (Guards(cooldown=HOUR), history(run(ago=13 * HOUR))),
    "last-month": (Guards(max_per_month=1), history(run(ago=26 * DAY))),
    "ended": (Guards(cooldown=HOUR), history(run(ago=2 * DAY))),
    "two-failures": (Guards(cooldown=HOUR), history(*failed(2))),
    "a-success-between": (
        Guards(cooldown=HOUR),
        history(run("ok", ago=26 * HOUR), *failed(2), *failed(2, ago=30 * HOUR)),
    ),
    "pause-over": (Guards(cooldown=HOUR), history(*failed(3, ago=7 * DAY))),
    "reset-by-hand": (Guards(cooldown=HOUR), history(*failed(3), circuit_reset=NOW - HOUR)),
    "refused-by-google": (Guards(cooldown=DAY), history(run(ago=HOUR, status=Status.FAILED, started=None))),
    "rows-enough": (Guards(min_new_rows=50), history(run(rows=950))),
    "cheap": (Guards(max_cost_per_run=40), history()),
}


@pytest.mark.parametrize(("guards", "before"), LETS_GO.values(), ids=LETS_GO)
def test_a_guard_lets_go(guards, before):
    """At its border, and not before."""
    assert decide(EVENT, before, guards, Evidence(rows=1000, cost=40), NOW).action is Action.START


def test_after_its_pause_a_circuit_gives_one_try():
    """It fails, and the circuit is open again for another pause."""
    tried = run("try", ago=DAY, status=Status.FAILED)
    before = history(*failed(3, ago=9 * DAY), tried)

    held = decide(EVENT, before, Guards(cooldown=HOUR), Evidence(), NOW)

    assert held.guard is Guard.CIRCUIT
    assert held.until == NOW - DAY + HOUR + timedelta(days=7)


def test_the_guard_that_is_hardest_to_lift_is_told():
    """Frozen before the circuit, the circuit before what goes on, that before the clock."""
    going = run("going", ago=HOUR, status=Status.STARTED)
    before = history(*failed(3), going, frozen="the budget is used up")
    every = [Guard.FROZEN, Guard.CIRCUIT, Guard.CONCURRENT, Guard.COOLDOWN, Guard.DAY]

    for index, guard in enumerate(every):
        event = Event("one", "manual", NOW, force=frozenset(every[:index]), by="ann")
        assert decide(event, before, Guards(), Evidence(), NOW).guard is guard


KNOWN = {
    "started": (run("one", status=Status.STARTED, name="jobs/1"), Action.REPEAT),
    "ended": (run("one"), Action.REPEAT),
    "being-started": (run("one", ago=HOUR, status=Status.CLAIMED, lease=NOW + LEASE), Action.WAIT),
    "cut-off": (run("one", ago=HOUR, status=Status.CLAIMED, lease=NOW), Action.RESUME),
}


@pytest.mark.parametrize(("known", "action"), KNOWN.values(), ids=KNOWN)
def test_an_event_that_is_known_never_starts_a_second_training(known, action):
    """Whatever the guards say, and whoever forces it."""
    event = Event("one", "manual", NOW, force=frozenset(Guard), by="ann")

    assert decide(event, history(known), LOOSE, Evidence(), NOW).action is action


def test_a_storm_starts_one_training():
    """Five hundred alerts in a minute, with the guards that a spec has by default."""
    before, started = history(), 0
    for number in range(500):
        event = Event(f"alert-{number}", "on-drift", NOW)
        decision = decide(event, before, Guards(), Evidence(), NOW + timedelta(seconds=number / 10))
        if decision.action is Action.START:
            started += 1
            before = before.with_run(run(event.key, ago=timedelta(), status=Status.STARTED), now=NOW)

    assert started == 1


@pytest.mark.parametrize(
    ("status", "starts"),
    [(Status.SUCCEEDED, False), (Status.STARTED, False), (Status.FAILED, True), (Status.CANCELLED, True)],
)
def test_a_training_that_came_to_nothing_does_not_use_up_its_incident(status, starts):
    """One incident is one training that ended well, or that goes on."""
    known = run("first", ago=2 * DAY, status=status)
    before = history(replace(known, trigger="moved"))
    before = replace(before, rows={"drift": Row(5, NOW - HOUR, NOW - 3 * DAY)})
    event = Event("second", "moved", NOW, monitor="drift", needed=2)

    found = decide(event, before, LOOSE, Evidence(), NOW)

    assert (found.action is Action.START) is starts
    assert starts or "without a break" in found.reason


def test_a_history_comes_back_from_json_as_it_was():
    """With every field of a run."""
    full = run("full", status=Status.FAILED, lease=NOW, name="jobs/1", why="no", rows=7, forced="cooldown by ann")
    before = history(full, run("least", status=Status.CLAIMED), circuit_reset=NOW, frozen="budget")

    assert History.from_json(before.to_json()) == before


@pytest.mark.parametrize("data", [None, [], {}, {"format": 2}, {"format": 1}, {"format": 1, "runs": [{"key": 1}]}])
def test_somebody_elses_text_is_no_history(data):
    """It is refused in words, and never taken for an empty one."""
    with pytest.raises(ValueError, match="record of retraining"):
        History.from_json(data)


def test_old_runs_are_forgotten_and_those_that_go_on_are_not():
    """Two months and a hundred ended runs are kept."""
    old = [run(f"old-{n}", ago=(200 + n) * DAY) for n in range(150)]
    going = run("going", ago=400 * DAY, status=Status.STARTED)

    kept = history(*reversed(old), going).with_run(run("new", ago=timedelta()), now=NOW).runs

    assert "going" in kept
    assert "new" in kept
    assert len(kept) == 101


def test_words_of_others_make_no_history_grow_without_end():
    """A megabyte of words per failure, for years: the history stays far below what is read of it."""
    found, words = History(), "\U0001f40d\ud800" * 50_000
    for number in range(2100):
        at = NOW + timedelta(minutes=number)
        one = Run(f"{number}", "weekly", at, Status.FAILED, ended=at, why=words)
        found = found.with_run(one, now=at)

    size = len(json.dumps(found.to_json()))
    assert (len(found.runs), size < LARGEST // 2) == (2000, True)
    assert found.failures()[0] == 2000
    assert [run.key for run in found.runs.values()][-1] == "2099"


def test_a_freeze_that_is_over_holds_nothing_back():
    """It ends by itself: nobody has to come and end it. History keeps both words as they were."""
    before = history(frozen="the budget is used up", frozen_until=NOW, stop_before=NOW)

    assert decide(Event("one", "weekly", NOW), before, Guards(), Evidence(), NOW).action == "Start"
    assert History.from_json(json.loads(json.dumps(before.to_json()))) == before
