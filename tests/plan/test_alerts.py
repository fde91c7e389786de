"""Which alerts a spec leads to, and what they look at."""

import pytest

from emulator.apis.monitoring.series.selectors import parse
from reconciler.core import measures as metrics
from reconciler.core.facts import Facts
from reconciler.core.reference import Ref
from reconciler.kinds.monitoring_alert_policy.distances import FEATURES, MODEL, distances
from reconciler.kinds.monitoring_alert_policy.measures import measures
from schemas import MLService
from tests.operating import REGION, spec

FACTS = Facts("acme", "acme-mlservice")
LOGGED = {"logging": {"table": "ml_logs.churn"}, "baseline": {"table": "acme.ml.churn"}}


def service(columns, *, sections=None, **monitoring):
    model = {
        "uri": "gs://models/churn/",
        "framework": "onnx",
        "features": {name: {"type": "number"} for name in columns},
    }
    model["prediction"] = {"name": "churns", "type": "number"}
    return MLService.model_validate(spec(model=model, monitoring={**LOGGED, **monitoring}, **(sections or {})))


def alerts(columns, **monitoring):
    return list(distances(service(columns, **monitoring), FACTS))


def tells(alert, column):
    """The limits of a column, according to the filters that let its points through."""
    point = {
        "metric.type": FEATURES,
        "resource.type": MODEL,
        "resource.labels.location": "europe-west1",
        "metric.labels.schedule_id": "77",
        "metric.labels.feature_name": column,
    }
    return [each.threshold for each in alert.conditions if parse(each.filter.form.replace("{}", "77", 1)).test(point)]


LIMITS = {
    "one-limit": {"default": 0.3},
    "of-some": {"default": 0.3, "features": {"c1": 0.1, "c2": 0.1, "c3": 0.2}},
    "of-named-ones-alone": {"features": {"c1": 0.1, "c2": 0.2}},
    "the-same-as-the-default": {"default": 0.1, "features": {"c1": 0.1, "c2": 0.2}},
    "of-every-one": {"default": 0.5, "features": {"c0": 0.1, "c1": 0.1, "c2": 0.1, "c3": 0.1}},
}


@pytest.mark.parametrize("limits", LIMITS.values(), ids=LIMITS)
def test_every_column_is_looked_at_once_and_by_its_own_limit(limits):
    """Whichever way limits are given; another schedule's points tell nothing."""
    columns = [f"c{number}" for number in range(4)]
    [alert] = alerts(columns, skew=limits)

    own, default = limits.get("features", {}), limits.get("default")
    for column in columns:
        wanted = own.get(column, default)
        assert tells(alert, column) == ([] if wanted is None else [wanted])
    assert len({each.name for each in alert.conditions}) == len(alert.conditions)


def test_seven_limits_are_two_policies_and_filters_stay_short():
    """A policy has six conditions, a filter 2048 characters: hundreds of columns with long names are told apart."""
    columns = [f"a_column_with_a_name_as_long_as_names_are_in_practice_{number}" for number in range(300)]
    own = {name: (number % 6 + 1) / 10 for number, name in enumerate(columns[:250])}
    found = alerts(columns, drift={"default": 0.9, "features": own})

    assert [alert.which for alert in found] == [
        "drift-europe-west1",
        *[f"drift-europe-west1-{number}" for number in range(2, len(found) + 1)],
    ]
    assert all(len(alert.conditions) <= 6 for alert in found)
    assert all(len(each.filter.form) + 60 <= 2048 for alert in found for each in alert.conditions)
    for column in columns:
        assert [limit for alert in found for limit in tells(alert, column)] == [own.get(column, 0.9)]


TIMES = {
    "hourly": ("0 * * * *", 7_200, 7_200),
    "daily": ("0 6 * * *", 90_000, 90_000),
    "weekly": ("0 6 * * 1", 90_000, 604_800),
    "every-minute": ("* * * * *", 3_660, 3_660),
}


@pytest.mark.parametrize(("schedule", "looks_back_s", "closes_s"), TIMES.values(), ids=TIMES)
def test_the_last_run_counts_until_the_next_one(schedule, looks_back_s, closes_s):
    """As far as Google looks back, 25 hours, and keeps an incident open without points, 7 days."""
    [alert] = alerts(["spend"], skew={"default": 0.3}, schedule=schedule)
    [condition] = alert.conditions

    assert [step.period_s for step in condition.steps] == [looks_back_s]
    assert alert.auto_close_s == closes_s


def test_each_comparison_is_a_policy_of_the_service_alone():
    """What Google calls its schedule is in every filter: two services may watch one model, and versions follow."""
    found = alerts(["spend"], skew={"default": 0.3}, drift={"default": 0.3}, predictionDrift=0.2)

    assert [alert.labels["mlservice-breach"] for alert in found] == ["skew", "drift", "prediction-drift"]
    said = [each.filter for alert in found for each in alert.conditions]
    assert all(isinstance(each, Ref) and each.address.kind == "vertex_schedule" for each in said)
    assert [each.address.name.rpartition("/")[2] for each in said] == ["skew", "drift", "drift"]


LABELS = {"labels": {"table": "ml.outcomes"}, "after": "7d", "threshold": 0.5, "least": {"accuracy": 0.8}}
TRAINS = {"retraining": {"run": {"cloudRunJob": {"name": "train"}}}}


@pytest.mark.parametrize(("schedule", "looks_back_s", "closes_s"), TIMES.values(), ids=TIMES)
def test_what_the_function_says_of_predictions_counts_until_its_next_word(schedule, looks_back_s, closes_s):
    """By its points alone: another service's, another region's and the values themselves open nothing."""
    wanted = service(["spend"], sections=TRAINS, performance=LABELS, schedule=schedule)
    [alert] = measures(wanted, FACTS)
    [condition] = alert.conditions

    def tells(metric, name=wanted.name, region=REGION):
        told = metrics.told("acme", name, region)
        labels = {f"resource.labels.{key}": value for key, value in told["resource"]["labels"].items()}
        return parse(condition.filter).test({"metric.type": told[metric], "resource.type": "generic_task", **labels})

    assert tells("breach")
    assert not any([tells("value"), tells("breach", name="churn2"), tells("breach", region="us-east1")])
    assert ([each.period_s for each in condition.steps], alert.auto_close_s) == ([looks_back_s], closes_s)
    assert alert.labels["mlservice-breach"] == "performance"


def test_nobody_is_told_of_predictions_that_nobody_judges():
    """Without limits there is no alert, and without the function, which a spec is refused without, none either."""
    assert list(measures(service(["spend"], sections=TRAINS), FACTS)) == []
    assert list(measures(service(["spend"], performance=LABELS), FACTS)) == []


def test_points_of_windows_are_selected_by_every_label_that_they_have():
    """Whatever else somebody writes of a service with the same metric opens no alert and closes none."""
    labels = metrics.told("acme", "churn", "europe-west1")["resource"]["labels"]

    found = metrics.selected(metrics.BREACH, "churn", "europe-west1")

    assert {name for name in labels if f'resource.labels.{name} = "{labels[name]}"' in found} == {*labels} - {
        "project_id"
    }
