"""Cloud Monitoring's notification channels: where alerts reach people and programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.core import errors, paid
from reconciler.core.address import GLOBAL, Address
from reconciler.core.diff import gone_keys
from reconciler.core.flow import Flow, Group, Outside
from reconciler.core.kind import Gift, Kind, Permissions, Roles, by_project
from reconciler.core.naming import SERVICE_LABEL, fingerprint, label_value, mark_labels, mark_of
from reconciler.core.objects import Desired, Holder, Observed, Wanted
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from reconciler.gcp.light import types_module
from reconciler.gcp.policies import alerts_on
from reconciler.kinds import iam_member, pubsub_topic, scheduler_job
from reconciler.lookups.project_number import agent, asked_when, number_of
from schemas.sections.events import Topic
from schemas.sections.notifications import Receiver
from schemas.sections.retraining import Breach

if TYPE_CHECKING:
    from reconciler.core.diff import FieldChange
    from reconciler.core.facts import Facts
    from reconciler.gcp.connection import Connection
    from schemas import MLService, Operator

NAME = "monitoring_notification_channel"
WHICH_LABEL = "mlservice-channel"
_PACKAGE = "google.cloud.monitoring_v3"
_LABEL = {"email": "email_address", "pubsub": "topic", "webhook_tokenauth": "url"}
_READABLE = 40


@dataclass(frozen=True, slots=True)
class NotificationChannel:
    """The fields we manage. Every other field of the live channel is left as found.

    Args:
        type: Cloud Monitoring's name for the sort of receiver.
        receiver: Address, topic or URL.
        display_name: For people.
        enabled: Whether anything is sent.
        labels: Its `userLabels`: ours; others may add theirs.
    """

    type: str
    receiver: str
    display_name: str
    enabled: bool
    labels: Mapping[str, str]


def address_of(service: MLService, entry: Receiver) -> Address:
    """Give the address of a receiver's channel."""
    return channel_of(service.name, entry)


def channel_of(owner: str, entry: Receiver) -> Address:
    """Give the address of a receiver's channel, of a document by the name that inventories know it by.

    Its name is ours: the server picks another.
    """
    return Address(NAME, GLOBAL, f"{owner}/{_which(entry)}")


def _which(entry: Receiver) -> str:
    """Name a receiver so that a label can hold it: its beginning for people, a digest to keep receivers apart."""
    digest = fingerprint(entry.email or entry.pubsub or entry.webhook, length=8)
    return f"{label_value(_said(entry))[:_READABLE]}-{digest}"


def _said(entry: Receiver) -> str:
    """Name a receiver for people: of a webhook only the host, since the path of such an address is often a secret."""
    return entry.email or entry.pubsub or (entry.webhook or "").removeprefix("https://").partition("/")[0]


def desired(service: MLService, facts: Facts) -> Iterator[Wanted]:
    """Want a channel per receiver; a topic must be there, and Cloud Monitoring be allowed to publish to it."""
    own, listed = function_of(service), service.spec.notifications
    yield from _channels(service.name, service.name, service.labels, listed, facts)
    for entry in own if not {_which(each) for each in own} & {_which(each) for each in listed} else ():
        yield _channel(service.name, service.name, service.labels, entry, facts)
        yield _may_publish(service.name, entry, facts)


def function_of(service: MLService) -> tuple[Receiver, ...]:
    """Give the topic of the retraining function, where broken promises start trainings; it is told of nothing else."""
    slo = service.spec.monitoring.slo if service.spec.monitoring else None
    asked = any(Breach.SLO in trigger.when.breach for trigger in service.spec.triggers)
    if slo is None or not asked or service.spec.retraining is None:
        return ()
    return (Receiver(pubsub=scheduler_job.retrain_topic(service).topic),)


def operates(operator: Operator, facts: Facts) -> Iterator[Wanted]:
    """Want the same for an operator's receivers."""
    yield from _channels(operator.owner, operator.name, operator.labels, operator.spec.notifications, facts)


