"""What a monitor's answer says of each column: distances, and the counts that lie inside the statistics beside them.

Source: `SearchModelMonitoringStatsResponse`; a distribution is a `tensorflow.metadata.v0.DatasetFeatureStatistics` in
    protobuf's JSON, whose numbers are texts. What is missing or odd there is None, and then nothing is said.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from runtime.retraining.watching import order
from runtime.retraining.watching.order import Ends
from runtime.retraining.watching.verdict import Column

FEATURES, PREDICTIONS = "raw-feature-drift", "prediction-output-drift"
"""Objectives, in the API's words."""
_KINDS = ("numStats", "stringStats", "bytesStats")
SKEW, DRIFT, PREDICTIONS_DRIFT = "skew", "drift", "predictiondrift"
SORTS: Mapping[tuple[str, str], str] = {
    (SKEW, FEATURES): SKEW,
    (DRIFT, FEATURES): DRIFT,
    (DRIFT, PREDICTIONS): PREDICTIONS_DRIFT,
}
"""What is compared by a schedule's objective, as triggers call it."""
_SPECS: Mapping[str, str] = {FEATURES: "featureDriftSpec", PREDICTIONS: "predictionOutputDriftSpec"}
_QUOTED = r"`(?:[^`\\]|\\.)+`"
_COLUMN = rf"(?:IF\((?:{_QUOTED}|[^`])+?\) AS )?({_QUOTED})"
_SELECTED = re.compile(rf"SELECT ({_COLUMN}(?:, {_COLUMN})*) FROM `")  # noqa: S608 - a pattern
"""What the reconciler selects of the prediction log: columns by their names, of some of them the logarithm."""


def by_job(stats: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, list[Column]]]:
    """Give what was measured, by job and objective.

    Args:
        stats: `ModelMonitoringStats` of the answer.
    """
    found: dict[str, dict[str, list[Column]]] = {}
    for each in stats:
        told = _mapping(each.get("tabularStats"))
        for point in points(each):
            job = str(point.get("modelMonitoringJob") or "")
            if not job:  # of no window: nothing can be said of any
                continue
            column = _column(name_of(each), point)
            found.setdefault(job, {}).setdefault(str(told.get("objectiveType", "")), []).append(column)
    return found


