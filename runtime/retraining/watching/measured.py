"""What a monitor's answer says of each column: distances, and the counts that lie inside the statistics beside them.

Source: `SearchModelMonitoringStatsResponse`; a distribution is a `tensorflow.metadata.v0.DatasetFeatureStatistics` in
    protobuf's JSON, whose numbers are texts. What is missing or odd there is None, and then nothing is said.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from runtime.retraining.watching.verdict import Column

FEATURES, PREDICTIONS = "raw-feature-drift", "prediction-output-drift"
"""Objectives, in the API's words."""
SKEW, DRIFT, PREDICTIONS_DRIFT = "skew", "drift", "predictiondrift"
SORTS: Mapping[tuple[str, str], str] = {
    (SKEW, FEATURES): SKEW,
    (DRIFT, FEATURES): DRIFT,
    (DRIFT, PREDICTIONS): PREDICTIONS_DRIFT,
}
"""What is compared by a schedule's objective, as triggers call it."""


def by_job(stats: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, list[Column]]]:
    """Give what was measured, by job and objective.

    Args:
        stats: `ModelMonitoringStats` of the answer.
    """
    found: dict[str, dict[str, list[Column]]] = {}
    for each in stats:
        told = each.get("tabularStats")
        if not isinstance(told, Mapping):
            continue
        for point in told.get("dataPoints") or ():
            column = _column(str(told.get("statsName", "")), point)
            job = str(point.get("modelMonitoringJob", ""))
            found.setdefault(job, {}).setdefault(str(told.get("objectiveType", "")), []).append(column)
    return found


def _column(name: str, point: Mapping[str, Any]) -> Column:
    here, there = (_side(point.get(which)) for which in ("currentStats", "baselineStats"))
    counted, baseline = _counts(here), _counts(there)
    return Column(
        name,
        _number(_inner(point, "currentStats").get("distributionDeviation")),
        _number(point.get("thresholdValue")),
        str(point.get("algorithm", "")),
        counted[0],
        baseline[0],
        counted[1],
        baseline[1],
        len(_labels(here) | _labels(there)) or len(_buckets(here)) + len(_buckets(there)) or 2,
    )


def _inner(point: Mapping[str, Any], which: str) -> Mapping[str, Any]:
    return _mapping(_mapping(point.get(which)).get("distributionValue"))


def _side(value: Any) -> Mapping[str, Any]:
    """Give the statistics of the one feature that a side is about."""
    distribution = _mapping(_mapping(_mapping(value).get("distributionValue")).get("distribution"))
    features = distribution.get("features")
    return _mapping(features[0]) if isinstance(features, list) and features else {}


def _kind(side: Mapping[str, Any]) -> Mapping[str, Any]:
    return next((_mapping(side[name]) for name in ("numStats", "stringStats", "bytesStats") if name in side), {})


def _counts(side: Mapping[str, Any]) -> tuple[int | None, float]:
    """Give how many values there are, and the share of rows without one."""
    common = _mapping(_kind(side).get("commonStats"))
    if not common:
        return None, 0.0
    there, gone = (_whole(common.get(name)) for name in ("numNonMissing", "numMissing"))
    return there, gone / (there + gone) if there + gone else 0.0


def _labels(side: Mapping[str, Any]) -> set[str]:
    ranked = _mapping(_kind(side).get("rankHistogram")).get("buckets")
    return {str(_mapping(each).get("label", "")) for each in ranked or ()}


def _buckets(side: Mapping[str, Any]) -> list[Any]:
    for histogram in _kind(side).get("histograms") or ():
        if _mapping(histogram).get("type", "STANDARD") == "STANDARD":
            return list(_mapping(histogram).get("buckets") or ())
    return []


def pages(answers: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Give the statistics of every page of a search."""
    for each in answers:
        yield from (one for one in each.get("monitoringStats") or () if isinstance(one, Mapping))


def _whole(value: Any) -> int:
    number = _number(value)
    return int(number) if number is not None and number > 0 else 0


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
