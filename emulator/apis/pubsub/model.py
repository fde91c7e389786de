"""What is stored, under which names, and how Pub/Sub says no.

Source: recordings pubsub_topic/*, pubsub_subscription/*; texts that they do not have from the issues named below.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from google.pubsub_v1.types import pubsub

from emulator.core.api import Api
from emulator.core.failures import ApiFailure
from emulator.core.resources import Collection, by_id, check_labels, fits

API = Api("pubsub")
PUBLISHER, SUBSCRIBER = "google.pubsub.v1.Publisher/", "google.pubsub.v1.Subscriber/"
ID = re.compile(r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}")
DELETED_TOPIC = "_deleted-topic_"
SPAN_S = (600, 31 * 86_400)
"""Shortest and longest time for which messages are kept, in seconds: 10 minutes to 31 days."""


def missing(name: str) -> ApiFailure:
    """Source: recording pubsub_topic/snapshot-full-with-topic."""
    return ApiFailure("NOT_FOUND", f"Resource not found (resource={name.rpartition('/')[2]}).")


def taken(name: str) -> ApiFailure:
    """Source: googleapis/nodejs-pubsub issue 122."""
    return ApiFailure("ALREADY_EXISTS", f"Resource already exists in the project (resource={name.rpartition('/')[2]}).")


def invalid(argument: str) -> ApiFailure:
    """How Pub/Sub refuses most values; `argument` names the field, or says more.

    Source: answers quoted in issues of terraform-google-modules.
    """
    return ApiFailure("INVALID_ARGUMENT", f"You have passed an invalid argument to the service (argument={argument}).")


TOPICS = Collection("pubsub.topic", pubsub.Topic.pb(), "projects/*/topics/*", missing, taken, by_id, by_id)
SUBSCRIPTIONS = Collection(
    "pubsub.subscription", pubsub.Subscription.pb(), "projects/*/subscriptions/*", missing, taken, by_id, by_id
)
SNAPSHOTS = Collection("pubsub.snapshot", pubsub.Snapshot.pb(), "projects/*/snapshots/*", missing, taken, by_id, by_id)


def check_name(collection: Collection, name: str, field: str = "name") -> None:
    """Refuse a name that is none of a collection's, or an id that Pub/Sub does not take.

    Source: googleapis/google-cloud-java issue 3334 and goblet/goblet issue 399 (`dead_letter_topic`).
    """
    if not fits(collection.pattern, name) or not ID.fullmatch(name.rpartition("/")[2]):
        more = "Refer to https://cloud.google.com/pubsub/docs/admin#resource_names for more information."
        raise ApiFailure("INVALID_ARGUMENT", f"Invalid resource name given ({field}={name}). {more}")


def check_common(message: Any) -> None:
    """What topics and subscriptions have in common: labels, and for how long messages are kept."""
    check_labels(message.labels.items())
    if message.HasField("message_retention_duration"):
        check_span("message retention duration", message.message_retention_duration.seconds, *SPAN_S)


def check_span(what: str, seconds: int, least: int, most: int) -> None:
    """Refuse a time that is too short or too long. The words are in the service's style, not seen there."""
    if not least <= seconds <= most:
        text = f"The value for {what} is out of bounds. You passed {seconds}s in the request, but the value must be"
        raise ApiFailure("INVALID_ARGUMENT", f"{text} between {least}s and {most}s.")


def mask_of(collection: Collection, fixed: Sequence[str]) -> Callable[[Sequence[str]], None]:
    """What checks the mask of an update: it is required, and a field that cannot change may not be in it.

    Source: googleapis/google-cloud-php issue 2119 (required), floci-io/floci-gcp pull request 112 (live answers to
        masks that name `filter`, also unchanged), googleapis/nodejs-pubsub issue 1029 (unknown).
    """
    noun = collection.message.DESCRIPTOR.name
    request = f"Update{noun}Request"

    def check(paths: Sequence[str]) -> None:
        if not paths:
            text = f"The update_mask in the {request} must be set, and must contain a non-empty paths list."
            raise ApiFailure("INVALID_ARGUMENT", text)
        for path in paths:
            first = path.partition(".")[0]
            if first in fixed:
                problem = f"the '{first}' field in the {noun} is not mutable."
            elif first not in collection.message.DESCRIPTOR.fields_by_name:
                problem = f"{path} is not a known {noun} field."
            else:
                continue
            raise ApiFailure("INVALID_ARGUMENT", f"Invalid update_mask provided in the {request}: {problem}")

    return check
