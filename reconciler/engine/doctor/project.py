"""The project: whether it is there, somebody pays, and its APIs are enabled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from reconciler.core import errors
from reconciler.core.address import GLOBAL, Address
from reconciler.core.checkup import Answer, Check, Who
from reconciler.engine.doctor.case import Case, one_or_more
from reconciler.engine.session import Session
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling

_AT_ONCE = 30
"""Names of one call. Source: `BatchGetServicesRequest.names` of google-cloud-service-usage 1.15."""


def project(case: Case) -> Iterator[Check]:
    """Look whether the project is there and in use."""
    api: Any = case.session.connection.client("google.cloud.resourcemanager_v3", "projects", "Projects")
    try:
        with calling("read", f"project {case.project}"):
            found = api.get_project(request={"name": f"projects/{case.project}"}, retry=READING, timeout=CALL_TIMEOUT_S)
    except (errors.NotPermitted, errors.NotFoundError) as error:
        if "enable the API" in error.hint:
            raise
        yield Check(
            "project", Answer.FAIL, f"project {case.project} does not exist, or you may not see it{_near(case, api)}"
        )
        return
    if found.state.name != "ACTIVE":
        command = f"gcloud projects undelete {case.project}"
        line = f"project {case.project} is {found.state.name.lower().replace('_', ' ')}"
        yield Check("project", Answer.FAIL, line, Who.PROJECT, (command,))
        return
    yield Check("project", Answer.OK, f"project {case.project} ({found.name.rpartition('/')[2]}) is active")


def _near(case: Case, api: Any) -> str:
    """Name a project that may have been meant."""
    try:
        with calling("look for", "projects"):
            found = [each.project_id for each in api.search_projects(request={}, timeout=CALL_TIMEOUT_S)]
    except errors.ApiError:
        return ""
    near = get_close_matches(case.project, found, n=3)
    return f"; near: {', '.join(near)}" if near else ""


def billing(case: Case) -> Iterator[Check]:
    """Look whether somebody pays: without it nothing starts."""
    api: Any = case.session.connection.client("google.cloud.billing_v1", "cloud_billing", "CloudBilling")
    request = {"name": f"projects/{case.project}"}
    with calling("read the billing of", f"project {case.project}"):
        found = api.get_project_billing_info(request=request, retry=READING, timeout=CALL_TIMEOUT_S)
    if found.billing_enabled:
        yield Check("billing", Answer.OK, "a billing account is linked")
        return
    command = f"gcloud billing projects link {case.project} --billing-account=ACCOUNT"
    yield Check("billing", Answer.FAIL, "no billing account is linked: nothing will start", Who.PROJECT, (command,))


def disabled(case: Case, wanted: Iterable[str]) -> list[str]:
    """Give those of some APIs that are not enabled.

    Raises:
        ApiError: One may not look.
    """
    api: Any = case.session.connection.client("google.cloud.service_usage_v1", "service_usage", "ServiceUsage")
    hosts, off = sorted(wanted), []
    for at in range(0, len(hosts), _AT_ONCE):
        names = [f"projects/{case.project}/services/{host}" for host in hosts[at : at + _AT_ONCE]]
        request = {"parent": f"projects/{case.project}", "names": names}
        with calling("read the APIs of", f"project {case.project}"):
            found = api.batch_get_services(request=request, retry=READING, timeout=CALL_TIMEOUT_S)
        off += [each.name.rpartition("/")[2] for each in found.services if each.state.name != "ENABLED"]
    return off


def apis(case: Case, wanted: Mapping[str, frozenset[str]], off: Iterable[str], *, may_enable: bool) -> Iterator[Check]:
    """Say which APIs are off.

    Args:
        case: The examination.
        wanted: Services by the APIs that they need.
        off: Those that are not enabled.
        may_enable: Whether the caller can do something about it.
    """
    missing = sorted(off)
    if not missing:
        yield Check("apis", Answer.OK, f"{one_or_more(len(wanted), 'API')} enabled")
        return
    named = ", ".join(host.partition(".")[0] for host in missing)
    line = f"{one_or_more(len(missing), 'API')} off: {named} (enabling takes 1 to 3 min)"
    services = frozenset().union(*(wanted[host] for host in missing))
    command = f"gcloud services enable {' '.join(missing)} --project={case.project}"
    who = Who.YOU if may_enable else Who.PROJECT
    yield Check("apis", Answer.FAIL, line, who, (command,), tuple(sorted(services)), apis=tuple(missing))


def enable(session: Session, hosts: Iterable[str]) -> None:
    """Enable APIs, and wait until they are: the one thing that `doctor --fix --yes` writes.

    Raises:
        ApiError: Not permitted, or it took too long.
    """
    from reconciler.gcp.operations import wait  # noqa: PLC0415 - only when something is to be mended

    connection = session.connection
    api: Any = connection.client("google.cloud.service_usage_v1", "service_usage", "ServiceUsage")
    request = {"parent": f"projects/{connection.project}", "service_ids": sorted(hosts)}
    with calling("enable APIs of", f"project {connection.project}"):
        operation = api.batch_enable_services(request=request, timeout=CALL_TIMEOUT_S)
    wait(operation, "enable", Address("project", GLOBAL, connection.project), timeout_s=connection.patience_s)
