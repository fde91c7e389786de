"""What Model Monitoring may answer and nobody expects: one bad column costs no other one its verdict."""

import json
from copy import deepcopy

import pytest

from reconciler.engine.monitoring.calibrating import _noted, calibrated
from reconciler.engine.monitoring.comparing import windows_of
from runtime.retraining.watching.measured import FEATURES, by_job, pages
from runtime.retraining.watching.verdict import Finding, judge, once

JOB = "projects/p/locations/europe-west1/modelMonitors/m/modelMonitoringJobs/1"
COLUMNS = frozenset({"amount", "price"})
LIMITS, ORDERS = dict.fromkeys(COLUMNS, 0.3), dict.fromkeys(COLUMNS, 0.1)

ODD = {
    "nothing": None, "text": "x", "nan": "NaN", "infinite": "-Infinity", "zero": 0, "negative zero": -0.0,
    "negative": -1, "fraction": 2.5, "boolean": True, "great": 1e308, "small": 5e-324, "longer than any": 10**400,
    "list": [], "list of nothing": [None], "list of texts": ["x"], "object": {}, "objects": [{}],
}  # fmt: skip
LEFT_OUT = object()


def histogram(sort, first):
    buckets = [{"lowValue": first + n, "highValue": first + n + 1, "sampleCount": 500.0} for n in range(2)]
    return {"type": sort, "buckets": buckets}


def side(first):
    numbers = {
        "commonStats": {"numNonMissing": "1000", "numMissing": "0"},
        "min": first,
        "histograms": [histogram("STANDARD", first), histogram("QUANTILES", first)],
    }
    labels = {"rankHistogram": {"buckets": [{"label": "a", "sampleCount": 5.0}]}}
    of_one = {"features": [{"numStats": numbers, "stringStats": labels}]}
    return {"distributionValue": {"distribution": of_one, "distributionDeviation": 0.9}}


def statistics(column):
    """As `SearchModelMonitoringStats` has them: both sides are far apart."""
    point = {
        "currentStats": side(100.0), "baselineStats": side(1.0), "createTime": "2026-01-01T00:00:00Z",
        "algorithm": "jensen_shannon_divergence", "thresholdValue": 0.3, "modelMonitoringJob": JOB,
    }  # fmt: skip
    return {"tabularStats": {"statsName": column, "objectiveType": FEATURES, "dataPoints": [point]}}


def places(value, at=()):
    """Every part of an answer."""
    yield at
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from places(part, (*at, key))


def with_odd(value, place, odd):
    """The same with one part of it another one, or left out."""
    found = part = deepcopy(value)
    for key in place[:-1]:
        part = part[key]
    if odd is LEFT_OUT:
        del part[place[-1]]
    else:
        part[place[-1]] = odd
    return found


def judged(answer):
    """What the retraining function finds, and `mlservice monitor` shows."""
    read = by_job(pages([{"monitoringStats": answer}]))[JOB][FEATURES]
    said = judge(once(read), least=100, wanted=LIMITS, orders=ORDERS)
    job = {"name": JOB, "scheduleTime": "2026-01-01T00:00:00Z"}
    window = windows_of(job, "skew", answer, least=100, only=COLUMNS, wanted={"skew": LIMITS}, orders={"skew": ORDERS})[
        "skew"
    ]
    json.dumps([window.to_json(frozenset()), [each.to_json() for each in window.shapes.values()]], allow_nan=False)
    return [
        next(each.finding for each in verdict.columns if each.column.name == "price")
        for verdict in (said, window.verdict)
    ]


def calibrates(answer):
    """How many windows it says are a breach with today's limits, where all that were measured are so."""
    windows = [(f"2026-01-0{n}", by_job(_noted(answer, {}, set()))[JOB][FEATURES]) for n in range(1, 5)]
    return calibrated("skew", windows, 0.5, least=100, present=LIMITS, order=0.1).breaches[0]


@pytest.mark.parametrize("odd", [*ODD.values(), LEFT_OUT], ids=[*ODD, "left out"])
def test_no_part_of_an_answer_about_one_column_keeps_another_from_being_judged(odd):
    """Whichever part it is: the other column is a breach for the function, for people, and for `calibrate`."""
    whole = statistics("amount")
    for place in list(places(whole))[1:]:
        answer = [with_odd(whole, place, odd), statistics("price")]

        assert judged(answer) == [Finding.BREACH] * 2, place
        assert calibrates(answer) == 4, place
