"""Services and their objectives, through Google's client, and how fast error budgets are used up."""

from datetime import timedelta

import pytest
from google.api_core import exceptions
from google.cloud import monitoring_v3 as monitoring

from emulator.apis.monitoring.alerts.burning import Burn, asked, burnt
from emulator.apis.monitoring.series.values import SECOND, Line, Point, Spread
from tests.emulator.clients import client
from tests.emulator_monitoring.making import PROJECT, now, policy, series
from tests.emulator_monitoring.test_incidents import SOON, Office

GOOD, ALL = "custom.googleapis.com/shop/good", "custom.googleapis.com/shop/all"
DAY = 86_400


def of(metric):
    return f'metric.type = "{metric}" AND resource.type = "global"'


def ratio(**fields):
    return {
        "request_based": {
            "good_total_ratio": {"good_service_filter": of(GOOD), "total_service_filter": of(ALL)} | fields
        }
    }


def wanted(**fields):
    made = {"display_name": "answers", "goal": 0.9, "rolling_period": {"seconds": 28 * DAY}}
    return {**made, "service_level_indicator": ratio(), **fields}


@pytest.fixture
def promises(emulator):
    return client(emulator, monitoring.ServiceMonitoringServiceClient)


@pytest.fixture
def counters(emulator):
    """Writes what the shop has counted since an hour before the test."""
    metrics, start = client(emulator, monitoring.MetricServiceClient), now(emulator) - timedelta(hours=1)

    def write(good, total):
        at = now(emulator)
        many = [
            series(at, value, start=start, metric=metric, metric_kind="CUMULATIVE")
            for metric, value in ((GOOD, good), (ALL, total))
        ]
        metrics.create_time_series(name=PROJECT, time_series=many)

    return write


@pytest.fixture
def service(promises, counters):
    """A service, and metrics that are known."""
    counters(0, 0)
    made = {"display_name": "Shop", "custom": {}, "user_labels": {"team": "a"}}
    return promises.create_service(request={"parent": PROJECT, "service_id": "shop", "service": made})


def objective(promises, service, name="answers", **fields):
    request = {"parent": service.name, "service_level_objective_id": name, "service_level_objective": wanted(**fields)}
    return promises.create_service_level_objective(request=request)


def test_services_and_objectives_come_change_and_go(promises, service):
    """Under names of the caller's; a mask changes what it names; `-` lists those of every service."""
    made = objective(promises, service)
    assert made.name == "projects/local/services/shop/serviceLevelObjectives/answers"
    assert list(promises.list_service_level_objectives(parent=f"{PROJECT}/services/-")) == [made]
    assert list(promises.list_services(parent=PROJECT)) == [service]

    made.goal, made.display_name = 0.95, "other"
    request = {"service_level_objective": made, "update_mask": {"paths": ["goal"]}}
    changed = promises.update_service_level_objective(request=request)
    assert (changed.goal, changed.display_name) == (0.95, "answers")
    request = {"service": {"name": service.name, "display_name": "x"}, "update_mask": {"paths": ["display_name"]}}
    assert promises.update_service(request=request).user_labels == {"team": "a"}

    with pytest.raises(exceptions.FailedPrecondition, match="has service level objectives"):
        promises.delete_service(name=service.name)
    promises.delete_service_level_objective(name=made.name)
    promises.delete_service(name=service.name)
    with pytest.raises(exceptions.NotFound):
        promises.get_service(name=service.name)


