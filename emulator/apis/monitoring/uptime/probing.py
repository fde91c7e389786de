"""A check's requests: one per round, answered for all of its locations, on the emulator's clock.

Google sends one from each location; what they would tell apart, the way there, is not emulated. A round writes
`uptime_check/check_passed` for each location, so alert policies on it see what they would see.

Source: https://cloud.google.com/monitoring/api/metrics_gcp (uptime_check/check_passed: GAUGE BOOL); labels of
`cloud_run_revision` in checks, whose revision and configuration are empty: as Terraform configurations in public have
them. A token is of the project's Monitoring agent, its audience the address that is probed: headers of such a request,
seankhliao.com/blog/12024-07-20-gcp-uptime-service-agent-auth.
"""

import json
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from google.cloud.monitoring_v3.types import uptime

from emulator.apis import outgoing
from emulator.apis.monitoring.uptime.keeping import CHECKS, locations_of, project_of
from emulator.core.failures import ApiFailure
from emulator.core.resources import timestamp
from emulator.core.world import World
from emulator.identity.tokens import Tokens

ROUNDS = "monitoring.uptime_round"
PASSED = "monitoring.googleapis.com/uptime_check/check_passed"
FIRST_AFTER_S = 5
"""How long after it was made or changed a check is made first."""
AGENT = "service-{number}@gcp-sa-monitoring-notification.iam.gserviceaccount.com"
USER_AGENT = "GoogleStackdriverMonitoring-UptimeChecks(https://cloud.google.com/monitoring)"
ANY = uptime.UptimeCheckConfig.HttpCheck.ResponseStatusCode.StatusClass.STATUS_CLASS_ANY
"""Every answer passes. Other classes have the number of their first status."""


def begin(world: World, check: Any) -> None:
    """Make a check's rounds from now on; in a transaction of the caller's."""
    end(world, check.name)
    plan(world, check.name, FIRST_AFTER_S)


def plan(world: World, name: str, after_s: float) -> None:
    """Have a round made."""
    when = world.clock.now() + timedelta(seconds=after_s)
    timer = world.clock.call_at(when, look, {"check": name, "at": when.isoformat()})
    world.store.put(ROUNDS, name, json.dumps({"timer": timer, "at": when.isoformat()}).encode())


def end(world: World, name: str) -> None:
    """Make no more of a check's rounds."""
    row = world.store.get(ROUNDS, name)
    if row is not None:
        world.clock.cancel(json.loads(row)["timer"])
        world.store.delete(ROUNDS, name)


def look(world: World, payload: dict[str, Any]) -> None:
    """Make a round, unless it was made, or is no longer wanted; the next one is planned first."""
    name = payload["check"]
    with world.store.transaction():
        check, row = CHECKS.find(world, name), world.store.get(ROUNDS, name)
        if check is None or row is None or json.loads(row)["at"] != payload["at"]:
            return
        plan(world, name, check.period.seconds)
    write(world, check, passed=probe(world, check))


def probe(world: World, check: Any) -> bool:
    """Send a check's request, and say whether the answer is one that passes."""
    http = check.http_check
    try:
        base = address(world, check)
        headers = {**dict(http.headers), "User-Agent": USER_AGENT, **authorization(world, check, base)}
        code = outgoing.send(world, "GET", f"{base}{http.path}", headers, timeout_s=check.timeout.seconds)
    except (ApiFailure, ValueError):  # nobody answers, or what is asked for is no address or no header
        return False
    return accepted(http, code)


def address(world: World, check: Any) -> str:
    """Where a check's request goes.

    Raises:
        ApiFailure: There is no such service.
    """
    resource = check.monitored_resource
    if resource.type == "uptime_url":
        scheme = "https" if check.http_check.use_ssl else "http"
        return f"{scheme}://{resource.labels['host']}:{check.http_check.port}"
    from emulator.apis.run.stored import SERVICES  # noqa: PLC0415 - imports Cloud Run's messages

    labels = resource.labels
    name = f"projects/{project_of(check)}/locations/{labels['location']}/services/{labels['service_name']}"
    return str(SERVICES.get(world, name).uri).rstrip("/")


def authorization(world: World, check: Any, base: str) -> dict[str, str]:
    """The token of the Monitoring agent, where it is asked for."""
    if not check.http_check.HasField("service_agent_authentication"):
        return {}
    number = world.project_number(project_of(check))
    parts = urlsplit(base)
    agent, audience = AGENT.format(number=number), f"{parts.scheme}://{parts.netloc}"
    token = world.part(outgoing.Sent, outgoing.Sent).token(world.part(Tokens), agent, audience)
    return {"Authorization": f"Bearer {token}"}


def accepted(http: Any, code: int) -> bool:
    """Whether a status passes: any of the 200s, unless the check says which."""
    if not http.accepted_response_status_codes:
        return HTTPStatus.OK <= code < HTTPStatus.MULTIPLE_CHOICES
    return any(
        each.status_class == ANY or code == each.status_value or each.status_class == code // 100 * 100
        for each in http.accepted_response_status_codes
    )


def write(world: World, check: Any, *, passed: bool) -> None:
    """Write a point per location."""
    from emulator.apis.monitoring.recording import record  # noqa: PLC0415 - beside what it records
    from emulator.apis.monitoring.series.keeping import TimeSeries  # noqa: PLC0415 - the same

    own, resource, many = check.name.rpartition("/")[2], check.monitored_resource, []
    for location in locations_of(check):
        series = TimeSeries()
        series.metric.type = PASSED
        series.metric.labels.update({"check_id": own, "checker_location": location})
        series.resource.type = resource.type
        series.resource.labels.update(resource.labels)
        if resource.type == "uptime_url":
            series.resource.labels["check_id"] = own
        point = series.points.add()
        point.interval.end_time.CopyFrom(timestamp(world.clock.now()))
        point.value.bool_value = passed
        many.append(series)
    record(world, f"projects/{project_of(check)}", many)
