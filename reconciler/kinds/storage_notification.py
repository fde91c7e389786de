"""Notifications of a bucket: each new object under a prefix is told to a topic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.core import errors, paid
from reconciler.core.address import GLOBAL, Address
from reconciler.core.flow import Flow, Group, Outside
from reconciler.core.kind import Gift, Kind, Permissions, Roles
from reconciler.core.naming import SERVICE_LABEL, mark_labels, mark_of
from reconciler.core.objects import Desired, Observed, Wanted
from reconciler.gcp.calls import CALL_TIMEOUT_S, calling
from reconciler.kinds import iam_member, pubsub_topic
from reconciler.lookups.project_number import agent, asked_when, number_of
from schemas.sections.events import Topic

if TYPE_CHECKING:
    from reconciler.core.diff import FieldChange
    from reconciler.core.facts import Facts
    from reconciler.gcp.connection import Connection
    from schemas import MLService
    from schemas.sections.retraining import Trigger

NAME = "storage_notification"
TRIGGER = "mlservice-trigger"
"""Attribute of every message, by which a notification is known as ours."""
WRITTEN = "OBJECT_FINALIZE"
_WHOLE = "JSON_API_V1"


@dataclass(frozen=True, slots=True)
class StorageNotification:
    """The fields we manage: all there are. Google changes none of them in place.

    Args:
        bucket: The bucket's name.
        topic: Full name of the topic that is told.
        prefix: What the names of objects begin with; empty for all.
        events: Which changes are told.
        payload: What a message holds: `JSON_API_V1`, the object's description.
        attributes: Of each message: our mark, and the trigger.
    """

    bucket: str
    topic: str
    prefix: str
    events: tuple[str, ...]
    payload: str
    attributes: Mapping[str, str]


def place_of(written: str) -> tuple[str, str]:
    """Give bucket and prefix of `gs://bucket/prefix`."""
    bucket, _, prefix = written.removeprefix("gs://").partition("/")
    return bucket, prefix


def topic_of(service: MLService, trigger: Trigger) -> Topic:
    """Give the topic of ours that a trigger's bucket tells. No service has `_` in its name, so no two topics meet."""
    return Topic(topic=f"{service.name}_{trigger.name}", create=True)


def address_of(service: MLService, trigger: Trigger) -> Address:
    """Give the address of a trigger's notification. Its name is ours: the server counts."""
    bucket, _ = place_of(trigger.when.storage or "")
    return Address(NAME, GLOBAL, f"{bucket}/{service.name}/{trigger.name}")


def desired(service: MLService, facts: Facts) -> Iterator[Wanted]:
    """Want a notification per trigger, its topic, and that Cloud Storage itself may publish there."""
    for trigger in service.spec.triggers:
        if trigger.when.storage is None:
            continue
        bucket, prefix = place_of(trigger.when.storage)
        topic = topic_of(service, trigger)
        told = pubsub_topic.address_of(topic.topic, facts.project)
        sender = agent("storage", number_of(facts))
        may_publish = iam_member.granted(told, pubsub_topic.PUBLISHER, sender, service.name)
        attributes = {**mark_labels(service.name), TRIGGER: trigger.name}
        name = pubsub_topic.full_name(told, facts.project)
        fields = StorageNotification(bucket, name, prefix, (WRITTEN,), _WHOLE, attributes)
        yield pubsub_topic.wanted(topic, service.name, facts, "triggers")
        yield may_publish
        needs = frozenset({told, may_publish.address})
        yield Desired(address_of(service, trigger), fields, service.name, needs=needs)


