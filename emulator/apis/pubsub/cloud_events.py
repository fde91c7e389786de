"""Pushes that are events: what Eventarc's subscriptions send to functions and services, in CloudEvents' binary mode.

Eventarc marks such a subscription by a query of its push endpoint, `__GCP_CloudEventsMode`: so look the
subscriptions of projects that use it.
Source of headers and bodies: https://cloud.google.com/eventarc/docs/cloudevents and CloudEvents' HTTP binding, 3.1.
"""

from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

MODE = "__GCP_CloudEventsMode"
OF_TOPIC, OF_BUCKET = "CUSTOM_PUBSUB_", "GCS_NOTIFICATION"
ONCE = "__emulator_once"
"""Ours: an event that failed is not tried again. How Google's subscriptions say so is not known."""
PUBLISHED = "google.cloud.pubsub.topic.v1.messagePublished"
STORAGE = {
    "OBJECT_FINALIZE": "google.cloud.storage.object.v1.finalized",
    "OBJECT_DELETE": "google.cloud.storage.object.v1.deleted",
    "OBJECT_ARCHIVE": "google.cloud.storage.object.v1.archived",
    "OBJECT_METADATA_UPDATE": "google.cloud.storage.object.v1.metadataUpdated",
}


def endpoint(uri: str, mode: str, *, once: bool) -> str:
    """A push endpoint whose pushes are events."""
    return f"{uri}?{urlencode({MODE: mode} | ({ONCE: 'true'} if once else {}))}"


def is_event(address: str) -> bool:
    """Whether what is pushed there is an event."""
    return MODE in address


def is_last(address: str) -> bool:
    """Whether an event that failed there is given up."""
    return ONCE in address


def dressed(address: str, message: Any, envelope: tuple[dict[str, str], bytes]) -> tuple[dict[str, str], bytes]:
    """Headers and body of a message as an event.

    Args:
        address: The push endpoint.
        message: The message, as it was published.
        envelope: Headers and body of an ordinary push, which are the body of an event of a topic.
    """
    mode = parse_qs(urlsplit(address).query).get(MODE, [""])[0]
    headers, body = envelope
    told = {"ce-specversion": "1.0", "ce-id": message.message_id, "ce-time": message.publish_time.ToJsonString()}
    if mode.startswith(OF_TOPIC):
        about = {"ce-type": PUBLISHED, "ce-source": f"//pubsub.googleapis.com/{mode.removeprefix(OF_TOPIC)}"}
        return headers | told | about, body
    return {"Content-Type": "application/json"} | told | of_object(message.attributes), message.data


def of_object(attributes: Any) -> dict[str, str]:
    """What the event of an object is of."""
    bucket = attributes["bucketId"]
    return {
        "ce-type": STORAGE.get(attributes["eventType"], "google.cloud.storage.object.v1.finalized"),
        "ce-source": f"//storage.googleapis.com/projects/_/buckets/{bucket}",
        "ce-subject": quote(f"objects/{attributes['objectId']}", safe="/-._~ ()"),
        "ce-bucket": bucket,
    }