def _channels(
    owner: str, name: str, theirs: Mapping[str, str], entries: Iterable[Receiver], facts: Facts
) -> Iterator[Wanted]:
    for entry in entries:
        yield _channel(owner, name, theirs, entry, facts)
        if entry.pubsub:
            yield pubsub_topic.wanted(Topic(topic=entry.pubsub), owner, facts, "notifications")
            yield _may_publish(owner, entry, facts)


def _channel(
    owner: str, name: str, theirs: Mapping[str, str], entry: Receiver, facts: Facts
) -> Desired[NotificationChannel]:
    sort, receiver = _receiver(entry, facts)
    labels = {**theirs, **mark_labels(owner), WHICH_LABEL: _which(entry)}
    fields = NotificationChannel(sort, receiver, f"{name}: {_said(entry)}", enabled=True, labels=labels)
    topic = pubsub_topic.address_of(entry.pubsub, facts.project) if entry.pubsub else None
    return Desired(channel_of(owner, entry), fields, owner, needs=frozenset({topic} if topic else ()))


def _may_publish(owner: str, entry: Receiver, facts: Facts) -> Wanted:
    topic = pubsub_topic.address_of(entry.pubsub or "", facts.project)
    return iam_member.granted(topic, pubsub_topic.PUBLISHER, agent("monitoring", number_of(facts)), owner)


def _receiver(entry: Receiver, facts: Facts) -> tuple[str, str]:
    if entry.email:
        return "email", entry.email
    if entry.pubsub:
        return "pubsub", pubsub_topic.full_name(pubsub_topic.address_of(entry.pubsub, facts.project), facts.project)
    return "webhook_tokenauth", entry.webhook or ""


class NotificationChannelClient:
    """Thin and idempotent over Google's client."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._project = connection, connection.project
        self._api = connection.client(_PACKAGE, "notification_channel_service", "NotificationChannelService")
        self._types = types_module(_PACKAGE, "notification")

    def find(
        self, addresses: Sequence[Address], names: Mapping[Address, str]
    ) -> Iterable[Observed[NotificationChannel]]:
        """List the project's channels, and pick ours by name and by mark, the oldest first."""
        by_name = {name: address for address, name in names.items()}
        by_mark = {tuple(address.name.split("/", 1)): address for address in addresses}
        with calling("list", f"{NAME}/{GLOBAL}"):
            request = {"name": f"projects/{self._project}", "page_size": 1000}
            found = list(self._api.list_notification_channels(request=request, retry=READING, timeout=CALL_TIMEOUT_S))
        for live in sorted(found, key=lambda one: (one.creation_record.mutate_time, one.name)):
            marked = (live.user_labels.get(SERVICE_LABEL, ""), live.user_labels.get(WHICH_LABEL, ""))
            address = by_name.get(live.name) or by_mark.get(marked)
            if address:
                yield _observed(address, live)

    def create(self, want: Desired[NotificationChannel]) -> str:
        """Create it; synchronous. Its mark is a part of it from the beginning."""
        channel = self._types.NotificationChannel(type_=want.fields.type)
        _write(channel, want.fields)
        with calling("create", want.address):
            request = {"name": f"projects/{self._project}", "notification_channel": channel}
            made = self._api.create_notification_channel(request=request, timeout=CALL_TIMEOUT_S)
        return str(made.name)

    def update(
        self,
        want: Desired[NotificationChannel],
        seen: Observed[NotificationChannel],
        changes: tuple[FieldChange, ...],
    ) -> None:
        """Write the changed fields."""
        channel = type(seen.live)(seen.live)
        _write(channel, want.fields)
        for key in gone_keys(changes, "labels"):
            channel.user_labels.pop(key, None)
        places = {"receiver": "labels", "labels": "user_labels"}
        paths = sorted({places.get(change.field, change.field) for change in changes})
        with calling("update", want.address):
            request = {"notification_channel": channel, "update_mask": {"paths": paths}}
            self._api.update_notification_channel(request=request, timeout=CALL_TIMEOUT_S)

    def holders(self, seen: Sequence[Observed[NotificationChannel]]) -> Iterable[Holder]:
        """Give the alerts, of whomever, that tell one of these channels: it is not deleted while they do."""
        return alerts_on(self._connection, {each.server_name.rpartition("/")[2]: each.address for each in seen})

    def delete(self, seen: Observed[NotificationChannel]) -> None:
        """Delete it. One that somebody's alert still uses is refused: `force` would edit that alert."""
        try:
            with calling("delete", seen.address):
                self._api.delete_notification_channel(request={"name": seen.server_name}, timeout=CALL_TIMEOUT_S)
        except errors.NotFoundError:
            return


