"""`monitoring.performance` of a spec: labels that come late say how often predictions were right, and what follows."""

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.core.membership import Membership
from reconciler.engine.monitoring.reading import read_monitored
from runtime.retraining.function import act
from runtime.retraining.google import Google
from tests.engine.test_monitoring import fill, kept, table
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
)  # fmt: skip


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


def windows(operator):
    """What was said of each window, the oldest first."""
    return [(each["finding"], each["reason"]) for each in kept(operator, "windows.json")["windows"]]


def test_predictions_that_were_wrong_start_one_training_when_they_stay_so(operator, monkeypatch, tmp_path):
    """Few labels say nothing, one bad window is not two; the second one starts it, a good one ends it.

    With the roles that the spec gives the function, and the plan after all that is empty.
    """
    operator.make_job()
    table(operator, "ml.outcomes", {"id": "STRING", "churned": "BOOL"}, [{"id": "nobody", "churned": True}])
    report = operator.apply(WANTED)
    assert not report.failed, [str(each.error) for each in report.failed]
    settings = Function(operator, monkeypatch, tmp_path).settings
    # A day to come: the function takes the later one of a message's time and its own.
    first = (datetime.now(UTC) + timedelta(days=2)).replace(hour=6, minute=1)
    for number, (right, of) in enumerate([(1, 20), (50, 100), (50, 100), (90, 100)]):
        day(operator, number, first + timedelta(days=number - 2, hours=-9), right=right, of=of)

    def swept(number):
        sweep = pushed(str(number), at=first + timedelta(days=number), trigger="sweep", service="churn", region=REGION)
        answer, status = act("", sweep, settings, Google(REGION))
        assert status == 200, answer
        return [each["finding"] for each in answer["windows"]]

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
    [run] = kept(operator, "history.json")["runs"]
    assert run["trigger"] == "wrong"
    assert operator.differences(WANTED) == []


def test_judging_takes_two_tables_and_a_query_and_no_more(operator, monkeypatch, tmp_path):
    """Without any of them the window is not measured, in BigQuery's words, and is measured once it is given again."""
    operator.make_job()
    table(operator, "ml.outcomes", {"id": "STRING", "churned": "BOOL"}, [{"id": "nobody", "churned": True}])
    assert not operator.apply(WANTED).failed
    settings = Function(operator, monkeypatch, tmp_path).settings
    # All at one moment, to come: no window ends between one sweep and the next.
    at = (datetime.now(UTC) + timedelta(days=2)).replace(hour=6, minute=1)
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
    assert swept() == ["NotEnoughData"]
    assert [finding for finding, _ in windows(operator)] == ["NotEnoughData"]
