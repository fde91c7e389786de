"""What people are told of predictions: the points that a look writes, and what it makes of a Monitoring that fails."""

import json
from datetime import timedelta

import pytest

from reconciler.core import measures
from runtime.retraining.google import Bucket, Google, Refused, Unavailable
from runtime.retraining.points import Points
from runtime.retraining.settings import Settings
from runtime.retraining.watching.performance import PERFORMANCE, Measure, Performance
from runtime.retraining.watching.verdict import Finding
from runtime.retraining.watching.windows import BucketWindows, Window, Windows
from tests.engine.test_monitoring import now
from tests.operating import BUCKET, REGION
from tests.retraining.simulated import START

POINTS = measures.told("local", "churn", REGION)
LOST = Unavailable("cannot write: ReadTimeout")
OFTEN = Refused("write", 400, "One or more points were written more frequently than the maximum sampling period")
ORDER = Refused("write", 400, "Points must be written in order.")
DENIED = Refused("write", 403, "Permission monitoring.timeSeries.create denied")


def window(day, finding, *columns):
    said = None if finding is Finding.UNMEASURED else Performance(finding, "why", columns)
    return Window(PERFORMANCE, f"{day}", START + timedelta(days=day), said, "" if said else "no table")


def measure(name, value):
    return Measure(name, 0.8, value, 90, finding=Finding.UNMEASURED if value is None else Finding.CALM)


class Monitoring:
    """Takes points, or answers with one failure after another."""

    def __init__(self, *failures):
        self.failures, self.tries, self.taken = list(failures), 0, []

    def address(self, service):
        return f"https://{service}"

    def call(self, _what, method, url, *, json):
        assert (method, url) == ("POST", "https://monitoring/v3/projects/local/timeSeries")
        self.tries += 1
        if self.failures:
            raise self.failures.pop(0)
        self.taken.append(json["timeSeries"])


def looked(monitoring, *windows, known=(), points=POINTS):
    """Look once; the windows come as they were judged."""
    remembered = Windows()
    for each in known:
        remembered = remembered.with_window(each)
    how = Points(Settings("churn", "local", REGION, BUCKET, {}, performance={"points": points}), monitoring)
    assert list(how.seen(windows, remembered)) == list(windows)
    how.write(START)


def values(taken):
    """What was written, by measure; whether it is a breach under no name."""
    return [
        {
            each["metric"].get("labels", {}).get("measure", ""): next(iter(each["points"][0]["value"].values()))
            for each in series
        }
        for series in taken
    ]


BAD, GOOD = measure("recall", 0.4), measure("recall", 0.9)
BREACH, CALM, FEW = Finding.BREACH, Finding.CALM, Finding.TOO_FEW
CASES = {
    "a-breach": ([window(0, BREACH, BAD)], [], [{"": "1", "recall": 0.4}]),
    "a-calm-one": ([window(0, CALM, GOOD)], [], [{"": "0", "recall": 0.9}]),
    "the-newest-alone": ([window(0, BREACH, BAD), window(1, CALM, GOOD)], [], [{"": "0", "recall": 0.9}]),
    "few-labels-say-nothing": ([window(0, FEW, GOOD)], [], []),
    "nor-does-a-refusal": ([window(0, Finding.UNMEASURED)], [], []),
    "before-few-labels": ([window(0, BREACH, BAD), window(1, FEW)], [], [{"": "1", "recall": 0.4}]),
    "older-than-what-was-said": ([window(0, BREACH, BAD)], [window(1, CALM, GOOD)], []),
    "older-than-what-said-nothing": ([window(0, BREACH, BAD)], [window(1, FEW)], [{"": "1", "recall": 0.4}]),
    "of-nothing-that-was-true": ([window(0, CALM, GOOD, measure("f1", None))], [], [{"": "0", "recall": 0.9}]),
    "of-no-window": ([], [window(0, BREACH, BAD)], []),
}


