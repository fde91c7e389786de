"""Cloud Monitoring's uptime checks: whether a service answers, asked from outside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from reconciler.core import errors, paid
from reconciler.core.address import GLOBAL, Address
from reconciler.core.by_hand import Beyond, heads
from reconciler.core.diff import gone_keys
from reconciler.core.flow import Flow, Group
from reconciler.core.kind import Gift, Kind, Permissions, Roles, by_project
from reconciler.core.naming import SERVICE_LABEL, fingerprint, mark_labels, mark_of
from reconciler.core.objects import Desired, Holder, Observed, Wanted
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from reconciler.gcp.durations import seconds
from reconciler.gcp.light import types_module
from reconciler.gcp.messages import as_json
from reconciler.gcp.policies import alerts_on
from reconciler.kinds import iam_member, run_service
from reconciler.kinds import monitoring_notification_channel as channels
from reconciler.kinds.run_service.record import NAME as SERVICE
from reconciler.kinds.run_service.template import READY_PATH
from reconciler.lookups.project_number import agent, asked_when, number_of
from schemas.sections.access import Authentication
from schemas.units import duration_text

if TYPE_CHECKING:
    from reconciler.core.diff import FieldChange
    from reconciler.core.facts import Facts
    from reconciler.gcp.connection import Connection
    from schemas import MLService

NAME = "monitoring_uptime_check"
WHICH_LABEL = "mlservice-check"
"""Label that says which of a service's checks it is: the region, since checks are global and services regional."""
_PACKAGE = "google.cloud.monitoring_v3"
_RUN = "cloud_run_revision"
_OK = "STATUS_CLASS_2XX"
_PORT = 443
_METHOD = "http_check.request_method"
_BEYOND = Beyond(
    # The record has all of the regions, in an order of its own.
    theirs=frozenset({"name", "user_labels", "monitored_resource", "checker_type", "selected_regions"}),
    defaults={_METHOD: ("GET",)},
    secret=frozenset(
        {"http_check.headers", "http_check.body", "http_check.auth_info.username", "http_check.auth_info.password"}
    ),
)
"""What Google fills in of a check: kinds.md 9.3."""


@dataclass(frozen=True, slots=True)
class UptimeCheck:
    """The fields we manage.

    Args:
        display_name: For people.
        location: Region of the Cloud Run service that is asked.
        service: Its name; both are empty where something else is.
        path: What is asked for.
        as_agent: Whether it is asked as Cloud Monitoring's own agent of the project, with an identity token.
        period_s: How often, from every place: 60, 300, 600 or 900.
        timeout_s: How long an answer may take, 1 to 60.
        regions: From where, in the API's words; none for everywhere.
        labels: Its `userLabels`: ours; others may add theirs.
        by_hand: What it holds beside these: see `core.by_hand`.
        fixed_by_hand: The same, of what Google cannot change in place.
    """

    display_name: str
    location: str
    service: str
    path: str
    as_agent: bool
    period_s: int
    timeout_s: int
    regions: tuple[str, ...]
    labels: Mapping[str, str]
    by_hand: Mapping[str, str] = field(default_factory=dict)
    fixed_by_hand: Mapping[str, str] = field(default_factory=dict)


def address_of(service: MLService) -> Address:
    """Give the address of a service's check. Its name is ours: the server picks another."""
    return Address(NAME, GLOBAL, f"{service.name}/{service.spec.region}")


def desired(service: MLService, facts: Facts) -> Iterator[Wanted]:
    """Want a check where the spec asks for one; of a private service, that Cloud Monitoring's agent may call it."""
    monitoring = service.spec.monitoring
    asked = monitoring.uptime if monitoring else None
    if asked is None:
        return
    target, needs = run_service.address_of(service), set()
    if asks_as_agent(service):
        caller = agent("monitoring", number_of(facts))
        may_call = iam_member.granted(target, run_service.INVOKER, caller, service.name)
        needs.add(may_call.address)
        yield may_call
    fields = UptimeCheck(
        display_name=f"{service.name} in {service.spec.region}",
        location=service.spec.region,
        service=service.name,
        path=path_asked(service),
        as_agent=asks_as_agent(service),
        period_s=int(asked.every_s),
        timeout_s=int(asked.timeout_s),
        regions=tuple(sorted(asked.regions)),
        labels={**service.labels, **mark_labels(service.name), WHICH_LABEL: service.spec.region},
    )
    yield Desired(address_of(service), fields, service.name, needs=frozenset({target, *needs}))


