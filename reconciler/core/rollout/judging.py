"""What a gate says of counts: one rule for errors and slow answers, one for predictions, one for who is reached at all.

A version fails by significance and size together: the evidence is strong, and the rate is above the limit. It passes
with enough requests, a rate within the limit and no evidence against it. All else is not enough data, which waits and
says what is lacking.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.rollout import statistics
from reconciler.core.rollout.divergence import distance
from reconciler.core.rollout.series import Bins, Count

CHANCE = 0.01
"""Of all rollouts of a version that is as good as the stable one, so many may be called bad, all gates together."""
REACHED = 0.1
"""How much of that is for whether it is reached at all."""
CALM = math.log(3)
"""Evidence below this is none: a version with more is not promoted, and not called bad yet."""
ALIKE = 1.2
"""Of a stable version beyond the limit, a candidate's rate may be so many times its rate."""
SILENT = 14
"""Requests that were expected where none came: chance makes that once in a million."""
NEAR = 0.8
"""The least of its declared share at which a candidate is reached as it should be: Google's split is not exact."""
FEWEST_BAD = 2
"""A single bad answer is nobody's proof."""
EACH_BIN = 10


class Verdict(StrEnum):
    """What a gate says."""

    PASS = "Pass"  # noqa: S105 - a verdict, no password
    FAIL = "Fail"
    NOT_ENOUGH_DATA = "NotEnoughData"
    MISSING = "MetricsMissing"
    STABLE_FAILS = "StableFails"


@dataclass(frozen=True, slots=True)
class Judged:
    """A gate's verdict, and what it was made of.

    Args:
        gate: Its name: `errors`, `latency`, `predictions`, `share`.
        verdict: What it says.
        why: In words.
        value: Of the candidate: a rate, bits, or a share.
        limit: What it may be.
        stable: Of the stable version; None where there is none to compare with.
        samples: Requests of the candidate, or clients.
        needed: That the next step needs.
        evidence: Natural logarithm of how strongly it speaks against the candidate.
        alike: While the stable version fails, whether the candidate is no worse.
        stale: Nothing was visible for long, which the series themselves say.
    """

    gate: str
    verdict: Verdict
    why: str
    value: float = 0.0
    limit: float = 0.0
    stable: float | None = None
    samples: int = 0
    needed: int = 0
    evidence: float = 0.0
    alike: bool = False
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Rate:
    """What the verdict over a rate is made of: sums, and logarithms of evidence.

    Args:
        asked: Requests of the candidate.
        bad: Bad answers of the candidate.
        stable_asked: Requests of the stable version.
        stable_bad: Its bad answers.
        worse: Evidence that the candidate is worse.
        beyond: Evidence that the candidate is beyond the limit.
        stable_beyond: Evidence that the stable version is.
    """

    asked: int
    bad: int
    stable_asked: int
    stable_bad: int
    worse: float
    beyond: float
    stable_beyond: float


def rate_of(minutes: Sequence[Count], limit: float, weight: float) -> Rate:
    """Add up what is known of a rate.

    Args:
        minutes: What was measured.
        limit: Of the gate.
        weight: Of one request.
    """
    return Rate(
        sum(each.candidate for each in minutes),
        sum(each.candidate_bad for each in minutes),
        sum(each.stable for each in minutes),
        sum(each.stable_bad for each in minutes),
        statistics.relative(
            ((each.candidate, each.candidate_bad, each.stable, each.stable_bad) for each in minutes), weight=weight
        ),
        statistics.beyond(((each.candidate, each.candidate_bad) for each in minutes), limit, weight=weight),
        statistics.beyond(((each.stable, each.stable_bad) for each in minutes), limit, weight=weight),
    )


def verdict_of(rate: Rate, limit: float, needed: float, bar: float) -> tuple[Verdict, bool]:
    """Give the verdict over a rate.

    Args:
        rate: What is known.
        limit: Greatest share of bad answers.
        needed: Requests that the next step needs.
        bar: Evidence from which on it is proof.

    Returns:
        The verdict, and whether the candidate is no worse than a stable version that fails, too.
    """
    above = rate.bad > limit * rate.asked
    control = rate.stable_asked > 0
    stable_fails = rate.stable_beyond >= bar
    worse = rate.worse >= bar and above
    alone = rate.beyond >= bar and not control  # with a stable version beside it, a bad day of both would count
    if rate.bad >= FEWEST_BAD and (worse or alone):
        return Verdict.FAIL, False
    enough = rate.asked >= needed and (not control or rate.worse < CALM)
    if stable_fails and above:
        alike = rate.bad * rate.stable_asked <= ALIKE * rate.stable_bad * rate.asked
        return Verdict.STABLE_FAILS, enough and alike
    if enough and rate.bad <= max(limit * rate.asked, 1):
        return Verdict.PASS, stable_fails
    return Verdict.NOT_ENOUGH_DATA, False


