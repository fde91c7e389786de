"""`monitoring.performance` of a spec: labels that come late say how often predictions were right, and what follows."""

import json
from contextlib import contextmanager
from datetime import timedelta

import pytest

from reconciler.core import measures
from reconciler.core.membership import Membership
from reconciler.engine.monitoring.reading import read_monitored
from reconciler.engine.status import read_status
from runtime.retraining.function import act
from runtime.retraining.google import Google
from tests.engine.test_monitoring import fill, kept, now, table
from tests.engine.test_training_roles import Function, Without, is_member
from tests.operating import REGION, spec
from tests.retraining.conftest import pushed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

WANTED = spec(
    model={
        "uri": "gs://models/churn/", "version": "7", "framework": "onnx", "features": {"spend": {"type": "number"}},
        "prediction": {"name": "churns", "type": "number"},
    },
    monitoring={
        "logging": {"table": "ml_logs.churn"}, "schedule": "0 6 * * *", "minSamples": 50,
        "performance": {
            "labels": {"table": "ml.outcomes", "requestId": "id", "value": "churned"}, "after": "2d",
            "threshold": 0.5, "least": {"accuracy": 0.7, "recall": 0.8},
        },
    },
    triggers=[{"name": "wrong", "when": {"breach": ["performance"], "consecutive": 2}}],
    retraining={"run": {"cloudRunJob": {"name": "train"}}, "guards": {"cooldown": "1m", "maxConcurrent": 5}},
    notifications=[{"email": "ml@acme.example"}],
)  # fmt: skip


LOOKED_AT_S = 120
"""By then alert policies were looked at."""


def day(operator, number, at, *, right, of=100):
    """Fill a day: all customers leave, so many are predicted to, and all but two labels are there."""
    logged = [
        {
            "request_id": f"{number}-{n}", "logging_time": at.isoformat(), "service": "churn", "model": "churn",
            "model_version": "7", "revision": "churn-00001-abc", "latency_ms": 3.5, "row_index": 0, "spend": 1.0,
            "churns": 0.9 if n < right else 0.1,
        }
        for n in range(of)
    ]  # fmt: skip
    fill(operator, "ml_logs.churn", logged)
    fill(operator, "ml.outcomes", [{"id": f"{number}-{n}", "churned": True} for n in range(2, of)])


def to_come(operator):
    """A time when a window is due, on a day to come: the function takes the later one of this and its own."""
    return (now(operator) + timedelta(days=2)).replace(hour=6, minute=1)


@contextmanager
def paused(operator):
    """Nobody but the test looks at windows, though time passes."""
    name = f"projects/local/locations/{REGION}/jobs/churn_sweep"
    schedules = operator.api("google.cloud.scheduler_v1", "cloud_scheduler", "CloudScheduler")
    schedules.pause_job(request={"name": name})
    yield
    schedules.resume_job(request={"name": name})


def measured(operator, metric, shown):
    """The values of a metric's points, the oldest first, by its label."""
    api = operator.api("google.cloud.monitoring_v3", "metric_service", "MetricService")
    end = now(operator) + timedelta(minutes=5)
    request = {
        "name": "projects/local", "filter": measures.selected(metric, "churn", REGION),
        "interval": {"start_time": end - timedelta(days=9), "end_time": end},
    }  # fmt: skip
    return {
        line.metric.labels.get("measure", ""): [shown(point.value) for point in reversed(line.points)]
        for line in api.list_time_series(request=request)
    }


def mailed(operator):
    """What people were told: whom, and whether it began or ended."""
    return [(each["to"], each["state"]) for each in operator.emulator.control("GET", "notifications")]


def windows(operator):
    """What was said of each window, the oldest first."""
    return [(each["finding"], each["reason"]) for each in kept(operator, "windows.json")["windows"]]


