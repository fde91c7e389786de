"""Rules that decide of rollouts, for many runs at once: ours as `reconciler.core.rollout` has it, and those of others.

Ours takes its numbers from the modules that decide, and `tests/rollout/test_benchmark.py` holds it to say the same as
they do, run by run and pass by pass. Those of others are as their documentation and source describe them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reconciler.core.rollout import statistics
from reconciler.core.rollout.evidence import bar_of, share_bar
from reconciler.core.rollout.judging import CALM, FEWEST_BAD, NEAR, SILENT
from reconciler.core.rollout.policy import Policy

Array = Any
WORSE, OTHER, FEWER = (np.array(each)[:, None] for each in (statistics.WORSE, statistics.OTHER, statistics.FEWER))
_SURE = 3.0
_EACH = 1 / (8 * np.log(2))


def mixture(sums: Array, weights: Array | None = None) -> Array:
    """Logarithm of the mean over the first axis."""
    most = sums.max(0)
    return most + np.log(np.average(np.exp(sums - most), axis=0, weights=weights))


def relative(odds: Array, minute: tuple[Array, Array, Array, Array], weight: float) -> Array:
    """What one minute says, by odds and run."""
    mine, bad, theirs, worse = minute
    both = (mine > 0) & (theirs > 0)
    share = np.where(both, mine / np.maximum(mine + theirs, 1), 0.0)
    found = weight * (bad * np.log(odds) - (bad + worse) * np.log1p((odds - 1) * share))
    return np.minimum(np.where(both, found, 0.0), statistics.CAP)


def beyond(limit: float, asked: Array, bad: Array, weight: float) -> Array:
    """What one minute says of a rate of one version."""
    rates = np.minimum(0.9, limit * np.array(statistics.BEYOND))[:, None]
    found = weight * (bad * np.log(rates / limit) + (asked - bad) * np.log((1 - rates) / (1 - limit)))
    return np.minimum(found, statistics.CAP)


class Rate:
    """Our gate over a rate, of many runs."""

    def __init__(self, name: str, limit: float, policy: Policy, runs: int, gates: int) -> None:
        self.name, self.limit, self.policy, self.bar = name, limit, policy, bar_of(gates)
        self.weight = 1 / policy.requests_per_client
        self.worse = np.zeros((len(statistics.WORSE), runs))
        self.mine, self.theirs = (np.zeros((len(statistics.BEYOND), runs)) for _ in range(2))
        self.sums = np.zeros((4, runs))

    def see(self, minute: dict[str, Array]) -> None:
        """Take a minute in that became visible."""
        mine, bad, theirs, worse = minute[self.name]
        if self.name == "latency":
            starts = minute.get("starts", (0, 0))
            out, there = (
                np.minimum(slow, n * self.policy.concurrency) for slow, n in zip((bad, worse), starts, strict=True)
            )
            mine, bad, theirs, worse = mine - out, bad - out, theirs - there, worse - there
        self.worse += relative(WORSE, (mine, bad, theirs, worse), self.weight)
        self.mine += beyond(self.limit, mine, bad, self.weight)
        self.theirs += beyond(self.limit, theirs, worse, self.weight)
        self.sums += np.array([mine, bad, theirs, worse])

    def verdict(self, step: Array) -> tuple[Array, Array]:
        """Which fail, and which pass."""
        mine, bad, theirs, _ = self.sums
        found, alone, stable = mixture(self.worse, statistics.WEIGHTS), mixture(self.mine), mixture(self.theirs)
        needed = np.array([self.policy.needed(at, self.limit) for at in range(self.policy.final + 1)])[step]
        above, control, fails = bad > self.limit * mine, theirs > 0, stable >= self.bar
        worse_ = (found >= self.bar) & above
        alone_ = (alone >= self.bar) & ~control
        failed = (bad >= FEWEST_BAD) & (worse_ | alone_)
        enough = (mine >= needed / self.weight) & (~control | (found < CALM))
        passed = ~failed & enough & ~(fails & above) & (bad <= np.maximum(self.limit * mine, 1))
        return failed, passed


class Share:
    """Our gate over who is reached."""

    name = "share"

    def __init__(self, policy: Policy, runs: int) -> None:
        self.policy, self.bar, self.runs = policy, share_bar(), runs
        self.weight = 1 / policy.requests_per_client
        self.sums = np.zeros((len(statistics.FEWER), runs))
        self.mine, self.both = np.zeros(runs), np.zeros(runs)

    def see(self, minute: dict[str, Array]) -> None:
        """Take a minute in that became visible."""
        mine, _, theirs, _ = minute["errors"]
        share = NEAR * minute["percent"] / 100
        found = self.weight * (mine * np.log(FEWER) - (mine + theirs) * np.log1p((FEWER - 1) * share))
        of_step = minute["of step"]
        self.sums += np.where(of_step, np.minimum(found, statistics.CAP), 0.0)
        self.mine += np.where(of_step, mine, 0)
        self.both += np.where(of_step, mine + theirs, 0)
        self.percent = minute["percent"]

    def forget(self, moved: Array) -> None:
        """Begin anew where a step begins."""
        for each in (self.sums, self.mine, self.both):
            each[..., moved] = 0

    def verdict(self, step: Array) -> tuple[Array, Array]:
        """Which fail, and which pass."""
        percent = np.array([self.policy.percent(at) for at in range(self.policy.final + 1)])[step]
        failed = (self.both * percent / 100 * self.weight >= SILENT) & (mixture(self.sums) >= self.bar)
        if self.policy.requests_per_client > 1:
            failed &= self.mine == 0
        return failed, ~failed


class Predictions:
    """Our gate over predictions, in bins."""

    name = "predictions"

    def __init__(self, limit: float, bins: int, policy: Policy, runs: int, gates: int) -> None:
        self.limit, self.bins, self.bar = limit, bins, bar_of(gates)
        self.sums = np.zeros((len(statistics.OTHER), runs * bins))
        self.mine, self.theirs = (np.zeros((runs, bins)) for _ in range(2))
        del policy

    def see(self, minute: dict[str, Array]) -> None:
        """Take a minute in that became visible."""
        mine, theirs = minute["predictions"]
        asked, there = (np.broadcast_to(each.sum(1, keepdims=True), each.shape).ravel() for each in (mine, theirs))
        self.sums += relative(OTHER, (asked, mine.ravel(), there, theirs.ravel()), 1.0)
        self.mine += mine
        self.theirs += theirs

    def verdict(self, step: Array) -> tuple[Array, Array]:
        """Which fail, and which pass."""
        del step
        evidence = mixture(mixture(self.sums).reshape(-1, self.bins).T)
        _, low, high = distances(self.mine, self.theirs)
        failed = (evidence >= self.bar) & (low > self.limit)
        return failed, ~failed & (self.mine.sum(1) >= 10 * self.bins) & (high <= self.limit)


def distances(mine: Array, theirs: Array) -> tuple[Array, Array, Array]:
    """Divergences of many runs, with bounds, as `divergence.distance` has them."""
    here, there = mine.sum(1, keepdims=True), theirs.sum(1, keepdims=True)
    p, q = mine / np.maximum(here, 1), theirs / np.maximum(there, 1)
    middle, raw, spread = (p + q) / 2, 0.0, 0.0
    for share, total in ((p, here), (q, there)):
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.where(share > 0, np.log2(share / middle), 0.0)
        mean = (share * logs).sum(1, keepdims=True)
        raw = raw + mean[:, 0] / 2
        spread = spread + (share * (logs - mean) ** 2).sum(1) / 4 / np.maximum(total[:, 0], 1)
    degrees = np.maximum(1, ((mine > 0) | (theirs > 0)).sum(1) - 1)
    chance = _EACH * (1 / np.maximum(here[:, 0], 1) + 1 / np.maximum(there[:, 0], 1))
    error = _SURE * np.sqrt(spread + 2 * degrees * chance**2)
    value = np.maximum(0.0, raw - degrees * chance)
    known = (here[:, 0] > 0) & (there[:, 0] > 0)
    return (
        np.where(known, value, 0.0),
        np.where(known, np.maximum(0.0, value - error), 0.0),
        np.where(known, np.minimum(1.0, value + error), 1.0),
    )


class Ours:
    """What `next_step` does of a canary, of many runs: gates that fail go back, and all must pass to go up."""

    title = "ours"

    def __init__(self, policy: Policy, runs: int, *, bins: int = 0) -> None:
        self.policy = policy
        limits = {"errors": policy.errors, "latency": policy.slow_share if policy.slow_ms else None}
        given = [(name, limit) for name, limit in limits.items() if limit is not None]
        number = len(given) + (policy.predictions is not None)
        self.gates: list[Any] = [Rate(name, limit, policy, runs, number) for name, limit in given]
        if policy.predictions is not None:
            self.gates.append(Predictions(policy.predictions, bins, policy, runs, number))
        self.share = Share(policy, runs)
        self.gates.append(self.share)

    def see(self, minute: dict[str, Array]) -> None:
        """Take a minute in that became visible."""
        for each in self.gates:
            each.see(minute)

    def decide(self, step: Array, held: Array) -> tuple[Array, Array]:
        """Which go back, and which go up."""
        found = [each.verdict(step) for each in self.gates]
        failed = np.logical_or.reduce([each[0] for each in found])
        return failed, ~failed & held & np.logical_and.reduce([each[1] for each in found])

    def moved(self, which: Array) -> None:
        """A step began."""
        self.share.forget(which)


class Windowed:
    """A rule that looks at the last minutes alone."""

    def __init__(self, policy: Policy, runs: int, *, gate: str = "errors", limit: float = 0.01) -> None:
        del policy
        self.gate, self.limit, self.runs = gate, limit, runs
        self.last: list[Array] = []
        self.failures, self.blind = np.zeros(runs, int), np.zeros(runs, int)

    def see(self, minute: dict[str, Array]) -> None:
        """Take a minute in that became visible."""
        self.last = [*self.last[-29:], np.array(minute[self.gate])]

    def window(self, minutes: int) -> tuple[Array, Array]:
        """Requests and bad answers of the candidate in the last so many minutes."""
        found = np.array(self.last[-minutes:]).sum(0) if self.last else np.zeros((4, self.runs))
        return found[0], found[1]

    def moved(self, which: Array) -> None:
        """Nothing is forgotten when a step begins."""


class Nervous(Windowed):
    """The release manager: of the last 30 minutes, any breach goes back, whatever the count."""

    title = "release manager"
    every = 1

    def decide(self, step: Array, held: Array) -> tuple[Array, Array]:
        """Which go back, and which go up."""
        del step
        asked, bad = self.window(30)
        failed = bad > self.limit * asked
        return failed, ~failed & held & (asked >= 100)


class Counting(Windowed):
    """Flagger: each minute is a check, no data is a failed one, and the tick after the fifth goes back."""

    title = "Flagger's rule"
    every = 1

    def decide(self, step: Array, held: Array) -> tuple[Array, Array]:
        """Which go back, and which go up."""
        del step
        back = self.failures >= 5
        asked, bad = self.window(1)
        failed = (asked == 0) | (bad > self.limit * asked)
        if self.last:
            self.failures += failed
        return back, ~back & held & ~failed


class Example(Windowed):
    """Argo's documented example: a five-minute query each five minutes, failureLimit 3, four errors in a row."""

    title = "Argo's example"
    every = 5

    def decide(self, step: Array, held: Array) -> tuple[Array, Array]:
        """Which go back, and which go up."""
        del step
        asked, bad = self.window(5)
        if len(self.last) >= 5:
            self.failures += bad > self.limit * asked
            self.blind = np.where(asked == 0, self.blind + 1, 0)
        back = (self.failures > 3) | (self.blind > 4)
        return back, ~back & held


class Repeated(Windowed):
    """A z-test at 5 % of all that was seen, at each pass."""

    title = "z-test per pass"
    every = 5

    def __init__(self, policy: Policy, runs: int, **more: Any) -> None:
        super().__init__(policy, runs, **more)
        self.sums = np.zeros((4, runs))

    def see(self, minute: dict[str, Array]) -> None:
        """Take a minute in that became visible."""
        self.sums += np.array(minute[self.gate])

    def decide(self, step: Array, held: Array) -> tuple[Array, Array]:
        """Which go back, and which go up."""
        del step
        mine, bad, theirs, worse = self.sums
        rate = (bad + worse) / np.maximum(mine + theirs, 1)
        spread = np.sqrt(rate * (1 - rate) * (1 / np.maximum(mine, 1) + 1 / np.maximum(theirs, 1)))
        z = (bad / np.maximum(mine, 1) - worse / np.maximum(theirs, 1)) / np.maximum(spread, 1e-12)
        failed = (mine >= 100) & (z > 1.645)
        return failed, ~failed & held & (mine >= 100)


OTHERS = (Nervous, Counting, Example, Repeated)
