"""Which types of channels there are, and which labels each must have.

Source: constraints.md section 8; `sensitive_labels` of google_monitoring_notification_channel in Terraform's provider
for what is secret. Texts of descriptions are ours.
"""

from dataclasses import dataclass
from typing import Any

from google.cloud.monitoring_v3.types import notification, notification_service

from emulator.core.api import Api, Call
from emulator.core.failures import ApiFailure
from emulator.core.paging import page_of
from emulator.core.world import World

API = Api("monitoring")
SERVICE = "google.monitoring.v3.NotificationChannelService/"
Descriptor = notification.NotificationChannelDescriptor.pb()
ListResponse = notification_service.ListNotificationChannelDescriptorsResponse.pb()
GA = 4  # google.api.LaunchStage.GA
SECRET = frozenset({"auth_token", "password", "service_key"})
"""Labels whose values no answer shows."""


@dataclass(frozen=True, slots=True)
class Type:
    """A type of channel: what people call it, and the labels that its channels must have, all of them."""

    shown: str
    labels: tuple[str, ...]


TYPES = {
    "email": Type("Email", ("email_address",)),
    "pagerduty": Type("PagerDuty", ("service_key",)),
    "pubsub": Type("Cloud Pub/Sub", ("topic",)),
    "slack": Type("Slack", ("auth_token", "channel_name")),
    "sms": Type("SMS", ("number",)),
    "webhook_basicauth": Type("Webhook with Basic Auth", ("password", "url", "username")),
    "webhook_tokenauth": Type("Webhook", ("url",)),
}


def descriptor(project: str, name: str) -> Any:
    """One type as the API describes it."""
    made = Descriptor(
        name=f"{project}/notificationChannelDescriptors/{name}",
        type_=name,
        display_name=TYPES[name].shown,
        description=f"A channel of type {name}.",
        launch_stage=GA,
    )
    for label in TYPES[name].labels:
        made.labels.add(key=label, description=f"The {label.replace('_', ' ')} of the channel.")
    return made


@API.method(SERVICE + "ListNotificationChannelDescriptors")
def list_descriptors(_: World, request: Any, __: Call) -> Any:
    """Every type, by name."""
    names, token = page_of(request, TYPES)
    return ListResponse(channel_descriptors=[descriptor(request.name, name) for name in names], next_page_token=token)


@API.method(SERVICE + "GetNotificationChannelDescriptor")
def get_descriptor(_: World, request: Any, __: Call) -> Any:
    """One type; its name is its id."""
    project, _, name = request.name.partition("/notificationChannelDescriptors/")
    if name not in TYPES:
        raise ApiFailure("NOT_FOUND", f"Notification channel descriptor {name!r} was not found.")
    return descriptor(project, name)