def points(stats: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Give the data points of statistics, one per job and time; none of what has none that can be read."""
    return _mappings(_mapping(stats.get("tabularStats")).get("dataPoints"))


def name_of(stats: Mapping[str, Any]) -> str:
    """Give the column that statistics are of; empty for what is of none."""
    return str(_mapping(stats.get("tabularStats")).get("statsName") or "")


def compared(job: Mapping[str, Any], objective: str) -> frozenset[str] | None:
    """Give the columns that a job could compare, as its own specification has it; a schedule's may be another since.

    Args:
        job: `ModelMonitoringJob`, as JSON.
        objective: In the API's words.

    Returns:
        Those that it lists, else those that its query of ours names; None where neither tells.
    """
    spec = _mapping(_mapping(job.get("modelMonitoringSpec")).get("objectiveSpec"))
    limits = _mapping(_mapping(spec.get("tabularObjective")).get(_SPECS.get(objective, "")))
    listed = limits.get("features")
    if isinstance(listed, list) and listed:
        return frozenset(map(str, listed))
    source = _mapping(_mapping(_mapping(spec.get("targetDataset")).get("columnizedDataset")).get("bigquerySource"))
    selected = _SELECTED.match(str(source.get("query") or ""))
    if selected is None:
        return None
    return frozenset(re.sub(r"\\(.)", r"\1", name[1:-1]) for name in re.findall(_COLUMN, selected[1]))


def wanted_of(
    wanted: Mapping[str, float | None] | None, there: frozenset[str] | None
) -> dict[str, float | None] | None:
    """Give what may be missed of a job: of the columns that are to be compared now, those that it could.

    Args:
        wanted: Limit of each, None for none; None where nobody knows of any.
        there: See `compared`.
    """
    return None if wanted is None else {name: most for name, most in wanted.items() if there is None or name in there}


def _column(name: str, point: Mapping[str, Any]) -> Column:
    here, there = (side(point.get(which)) for which in ("currentStats", "baselineStats"))
    counted, baseline = _counts(here), _counts(there)
    return Column(
        name,
        _distance(_mapping(_mapping(point.get("currentStats")).get("distributionValue"))),
        number(point.get("thresholdValue")),
        str(point.get("algorithm", "")),
        counted[0],
        baseline[0],
        counted[1],
        baseline[1],
        len({*labels(here), *labels(there)}) or len(buckets(here)) + len(buckets(there)) or 2,
        **_order(here, there),
    )


def _order(here: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, Any]:
    """Give the distance of two sides' order, and of how many values; nothing where one has none in any order."""
    one, other = (Ends.of(_ends(each)) for each in (here, there))
    if one is None or other is None:
        return {}
    return {"order": order.distance(one, other), "in_order": (round(one.rows), round(other.rows))}


def _ends(statistics: Mapping[str, Any]) -> Iterator[order.Bucket]:
    """Give the buckets of equal count; protobuf's JSON leaves out an end that is 0, and writes infinities as texts."""
    for each in _histogram(statistics, "QUANTILES"):
        low, high, count = (_real(each.get(name, 0.0)) for name in ("lowValue", "highValue", "sampleCount"))
        yield low, high, count


def _distance(value: Mapping[str, Any]) -> float | None:
    """Give the distance: protobuf's JSON leaves out a number that is 0, as two sides that are alike have it."""
    if "distributionDeviation" not in value:
        return 0.0 if value.get("distribution") else None
    return number(value["distributionDeviation"])


def side(value: Any) -> Mapping[str, Any]:
    """Give the statistics of the one feature that a side of a data point is about."""
    distribution = _mapping(_mapping(_mapping(value).get("distributionValue")).get("distribution"))
    return next(iter(_mappings(distribution.get("features"))), {})


def _kind(statistics: Mapping[str, Any]) -> Mapping[str, Any]:
    return next((_mapping(statistics[name]) for name in _KINDS if name in statistics), {})


def _counts(statistics: Mapping[str, Any]) -> tuple[int | None, float]:
    """Give how many values there are, and the share of rows without one: NaN, which no distance knows of, is none."""
    kind = _kind(statistics)
    common = _mapping(kind.get("commonStats"))
    if not common:
        return None, 0.0
    there, gone = (_whole(common.get(name)) for name in ("numNonMissing", "numMissing"))
    every = there + gone
    there -= min(there, max((_whole(each.get("numNan")) for each in _mappings(kind.get("histograms"))), default=0))
    return there, 1 - there / every if every else 0.0


def labels(statistics: Mapping[str, Any]) -> dict[str, float]:
    """Give how often each label was seen."""
    found = _mappings(_mapping(_kind(statistics).get("rankHistogram")).get("buckets"))
    return {str(each.get("label", "")): number(each.get("sampleCount")) or 0.0 for each in found}


def buckets(statistics: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Give the buckets of equal width, as the API has them: `lowValue`, `highValue`, `sampleCount`."""
    return _histogram(statistics, "STANDARD")


def _histogram(statistics: Mapping[str, Any], sort: str) -> list[Mapping[str, Any]]:
    for histogram in _mappings(_kind(statistics).get("histograms")):
        if histogram.get("type", "STANDARD") == sort:
            return _mappings(histogram.get("buckets"))
    return []


def pages(answers: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Give the statistics of every page of a search."""
    for each in answers:
        yield from _mappings(each.get("monitoringStats"))


def _whole(value: Any) -> int:
    found = number(value)
    return int(found) if found is not None and found > 0 else 0


def number(value: Any) -> float | None:
    """Give a number, which the API may write as a text; None for what is none, or not finite."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):  # JSON's whole numbers may be of any length
        return None
    return found if math.isfinite(found) else None


def _real(value: Any) -> float:
    """Give a number, infinite ones too; NaN, of which nothing follows, for what is none."""
    try:
        return math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    """Give the parts of a list; one that is no part is none that anything is known of."""
    return [_mapping(each) for each in value] if isinstance(value, list) else []
