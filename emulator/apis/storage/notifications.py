"""Notifications of a bucket: which topic is told of which changes of objects; and the telling.

What is to be told is written down with the change itself, and published after it: a kill in between loses none of it,
and at worst tells twice.

Source:
    cloud.google.com/storage/docs/pubsub-notifications; cloud.google.com/storage/docs/json_api/v1/notifications.
"""

from __future__ import annotations

import json
import logging
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from emulator.apis.storage import errors, records, shapes
from emulator.apis.storage.wire import Reply, rfc3339
from emulator.core.api import Call as ApiCall
from emulator.core.failures import ApiFailure
from emulator.wire.dispatch import perform

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.apis.storage.wire import Call
    from emulator.core.world import World

log = logging.getLogger(__name__)

KIND, COUNTER, NOTICE = "storage.notification", "storage.notification.counter", "storage.notice"
PUBSUB = "//pubsub.googleapis.com/"
TOPIC = re.compile(rf"(?:{re.escape(PUBSUB)})?(projects/[^/]+/topics/[^/]+)")
"""As callers write it; gcloud leaves the host out. Answers have it."""
FORMATS = ("JSON_API_V1", "NONE")
FINALIZE, DELETE, ARCHIVE, UPDATE = EVENTS = (
    "OBJECT_FINALIZE",
    "OBJECT_DELETE",
    "OBJECT_ARCHIVE",
    "OBJECT_METADATA_UPDATE",
)
MOST, MOST_PER_EVENT = 100, 10
AGAIN_S = 10
"""After so long (on the emulator's clock) a notice that was refused is published again. Google says not when."""
PUBLISH = "google.pubsub.v1.Publisher/Publish"


def insert(call: Call) -> Reply:
    """Have a topic told."""
    wanted = call.json(shapes.NOTIFICATION)
    bucket = call.path["bucket"]
    with call.world.store.transaction():
        project = records.find_bucket(call.world, bucket).project
        _check(call.world, project, wanted)
        _check_count(call.world, bucket, wanted)
        number = int(call.world.store.get(COUNTER, bucket) or b"0") + 1
        call.world.store.put(COUNTER, bucket, str(number).encode())
        made = _resource(call.base_url, bucket, str(number), wanted)
        call.world.store.put(KIND, f"{bucket}/{number:010d}", json.dumps(made).encode())
    return Reply(made)


def get(call: Call) -> Reply:
    """One of a bucket's notifications."""
    return Reply(json.loads(call.world.store.get(KIND, _key(call)) or b""))


def list_(call: Call) -> Reply:
    """All of a bucket's notifications."""
    records.find_bucket(call.world, call.path["bucket"])
    found = list(_of(call.world, call.path["bucket"]))
    return Reply({"kind": "storage#notifications"} | ({"items": found} if found else {}))


def delete(call: Call) -> Reply:
    """Have a topic told no more."""
    call.world.store.delete(KIND, _key(call))
    return Reply(status=204)


def forget(world: World, bucket: str) -> None:
    """A bucket is gone, with its notifications."""
    for name, _ in world.store.list(KIND, f"{bucket}/"):
        world.store.delete(KIND, name)


def _of(world: World, bucket: str) -> Iterator[dict[str, Any]]:
    return (json.loads(body) for _, body in world.store.list(KIND, f"{bucket}/"))


def _key(call: Call) -> str:
    """Where the notification that a call names is kept.

    Raises:
        StorageError: 404.
    """
    bucket, number = call.path["bucket"], call.path["notification"]
    records.find_bucket(call.world, bucket)
    key = f"{bucket}/{number:0>10}"
    if not number.isdecimal() or call.world.store.get(KIND, key) is None:
        raise errors.StorageError(404, "notFound", f"The specified notification does not exist: {number}")
    return key


def _check(world: World, project: str, wanted: dict[str, Any]) -> None:
    """A topic that is there, a format, events that there are.

    Source:
        For the topic, an answer quoted in hashicorp/terraform-provider-google issues; it does write "to to".
    """
    topic = wanted.get("topic")
    if not topic:
        raise errors.required("topic")
    if wanted.get("payload_format") not in FORMATS:
        raise errors.invalid(f"Invalid payload format: '{wanted.get('payload_format')}'")
    unknown = [event for event in wanted.get("event_types") or [] if event not in EVENTS]
    if unknown:
        raise errors.invalid(f"Invalid event type: '{unknown[0]}'")
    found = TOPIC.fullmatch(str(topic))
    if found is None:
        raise errors.invalid(f"Invalid Google Cloud Pub/Sub topic: '{topic}'")
    if not _is_there(world, found[1]):
        whose = f"The service account '{account(world, project)}' does not have permission to publish messages to to"
        text = f"{whose} the Cloud Pub/Sub topic '{topic}', or that topic does not exist."
        raise errors.StorageError(403, "forbidden", text)