def _observed(address: Address, live: Any) -> Observed[NotificationChannel]:
    fields = NotificationChannel(
        type=live.type_,
        receiver=live.labels.get(_LABEL.get(live.type_, ""), ""),
        display_name=live.display_name,
        enabled=live.enabled,
        labels=dict(live.user_labels),
    )
    return Observed(
        address,
        fields,
        uid=live.name,
        version=fingerprint(type(live).to_dict(live)),
        mark=mark_of(live.user_labels),
        problem="its address was not confirmed" if live.verification_status.name == "UNVERIFIED" else "",
        output={"name": live.name},
        server_name=live.name,
        live=live,
    )


def _write(channel: Any, fields: NotificationChannel) -> None:
    channel.labels[_LABEL[fields.type]] = fields.receiver
    channel.display_name = fields.display_name
    channel.enabled = fields.enabled
    channel.user_labels.update(fields.labels)


def _tells_a_topic(document: MLService | Operator) -> bool:
    return any(entry.pubsub for entry in document.spec.notifications)


def _tells_the_function(service: MLService) -> bool:
    return bool(function_of(service))


def in_turn(address: Address) -> str:
    """Change one project's Cloud Monitoring configuration at a time, as Google asks for (kinds.md 9.1)."""
    return f"monitoring of {address.project or 'this project'}"


def flows(want: Desired[NotificationChannel], service: MLService, project: str) -> Iterator[Flow]:
    """Say who is told; of a webhook only the host."""
    for entry in (*function_of(service), *service.spec.notifications):
        if address_of(service, entry) == want.address:
            yield _telling(want.address, entry, project)


def _telling(here: Address, entry: Receiver, project: str) -> Flow:
    if entry.pubsub:
        return Flow(here, pubsub_topic.address_of(entry.pubsub, project), "incidents")
    return Flow(here, Outside("mailbox" if entry.email else "webhook", _said(entry)), "incidents")


KIND = Kind(
    name=NAME,
    title="notification channel",
    fields=NotificationChannel,
    desired=desired,
    operates=operates,
    connect=NotificationChannelClient,
    paid=paid.NOTHING,
    group=Group.MONITORING,
    flows=flows,
    acts_on=frozenset({"notifications.email", "notifications.pubsub", "notifications.webhook"}),
    permissions=Permissions(
        read=("monitoring.notificationChannels.list", "monitoring.alertPolicies.list"),
        write=(
            "monitoring.notificationChannels.create",
            "monitoring.notificationChannels.update",
            "monitoring.notificationChannels.delete",
        ),
    ),
    apis=("monitoring.googleapis.com",),
    roles=Roles(read=("roles/monitoring.viewer",), write=("roles/monitoring.notificationChannelEditor",)),
    gives=(Gift(pubsub_topic.PUBLISHER, pubsub_topic.NAME, "Cloud Monitoring itself", "publishing alerts to a topic"),),
    lookups=(
        asked_when(_tells_a_topic, "notifications", operators=_tells_a_topic),
        asked_when(_tells_the_function, "triggers"),
    ),
    read_together=by_project,
    lane=in_turn,
    holders=NotificationChannelClient.holders,
    server_named=True,
    # Channels have no etag (kinds.md 2.2), and a mask of labels writes all of them.
    fenced=False,
    immutable=frozenset({"type"}),
    keyed=frozenset({"labels"}),
    # A channel that stays, since somebody's alert tells it, keeps nothing else: it only tells nobody any more.
    before=frozenset({"iam_member", "pubsub_topic"}),
)
