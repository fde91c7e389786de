"""How fast an objective's error budget is used up, from the points there are. Pure.

Source: https://cloud.google.com/stackdriver/docs/solutions/slo-monitoring/api/timeseries-selectors; a rate of 1 uses
the whole budget in exactly the objective's period.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from emulator.apis.monitoring.series.reduction import Aggregation, aggregated
from emulator.apis.monitoring.series.selectors import parse
from emulator.apis.monitoring.series.values import Line, Point, Spread, Value, number

ASKED = re.compile(
    r"""\s*select_slo_burn_rate\(\s*(?P<q>["'])(?P<slo>[^"']+)(?P=q)\s*,\s*(?P<r>["']?)(?P<n>\d{1,12})"""
    r"""(?P<unit>ns|us|ms|s|m|h)(?P=r)\s*\)\s*"""
)
NANOSECONDS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
SHOWN = "select_slo_burn_rate"


def asked(text: str) -> tuple[str, int] | None:
    """The objective that a filter selects the burn rate of, and how far it looks back, in ns; None: another filter."""
    found = ASKED.fullmatch(text)
    return None if found is None else (found["slo"], int(found["n"]) * NANOSECONDS[found["unit"]])


@dataclass(frozen=True, slots=True)
class Burn:
    """An objective, as far as its burn rate goes.

    Attributes:
        slo: Full name.
        goal: Share of requests that are to be good.
        lookback_ns: Over which time.
        good: Filter of the good ones; empty: those that are not bad.
        bad: Filter of the bad ones; empty: those that are not good.
        total: Filter of all; empty: the good and the bad ones.
        within: Which values of a distribution are good; None: counts are compared.
    """

    slo: str
    goal: float
    lookback_ns: int
    good: str = ""
    bad: str = ""
    total: str = ""
    within: tuple[float, float] | None = None

    @classmethod
    def of(cls, objective: Any, lookback_ns: int) -> "Burn":
        """From the API's own form."""
        found = objective.service_level_indicator.request_based
        if found.WhichOneof("method") == "distribution_cut":
            cut = found.distribution_cut
            span = (cut.range_.min_, cut.range_.max_)
            return cls(objective.name, objective.goal, lookback_ns, total=cut.distribution_filter, within=span)
        ratio = found.good_total_ratio
        filters = ratio.good_service_filter, ratio.bad_service_filter, ratio.total_service_filter
        return cls(objective.name, objective.goal, lookback_ns, *filters)

    @property
    def filters(self) -> tuple[str, ...]:
        """Everything that is looked at."""
        return tuple(each for each in (self.good, self.bad, self.total) if each)


def burnt(burn: Burn, lines: Iterable[Line], now: int) -> list[Line]:
    """The burn rate as a series of one point; none where nothing was asked for.

    Args:
        burn: Of what.
        lines: What its filters select, with the points that count.
        now: The time, in nanoseconds.
    """
    many = [each for each in aggregated([*lines], Aggregation(burn.lookback_ns, "ALIGN_DELTA"), [now]) if each.points]
    newest = max((line.points[-1].end for line in many), default=now)
    good, total = spread(burn, many) if burn.within else counted(burn, many)
    if not total:
        return []
    rate = max(1 - good / total, 0.0) / (1 - burn.goal)
    labels = (("metric.labels.slo", burn.slo.rpartition("/")[2]), ("resource.labels.service", burn.slo.split("/")[3]))
    return [Line(SHOWN, "", labels, "GAUGE", "DOUBLE", (Point(newest, newest, rate),), "1")]


def spread(burn: Burn, lines: Sequence[Line]) -> tuple[float, float]:
    """How many values of a distribution are good, and how many there are."""
    values = [line.points[-1].value for line in lines]
    spreads = [each for each in values if isinstance(each, Spread)]
    low, high = burn.within or (0.0, 0.0)
    return sum(each.within(low, high) for each in spreads), float(sum(each.count for each in spreads))


def counted(burn: Burn, lines: Sequence[Line]) -> tuple[float, float]:
    """How many requests were good, and how many there were."""
    good, bad, total = (count(lines, each) for each in (burn.good, burn.bad, burn.total))
    whole = total if burn.total else good + bad
    return (good if burn.good else whole - bad), whole


def count(lines: Iterable[Line], text: str) -> float:
    """The sum of the series that a filter lets through."""
    if not text:
        return 0.0
    lets_through = parse(text).test
    told = [({"metric.type": each.metric, "resource.type": each.resource, **dict(each.labels)}, each) for each in lines]
    found: list[Value] = [line.points[-1].value for labels, line in told if lets_through(labels)]
    return sum(map(number, found))
