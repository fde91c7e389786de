"""Evidence that may be looked at as often as one likes: how strongly counts say that a version is worse.

Given what happened, which version did it come from? Requests are given to versions at random, so while the versions do
not differ, a bad answer of one minute came from the candidate with the probability p = its share of that minute's
requests, whatever the rate was then. The number that grows here is a likelihood ratio against that. Its expectation is
at most 1 as long as nothing is wrong, at every pass, with any percents and any traffic, so it passes 1/a with the
probability a at most, however often somebody looks.

All of it is logarithms, and every function takes a sequence of minutes: nothing is kept between passes.

Source:
    Ville's inequality; for counts whose rates move with time Lindon and Malek, "Anytime-valid inference for multinomial
    count data", NeurIPS 2022. Given a minute's totals the true law is hypergeometric, and the expectation of a convex
    function is smaller under it than under the binomial one: Hoeffding, "Probability inequalities for sums of bounded
    random variables", 1963, theorem 4. A factor that is cut off, or raised to a power below 1 (Jensen), has no greater
    expectation.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

WORSE = (1.5, 2.0, 4.0, 8.0, 20.0, 60.0, 500.0)
"""How many times the odds of the stable version's bad answers the candidate's may be: what is looked for."""
WEIGHTS = (1 / 12, 1 / 12, 1 / 12, 1 / 12, 1 / 12, 1 / 12, 1 / 2)
"""How much each of them counts, 1 together. Half of it is for versions of which many answers are bad: two bad answers
in two minutes are enough there, at a share of a twentieth, and what is less bad loses a factor of two by it."""
OTHER = (0.25, 0.5, 1 / 1.5, 1.5, 2.0, 4.0)
"""The same where either direction is a difference: a bin of predictions."""
FEWER = (1 / 1.5, 0.5, 0.25, 0.05, 0.001)
"""The same for a candidate that is reached less often than its share says."""
BEYOND = (2.0, 4.0, 10.0, 30.0)
"""How many times a limit the rate of one version may be."""
_HIGHEST_RATE = 0.9

CAP = 3.0
"""The most that one minute may say. A burst that hits one instance is one accident, not sixty: at least two minutes
are needed for a verdict, at any traffic."""

Minute = tuple[int, int, int, int]
"""Requests and bad answers of the candidate, then of the stable version."""


def relative(minutes: Iterable[Minute], *, weight: float = 1.0) -> float:
    """Say how strongly counts speak for a candidate that is worse than the stable version.

    Args:
        minutes: In which both were asked; others say nothing.
        weight: Of one request: below 1 where several of one client count as one.

    Returns:
        Natural logarithm of the evidence; 0 for none.
    """
    sums = [0.0] * len(WORSE)
    for asked, bad, stable_asked, stable_bad in minutes:
        both = bad + stable_bad
        if not both or not asked or not stable_asked:
            continue
        share = asked / (asked + stable_asked)
        for at, odds in enumerate(WORSE):
            sums[at] += min(CAP, weight * (bad * math.log(odds) - both * math.log1p((odds - 1) * share)))
    return mixture(sums, WEIGHTS)


def beyond(minutes: Iterable[tuple[int, int]], limit: float, *, weight: float = 1.0) -> float:
    """Say how strongly counts speak for a rate of one version above a limit.

    Args:
        minutes: Requests and bad answers.
        limit: The rate, in (0, 1).
        weight: Of one request.

    Returns:
        Natural logarithm of the evidence.
    """
    rates = [min(_HIGHEST_RATE, limit * times) for times in BEYOND]
    logs = [(math.log(rate / limit), math.log((1 - rate) / (1 - limit))) for rate in rates]
    sums = [0.0] * len(rates)
    for asked, bad in minutes:
        for at, (hit, miss) in enumerate(logs):
            sums[at] += min(CAP, weight * (bad * hit + (asked - bad) * miss))
    return mixture(sums)


def fewer(minutes: Iterable[tuple[int, int]], share: float, *, weight: float = 1.0) -> float:
    """Say how strongly counts speak for a candidate that is reached less often than a share of requests.

    Args:
        minutes: Requests of the candidate, and of both.
        share: In (0, 1): the least that is no reason to worry.
        weight: Of one request.

    Returns:
        Natural logarithm of the evidence.
    """
    sums = [0.0] * len(FEWER)
    for asked, all_asked in minutes:
        for at, odds in enumerate(FEWER):
            sums[at] += min(CAP, weight * (asked * math.log(odds) - all_asked * math.log1p((odds - 1) * share)))
    return mixture(sums)


def different(minutes: Iterable[tuple[Sequence[int], Sequence[int]]], *, weight: float = 1.0) -> float:
    """Say how strongly counts speak for two different distributions over the same bins.

    Args:
        minutes: Counts by bin of the candidate, and of the stable version; as many bins in each.
        weight: Of one prediction.

    Returns:
        Natural logarithm of the evidence, the average over the bins.
    """
    sums: list[list[float]] = []
    for mine, theirs in minutes:
        asked, stable_asked = sum(mine), sum(theirs)
        sums = sums or [[0.0] * len(OTHER) for _ in mine]
        if not asked or not stable_asked:
            continue
        share = asked / (asked + stable_asked)
        costs = [(math.log(odds), math.log1p((odds - 1) * share)) for odds in OTHER]
        for each, here, there in zip(sums, mine, theirs, strict=True):
            for at, (gain, cost) in enumerate(costs):
                each[at] += min(CAP, weight * (here * gain - (here + there) * cost))
    return mixture([mixture(each) for each in sums])


def mixture(logs: Sequence[float], weights: Sequence[float] = ()) -> float:
    """Give the logarithm of the mean of what logarithms are given of; 0 for none.

    Args:
        logs: The logarithms.
        weights: Of each, 1 together; left out, all count the same.
    """
    if not logs:
        return 0.0
    most, each = max(logs), 1 / len(logs)
    shares = weights or [each] * len(logs)
    return most + math.log(math.fsum(share * math.exp(log - most) for share, log in zip(shares, logs, strict=True)))