class StorageNotificationClient:
    """Thin and idempotent over Google's client."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(
        self, addresses: Sequence[Address], names: Mapping[Address, str]
    ) -> Iterable[Observed[StorageNotification]]:
        """List the notifications of one bucket, and pick ours by name and by mark, the oldest first."""
        bucket = addresses[0].name.partition("/")[0]
        by_name = {name: address for address, name in names.items()}
        by_mark = {tuple(address.name.split("/", 2)[1:]): address for address in addresses}
        try:
            with calling("list", f"notifications of gs://{bucket}"):
                found = self._listed(bucket)
        except errors.NotFoundError:
            return  # no bucket, no notifications; that it is missing is said where one is to be made
        for live in sorted(found, key=lambda one: int(one["id"])):
            attributes = live.get("custom_attributes", {})
            marked = (attributes.get(SERVICE_LABEL, ""), attributes.get(TRIGGER, ""))
            address = by_name.get(f"{bucket}/{live['id']}") or by_mark.get(marked)
            if address:
                yield _observed(address, bucket, live)

    def create(self, want: Desired[StorageNotification]) -> str:
        """Create it; its mark is a part of it from the beginning."""
        fields = want.fields
        _, project, _, topic = fields.topic.split("/")
        notification = self._bucket(fields.bucket).notification(
            topic_name=topic,
            topic_project=project,
            custom_attributes=dict(fields.attributes),
            event_types=list(fields.events),
            blob_name_prefix=fields.prefix or None,
            payload_format=fields.payload,
        )
        with calling("create", f"{want.address} on gs://{fields.bucket}"):
            notification.create(timeout=CALL_TIMEOUT_S)
        return f"{fields.bucket}/{notification.notification_id}"

    def update(
        self,
        want: Desired[StorageNotification],
        seen: Observed[StorageNotification],
        changes: tuple[FieldChange, ...],
    ) -> None:
        """Change nothing: every field is one that Google cannot change in place."""
        raise AssertionError(f"{want.address} is made anew, never changed: {changes} of {seen.server_name}")

    def delete(self, seen: Observed[StorageNotification]) -> None:
        """Delete it."""
        bucket, _, number = seen.server_name.rpartition("/")
        notification = self._bucket(bucket).notification(notification_id=number)
        try:
            with calling("delete", seen.address):
                notification.delete(timeout=CALL_TIMEOUT_S)
        except errors.NotFoundError:
            return

    def _listed(self, bucket: str) -> list[Mapping[str, Any]]:
        """List a bucket's notifications, as they are written.

        Not by `Bucket.list_notifications`: it refuses to read topics of projects whose ids have fewer than six
        characters, such as the emulator's.
        """
        connection = self._connection.storage._connection  # noqa: SLF001 - what all of the client's calls go through
        path = f"/b/{bucket}/notificationConfigs"
        answer = connection.api_request(method="GET", path=path, timeout=CALL_TIMEOUT_S)
        found: list[Mapping[str, Any]] = answer.get("items", [])
        return found

    def _bucket(self, name: str) -> Any:
        return self._connection.storage.bucket(name)


def _observed(address: Address, bucket: str, live: Mapping[str, Any]) -> Observed[StorageNotification]:
    fields = StorageNotification(
        bucket=bucket,
        topic=str(live.get("topic", "")).removeprefix("//pubsub.googleapis.com/"),
        prefix=live.get("object_name_prefix", ""),
        events=tuple(live.get("event_types", ())),
        payload=live.get("payload_format", ""),
        attributes=dict(live.get("custom_attributes", {})),
    )
    name = f"{bucket}/{live['id']}"
    mark = mark_of(fields.attributes)
    return Observed(
        address, fields, uid=name, version=str(live.get("etag", "")), mark=mark, server_name=name, live=live
    )


def by_bucket(address: Address) -> tuple[str, ...]:
    """Group the addresses that one list call can see: those of one bucket."""
    return (address.project, address.name.partition("/")[0])


def _has_files(service: MLService) -> bool:
    return any(trigger.when.storage is not None for trigger in service.spec.triggers)


def flows(want: Desired[StorageNotification], service: MLService, project: str) -> Iterator[Flow]:
    """Say which bucket tells which topic."""
    del service
    yield Flow(Outside("bucket", f"gs://{want.fields.bucket}/{want.fields.prefix}"), want.address, "new objects")
    yield Flow(want.address, pubsub_topic.address_of(want.fields.topic, project), "messages")


KIND = Kind(
    name=NAME,
    title="notification of a bucket",
    fields=StorageNotification,
    desired=desired,
    connect=StorageNotificationClient,
    paid=paid.NOTHING,
    group=Group.MESSAGES,
    flows=flows,
    acts_on=frozenset({"triggers.when.storage"}),
    permissions=Permissions(
        read=("storage.buckets.get",),
        write=("storage.buckets.update",),
    ),
    apis=("storage.googleapis.com",),
    roles=Roles(read=("storage.buckets.get",), write=("storage.buckets.update",), on="the bucket that triggers"),
    gives=(Gift(pubsub_topic.PUBLISHER, pubsub_topic.NAME, "Cloud Storage itself", "telling of new objects"),),
    lookups=(asked_when(_has_files, "triggers"),),
    read_together=by_bucket,
    server_named=True,
    # Notifications have an etag that no call takes; nothing of them is ever updated.
    fenced=False,
    immutable=frozenset({"bucket", "topic", "prefix", "events", "payload", "attributes"}),
    uses=frozenset({"pubsub_topic"}),
    before=frozenset({"functions_function", "iam_member"}),
)
