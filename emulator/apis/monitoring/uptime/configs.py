"""Uptime checks: the server picks their names, which begin as they are called.

Source: kinds.md 9.3 and 2.2, constraints.md section 8; comments of `UptimeCheckConfig` in google-cloud-monitoring
2.32.0; recording monitoring_uptime_check/tcp-group, of which groups and TCP are not emulated.
"""

import re
import secrets
from collections.abc import Sequence
from typing import Any

from google.cloud.monitoring_v3.types import uptime

from emulator.apis.monitoring import filters
from emulator.apis.monitoring.alerts.keeping import POLICIES
from emulator.apis.monitoring.channels import DISPLAY_NAME_MOST, invalid
from emulator.apis.monitoring.descriptors import API
from emulator.apis.monitoring.uptime import probing
from emulator.apis.monitoring.uptime.keeping import CHECKS, LOCATIONS, Check, locations_of, project_of
from emulator.apis.standard import Listing, Update, standard
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.resources import by_id, check_labels, fits
from emulator.core.texts import is_address, is_line
from emulator.core.world import World

SERVICE = "google.monitoring.v3.UptimeCheckService/"
PERIODS_S = (60, 300, 600, 900)
TIMEOUT_MOST_S, LOCATIONS_LEAST = 60, 3
PORTS, PORT_MOST = {False: 80, True: 443}, 65535
FIXED = ("monitored_resource", "resource_group", "synthetic_monitor", "checker_type", "http_check.request_method")
NEEDED = {"cloud_run_revision": ("location", "service_name"), "uptime_url": ("host",)}
"""Resources that can be probed, and the labels that say where."""
Method = uptime.UptimeCheckConfig.HttpCheck.RequestMethod
STATIC = uptime.UptimeCheckConfig.CheckerType.STATIC_IP_CHECKERS


@API.method(SERVICE + "CreateUptimeCheckConfig")
def create(world: World, request: Any, _: Call) -> Any:
    """A new check each time: nothing about it has to be unique."""
    sent, project = request.uptime_check_config, by_id(world, request.parent)
    if not fits("projects/*", project):
        raise invalid("parent", request.parent, "must be projects/[PROJECT_ID_OR_NUMBER]")
    if sent.name:
        raise invalid("uptime_check_config.name", sent.name, "Field must be empty.")
    made = Check()
    made.CopyFrom(sent)
    slug = re.sub(r"[^a-z0-9]+", "-", made.display_name.lower()).strip("-")
    made.name = f"{project}/uptimeCheckConfigs/{slug[:40]}-{secrets.token_urlsafe(8)}"
    settle(made)
    with world.store.transaction():
        CHECKS.insert(world, made)
        probing.begin(world, made)
    return made


def settle(check: Any) -> None:
    """Fill in and check one that is about to be saved."""
    check_whole(check)
    check_http(check.http_check)
    check.checker_type = check.checker_type or STATIC
    check.period.seconds = check.period.seconds or PERIODS_S[0]
    if check.period.seconds not in PERIODS_S:
        raise invalid("uptime_check_config.period", f"{check.period.seconds}s", "must be 60s, 300s, 600s or 900s.")
    if not 1 <= check.timeout.seconds <= TIMEOUT_MOST_S:
        raise invalid("uptime_check_config.timeout", f"{check.timeout.seconds}s", "must be between 1s and 60s.")
    if check.monitored_resource.type == "cloud_run_revision":
        check.monitored_resource.labels["project_id"] = project_of(check)
    check_regions(check)


