"""The benchmark of rollouts measures what decides: its form for many runs at once says the same, run by run."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from benchmarks.rollout_rules import Ours, distances
from benchmarks.rollout_world import CANARY, Case, logits, play, with_latency
from reconciler.core.rollout.carried import carried_out
from reconciler.core.rollout.deciding import next_step
from reconciler.core.rollout.divergence import distance
from reconciler.core.rollout.evidence import evidence
from reconciler.core.rollout.position import Known, Live, Share, Version, Wanted, locate
from reconciler.core.rollout.series import Bins, Count, Seen, Series
from tests.rollout.world import START

RUNS, MINUTES = 8, 150
MINUTE = timedelta(minutes=1)
PREDICTING = replace(CANARY, predictions=0.03)
CASES = {
    "good": (Case("good"), CANARY, 5),
    "at-the-limit": (Case("at the limit", 0.009, 0.009), CANARY, 1),
    "bad": (Case("bad", 0.05), CANARY, 5),
    "both": (Case("both", 0.03, 0.03), CANARY, 5),
    "clients": (Case("clients", 0.05, clients=5), replace(CANARY, requests_per_client=5), 5),
    "slow": (Case("slow", slow=(0.1, 0.03), starts=0.05), with_latency(replace(CANARY, concurrency=4)), 5),
    "silent": (Case("silent", reached=0.0), CANARY, 5),
    "predictions": (Case("predictions", bins=(logits(0.5, size=20_000), logits(0, size=20_000))), PREDICTING, 5),
    "gap": (Case("gap", 0.03, gap=range(4, 14)), CANARY, 5),
}


def recorded(case):
    """Draw of minutes that depends on nothing but minute and percents, so that it can be asked again for one run."""

    def draw(at, percent):
        each = [
            case.draw(np.random.default_rng([at, run]), 1, 1.0)(at, np.array([share]))
            for run, share in enumerate(percent)
        ]
        joined = {"percent": percent}
        for name in each[0].keys() - {"percent"}:
            sides = zip(*(one[name] for one in each), strict=True)
            joined[name] = tuple(np.concatenate(side) for side in sides)
        return joined

    return draw


def begun(policy):
    """A service whose new version has got its first step right now."""
    live = Live((Version("rev-00001", "old", ready=True),), (Share("rev-00001", 100),))
    for now in (START - MINUTE, START):
        rollout = locate(Wanted("new", policy), live, Known())
        live = carried_out(live, next_step(rollout, evidence(rollout, Series(), now), now), "new", now)
    return live


def one_by_one(case, policy, every, run, delay=3):
    """Play one run through with the functions that decide: what happened, and when."""
    live, draw, minutes = begun(policy), recorded(case), []
    for at in range(MINUTES):
        now = START + at * MINUTE
        rollout = locate(Wanted("new", policy), live, Known())
        if at % every == 0 and at:
            seen = at - delay
            visible = [
                (when, found)
                for when, found in minutes
                if when + 1 <= seen and not (when in case.gap and seen <= case.gap[-1])
            ]
            step = next_step(rollout, evidence(rollout, series(visible, run, START + seen * MINUTE), now), now)
            if step.event in {"rolled back", "finished"}:
                return step.event, at
            if step.writes:
                live = carried_out(live, step, "new", now)
                rollout = locate(Wanted("new", policy), live, Known())
        percent = np.full(RUNS, rollout.percent)
        minutes.append((at, draw(at, percent)))
    return "held", MINUTES


def series(visible, run, until):
    def count(at, found, name):
        mine, bad, theirs, worse = (int(each[run]) for each in found[name])
        starts = (int(each[run]) for each in found["starts"]) if "starts" in found and name == "latency" else (0, 0)
        return Count(START + at * MINUTE, mine, theirs, bad, worse, *starts)

    seen = Seen(until)
    answers = tuple(count(at, found, "errors") for at, found in visible)
    slow = tuple(count(at, found, "latency") for at, found in visible if "latency" in found)
    bins = tuple(
        Bins(START + at * MINUTE, *(tuple(map(int, each[run])) for each in found["predictions"]))
        for at, found in visible
        if "predictions" in found
    )
    return Series(answers, seen, slow, seen, bins, seen)


@pytest.mark.parametrize("name", CASES)
def test_many_at_once_are_decided_as_each_by_itself(name):
    """The same outcome in the same pass, of every run."""
    case, policy, every = CASES[name]
    rule = Ours(policy, RUNS, bins=10)
    found = play(rule, recorded(case), policy, RUNS, every=every, minutes=MINUTES, gap=case.gap)
    events = [
        "rolled back" if a else "finished" if p else "held" for a, p in zip(found.aborted, found.promoted, strict=True)
    ]

    assert [*zip(events, map(int, found.minutes), strict=True)] == [
        one_by_one(case, policy, every, run) for run in range(RUNS)
    ]


def test_distances_of_many_are_those_of_each():
    """To the last digit that counts."""
    random = np.random.default_rng(1)
    mine, theirs = random.integers(0, 30, (50, 10)), random.integers(0, 90, (50, 10))
    mine[0], theirs[1] = 0, 0
    found = np.array(distances(mine, theirs)).T
    each = [distance(tuple(map(int, a)), tuple(map(int, b))) for a, b in zip(mine, theirs, strict=True)]

    assert found == pytest.approx(np.array([(one.value, one.low, one.high) for one in each]), abs=1e-9)
