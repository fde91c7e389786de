"""The uptime check of a service: it gets in where nobody else does, is mended, and goes with the service."""

from datetime import datetime, timedelta

from google.cloud import monitoring_v3 as monitoring

from tests.operating import REGION, spec

ASKED = spec(
    monitoring={"dashboard": False, "uptime": {"every": "1m", "path": "/", "regions": ["USA"]}},
    notifications=[{"email": "ml@acme.example"}],
)


def checks(operator):
    """Google's client of checks, and those that are there."""
    api = operator.api("google.cloud.monitoring_v3", "uptime_check_service", "UptimeCheckService")
    return api, list(api.list_uptime_check_configs(request={"parent": "projects/local"}))


def passed(operator):
    """What was found, the newest first, by place."""
    api = operator.api("google.cloud.monitoring_v3", "metric_service", "MetricService")
    at = datetime.fromisoformat(operator.emulator.control("GET", "clock")["now"])
    which = 'metric.type="monitoring.googleapis.com/uptime_check/check_passed" AND resource.type="cloud_run_revision"'
    interval = {"start_time": at - timedelta(hours=1), "end_time": at}
    found = api.list_time_series(request={"name": "projects/local", "filter": which, "interval": interval})
    return {each.metric.labels["checker_location"]: [point.value.bool_value for point in each.points] for each in found}


def told(operator):
    """Who was told, and what."""
    return [(each["state"], each["to"]) for each in operator.emulator.control("GET", "notifications")]


def test_a_private_service_is_asked_from_outside(operator):
    """As Cloud Monitoring's own agent, which may call it; without a name it does not pass, and somebody is told."""
    assert not operator.apply(ASKED).failed
    assert operator.differences(ASKED) == []
    operator.emulator.advance(70)
    assert passed(operator) == {place: [True, True] for place in ("usa-iowa", "usa-oregon", "usa-virginia")}

    api, [check] = checks(operator)
    changed = monitoring.UptimeCheckConfig(name=check.name, http_check={"service_agent_authentication": None})
    api.update_uptime_check_config(
        request={
            "uptime_check_config": changed,
            "update_mask": {"paths": ["http_check.service_agent_authentication"]},
        }
    )
    operator.emulator.advance(150)
    assert {found[0] for found in passed(operator).values()} == {False}, "nobody is let in without a name"
    assert told(operator) == [("open", "ml@acme.example")]

    [line] = operator.differences(ASKED)
    assert line.startswith("update monitoring_uptime_check/global/churn/europe-west1")
    assert "('as_agent', False, True)" in line
    assert not operator.apply(ASKED).failed
    operator.emulator.advance(150)
    assert {found[0] for found in passed(operator).values()} == {True}
    assert told(operator) == [("open", "ml@acme.example"), ("closed", "ml@acme.example")]

    assert not operator.destroy("churn").failed
    assert checks(operator)[1] == []


def test_a_check_that_our_alert_keeps_is_a_problem_until_that_goes(operator):
    """Somebody made both anew, the check in a region that no update changes: the plan says what to delete, once."""
    assert not operator.apply(ASKED).failed
    api, [check] = checks(operator)
    alerts = operator.api("google.cloud.monitoring_v3", "alert_policy_service", "AlertPolicyService")
    [alert] = alerts.list_alert_policies(request={"name": "projects/local"})
    for delete, one in ((alerts.delete_alert_policy, alert), (api.delete_uptime_check_config, check)):
        delete(request={"name": one.name})
    theirs = monitoring.UptimeCheckConfig(check)
    theirs.name, theirs.monitored_resource.labels["location"] = "", "us-east1"
    made = api.create_uptime_check_config(request={"parent": "projects/local", "uptime_check_config": theirs})
    alert.name, (old, new) = "", (each.name.rpartition("/")[2] for each in (check, made))
    for condition in alert.conditions:
        condition.name, threshold = "", condition.condition_threshold
        threshold.filter = threshold.filter.replace(old, new)
    kept = alerts.create_alert_policy(request={"name": "projects/local", "alert_policy": alert}).name

    report = operator.apply(ASKED)

    assert not report.failed
    [(address, why)] = report.unwell.items()
    assert (address.kind, report.exit_code) == ("monitoring_uptime_check", 1)
    assert f"delete alert policy {kept}; the next run" in why

    alerts.delete_alert_policy(request={"name": kept})
    assert not operator.apply(ASKED).failed
    assert operator.differences(ASKED) == []
    [check] = checks(operator)[1]
    assert check.monitored_resource.labels["location"] == REGION