def check_regions(check: Any) -> None:
    """Refuse regions that are none, and too few places.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    field = "uptime_check_config.selected_regions"
    for each in check.selected_regions:
        if each not in LOCATIONS:
            raise invalid(field, str(each), "is no region of uptime checks.")
    if check.selected_regions and len(locations_of(check)) < LOCATIONS_LEAST:
        names = ", ".join(uptime.UptimeCheckRegion(each).name for each in check.selected_regions)
        raise invalid(field, names, f"must include a minimum of {LOCATIONS_LEAST} locations.")


def check_whole(check: Any) -> None:
    """Refuse one without a name or something to probe, and what is not emulated.

    Raises:
        ApiFailure: INVALID_ARGUMENT, UNIMPLEMENTED.
    """
    check_labels(check.user_labels.items())
    if not 1 <= len(check.display_name) <= DISPLAY_NAME_MOST:
        raise invalid("uptime_check_config.display_name", check.display_name, f"1 to {DISPLAY_NAME_MOST} characters.")
    if check.WhichOneof("resource") != "monitored_resource" or check.WhichOneof("check_request_type") != "http_check":
        raise ApiFailure("UNIMPLEMENTED", "The emulator probes monitored resources by HTTP, no groups, and no TCP.")
    if check.is_internal or check.content_matchers:
        raise ApiFailure("UNIMPLEMENTED", "The emulator has no internal checkers, and looks at no content.")
    resource = check.monitored_resource
    if resource.type not in NEEDED:
        raise ApiFailure("UNIMPLEMENTED", f"The emulator probes no {resource.type}.")
    for label in NEEDED[resource.type]:
        if not resource.labels.get(label):
            raise ApiFailure("INVALID_ARGUMENT", f"Request was missing field monitored_resource.labels[{label}].")


def check_http(http: Any) -> None:
    """Fill in and check what is sent.

    Raises:
        ApiFailure: INVALID_ARGUMENT, UNIMPLEMENTED.
    """
    http.request_method = http.request_method or Method.GET
    if http.request_method != Method.GET or http.body or http.HasField("ping_config"):
        raise ApiFailure("UNIMPLEMENTED", "The emulator's checks send GET, without a body, and no pings.")
    if http.HasField("service_agent_authentication") and http.HasField("auth_info"):
        raise invalid("http_check", "auth_info", "Do not set both auth_method and auth_info.")
    http.path = http.path if http.path.startswith("/") else f"/{http.path}"
    if not is_address(http.path):
        raise invalid(
            "uptime_check_config.http_check.path", http.path, "must have no spaces and no control characters."
        )
    for name, value in http.headers.items():
        if not is_line(name) or not is_line(value):
            raise invalid("uptime_check_config.http_check.headers", name, "must be one line, as must its value.")
    http.port = http.port or PORTS[http.use_ssl]
    if not 1 <= http.port <= PORT_MOST:
        raise invalid("uptime_check_config.http_check.port", str(http.port), f"must be from 1 to {PORT_MOST}.")


def check_mask(paths: Sequence[str]) -> None:
    """Refuse to change what stays (kinds.md 2.2)."""
    for path in paths:
        if path in FIXED or path.startswith("monitored_resource."):
            raise invalid("update_mask", path, "the field cannot be changed.")


def changed(world: World, check: Any) -> None:
    """Check what was changed, and probe by it from now on."""
    settle(check)
    probing.begin(world, check)


def deleted(world: World, check: Any) -> None:
    """One that an alert policy is on stays.

    Source:
        Comment of `DeleteUptimeCheckConfig`: fails where the configuration is referenced by an alert policy.
    """
    own = check.name.rpartition("/")[2]
    for policy in POLICIES.all(world, f"projects/{project_of(check)}/"):
        if any(f'"{own}"' in str(condition) or f'\\"{own}\\"' in str(condition) for condition in policy.conditions):
            why = "One or more alerting policies is using it. Delete the alerting policy and try again."
            raise ApiFailure("INVALID_ARGUMENT", f"Cannot delete check {own}. {why}")
    probing.end(world, check.name)


standard(
    API,
    SERVICE,
    "UptimeCheckConfig",
    CHECKS,
    listing=Listing(matching=filters.matching),
    update=Update(("name", "monitored_resource", "checker_type"), check_mask, changed),
    deleted=deleted,
)
