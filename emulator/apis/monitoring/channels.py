"""Notification channels: the server picks their names, so creating twice makes two.

Source: kinds.md 9.2 and 2.3; recording monitoring_notification_channel/gcloud-email-crud; texts as each says.
"""

import uuid
from collections.abc import Sequence
from typing import Any

from google.cloud.monitoring_v3.types import notification

from emulator.apis.monitoring import filters
from emulator.apis.monitoring.descriptors import API, SECRET, SERVICE, TYPES
from emulator.apis.standard import Listing, Update, standard
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.resources import Collection, by_id, check_labels, fits, timestamp
from emulator.core.world import World

Channel = notification.NotificationChannel.pb()
CHANNELS = Collection(
    "monitoring.notification_channel",
    Channel,
    "projects/*/notificationChannels/*",
    missing=lambda name: ApiFailure("NOT_FOUND", f"Could not find notification channel {name}."),
    key=by_id,
    place=by_id,
)
OUTPUT = ("name", "verification_status", "creation_record", "mutation_records")
DISPLAY_NAME_MOST, DESCRIPTION_MOST = 512, 1024
TOPIC = "projects/*/topics/*"
MASKED = "*" * 8


@API.method(SERVICE + "CreateNotificationChannel")
def create_channel(world: World, request: Any, _: Call) -> Any:
    """A new channel each time: nothing about it has to be unique."""
    sent, project = request.notification_channel, by_id(world, request.name)
    if not fits("projects/*", project):
        raise invalid("name", request.name, "must be projects/[PROJECT_ID_OR_NUMBER]")
    if sent.name:
        # Source: pulumi/pulumi-google-native issue 206.
        raise invalid("notification_channel.name.channel_id_part", sent.name.rpartition("/")[2], "Field must be empty.")
    channel = Channel()
    channel.CopyFrom(sent)
    for field in OUTPUT:
        channel.ClearField(field)
    channel.name = f"{project}/notificationChannels/1{str(uuid.uuid4().int)[:18]}"
    settle(world, channel)
    channel.creation_record.CopyFrom(channel.mutation_records[0])
    CHANNELS.insert(world, channel)
    return channel


def settle(world: World, channel: Any) -> None:
    """Fill in and check a channel that is about to be saved; secrets are not kept, since no answer shows them."""
    check(channel)
    if not channel.HasField("enabled"):
        channel.enabled.value = True
    channel.mutation_records.add().mutate_time.CopyFrom(timestamp(world.clock.now()))
    for label in SECRET & channel.labels.keys():
        channel.labels[label] = MASKED


def invalid(field: str, value: str, why: str) -> ApiFailure:
    """How Monitoring refuses a value (source: see `create_channel`)."""
    return ApiFailure("INVALID_ARGUMENT", f'Field {field} had an invalid value of "{value}": {why}')


def check(channel: Any) -> None:
    """Refuse what Google refuses (constraints.md section 8)."""
    check_labels(channel.user_labels.items())
    for field, most in (("display_name", DISPLAY_NAME_MOST), ("description", DESCRIPTION_MOST)):
        if len(getattr(channel, field)) > most:
            raise invalid(f"notification_channel.{field}", getattr(channel, field), f"at most {most} characters.")
    if channel.type_ not in TYPES:
        raise invalid("notification_channel.type", channel.type_, f"must be one of {', '.join(TYPES)}.")
    check_fitting(channel, TYPES[channel.type_].labels)


def check_fitting(channel: Any, wanted: Sequence[str]) -> None:
    """The labels of a channel are those of its type.

    Source: hashicorp/terraform-provider-google issue 5499 (missing), bridgecrewio/yor issue 323 (not allowed).
    """
    for label in channel.labels:
        if label not in wanted:
            known = ", ".join(f'"{each}"' for each in wanted)
            text = (
                f"Field \"notification_channel.labels['{label}']\" is not allowed; labels must conform to the channel"
            )
            more = f'type\'s descriptor; permissible label keys for "{channel.type_}" are: {{{known}}}.'
            raise ApiFailure("INVALID_ARGUMENT", f"{text} {more}")
    for label in wanted:
        if not channel.labels.get(label):
            raise ApiFailure("INVALID_ARGUMENT", f"Request was missing field notification_channel.labels[{label}].")
    if channel.type_ == "pubsub" and not fits(TOPIC, channel.labels["topic"]):
        raise invalid("notification_channel.labels[topic]", channel.labels["topic"], f"must match {TOPIC}.")


def check_mask(paths: Sequence[str]) -> None:
    """Another type is another channel (kinds.md 2.2)."""
    if "type" in paths:
        raise ApiFailure("INVALID_ARGUMENT", "The type of a notification channel cannot be changed.")


standard(
    API,
    SERVICE,
    "NotificationChannel",
    CHANNELS,
    listing=Listing(matching=filters.matching),
    update=Update((*OUTPUT, "type_"), check_mask, settle),
    deleted=None,  # beside the policies, which use them
)
