"""What rules of rollouts do with good and bad versions, side by side: `python -m benchmarks rollouts`.

A canary of 5 % for 15 minutes, 25 % and 50 % for 30, a limit of 1 % errors, metrics 3 minutes late. In each cell of
the table so many runs (`--runs`): the share that was taken back, that was promoted, the median minute of what most came
to, and the mean of bad answers that the candidate gave until then. Ours passes every five minutes, or as often as the
column says; the rules of others as often as they do. Intervals are Wilson's, at 95 %. Bars are at the end, with what
was found.

- *release manager*: every minute, the last 30 minutes, 100 requests at least; any breach goes back, whatever the count;
- *Flagger's rule*: every minute a check of the last one, no data is a failed one, back in the tick after the fifth;
- *Argo's example*: the documented one, a query of five minutes each five minutes, failureLimit 3, four errors in a row;
- *z-test per pass*: of all that was seen, at 5 %, every five minutes, 100 requests at least.

`--quick` leaves out what takes longest (0.1 requests a second, and 100).
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np

from benchmarks.rollout_rules import OTHERS, Example, Nervous, Ours
from benchmarks.rollout_world import BINS, CANARY, Case, Outcome, logits, play, with_latency
from reconciler.core.rollout.carried import carried_out
from reconciler.core.rollout.deciding import next_step
from reconciler.core.rollout.evidence import evidence
from reconciler.core.rollout.position import Known, Live, Share, Version, Wanted, locate
from reconciler.core.rollout.rehearsal import rehearse
from reconciler.core.rollout.series import Count, Seen, Series
from schemas.scenario import Scenario

INCIDENT = range(30, 40)
LOOKED_AT = {0.1: 1440, 1: 480, 10: 300, 100: 300}
"""Minutes, by requests a second."""


def incident(share: float) -> Callable[[int], float]:
    """A bad quarter of an hour amid calm ones."""
    return lambda at: 0.05 if at in INCIDENT else share


def leak(at: int) -> float:
    """Errors that come after a while."""
    return 0.002 if at < 40 else 0.05


def day(at: int) -> float:
    """Traffic that swings by a factor of four in some hours."""
    return 1 + 0.6 * math.sin(at / 90)


ERRORS = [
    Case("same, no errors", 0.0, 0.0),
    Case("same, 0.2 %"),
    Case("same, 0.8 %", 0.008, 0.008),
    Case("same, 0.2 %, traffic swings", traffic=day),
    Case("same, 0.2 %, a gap of ten minutes", gap=range(20, 30)),
    Case("both 5 % for ten minutes", incident(0.002), incident(0.002)),
    Case("both 5 % for ten minutes, 0.8 %", incident(0.008), incident(0.008)),
    Case("same, bursts that hit one version", bursts=(0.01, 20)),
    Case("twice the limit", 0.02),
    Case("twice the limit, stable at 0.8 %", 0.02, 0.008),
    Case("five times", 0.05),
    Case("30 %", 0.3),
    Case("all of them", 1.0),
    Case("5 % after forty minutes", leak),
    Case("stable at 5 %, candidate well", 0.002, 0.05),
    Case("nobody reaches it", reached=0.0),
]
GOOD = {
    "same, no errors",
    "same, 0.2 %",
    "same, 0.8 %",
    "same, 0.2 %, traffic swings",
    "same, 0.2 %, a gap of ten minutes",
}
TWICE = [each.name for each in ERRORS if each.name.startswith("twice")]


def wilson(hits: int, runs: int) -> tuple[float, float]:
    """The interval that a share lies in, at 95 %."""
    z, share = 1.96, hits / runs
    middle = (share + z * z / (2 * runs)) / (1 + z * z / runs)
    half = z / (1 + z * z / runs) * math.sqrt(share * (1 - share) / runs + z * z / (4 * runs * runs))
    return max(0.0, middle - half), min(1.0, middle + half)


class Bench:
    """All cells, each played once."""

    def __init__(self, runs: int, seed: int) -> None:
        self.runs, self.seed = runs, seed

    @cache  # noqa: B019 - one object, for the length of the program
    def ours(self, case: Case, per_second: float, every: int = 5, policy: Any = CANARY) -> Outcome:
        """Of our rule."""
        bins = BINS if case.bins else 0
        return self._play(Ours(policy, self.runs, bins=bins), case, per_second, every, policy)

    @cache  # noqa: B019 - one object, for the length of the program
    def theirs(self, kind: Any, case: Case, per_second: float) -> Outcome:
        """Of another one."""
        return self._play(kind(CANARY, self.runs), case, per_second, kind.every, CANARY)

    def _play(self, rule: Any, case: Case, per_second: float, every: int, policy: Any) -> Outcome:
        random = np.random.default_rng([self.seed, *map(ord, case.name), round(per_second * 10)])
        draw = case.draw(random, self.runs, per_second)
        minutes = LOOKED_AT[per_second]
        return play(rule, draw, policy, self.runs, every=every, minutes=minutes, gap=case.gap)


def cell(found: Outcome) -> str:
    """One outcome in a few letters: share taken back, median minute of what came of most, bad answers."""
    back, up = found.aborted.mean(), found.promoted.mean()
    what = "aborted" if back > up else "promoted"
    minute = found.median(what)
    when = f"{'x' if back > up else '^'}{minute:.0f}" if minute == minute else "held"  # noqa: PLR0124 - not a number
    return f"{back:6.1%} {up:6.1%} {when:>5} {found.bad.mean():6.0f}"


def table(bench: Bench, rates: Sequence[float]) -> None:
    """Print errors, by traffic, version and rule."""
    titles = ["ours, 5 min", "ours, 1 min", *(each.title for each in OTHERS)]
    print("each: taken back, promoted, median minute (x back, ^ up), mean bad answers of the candidate")
    for rate in rates:
        print(f"\n{rate:g} requests a second\n{'':36}" + "".join(f"{title:>29}" for title in titles))
        for case in ERRORS:
            found = [bench.ours(case, rate), bench.ours(case, rate, 1), *(bench.theirs(k, case, rate) for k in OTHERS)]
            print(f"{case.name:36}" + "".join(f"{cell(each):>29}" for each in found), flush=True)


def other_gates(bench: Bench) -> None:
    """Print latency, predictions, affinity, and all gates together."""
    print("\nother gates, ours every 5 minutes: taken back, promoted, median minute, bad answers")
    for case, rate, policy in OTHER_CASES:
        print(f"{case.name:60} {rate:>4g}/s {cell(bench.ours(case, rate, 5, policy))}", flush=True)


FLAT = logits(0)
TILTED = np.linspace(3, 0.2, BINS) / np.linspace(3, 0.2, BINS).sum()
SLOW = with_latency()
PREDICTING = replace(CANARY, errors=None, predictions=0.05)
ALL = replace(CANARY, slow_ms=250, predictions=0.05)
EXCUSED, BLAMED, CLIENTS = (
    replace(SLOW, concurrency=4),
    replace(SLOW, concurrency=0),
    replace(CANARY, requests_per_client=10),
)
COLD = {"slow": (0.03, 0.03), "starts": 0.05}


def others() -> Iterator[tuple[Case, float, Any]]:
    """Give what is tried beside errors: a case, requests a second, and the policy."""
    for rate in (1, 10):
        yield Case("slow: same, 3 %", slow=(0.03, 0.03)), rate, SLOW
        yield Case("slow: twice the limit", slow=(0.1, 0.03)), rate, SLOW
        yield Case("slow: five times", slow=(0.25, 0.03)), rate, SLOW
    for rate in (0.1, 1):
        yield Case("slow: same, cold starts, which are left out", **COLD), rate, EXCUSED
        yield Case("slow: same, cold starts, were they not left out", **COLD), rate, BLAMED
    for rate in (1, 10):
        yield Case("predictions: same", bins=(FLAT, FLAT)), rate, PREDICTING
        for by in (0.2, 0.5, 1):
            yield Case(f"predictions: +{by} logit", bins=(logits(by), FLAT)), rate, PREDICTING
        yield Case("predictions: constant", bins=(np.eye(BINS)[3], FLAT)), rate, PREDICTING
        yield Case("predictions: tilted, 0.1 bits", bins=(TILTED, FLAT)), rate, PREDICTING
        yield Case("clients of ten requests, and told so, 0.8 %", 0.008, 0.008, clients=10), rate, CLIENTS
        yield Case("clients of ten requests, were it not told, 0.8 %", 0.008, 0.008, clients=10), rate, CANARY
    for rate in (0.1, 1, 10):
        yield Case("all gates: same, 0.2 %, 3 % slow", slow=(0.03, 0.03), bins=(FLAT, FLAT)), rate, ALL
    for rate in (1, 10):
        yield Case("all gates: same, 0.8 %, 4 % slow", 0.008, 0.008, slow=(0.04, 0.04), bins=(FLAT, FLAT)), rate, ALL


OTHER_CASES = tuple(others())


Bar = tuple[str, str, bool]
"""What is wanted, what was found, and whether that is met."""


def back(each: Outcome) -> int:
    """How many were taken back."""
    return int(each.aborted.sum())


def up(each: Outcome) -> int:
    """How many were promoted."""
    return int(each.promoted.sum())


def share(bar: str, most: float, found: Mapping[str, int], runs: int) -> Bar:
    """Give a bar on a share of runs: that of the worst cell."""
    name = max(sorted(found), key=found.__getitem__)
    low, high = wilson(found[name], runs)
    told = f"{found[name] / runs:.2%} [{low:.2%}, {high:.2%}] ({name})" if found[name] else f"0 of {runs} in each cell"
    return bar, told, found[name] / runs <= most


class Bars:
    """What is wanted of our rule, of all cells of a bench."""

    def __init__(self, bench: Bench, rates: Sequence[float]) -> None:
        self.bench, self.rates, self.runs = bench, rates, bench.runs
        self.case = {each.name: each for each in ERRORS}
        self.busy = [each for each in rates if each >= 1]

    def worst(self, names: Iterable[str], number: Callable[[Outcome], int], rates: Sequence[float]) -> dict[str, int]:
        """Count something in each cell, by what the cell is of."""
        return {
            f"{name}, {rate:g}/s, pass every {every}": number(self.bench.ours(self.case[name], rate, every))
            for name in names
            for rate in rates
            for every in (5, 1)
        }

    def others(self, begins: str, number: Callable[[Outcome], int]) -> dict[str, int]:
        """Count something in cells of the other gates, by how their names begin."""
        cells = [each for each in OTHER_CASES if each[0].name.startswith(begins)]
        return {
            f"{case.name}, {rate:g}/s": number(self.bench.ours(case, rate, 5, policy)) for case, rate, policy in cells
        }

    def innocent(self) -> Iterator[Bar]:
        """Good versions are let go on."""
        both = [each for each in self.case if each.startswith("both")]
        fast = [each for each in self.rates if each >= 10]
        bursts = ["same, bursts that hit one version"]
        yield share("identical versions taken back <= 1 %", 0.01, self.worst(GOOD, back, self.rates), self.runs)
        yield share("... while both have an incident <= 2 %", 0.02, self.worst(both, back, self.rates), self.runs)
        yield share("... bursts that hit one version, >= 10/s <= 2 %", 0.02, self.worst(bursts, back, fast), self.runs)
        yield share("... all gates together <= 1 %", 0.01, self.others("all gates", back), self.runs)
        yield share("... by predictions <= 1 %", 0.01, self.others("predictions: same", back), self.runs)
        for rate, most in ((10, 95), (1, 130), (0.1, 650)):
            if rate in self.rates:
                took = self.bench.ours(self.case["same, 0.2 %"], rate).median("promoted")
                yield f"a good version promoted within {most} min at {rate:g}/s", f"median {took:.0f} min", took <= most

    def guilty(self) -> Iterator[Bar]:
        """Bad versions never get everything."""
        quiet = [each for each in self.rates if each < 1]
        worse = ["five times", "30 %", "all of them"]
        yield share("twice the limit promoted <= 1 %", 0.01, self.worst(TWICE, up, self.busy), self.runs)
        if quiet:
            yield share("... at 0.1/s <= 3 %", 0.03, self.worst(TWICE, up, quiet), self.runs)
        yield share("five times the limit and more promoted: none", 0, self.worst(worse, up, self.rates), self.runs)
        slow = {**self.others("slow: twice", up), **self.others("slow: five", up)}
        yield share("twice as many slow answers promoted <= 1 %", 0.01, slow, self.runs)
        shifts = {**self.others("predictions: +1", up), **self.others("predictions: constant", up)}
        yield share("a shift of one logit, or a constant, promoted: none", 0, shifts, self.runs)

    def speed(self) -> Iterator[Bar]:
        """What is bad is stopped soon."""
        for every, most, rates in ((5, 10, self.busy), (1, 3, [each for each in self.busy if each >= 10])):
            found = [self.bench.ours(self.case["30 %"], rate, every) for rate in rates]
            late = max(each.median("aborted") for each in found) - 3
            tail = max(float(np.quantile(each.minutes, 0.95)) for each in found) - 3
            bar = f"30 % stopped within {most} min of visible data, pass every {every}, >= {rates[0]:g}/s"
            yield bar, f"median {late:.0f} min, 95 % within {tail:.0f}", late <= most
        for rate, most in ((10, 10), (1, 35)):
            late = self.bench.ours(self.case["five times"], rate).median("aborted") - 3
            yield f"5 % stopped within {most} min of visible data at {rate}/s", f"median {late:.0f} min", late <= most
        for rate in self.rates:
            first = 3 + math.ceil(14 / (rate * 60 * 0.05)) + 1
            found = self.bench.ours(self.case["nobody reaches it"], rate)
            late = found.median("aborted") - first
            told = f"median {max(0, late):.0f} min after, of {found.aborted.mean():.0%}"
            yield f"nobody reaches it: stopped two passes after 14 were expected, {rate:g}/s", told, bool(late <= 10)

    def harm(self) -> Iterator[Bar]:
        """What users bear meanwhile, beside the most nervous rule and the documented one."""
        case = self.case["30 %"]
        for rate in (each for each in self.rates if each >= 10):
            nervous, example = (self.bench.theirs(kind, case, rate).bad.mean() for kind in (Nervous, Example))
            for every in (1, 5):
                mine = self.bench.ours(case, rate, every).bad.mean()
                bar = (
                    f"bad answers at 30 %, {rate:g}/s, pass every {every}: <= 1.5 x release manager's, <= 1/8 of Argo's"
                )
                met = bool(mine <= 1.5 * nervous and mine <= example / 8)
                yield bar, f"{mine / nervous:.2f} x, 1/{example / mine:.1f}", met


def forecasts(runs: int) -> Bar:
    """How well a rollout with little traffic says, an hour after its start, when it ends."""
    found = []
    steps = [{"traffic": 5, "hold": "15m"}, {"traffic": 25, "hold": "30m"}, {"traffic": 50, "hold": "30m"}]
    rollout = {"strategy": "Canary", "gates": {"errorRate": 0.01}, "steps": steps}
    for seed in range(runs):
        said = {"rollout": rollout, "minutes": [{"requestsPerMinute": 6}], "seed": seed, "passes": "15m"}
        passes = list(rehearse(Scenario.model_validate(said, by_alias=True, by_name=False)))
        told = next(each for each in passes if each.step.ends and each.at - passes[0].at >= timedelta(hours=1))
        found.append(abs((told.step.ends - told.at) / (passes[-1].at - told.at) - 1))
    far = float(np.quantile(found, 0.95))
    return f"the end is foretold within 30 % at 0.1/s ({runs} runs)", f"95 % within {far:.0%}", far <= 0.3


def times() -> Iterator[Bar]:
    """How long a decision takes, of a rollout with ten hours of minutes."""
    start = datetime(2026, 1, 5, tzinfo=UTC)
    live = Live((Version("rev-1", "old", ready=True),), (Share("rev-1", 100),))
    spec = Wanted("new", replace(CANARY, slow_ms=250))
    for minute in (0, 1):
        now = start + timedelta(minutes=minute)
        rollout = locate(spec, live, Known())
        live = carried_out(live, next_step(rollout, evidence(rollout, Series(), now), now), "new", now)
    minutes = tuple(Count(start + timedelta(minutes=at), 3, 57, at % 30 == 0, at % 2) for at in range(2, 602))
    now = start + timedelta(minutes=605)
    series = Series(minutes, Seen(now), minutes, Seen(now))
    rollout = locate(spec, live, Known())
    known = evidence(rollout, series, now)
    for name, bar, call in (
        ("next_step", 1.0, lambda: next_step(rollout, known, now)),
        ("locate", 1.0, lambda: locate(spec, live, Known())),
        ("evidence of 600 minutes, two gates", 50.0, lambda: evidence(rollout, series, now)),
    ):
        took = []
        for _ in range(200):
            began = time.perf_counter()
            call()
            took.append((time.perf_counter() - began) * 1000)
        yield f"{name} <= {bar:g} ms", f"median {np.median(took):.3f} ms", float(np.median(took)) <= bar


def main() -> None:
    """Print the table and the bars."""
    options = argparse.ArgumentParser(
        prog="python -m benchmarks rollouts", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--runs", type=int, default=2000, help="runs in each cell")
    options.add_argument("--seed", type=int, default=1, help="of all chance")
    options.add_argument("--quick", action="store_true", help="without 0.1 and 100 requests a second")
    given = options.parse_args()
    rates = (1, 10) if given.quick else (0.1, 1, 10, 100)
    bench = Bench(given.runs, given.seed)
    began = time.perf_counter()
    table(bench, rates)
    other_gates(bench)
    print(f"\n{'bar':97} found")
    here = Bars(bench, rates)
    found = [*here.innocent(), *here.guilty(), *here.speed(), *here.harm(), forecasts(min(given.runs, 100)), *times()]
    for bar, told, met in found:
        print(f"{'met   ' if met else 'MISSED'} {bar:90} {told}")
    took, met = time.perf_counter() - began, sum(each[2] for each in found)
    print(f"\n{met} of {len(found)} bars met; {given.runs} runs in a cell, seed {given.seed}, {took:.0f} s")


if __name__ == "__main__":
    main()