def judge_rate(
    gate: str,
    minutes: Sequence[Count],
    limit: float,
    needed: int,
    *,
    bar: float,
    weight: float,
    copies: bool = False,
) -> Judged:
    """Judge a share of bad answers.

    Args:
        gate: Its name.
        minutes: What was measured.
        limit: Greatest share.
        needed: Requests, or clients, that the next step needs.
        bar: Evidence from which on it is proof.
        weight: Of one request.
        copies: They are copies of what others were asked, and among errors are those that were refused.
    """
    rate = rate_of(minutes, limit, weight)
    verdict, alike = verdict_of(rate, limit, needed / weight, bar)
    value = rate.bad / rate.asked if rate.asked else 0.0
    stable = rate.stable_bad / rate.stable_asked if rate.stable_asked else None
    samples = int(rate.asked * weight)
    errors = "errors or refusals" if copies else "errors"
    what, asked = "slow answers" if gate == "latency" else errors, "copies" if copies else "requests"
    beside = f", stable {percent(stable)}" if stable is not None else ""
    why = f"{percent(value)} {what} of {rate.asked} {asked}, limit {percent(limit)}{beside}"
    if verdict is Verdict.NOT_ENOUGH_DATA:
        unsure = f"{why}: not told from chance yet"
        why = f"{samples} of {needed} {asked if weight == 1 else 'clients'}" if samples < needed else unsure
    if verdict is Verdict.FAIL and rate.worse >= bar:
        why += f"; odds of {odds(rate.worse)} to 1 that it is worse"
    return Judged(gate, verdict, why, value, limit, stable, samples, needed, rate.worse, alike)


def excused(minutes: Sequence[Count], concurrency: int) -> list[Count]:
    """Leave out slow answers of instances that just started: at a small share a candidate has no warm instance.

    Args:
        minutes: Answers, and slow ones.
        concurrency: Requests that each instance takes at once, and that may be slow when it starts.
    """
    found = []
    for each in minutes:
        mine = min(each.candidate_bad, each.candidate_starts * concurrency)
        theirs = min(each.stable_bad, each.stable_starts * concurrency)
        found.append(
            Count(
                each.at,
                each.candidate - mine,
                each.stable - theirs,
                each.candidate_bad - mine,
                each.stable_bad - theirs,
            )
        )
    return found


def judge_predictions(minutes: Sequence[Bins], limit: float, *, bar: float, weight: float) -> Judged:
    """Judge how far predictions are apart: size decides, and the evidence says whether size can be trusted.

    Args:
        minutes: Counts by bin.
        limit: Greatest divergence in bits.
        bar: Evidence from which on it is proof.
        weight: Of one prediction.
    """
    mine, theirs = ([sum(counts) for counts in zip(*side, strict=True)] for side in _sides(minutes))
    far = distance([round(each * weight) for each in mine], [round(each * weight) for each in theirs])
    evidence = statistics.different(((each.candidate, each.stable) for each in minutes), weight=weight)
    samples, needed = int(sum(mine) * weight), EACH_BIN * max(1, len(mine))
    if evidence >= bar and far.low > limit:
        verdict = Verdict.FAIL
    elif samples >= needed and far.high <= limit:
        verdict = Verdict.PASS
    else:
        verdict = Verdict.NOT_ENOUGH_DATA
    bits = f"{far.value:.3f} bits apart ({far.low:.3f} to {far.high:.3f}) in {sum(mine)} predictions, limit {limit:g}"
    why = f"{samples} of {needed} predictions" if samples < needed and verdict is not Verdict.FAIL else bits
    return Judged("predictions", verdict, why, far.value, limit, None, samples, needed, evidence)


def _sides(minutes: Sequence[Bins]) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    return [each.candidate for each in minutes], [each.stable for each in minutes]


def judge_share(minutes: Sequence[Count], declared: int, *, bar: float, weight: float) -> Judged:
    """Judge whether a candidate is reached as often as its percent says: one that nobody reaches is not healthy.

    Args:
        minutes: Since its percent is what it is.
        declared: That percent.
        bar: Evidence from which on it is proof.
        weight: Of one request.
    """
    mine = sum(each.candidate for each in minutes)
    both = mine + sum(each.stable for each in minutes)
    evidence = statistics.fewer(
        ((each.candidate, each.candidate + each.stable) for each in minutes), NEAR * declared / 100, weight=weight
    )
    expected = both * declared / 100
    value, share = mine / both if both else 0.0, declared / 100
    if expected * weight >= SILENT and evidence >= bar:
        why = f"{mine} requests reached it where {expected:.0f} were expected"
        return Judged("share", Verdict.FAIL, why, value, share, None, mine, SILENT, evidence)
    why = f"{percent(value)} of {both} requests reached it, {declared} % declared"
    return Judged("share", Verdict.PASS, why, value, share, None, mine, SILENT, evidence)


def percent(share: float) -> str:
    """Write a share: `0.83 %`, `12 %`."""
    return f"{share * 100:.3g} %"


def odds(evidence: float) -> str:
    """Write how strong evidence is, in whole numbers."""
    return f"{math.exp(min(evidence, 20)):,.0f}{' and more' if evidence > 20 else ''}"  # noqa: PLR2004 - of people's reading
