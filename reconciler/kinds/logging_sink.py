"""Log sinks: what Model Monitoring logs of a service's monitors wakes the function that looks at them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.core import errors, paid
from reconciler.core.address import GLOBAL, Address
from reconciler.core.flow import Each, Flow, Group
from reconciler.core.kind import Gift, Kind, Permissions, Roles
from reconciler.core.naming import fingerprint, note, noted
from reconciler.core.objects import Desired, Observed, Wanted
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from reconciler.gcp.light import types_module
from reconciler.kinds import iam_member, pubsub_topic, scheduler_job
from reconciler.kinds.functions_function import watched_monitors
from reconciler.lookups.project_number import agent, asked_when, number_of

if TYPE_CHECKING:
    from reconciler.core.diff import FieldChange
    from reconciler.core.facts import Facts
    from reconciler.gcp.connection import Connection
    from schemas import MLService

NAME = "logging_sink"
_PACKAGE = "google.cloud.logging_v2"
_TO_TOPIC = "pubsub.googleapis.com/"
_PAGE = 1000
_NEWS = ("create_time", "update_time")
_MASK = {"topic": "destination", "filter": "filter", "description": "description", "disabled": "disabled"}


@dataclass(frozen=True, slots=True)
class LogSink:
    """The fields we manage. Every other field of the live sink, such as what it leaves out, is left as found.

    Args:
        topic: Full name of the topic that entries go to; what it is where it is no topic.
        filter: Which entries, in Logging's query language.
        description: Carries our mark: sinks have no labels.
        disabled: Whether it is off.
    """

    topic: str
    filter: str
    description: str
    disabled: bool


def address_of(service: MLService) -> Address:
    """Give the address of a service's sink. Sinks are global and services regional; none has `_` in its name."""
    return Address(NAME, GLOBAL, f"{service.name}_{service.spec.region}_monitors")


def desired(service: MLService, facts: Facts) -> Iterator[Wanted]:
    """Want a sink where the function looks at monitors, and that it may publish."""
    if not watched_monitors(service):
        return
    topic = pubsub_topic.address_of(scheduler_job.retrain_topic(service).topic, facts.project)
    fields = LogSink(
        topic=pubsub_topic.full_name(topic, facts.project),
        filter=of_monitors(service),
        description=f"Wakes what looks at the monitors of {service.name}. {note(service.name)}",
        disabled=False,
    )
    yield Desired(address_of(service), fields, service.name, needs=frozenset({topic}))
    yield iam_member.granted(topic, pubsub_topic.PUBLISHER, agent("logging", number_of(facts)), service.name)


def of_monitors(service: MLService) -> str:
    """Give the query of what the monitors of a service log, those of versions to come among it.

    By resource alone: name and payload of such entries are documented nowhere (model_monitoring.md E.5).
    """
    return (
        'resource.type="aiplatform.googleapis.com/ModelMonitor"'
        f' AND resource.labels.location="{service.spec.region}"'
        f' AND resource.labels.model_monitor_id=~"^{service.name}-[0-9a-f]{{8}}$"'
    )


class LogSinkClient:
    """Thin and idempotent over Google's client."""

    def __init__(self, connection: Connection) -> None:
        self._project = connection.project
        self._api = connection.client(_PACKAGE, "config_service_v2", "ConfigServiceV2")
        self._types = types_module(_PACKAGE, "logging_config")

    def observe(self, addresses: Sequence[Address]) -> Iterable[Observed[LogSink]]:
        """List the project's sinks."""
        wanted = {address.name: address for address in addresses}
        with calling("list", f"{NAME}/{GLOBAL}"):
            request = {"parent": f"projects/{self._project}", "page_size": _PAGE}
            found = list(self._api.list_sinks(request=request, retry=READING, timeout=CALL_TIMEOUT_S))
        for live in found:
            if live.name in wanted:
                yield _observed(wanted[live.name], live)

    def create(self, want: Desired[LogSink]) -> None:
        """Create it; synchronous. It publishes as the project's own agent, not as one of all projects."""
        with calling("create", want.address):
            request = {
                "parent": f"projects/{self._project}",
                "sink": _written(self._types.LogSink(name=want.address.name), want.fields),
                "unique_writer_identity": True,
            }
            self._api.create_sink(request=request, timeout=CALL_TIMEOUT_S)

    def update(self, want: Desired[LogSink], seen: Observed[LogSink], changes: tuple[FieldChange, ...]) -> None:
        """Write the changed fields."""
        paths = sorted({_MASK[change.field] for change in changes})
        with calling("update", want.address):
            request = {
                "sink_name": self._name(want.address),
                "sink": _written(type(seen.live)(seen.live), want.fields),
                "update_mask": {"paths": paths},
                # One made by hand may publish as an account of all projects.
                "unique_writer_identity": True,
            }
            self._api.update_sink(request=request, timeout=CALL_TIMEOUT_S)

    def delete(self, seen: Observed[LogSink]) -> None:
        """Delete it."""
        try:
            with calling("delete", seen.address):
                self._api.delete_sink(request={"sink_name": self._name(seen.address)}, timeout=CALL_TIMEOUT_S)
        except errors.NotFoundError:
            return

    def _name(self, address: Address) -> str:
        return f"projects/{self._project}/sinks/{address.name}"


def from_api(live: Any) -> LogSink:
    """Turn a live sink into our record."""
    return LogSink(live.destination.removeprefix(_TO_TOPIC), live.filter, live.description, live.disabled)


def _observed(address: Address, live: Any) -> Observed[LogSink]:
    said = {name: value for name, value in type(live).to_dict(live).items() if name not in _NEWS}
    return Observed(
        address,
        from_api(live),
        version=fingerprint(said),
        mark=noted(live.description),
        output={"writer": live.writer_identity},
        live=live,
    )


def _written(sink: Any, fields: LogSink) -> Any:
    sink.destination, sink.filter = f"{_TO_TOPIC}{fields.topic}", fields.filter
    sink.description, sink.disabled = fields.description, fields.disabled
    return sink


def flows(want: Desired[LogSink], service: MLService, project: str) -> Iterator[Flow]:
    """Say whose entries go to which topic."""
    del service
    yield Flow(Each("vertex_model_monitor"), want.address, "what it found")
    yield Flow(want.address, pubsub_topic.address_of(want.fields.topic, project), "entries")


KIND = Kind(
    name=NAME,
    title="log sink",
    fields=LogSink,
    desired=desired,
    connect=LogSinkClient,
    paid=paid.NOTHING,
    group=Group.MONITORING,
    flows=flows,
    acts_on=frozenset({"triggers.when.breach", "triggers.when.consecutive", "monitoring.minSamples"}),
    permissions=Permissions(
        read=("logging.sinks.list",),
        write=("logging.sinks.create", "logging.sinks.update", "logging.sinks.delete"),
    ),
    apis=("logging.googleapis.com",),
    roles=Roles(read=("roles/logging.viewer",), write=("roles/logging.configWriter",)),
    gives=(Gift(pubsub_topic.PUBLISHER, pubsub_topic.NAME, "Cloud Logging's agent", "waking what looks at monitors"),),
    lookups=(asked_when(watched_monitors, "triggers"),),
    # Sinks have no etag.
    fenced=False,
    uses=frozenset({"pubsub_topic"}),
    before=frozenset({"iam_member"}),
)