def asks_as_agent(service: MLService) -> bool:
    """Tell whether only callers with an identity get in, so that the check must have one."""
    monitoring = service.spec.monitoring
    private = service.spec.access.authentication is Authentication.IAM
    return private and monitoring is not None and monitoring.uptime is not None


def path_asked(service: MLService) -> str:
    """Give what is asked for; where the spec does not say, of the bundled server whether its model is loaded."""
    monitoring = service.spec.monitoring
    if monitoring and monitoring.uptime and monitoring.uptime.path:
        return monitoring.uptime.path
    ours = service.spec.image is None or service.spec.model is not None
    return READY_PATH if ours else "/"


def notes(service: MLService, facts: Facts) -> Iterable[tuple[str, str]]:
    """Say what being asked all the time costs a service that would otherwise sleep."""
    del facts
    monitoring = service.spec.monitoring
    if monitoring and monitoring.uptime and service.spec.scaling.min_instances == 0:
        often = duration_text(int(monitoring.uptime.every_s) * 1000)
        text = f"asked every {often} from every place, the service hardly ever sleeps, though minInstances is 0"
        yield text, "monitoring.uptime"


class UptimeCheckClient:
    """Thin and idempotent over Google's client."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._project = connection, connection.project
        self._api = connection.client(_PACKAGE, "uptime_check_service", "UptimeCheckService")
        self._types = types_module(_PACKAGE, "uptime")

    def find(self, addresses: Sequence[Address], names: Mapping[Address, str]) -> Iterable[Observed[UptimeCheck]]:
        """List the project's checks, and pick ours by name and by mark, by name where several have one mark."""
        by_name = {name: address for address, name in names.items()}
        by_mark = {tuple(address.name.split("/", 1)): address for address in addresses}
        with calling("list", f"{NAME}/{GLOBAL}"):
            request = {"parent": f"projects/{self._project}", "page_size": 1000}
            found = list(self._api.list_uptime_check_configs(request=request, retry=READING, timeout=CALL_TIMEOUT_S))
        for live in sorted(found, key=lambda one: str(one.name)):
            marked = (live.user_labels.get(SERVICE_LABEL, ""), live.user_labels.get(WHICH_LABEL, ""))
            address = by_name.get(live.name) or by_mark.get(marked)
            if address:
                yield _observed(address, live)

    def create(self, want: Desired[UptimeCheck]) -> str:
        """Create it; synchronous. Its mark is a part of it from the beginning.

        Source:
            Labels of the resource: revision and configuration are empty in checks of a service; its certificate can
            be validated only where an address is asked (comment of `validate_ssl`).
        """
        labels = {"location": want.fields.location, "service_name": want.fields.service, "project_id": self._project}
        empty = {"configuration_name": "", "revision_name": ""}
        asked = {"type": _RUN, "labels": labels | empty}
        check = _written(self._types.UptimeCheckConfig(monitored_resource=asked), want.fields)
        with calling("create", want.address):
            request = {"parent": f"projects/{self._project}", "uptime_check_config": check}
            return str(self._api.create_uptime_check_config(request=request, timeout=CALL_TIMEOUT_S).name)

    def update(self, want: Desired[UptimeCheck], seen: Observed[UptimeCheck], changes: tuple[FieldChange, ...]) -> None:
        """Write the changed fields."""
        check = _written(_bare(seen.live), want.fields)
        for key in gone_keys(changes, "labels"):
            check.user_labels.pop(key, None)
        ours = {_MASK.get(change.field, change.field) for change in changes if change.field != "by_hand"}
        # One that asks otherwise than by HTTP is made to ask by it: it can do only one of them.
        paths = sorted(ours | {"http_check" if head == "tcp_check" else head for head in heads(changes)})
        with calling("update", want.address):
            request = {"uptime_check_config": check, "update_mask": {"paths": paths}}
            self._api.update_uptime_check_config(request=request, timeout=CALL_TIMEOUT_S)

    def holders(self, seen: Sequence[Observed[UptimeCheck]]) -> Iterable[Holder]:
        """Give the alerts, of whomever, that look at one of these checks: it is not deleted while they do."""
        return alerts_on(self._connection, {each.server_name.rpartition("/")[2]: each.address for each in seen})

    def delete(self, seen: Observed[UptimeCheck]) -> None:
        """Delete it. One that somebody's alert is on is refused."""
        try:
            with calling("delete", seen.address):
                self._api.delete_uptime_check_config(request={"name": seen.server_name}, timeout=CALL_TIMEOUT_S)
        except errors.NotFoundError:
            return