def _is_there(world: World, topic: str) -> bool:
    from emulator.apis.pubsub.model import TOPICS  # noqa: PLC0415 - imports Pub/Sub's messages
    from emulator.core.resources import by_id  # noqa: PLC0415 - imports protobuf

    return TOPICS.find(world, by_id(world, topic)) is not None


def _check_count(world: World, bucket: str, wanted: dict[str, Any]) -> None:
    """At most 100, and 10 of one event. The words are in the service's style, not seen there."""
    others = list(_of(world, bucket))
    events = wanted.get("event_types") or EVENTS
    crowded = any(sum(_tells(other, event) for other in others) >= MOST_PER_EVENT for event in events)
    if len(others) >= MOST or crowded:
        raise errors.StorageError(400, "invalid", f"Too many notification configurations on the bucket '{bucket}'.")


def _tells(notification: dict[str, Any], event: str) -> bool:
    return event in (notification.get("event_types") or EVENTS)


def _resource(base_url: str, bucket: str, number: str, wanted: dict[str, Any]) -> dict[str, Any]:
    given = ("payload_format", "event_types", "custom_attributes", "object_name_prefix")
    return {key: wanted[key] for key in given if wanted.get(key)} | {
        "topic": PUBSUB + wanted["topic"].removeprefix(PUBSUB),
        "kind": "storage#notification",
        "id": number,
        "etag": number,
        "selfLink": f"{base_url}/storage/v1/b/{bucket}/notificationConfigs/{number}",
    }


def account(world: World, project: str) -> str:
    """Google's own account of a project's Cloud Storage, which publishes."""
    return f"service-{world.project_number(project)}@gs-project-accounts.iam.gserviceaccount.com"


def note(world: World, event: str, record: records.Record, **about: str) -> None:
    """Have those told who want to know of a change. In the transaction of the change."""
    resource = record.resource
    bucket, name = resource["bucket"], resource["name"]
    told = [
        each
        for each in _of(world, bucket)
        if _tells(each, event) and name.startswith(each.get("object_name_prefix", ""))
    ]
    for each in told:
        attributes = each.get("custom_attributes", {}) | {
            "notificationConfig": f"projects/_/buckets/{bucket}/notificationConfigs/{each['id']}",
            "eventType": event,
            "payloadFormat": each["payload_format"],
            "bucketId": bucket,
            "objectId": name,
            "objectGeneration": resource["generation"],
            "eventTime": rfc3339(world.clock.now()),
            **about,
        }
        data = json.dumps(resource, indent=2) if each["payload_format"] == FORMATS[0] else ""
        notice = {"topic": each["topic"], "attributes": attributes, "data": data, "bucket": bucket}
        key = f"{world.clock.now().timestamp():020.6f}/{uuid.uuid4().hex}"
        world.store.put(NOTICE, key, json.dumps(notice).encode())
    if told:
        world.store.after(lambda: tell_soon(world))


class Postman(ThreadPoolExecutor):
    """The thread that publishes notices: one, so that they are told in their order."""


def tell_soon(world: World) -> None:
    """Publish what is to be told, in another thread: a fault may hold the call."""
    world.part(Postman, lambda: Postman(1, thread_name_prefix="storage-notices")).submit(tell_all, world)


def tell_again(world: World, _: dict[str, Any]) -> None:
    """A timer's callback: what was refused is published again."""
    tell_soon(world)


def started(world: World) -> None:
    """Tell what an emulator that was killed did not."""
    if world.store.list(NOTICE):
        tell_soon(world)


def tell_all(world: World) -> None:
    """Publish every notice, and forget it then; one whose topic is gone is dropped, one that is refused waits."""
    refused = False
    for key, body in world.store.list(NOTICE):
        try:
            tell(world, json.loads(body))
        except ApiFailure as failure:
            log.warning("notice refused: %s", failure)
            if failure.code != "NOT_FOUND":
                refused = True
                continue
        world.store.delete(NOTICE, key)
    if refused:
        world.clock.call_at(world.clock.now() + timedelta(seconds=AGAIN_S), tell_again, {})


def tell(world: World, notice: dict[str, Any]) -> None:
    """Publish one notice, as the account of Google's that does so.

    Raises:
        ApiFailure: The topic is gone, or publishing is refused.
    """
    from google.pubsub_v1.types import pubsub  # noqa: PLC0415 - only buckets with notifications need it

    message = pubsub.PubsubMessage.pb()(data=notice["data"].encode(), attributes=notice["attributes"])
    request = pubsub.PublishRequest.pb()(topic=notice["topic"].removeprefix(PUBSUB), messages=[message])
    project = records.find_project(world, notice["bucket"])
    perform(world, ApiCall(PUBLISH, mutating=True, caller=account(world, project)), request)
