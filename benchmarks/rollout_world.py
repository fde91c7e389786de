"""Traffic, versions and accidents, minute by minute, for many runs at once; and a rollout played through in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reconciler.core.rollout.policy import Policy, Target
from schemas.sections.rollout import Strategy

Array = Any
CANARY = Policy(Strategy.CANARY, (Target(5, 900), Target(25, 1800), Target(50, 1800)), errors=0.01)
BINS = 10


@dataclass(frozen=True, eq=False)
class Case:
    """What happens.

    Args:
        name: For people.
        candidate: Its share of errors, or that of a minute.
        stable: The same of the stable version.
        slow: Shares of slow answers of both; None for no such gate.
        bins: Shares of predictions of both; None for no such gate.
        traffic: Requests a second at a minute, times this.
        bursts: Chance of one in a minute, and its size in bad answers: they all hit one version.
        clients: Requests of one client, which are all good or all bad, and stay with one version.
        starts: Instances of the candidate that start in a minute, beside those after fifteen minutes without a request.
        reached: Share of the candidate's requests that reach it.
        gap: Minutes of which metrics come only when the last of them is over.
    """

    name: str
    candidate: float | Callable[[int], float] = 0.002
    stable: float | Callable[[int], float] = 0.002
    slow: tuple[float, float] | None = None
    bins: tuple[Array, Array] | None = None
    traffic: Callable[[int], float] = lambda _: 1.0
    bursts: tuple[float, float] | None = None
    clients: int = 1
    starts: float | None = None
    reached: float = 1.0
    gap: range = range(0)

    def draw(self, random: Any, runs: int, per_second: float) -> Callable[[int, Array], dict[str, Array]]:
        """Give what draws a minute: of the minute's number and the candidate's percents."""
        idle = np.zeros(runs)

        def minute(at: int, percent: Array) -> dict[str, Array]:
            both = random.poisson(per_second * 60 * self.traffic(at) / self.clients, runs)
            mine = random.binomial(both, percent / 100)
            theirs = both - mine
            mine = random.binomial(mine, self.reached) if self.reached < 1 else mine
            rates = [each(at) if callable(each) else each for each in (self.candidate, self.stable)]
            bad, worse = (random.binomial(n, rate) for n, rate in zip((mine, theirs), rates, strict=True))
            mine, theirs, bad, worse = (each * self.clients for each in (mine, theirs, bad, worse))
            if self.bursts:
                hit, whose = random.random(runs) < self.bursts[0], random.random(runs) < percent / 100
                size = random.poisson(self.bursts[1], runs)
                bad = np.where(hit & whose, np.minimum(mine, bad + size), bad)
                worse = np.where(hit & ~whose, np.minimum(theirs, worse + size), worse)
            found = {"errors": (mine, bad, theirs, worse), "percent": percent}
            if self.slow:
                found |= self._slow(random, mine - bad, theirs - worse, idle)
            if self.bins:
                found["predictions"] = tuple(
                    random.multinomial(n, shares)
                    for n, shares in zip((mine - bad, theirs - worse), self.bins, strict=True)
                )
            return found

        return minute

    def _slow(self, random: Any, mine: Array, theirs: Array, idle: Array) -> dict[str, Array]:
        slow, slower = (random.binomial(n, share) for n, share in zip((mine, theirs), self.slow or (0, 0), strict=True))
        if self.starts is None:
            return {"latency": (mine, slow, theirs, slower)}
        begun = np.where(mine > 0, random.poisson(self.starts, len(mine)) + (idle >= 15), 0)
        idle[:] = np.where(mine > 0, 0, idle + 1)
        slow = np.minimum(mine, slow + begun * 2)  # the first requests of an instance are slow
        return {"latency": (mine, slow, theirs, slower), "starts": (begun, np.zeros_like(begun))}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of many runs.

    Args:
        runs: How many.
        promoted: Whether each was.
        aborted: Whether each was taken back; the others are held.
        minutes: When that was, from the first step on.
        bad: Bad answers of the candidate until then.
    """

    runs: int
    promoted: Array
    aborted: Array
    minutes: Array
    bad: Array

    def median(self, which: str) -> float:
        """The median time of what was `promoted` or `aborted`."""
        found = self.minutes[getattr(self, which)]
        return float(np.median(found)) if len(found) else float("nan")


def play(
    rule: Any,
    draw: Callable[[int, Array], dict[str, Array]],
    policy: Policy,
    runs: int,
    *,
    every: int,
    minutes: int,
    delay: int = 3,
    gap: range = range(0),
) -> Outcome:
    """Play many rollouts through at once.

    Args:
        rule: Which decides.
        draw: What happens in a minute.
        policy: Its steps.
        runs: How many.
        every: Minutes between passes.
        minutes: How long it is looked at.
        delay: Minutes that metrics are late.
        gap: Minutes of which metrics come when the last of them is over.
    """
    step, since = np.ones(runs, int), np.zeros(runs, int)
    promoted, aborted = np.zeros(runs, bool), np.zeros(runs, bool)
    when, bad = np.full(runs, minutes), np.zeros(runs)
    percents = np.array([policy.percent(at) for at in range(policy.final + 1)])
    holds = np.array([policy.hold_s(at) // 60 for at in range(policy.final + 1)])
    waiting: list[tuple[int, dict[str, Array]]] = []
    for at in range(minutes):
        on = ~(promoted | aborted)
        if not on.any():
            break
        if at % every == 0 and at:
            seen = at - delay
            late = [begun for begun, _ in waiting if begun + 1 > seen or (begun in gap and seen <= gap[-1])]
            for begun, minute in waiting:
                if begun not in late:
                    rule.see({**minute, "of step": begun >= since + 1})
            waiting = [each for each in waiting if each[0] in late]
            back, up = rule.decide(step, at - since >= holds[step])
            back, up = back & on, up & on & ~back
            aborted |= back
            step, since = np.where(up, step + 1, step), np.where(up, at, since)
            promoted |= up & (step >= policy.final)
            when[back | (up & (step >= policy.final))] = at
            rule.moved(up)
        minute = draw(at, percents[np.minimum(step, policy.final - 1)])
        bad += np.where(~(promoted | aborted), minute["errors"][1], 0)
        waiting.append((at, minute))
    return Outcome(runs, promoted, aborted, when, bad)


def with_latency(policy: Policy = CANARY) -> Policy:
    """The same steps, judged by slow answers alone."""
    return replace(policy, errors=None, slow_ms=250)


def logits(shift: float, *, stuck: float = 0.0, size: int = 400_000) -> Array:
    """Shares of predictions over the deciles of those before: each moved by so many logits, and some stuck at 0."""
    random = np.random.default_rng(5)
    before = random.beta(1.2, 4, size)
    edges = np.quantile(before, np.linspace(0, 1, BINS + 1))[1:-1]
    odds = np.log(before / (1 - before)) + shift
    after = 1 / (1 + np.exp(-odds))
    after = np.where(random.random(size) < stuck, 0.0, after)
    return np.bincount(np.searchsorted(edges, after, side="right"), minlength=BINS) / size
