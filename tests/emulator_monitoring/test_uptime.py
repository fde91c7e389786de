"""Uptime checks through Google's own client: what is kept, what is refused, and what a check finds."""

import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from google.api_core import exceptions
from google.cloud import monitoring_v3 as monitoring

from emulator.apis.monitoring.uptime.probing import accepted
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
    "repeated": ({"selected_regions": ["EUROPE"] * 3}, exceptions.BadRequest, "minimum of 3 locations"),
    "nowhere": ({"selected_regions": [77]}, exceptions.BadRequest, "77.* is no region"),
    "unspecified": ({"selected_regions": [0]}, exceptions.BadRequest, "is no region"),
    "port": ({"http_check": {"port": 70000}}, exceptions.BadRequest, "from 1 to 65535"),
    "below": ({"http_check": {"port": -1}}, exceptions.BadRequest, "from 1 to 65535"),
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


def test_every_answer_of_a_class_passes():
    """Of 200s alone, unless the check says which statuses or classes, or that any will do."""
    passes = {
        name: [code for code in (200, 204, 301, 404, 503) if accepted(check(http_check=http).http_check, code)]
        for name, http in {
            "silent": {},
            "any": {"accepted_response_status_codes": [{"status_class": "STATUS_CLASS_ANY"}]},
            "class": {"accepted_response_status_codes": [{"status_class": "STATUS_CLASS_4XX"}]},
            "values": {"accepted_response_status_codes": [{"status_value": 301}, {"status_value": 503}]},
        }.items()
    }

    assert passes == {"silent": [200, 204], "any": [200, 204, 301, 404, 503], "class": [404], "values": [301, 503]}


def address(**labels):
    """A check of an address."""
    return {"type": "uptime_url", "labels": {"host": "127.0.0.1"} | labels}


@pytest.mark.parametrize(
    "fields",
    [
        {"monitored_resource": address(host="[x")},
        {"monitored_resource": address(), "http_check": {"headers": {"ü": "ü"}}},
    ],
    ids=["host", "header"],
)
def test_what_cannot_be_asked_does_not_pass(emulator, checks, fields):
    """A point says so, as where nobody answers."""
    made = make(checks, selected_regions=["USA"], **fields)
    emulator.advance(10)

    found = points(emulator, made.name).values()
    assert [set(each) for each in found] == [{False}] * 3


def test_an_address_of_this_machine_is_probed(emulator, checks):
    """With the headers that the check says, and a token of Monitoring's own; the same one in every round."""
    seen = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((self.path, self.headers["x-who"], self.headers["authorization"]))
            self.send_response(HTTPStatus.OK)
            self.end_headers()

        def log_message(self, *_):
            """Tests say nothing."""

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            token = {"type_": "OIDC_TOKEN"}
            http = {"path": "up", "port": server.server_port, "headers": {"x-who": "me"}}
            http["service_agent_authentication"] = token
            made = make(checks, selected_regions=["USA"], monitored_resource=address(), http_check=http)
            emulator.advance(70)
        finally:
            server.shutdown()
            thread.join()

    assert [set(each) for each in points(emulator, made.name).values()] == [{True}] * 3
    assert (len(seen) >= 2, len(set(seen)), seen[0][:2]) == (True, 1, ("/up", "me"))
    assert seen[0][2].startswith("Bearer ")