@pytest.mark.parametrize(("judged", "known", "written"), CASES.values(), ids=CASES)
def test_a_look_writes_what_the_newest_window_says(judged, known, written):
    """Where something was measured, and nothing was said of a later one before."""
    monitoring = Monitoring()

    looked(monitoring, *judged, known=known)

    assert values(monitoring.taken) == written


FAILURES = {
    "answered-the-second-time": ([LOST], 2, []),
    "never-answered": ([LOST, LOST], 2, ["WARNING"]),
    "refused": ([DENIED], 1, ["WARNING"]),
    "written-by-another-look": ([OFTEN], 1, ["INFO"]),
    "written-though-no-answer-came": ([LOST, ORDER], 2, ["INFO"]),
}


@pytest.mark.parametrize(("failures", "tries", "said"), FAILURES.values(), ids=FAILURES)
def test_what_cannot_be_written_is_one_line_of_the_log(capsys, failures, tries, said):
    """It raises nothing: what was judged is judged. Where a point is there, that is a note."""
    monitoring = Monitoring(*failures)

    looked(monitoring, window(0, BREACH, BAD))

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert ([each["severity"] for each in lines], monitoring.tries) == (said, tries)


def test_settings_of_an_earlier_version_name_no_metric():
    """A function that is new is told of it with the next apply, and looks meanwhile as before."""
    monitoring = Monitoring()

    looked(monitoring, window(0, BREACH, BAD), points=None)

    assert monitoring.tries == 0


def test_two_looks_at_once_are_one_point(retraining, capsys):
    """Monitoring refuses the second one, which is a note and no warning; the words are its own."""
    settings = Settings("churn", "local", REGION, BUCKET, {}, performance={"points": POINTS})
    at = now(retraining.operator)

    for seconds in (0, 1):
        how = Points(settings, Google(REGION))
        list(how.seen([window(0, BREACH, BAD)], Windows()))
        how.write(at + timedelta(seconds=seconds))

    api = retraining.operator.api("google.cloud.monitoring_v3", "metric_service", "MetricService")
    interval = {"start_time": at - timedelta(hours=1), "end_time": at + timedelta(minutes=1)}
    asked = {"name": "projects/local", "filter": measures.selected(measures.BREACH, "churn", REGION)}
    [line] = api.list_time_series(request={**asked, "interval": interval})
    assert [point.value.int64_value for point in line.points] == [1]
    [said] = capsys.readouterr().out.splitlines()
    assert json.loads(said)["severity"] == "INFO"


def test_a_window_that_is_judged_again_has_one_point(retraining):
    """While a training gets no answer each look judges the same window: a point of later would prolong its alert."""
    settings = Settings("churn", "local", REGION, BUCKET, {}, performance={"points": POINTS})
    at = now(retraining.operator)
    remembered = BucketWindows(Bucket(Google(REGION), BUCKET), settings.folder)

    for minutes, day in ((0, 0), (1, 0), (2, 1)):
        how = Points(settings, Google(REGION), remembered.claim)
        list(how.seen([window(day, BREACH, BAD)], Windows()))
        how.write(at + timedelta(minutes=minutes))
    remembered.write(remembered.read()[0].with_window(window(1, BREACH, BAD)), remembered.read()[1])

    api = retraining.operator.api("google.cloud.monitoring_v3", "metric_service", "MetricService")
    interval = {"start_time": at - timedelta(hours=1), "end_time": at + timedelta(minutes=30)}
    asked = {"name": "projects/local", "filter": measures.selected(measures.BREACH, "churn", REGION)}
    [line] = api.list_time_series(request={**asked, "interval": interval})
    assert [point.interval.end_time.minute for point in line.points] == [
        (at + timedelta(minutes=minutes)).minute for minutes in (2, 0)
    ]
    assert not remembered.claim(window(1, BREACH, BAD)), "what is remembered later takes no claim away"