def test_predictions_that_were_wrong_start_one_training_when_they_stay_so(operator, monkeypatch, tmp_path):
    """Few labels say nothing, one bad window is not two; the second one starts it, a good one ends it.

    So is what people are told: by mail when it begins and when it ends, and nothing of few labels. With the roles that
    the spec gives the function, and the plan after all that is empty.
    """
    operator.make_job()
    table(operator, "ml.outcomes", {"id": "STRING", "churned": "BOOL"}, [{"id": "nobody", "churned": True}])
    report = operator.apply(WANTED)
    assert not report.failed, [str(each.error) for each in report.failed]
    settings = Function(operator, monkeypatch, tmp_path).settings
    first = to_come(operator)
    for number, (right, of) in enumerate([(1, 20), (50, 100), (50, 100), (90, 100)]):
        day(operator, number, first + timedelta(days=number - 2, hours=-9), right=right, of=of)

    def swept(number):
        at = first + timedelta(days=number)
        operator.emulator.advance(max(0.0, (at - now(operator)).total_seconds()))
        sweep = pushed(str(number), at=at, trigger="sweep", service="churn", region=REGION)
        answer, status = act("", sweep, settings, Google(REGION))
        assert status == 200, answer
        operator.emulator.advance(LOOKED_AT_S)
        mails.append(mailed(operator))
        return [each["finding"] for each in answer["windows"]]

    mails: list[list[tuple[str, str]]] = []
    with paused(operator):
        found = [swept(number) for number in (0, 1, 1, 2, 3)]

    assert found == [["NotEnoughData"], ["Breach"], [], ["Breach"], ["Calm"]]
    breach = "2 of 2 measures past their limits: accuracy 0.49, at least 0.7; recall 0.49, at least 0.8"
    assert [reason for _, reason in windows(operator)] == [
        "18 of 20 predictions have a label; fewer than 50 tell nothing",
        *[f"{breach}; of 98 labelled predictions"] * 2,
        "accuracy 0.898, at least 0.7; recall 0.898, at least 0.8; of 98 labelled predictions",
    ]
    shown = read_monitored(operator.session(), "churn", None, last=9)
    told = shown.to_json()["performance"]
    assert (shown.watched, shown.breached, told["labelled"], told["minSamples"]) == (None, False, 98, 50)
    assert [each["finding"] for each in reversed(told["history"])] == [finding for finding, _ in windows(operator)]
    [status] = read_status(operator.session(), ["churn"]).services
    assert [each.which for each in status.monitoring] == ["performance"]
    opened, closed = ("ml@acme.example", "open"), ("ml@acme.example", "closed")
    assert mails == [[], [opened], [opened], [opened], [opened, closed]]
    assert measured(operator, measures.BREACH, lambda value: value.int64_value) == {"": [1, 1, 0]}
    right = [pytest.approx(share, abs=0.001) for share in (0.49, 0.49, 0.898)]
    assert measured(operator, measures.VALUE, lambda value: value.double_value) == {"accuracy": right, "recall": right}
    [run] = kept(operator, "history.json")["runs"]
    assert run["trigger"] == "wrong"
    assert operator.differences(WANTED) == []


def test_judging_takes_two_tables_and_a_query_and_no_more(operator, monkeypatch, tmp_path, capsys):
    """Without any of them the window is not measured, in BigQuery's words, and is measured once it is given again.

    Without what writing a metric takes it is judged all the same, and the log says that no alert knows of it.
    """
    operator.make_job()
    table(operator, "ml.outcomes", {"id": "STRING", "churned": "BOOL"}, [{"id": "nobody", "churned": True}])
    assert not operator.apply(WANTED).failed
    settings = Function(operator, monkeypatch, tmp_path).settings
    # All at one moment, to come: no window ends between one sweep and the next.
    at = to_come(operator)
    granted = [Membership.of(each.address) for each in operator.plan(WANTED).plan.changes if is_member(each)]
    roles = [each for each in granted if each.role.startswith("roles/bigquery.") and "churn-retrain@" in each.member]

    def swept():
        answer, _ = act("", pushed("1", at=at, trigger="sweep"), settings, Google(REGION))
        return [each["finding"] for each in answer["windows"]]

    assert sorted(each.role for each in roles) == [
        "roles/bigquery.dataViewer", "roles/bigquery.dataViewer", "roles/bigquery.jobUser",
    ]  # fmt: skip
    for role in roles:
        with Without(operator.emulator, role):
            assert swept() in (["NotMeasured"], []), role  # the same words are said once
            assert [finding for finding, _ in windows(operator)] == ["NotMeasured"]
    day(operator, 0, at - timedelta(days=2, hours=9), right=50)
    [writer] = [each for each in granted if each.role == "roles/monitoring.metricWriter"]
    with Without(operator.emulator, writer):
        assert swept() == ["Breach"]
    assert [finding for finding, _ in windows(operator)] == ["Breach"]
    [said] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "monitoring.timeSeries" in line]
    assert (said["severity"], "no alert and no dashboard knows of the window" in said["message"]) == ("WARNING", True)
