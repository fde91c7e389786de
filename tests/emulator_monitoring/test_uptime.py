"""Uptime checks through Google's own client: what is kept, what is refused, and what a check finds."""

import pytest
from google.api_core import exceptions
from google.cloud import monitoring_v3 as monitoring

from tests.emulator.clients import client
from tests.emulator_monitoring.making import PROJECT, now

PASSED = "monitoring.googleapis.com/uptime_check/check_passed"
RUN = {"type": "cloud_run_revision", "labels": {"location": "europe-west1", "service_name": "churn"}}


@pytest.fixture
def checks(emulator):
    """The client."""
    return client(emulator, monitoring.UptimeCheckServiceClient)


def check(**fields):
    http = {"path": "/health/ready", "use_ssl": True}
    made = {"display_name": "churn is up", "monitored_resource": RUN, "http_check": http, "timeout": {"seconds": 10}}
    return monitoring.UptimeCheckConfig(made | fields)


def make(checks, **fields):
    return checks.create_uptime_check_config(parent=PROJECT, uptime_check_config=check(**fields))


def test_the_server_fills_in_what_is_left_out(checks):
    """A name that begins as the check is called, a period, where from, the port; and the project."""
    made = make(checks)

    assert made.name.startswith(f"{PROJECT}/uptimeCheckConfigs/churn-is-up-")
    assert (made.period.seconds, made.checker_type.name, made.http_check.port) == (60, "STATIC_IP_CHECKERS", 443)
    assert (made.http_check.request_method.name, made.monitored_resource.labels["project_id"]) == ("GET", "local")
    assert made == checks.get_uptime_check_config(name=made.name)
    assert list(checks.list_uptime_check_configs(parent=PROJECT)) == [made]

    wanted = monitoring.UptimeCheckConfig(name=made.name, display_name="other", period={"seconds": 300})
    request = {"uptime_check_config": wanted, "update_mask": {"paths": ["period"]}}
    changed = checks.update_uptime_check_config(request=request)
    assert (changed.display_name, changed.period.seconds) == ("churn is up", 300)
    with pytest.raises(exceptions.BadRequest, match="cannot be changed"):
        checks.update_uptime_check_config(request={**request, "update_mask": {"paths": ["monitored_resource"]}})

    checks.delete_uptime_check_config(name=made.name)
    with pytest.raises(exceptions.NotFound, match=r"Config not found for check churn-is-up-.* in project local"):
        checks.get_uptime_check_config(name=made.name)


BAD = {
    "name": ({"name": f"{PROJECT}/uptimeCheckConfigs/mine"}, exceptions.BadRequest, "name"),
    "nameless": ({"display_name": ""}, exceptions.BadRequest, "display_name"),
    "period": ({"period": {"seconds": 90}}, exceptions.BadRequest, "60s, 300s, 600s or 900s"),
    "timeout": ({"timeout": {"seconds": 61}}, exceptions.BadRequest, "between 1s and 60s"),
    "regions": ({"selected_regions": ["EUROPE", "ASIA_PACIFIC"]}, exceptions.BadRequest, "minimum of 3 locations"),
    "service": (
        {"monitored_resource": {"type": "cloud_run_revision", "labels": {"location": "x"}}},
        exceptions.BadRequest,
        r"labels\[service_name\]",
    ),
    "label": ({"user_labels": {"Upper": "x"}}, exceptions.BadRequest, "invalid label key"),
    "tcp": ({"tcp_check": {"port": 80}}, exceptions.MethodNotImplemented, "TCP"),
    "content": ({"content_matchers": [{"content": "ok"}]}, exceptions.MethodNotImplemented, "content"),
}


@pytest.mark.parametrize(("fields", "kind", "words"), BAD.values(), ids=BAD.keys())
def test_what_is_refused(checks, fields, kind, words):
    """Nothing is left behind."""
    with pytest.raises(kind, match=words):
        make(checks, **fields)

    assert list(checks.list_uptime_check_configs(parent=PROJECT)) == []


def points(emulator, name):
    """What each location found, the newest first."""
    metrics = client(emulator, monitoring.MetricServiceClient)
    at = now(emulator)
    request = {
        "name": PROJECT,
        "filter": f'metric.type="{PASSED}" AND metric.label.check_id="{name.rpartition("/")[2]}"',
        "interval": {"start_time": {"seconds": int(at.timestamp()) - 3600}, "end_time": at},
    }
    return {
        each.metric.labels["checker_location"]: [point.value.bool_value for point in each.points]
        for each in metrics.list_time_series(request=request)
    }


def test_a_service_that_is_not_there_does_not_pass_and_alerts(emulator, checks):
    """From every region that was chosen, once a period; whoever an alert is on is told, and the check then stays."""
    made = make(checks, selected_regions=["USA"], period={"seconds": 300})
    emulator.advance(400)
    assert points(emulator, made.name) == {key: [False, False] for key in ("usa-iowa", "usa-oregon", "usa-virginia")}

    step = {
        "alignment_period": {"seconds": 1200},
        "per_series_aligner": "ALIGN_NEXT_OLDER",
        "cross_series_reducer": "REDUCE_COUNT_FALSE",
        "group_by_fields": ["resource.label.service_name"],
    }
    own = made.name.rpartition("/")[2]
    text = f'metric.type="{PASSED}" AND metric.label.check_id="{own}" AND resource.type="cloud_run_revision"'
    shape = {"filter": text, "comparison": "COMPARISON_GT", "threshold_value": 1, "aggregations": [step]}
    policies = client(emulator, monitoring.AlertPolicyServiceClient)
    condition = {"display_name": "down", "condition_threshold": shape}
    wanted = monitoring.AlertPolicy({"display_name": "down", "combiner": "OR", "conditions": [condition]})
    policies.create_alert_policy(name=PROJECT, alert_policy=wanted)
    emulator.advance(60)

    assert [each["state"] for each in emulator.control("GET", "incidents")] == ["open"]
    with pytest.raises(exceptions.BadRequest, match="alerting policies is using it"):
        checks.delete_uptime_check_config(name=made.name)
    assert checks.get_uptime_check_config(name=made.name) == made