_MASK = {
    "path": "http_check.path",
    "as_agent": "http_check.service_agent_authentication",
    "period_s": "period",
    "timeout_s": "timeout",
    "regions": "selected_regions",
    "labels": "user_labels",
}


def from_api(live: Any) -> UptimeCheck:
    """Turn a live check into our record."""
    resource = live.monitored_resource
    labels = resource.labels if resource.type == _RUN else {}
    fields = UptimeCheck(
        display_name=live.display_name,
        location=labels.get("location", ""),
        service=labels.get("service_name", ""),
        path=live.http_check.path,
        as_agent="service_agent_authentication" in live.http_check,
        period_s=seconds(live.period),
        timeout_s=seconds(live.timeout),
        regions=tuple(sorted(each.name for each in live.selected_regions)),
        labels=dict(live.user_labels),
    )
    by_hand = _BEYOND.of(as_json(live), as_json(_written(_bare(live), fields)))
    fixed = {path: by_hand.pop(path) for path in (_METHOD,) if path in by_hand}
    return replace(fields, by_hand=by_hand, fixed_by_hand=fixed)


def _observed(address: Address, live: Any) -> Observed[UptimeCheck]:
    return Observed(
        address,
        from_api(live),
        uid=live.name,
        version=fingerprint(type(live).to_dict(live)),
        mark=mark_of(live.user_labels),
        output={"name": live.name, "id": str(live.name).rpartition("/")[2]},
        server_name=live.name,
        live=live,
    )


def _bare(live: Any) -> Any:
    """Give a check with what others may write, and what cannot be changed, of a live one."""
    return type(live)(name=live.name, monitored_resource=live.monitored_resource, user_labels=dict(live.user_labels))


def _written(check: Any, fields: UptimeCheck) -> Any:
    """Write our fields into a check that holds nothing of what they are about."""
    check.display_name = fields.display_name
    check.http_check = {"use_ssl": True, "port": _PORT, "accepted_response_status_codes": [{"status_class": _OK}]}
    check.http_check.path = fields.path
    check.http_check.service_agent_authentication = {"type_": "OIDC_TOKEN"} if fields.as_agent else None
    check.period = {"seconds": fields.period_s}
    check.timeout = {"seconds": fields.timeout_s}
    check.selected_regions = list(fields.regions)
    check.user_labels.update(fields.labels)
    return check


def flows(want: Desired[UptimeCheck], service: MLService, project: str) -> Iterator[Flow]:
    """Say who is asked."""
    del project
    yield Flow(want.address, run_service.address_of(service), f"GET {want.fields.path}")


KIND = Kind(
    name=NAME,
    title="uptime check",
    fields=UptimeCheck,
    desired=desired,
    connect=UptimeCheckClient,
    group=Group.MONITORING,
    flows=flows,
    paid=paid.Paid(
        alters=paid.fields("period_s", "regions"),
        without={"checks_per_second": Decimal(0)},
    ),
    acts_on=frozenset({"monitoring.uptime.*"}),
    permissions=Permissions(
        read=("monitoring.uptimeCheckConfigs.list", "monitoring.alertPolicies.list"),
        write=tuple(f"monitoring.uptimeCheckConfigs.{verb}" for verb in ("create", "get", "update", "delete")),
    ),
    apis=("monitoring.googleapis.com",),
    roles=Roles(read=("roles/monitoring.viewer",), write=("roles/monitoring.uptimeCheckConfigEditor",)),
    gives=(Gift(run_service.INVOKER, SERVICE, "Cloud Monitoring itself", "asking a private service"),),
    lookups=(asked_when(asks_as_agent, "monitoring.uptime"),),
    notes=notes,
    read_together=by_project,
    lane=channels.in_turn,
    holders=UptimeCheckClient.holders,
    server_named=True,
    # Checks have no etag (kinds.md 2.2), and a mask of labels writes all of them.
    fenced=False,
    immutable=frozenset({"location", "service", "fixed_by_hand"}),
    keyed=frozenset({"labels"}),
    # Nothing that is gone is to be asked.
    before=frozenset({"iam_member", "run_service"}),
)