REFUSED = {
    "goal-of-one": ({"goal": 1.0}, "goal"),
    "goal-too-near": ({"goal": 0.99999}, "goal"),
    "no-goal": ({"goal": 0.0}, "goal"),
    "half-a-day": ({"rolling_period": {"seconds": DAY // 2}}, "whole days"),
    "too-long": ({"rolling_period": {"seconds": 31 * DAY}}, "whole days"),
    "a-quarter": ({"rolling_period": None, "calendar_period": 5}, "DAY, WEEK"),
    "no-indicator": ({"service_level_indicator": {}}, "serviceLevelIndicator"),
    "all-three": ({"service_level_indicator": ratio(bad_service_filter=of(ALL))}, "exactly two"),
    "one": ({"service_level_indicator": ratio(good_service_filter="")}, "exactly two"),
    "unknown-metric": ({"service_level_indicator": ratio(good_service_filter=of(f"{ALL}/not"))}, "unknown"),
    "no-range": (
        {"service_level_indicator": {"request_based": {"distribution_cut": {"distribution_filter": of(ALL)}}}},
        "a range",
    ),
    "capitals-in-labels": ({"user_labels": {"Team": "a"}}, "abel"),
}


@pytest.mark.parametrize(("fields", "why"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_objective_is_refused(promises, service, fields, why):
    """With what is wrong with it."""
    with pytest.raises(exceptions.InvalidArgument, match=why):
        objective(promises, service, **fields)


def test_names_are_unique_and_well_made(promises, service):
    """A second one of a name is a conflict; one of no service is not found."""
    with pytest.raises(exceptions.AlreadyExists):
        promises.create_service(request={"parent": PROJECT, "service_id": "shop", "service": {"custom": {}}})
    with pytest.raises(exceptions.InvalidArgument, match="pattern"):
        promises.create_service(request={"parent": PROJECT, "service_id": "My_Shop", "service": {"custom": {}}})
    with pytest.raises(exceptions.MethodNotImplemented):
        objective(promises, service, service_level_indicator={"basic_sli": {"availability": {}}})
    with pytest.raises(exceptions.NotFound):
        objective(promises, monitoring.Service(name=f"{PROJECT}/services/none"))


def burning(slo, span, threshold):
    found = {"filter": f'select_slo_burn_rate("{slo}", "{span}")', "comparison": "COMPARISON_GT"}
    return {"display_name": f"over {span}", "condition_threshold": found | {"threshold_value": threshold}}


def test_a_budget_that_burns_is_told_of_until_it_does_not(emulator, promises, service, counters):
    """Both windows have to burn; another goal counts at once; without its objective a policy says what is missing."""
    office = Office(emulator)
    slo = objective(promises, service)
    conditions = [burning(slo.name, "3600s", 2), burning(slo.name, "5m", 2)]
    made = office.policies.create_alert_policy(
        name=PROJECT,
        alert_policy=policy(conditions=conditions, combiner="AND", notification_channels=[office.channel()]),
    )

    emulator.advance(60)
    counters(70, 100)  # three in ten fail where one may
    emulator.advance(SOON)
    [incident] = office.incidents()
    assert (incident["state"], incident["observed_value"]) == ("open", "3.000")

    slo.goal = 0.5
    promises.update_service_level_objective(service_level_objective=slo)
    emulator.advance(SOON)
    assert [each["state"] for each in office.incidents()] == ["closed"]

    slo.goal = 0.9
    promises.update_service_level_objective(service_level_objective=slo)
    emulator.advance(SOON)
    counters(10_070, 10_100)
    emulator.advance(SOON)
    assert sorted(each["state"] for each in office.incidents()) == ["closed", "closed"]
    assert [each["state"] for each in office.sent()] == ["open", "closed", "open", "closed"]

    promises.delete_service_level_objective(name=slo.name)
    emulator.advance(SOON)
    assert "service level objective" in office.policies.get_alert_policy(name=made.name).validity.message
    with pytest.raises(exceptions.NotFound, match="service level objective"):
        office.policies.create_alert_policy(name=PROJECT, alert_policy=policy(conditions=conditions[:1]))


def line(metric, value, end=0, kind="DELTA"):
    type_ = "DISTRIBUTION" if isinstance(value, Spread) else "INT64"
    return Line(metric, "global", (), kind, type_, (Point(end - 60 * SECOND, end, value),))


RATES = {
    "good-of-all": (Burn("a/b/c/d", 0.9, SECOND, good=of("g"), total=of("t")), {"g": 8, "t": 10}, 2.0),
    "bad-of-all": (Burn("a/b/c/d", 0.9, SECOND, bad=of("b"), total=of("t")), {"b": 5, "t": 10}, 5.0),
    "good-and-bad": (Burn("a/b/c/d", 0.5, SECOND, good=of("g"), bad=of("b")), {"g": 0, "b": 10}, 2.0),
    "all-good": (Burn("a/b/c/d", 0.9, SECOND, good=of("g"), total=of("t")), {"g": 10, "t": 10}, 0.0),
    "fast-enough": (
        Burn("a/b/c/d", 0.5, SECOND, total=of("t"), within=(0.0, 15.0)),
        {"t": Spread(4, 12.0, 0.0, (0.0, 10.0, 20.0), (0, 2, 2, 0))},
        0.5,
    ),
    "beyond-the-last-bucket": (
        Burn("a/b/c/d", 0.5, SECOND, total=of("t"), within=(0.0, 20.0)),
        {"t": Spread(4, 12.0, 0.0, (0.0, 10.0, 20.0), (0, 0, 0, 4))},
        2.0,
    ),
}


@pytest.mark.parametrize(("burn", "points", "rate"), RATES.values(), ids=RATES)
def test_the_rate_is_the_share_that_failed_by_the_share_that_may(burn, points, rate):
    """However good and bad are told apart; within a bucket values are taken to lie evenly."""
    [found] = burnt(burn, [line(metric, value) for metric, value in points.items()], 0)

    assert found.points[0].value == pytest.approx(rate)
    assert burnt(burn, [], 0) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('select_slo_burn_rate("projects/p/services/s/serviceLevelObjectives/o", "3600s")', 3600),
        ("select_slo_burn_rate('projects/p/services/s/serviceLevelObjectives/o', 1h)", 3600),
        ('select_slo_budget("projects/p/services/s/serviceLevelObjectives/o")', None),
        (of(ALL), None),
    ],
)
def test_selectors_of_burn_rates_are_told_from_filters(text, found):
    """With the name of the objective, and how far back to look."""
    read = asked(text)

    assert (read and read[1]) == (found and found * SECOND)
