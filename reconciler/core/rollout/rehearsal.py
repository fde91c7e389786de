"""A rollout played through: the very functions that decide, on a service that is made up minute by minute."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.core.rollout.carried import carried_out, share_of
from reconciler.core.rollout.deciding import next_step
from reconciler.core.rollout.evidence import evidence
from reconciler.core.rollout.orders import about
from reconciler.core.rollout.policy import ALL, Policy, policy_of
from reconciler.core.rollout.position import (
    Known,
    Live,
    Phase,
    Rollout,
    Share,
    Version,
    Wanted,
    locate,
)
from reconciler.core.rollout.record import ORDER, Order, as_annotation
from reconciler.core.rollout.series import Bins, Count, Seen, Series
from reconciler.core.rollout.step import Step
from schemas.scenario import Asked, Behaviour, Scenario, Stretch, start_of

OLD, NEW, NEWER = "old", "new", "newer"
"""Versions of a rehearsal."""
_MINUTE = timedelta(minutes=1)
_NORMAL = 200.0
"""From so many expected on, chance is drawn of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass of a rehearsal.

    Args:
        at: When.
        before: Where the rollout stood.
        step: What was decided.
        percent: Of the new version afterwards.
        bad: Bad answers that the new version gave so far.
    """

    at: datetime
    before: Rollout
    step: Step
    percent: int
    bad: int

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        step = self.step
        return {
            "at": self.at.isoformat(),
            "phase": str(step.phase),
            "step": step.number,
            "percent": self.percent,
            "wait": str(step.wait) if step.wait else None,
            "event": step.event or None,
            "why": step.why,
            "refused": step.refused or None,
            "ends": step.ends.isoformat(timespec="seconds") if step.ends else None,
            "badAnswers": self.bad,
            "gates": [_gate(each) for each in step.judged],
        }


def _gate(judged: Any) -> dict[str, Any]:
    return {
        "gate": judged.gate,
        "verdict": str(judged.verdict),
        "why": judged.why,
        "value": judged.value,
        "limit": judged.limit,
        "stable": judged.stable,
        "samples": judged.samples,
        "needed": judged.needed,
        "evidence": round(judged.evidence, 3),
    }


@dataclass
class _Stage:
    """What the world is while a rehearsal goes on."""

    scenario: Scenario
    policy: Policy
    start: datetime
    chance: random.Random | None
    live: Live
    wanted: str = NEW
    answers: list[Count] = field(default_factory=list)
    slow: list[Count] = field(default_factory=list)
    predictions: list[Bins] = field(default_factory=list)
    hidden: set[datetime] = field(default_factory=set)
    owed: dict[str, float] = field(default_factory=dict)
    bad: int = 0


def rehearse(scenario: Scenario) -> Iterator[Pass]:
    """Play a scenario through, pass by pass, until nothing is left to happen.

    Args:
        scenario: What happens. What chance draws comes from its seed.

    Raises:
        UsageError: This machine does not know its time zone.
    """
    start = start_of(scenario) or datetime(2026, 1, 5, 9, tzinfo=UTC)
    chance = None if scenario.seed is None else random.Random(scenario.seed)  # noqa: S311 - chance of a rehearsal
    first = Version("rev-00001", OLD, ready=True, created=start)
    stage = _Stage(
        scenario,
        _policy(scenario),
        start,
        chance,
        Live((first,), (Share("rev-00001", ALL),)),
    )
    people = sorted(scenario.people, key=lambda each: each.at_s)
    every = scenario.passes_s // 60
    for minute in range(scenario.lasts_s // 60):
        now = start + minute * _MINUTE
        _becomes_ready(stage, now)
        while people and start + timedelta(seconds=people[0].at_s) <= now:
            _heed(stage, people.pop(0), now)
        if minute % every == 0:
            found = _pass(stage, now)
            yield found
            if not people and _over(found, stage.wanted):
                return
        _minute(stage, now, _stretch(scenario.minutes, minute))


def _policy(scenario: Scenario) -> Policy:
    said = scenario.rollout
    found = policy_of(said, requests_per_client=said.requests_per_client, concurrency=said.concurrency)
    return replace(found, checks=())  # there is nobody to be asked


def _over(found: Pass, wanted: str) -> bool:
    """Tell whether nothing is left to happen by itself."""
    step = found.step
    if step.phase not in {Phase.STEADY, Phase.ROLLED_BACK} or step.create:
        return False
    return step.record is None or step.record.candidate == wanted


def _rollout(stage: _Stage) -> Rollout:
    return locate(Wanted(stage.wanted, stage.policy), stage.live, Known())


def _pass(stage: _Stage, now: datetime) -> Pass:
    rollout = _rollout(stage)
    step = next_step(rollout, evidence(rollout, _series(stage, now), now), now)
    if step.writes:
        stage.live = carried_out(stage.live, step, stage.wanted, now, ready=False)
    return Pass(now, rollout, step, _percent(stage), stage.bad)


def _percent(stage: _Stage) -> int:
    newest = next((each.revision for each in stage.live.versions if each.hash != OLD), "")
    return share_of(stage.live, newest) if newest else 0


def _becomes_ready(stage: _Stage, now: datetime) -> None:
    takes = timedelta(seconds=stage.scenario.ready_s)
    stage.live = replace(
        stage.live,
        versions=tuple(
            each if each.ready or now < (each.created or now) + takes else replace(each, ready=True)
            for each in stage.live.versions
        ),
    )


def _heed(stage: _Stage, asked: Asked, now: datetime) -> None:
    """Do what a person does, of the version and step that are on."""
    live, rollout = stage.live, _rollout(stage)
    if asked.do == "release":
        stage.wanted = NEWER
        return
    if asked.do == "move":
        stage.live = replace(live, traffic=tuple(_moved(live, asked.percent)))
        return
    order = Order(
        asked.do,
        about(rollout, asked.do),
        rollout.number,
        asked.by,
        now,
        now.isoformat(),
        asked.all_steps,
        asked.ignore_gates,
        asked.reason,
    )
    stage.live = replace(live, annotations={**live.annotations, ORDER: as_annotation(order)})


def _moved(live: Live, percent: int) -> Iterator[Share]:
    newest = next((each.revision for each in live.versions if each.hash != OLD), "")
    yield from (Share(each.revision, 0, each.tag) for each in live.traffic if each.tag)
    shares = {live.versions[-1].revision: ALL - percent, newest: percent}
    yield from (Share(name, share) for name, share in shares.items() if name and share)


def _stretch(stretches: Sequence[Stretch], minute: int) -> Stretch:
    for each in stretches:
        minute -= each.lasts_s // 60
        if minute < 0:
            return each
    return stretches[-1]


def _minute(stage: _Stage, now: datetime, stretch: Stretch) -> None:
    """Let a minute of requests pass."""
    share = _percent(stage) / ALL
    both = _drawn(stage, "requests", stretch.requests_per_minute)
    mine = _part(stage, "candidate", both, share)
    theirs = both - mine
    mine = _part(stage, "reached", mine, stretch.candidate.reached)
    theirs = _part(stage, "stable reached", theirs, stretch.stable.reached)
    errors = [_part(stage, f"{name} errors", n, each.errors) for name, n, each in _sides(stretch, mine, theirs)]
    stage.bad += errors[0]
    if not stretch.visible:
        stage.hidden.add(now)
        return
    stage.answers.append(Count(now, mine, theirs, *errors))
    fine = mine - errors[0], theirs - errors[1]
    slow = [_part(stage, f"{name} slow", n, each.slow) for name, n, each in _sides(stretch, *fine)]
    starts = [_drawn(stage, f"{name} starts", each.starts) for name, _, each in _sides(stretch, *fine)]
    stage.slow.append(Count(now, *fine, *slow, *starts))
    if stretch.candidate.predictions:
        bins = [_bins(stage, name, n, each.predictions) for name, n, each in _sides(stretch, *fine)]
        stage.predictions.append(Bins(now, *bins))


def _sides(stretch: Stretch, mine: int, theirs: int) -> tuple[tuple[str, int, Behaviour], ...]:
    return ("candidate", mine, stretch.candidate), ("stable", theirs, stretch.stable)


def _bins(stage: _Stage, name: str, number: int, shares: Sequence[float]) -> tuple[int, ...]:
    left, whole, found = number, math.fsum(shares), []
    for at, share in enumerate(shares):
        here = _part(stage, f"{name} bin {at}", left, min(1.0, share / whole) if whole > 0 else 0.0)
        found.append(here)
        left, whole = left - here, whole - share
    return (*found[:-1], found[-1] + left)


def _drawn(stage: _Stage, what: str, expected: float) -> int:
    """Give how many there are where so many are expected."""
    if stage.chance is None:
        return _owed(stage, what, expected)
    if expected > _NORMAL:
        return max(0, round(stage.chance.gauss(expected, math.sqrt(expected))))
    count, product, least = 0, stage.chance.random(), math.exp(-expected)
    while product > least:
        count += 1
        product *= stage.chance.random()
    return count


def _part(stage: _Stage, what: str, number: int, share: float) -> int:
    """Give how many of so many have what a share of them has."""
    if stage.chance is None:
        return min(number, _owed(stage, what, number * share))
    spread = number * share * (1 - share)
    if spread > _NORMAL:
        return min(number, max(0, round(stage.chance.gauss(number * share, math.sqrt(spread)))))
    return sum(stage.chance.random() < share for _ in range(number)) if 0 < share < 1 else round(number * share)


def _owed(stage: _Stage, what: str, expected: float) -> int:
    """Give whole ones of what is expected; parts of one are kept for the next minute."""
    whole = stage.owed.get(what, 0.0) + expected
    stage.owed[what] = whole - math.floor(whole + 1e-9)
    return math.floor(whole + 1e-9)


def _series(stage: _Stage, now: datetime) -> Series:
    """Give what Cloud Monitoring has by now."""
    until = now - timedelta(seconds=stage.scenario.delay_s)
    visible = [each.at + _MINUTE for each in stage.answers if each.at + _MINUTE <= until]
    seen = Seen(visible[-1] if visible else None)
    answers, slow = (
        tuple(each for each in found if each.at + _MINUTE <= until) for found in (stage.answers, stage.slow)
    )
    bins = tuple(each for each in stage.predictions if each.at + _MINUTE <= until)
    return Series(answers, seen, slow, seen, bins, seen)
