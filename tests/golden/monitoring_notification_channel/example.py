"""A channel that somebody else describes."""

from google.cloud.monitoring_v3.types import notification

from reconciler.core.address import Address
from reconciler.core.naming import SERVICE_LABEL, mark_labels
from reconciler.kinds.monitoring_notification_channel import WHICH_LABEL, NotificationChannel
from tests.conformance.example import Example

WHICH = "ml-acme-example-47e8c518"


def api(operator):
    package = "google.cloud.monitoring_v3"
    return operator.api(package, "notification_channel_service", "NotificationChannelService")


def read(operator):
    which = f'user_labels.{SERVICE_LABEL}="{operator.at.name("churn")}"'
    request = {"name": operator.at.top, "filter": which}
    [channel] = api(operator).list_notification_channels(request=request)
    return channel


def update(operator, paths, **fields):
    channel = notification.NotificationChannel(name=read(operator).name, type_="email", **fields)
    request = {"notification_channel": channel, "update_mask": {"paths": paths}}
    api(operator).update_notification_channel(request=request)


def add_label(operator, key):
    update(operator, ["user_labels"], user_labels={**read(operator).user_labels, key: "theirs"})


def examples(at):
    """Give the examples of a place."""
    churn = at.name("churn")
    ours = {**mark_labels(churn), WHICH_LABEL: WHICH, **at.labels}
    example = Example(
        address=Address("monitoring_notification_channel", "global", f"{churn}/{WHICH}"),
        fields=NotificationChannel("email", "ml@acme.example", "churn: ml@acme.example", enabled=True, labels=ours),
        edits=(
            {"receiver": "oncall@acme.example"},
            {"display_name": "churn: on call"},
            {"enabled": False},
            {"labels": {**ours, "team": "growth"}},
        ),
        read=read,
        message=notification.NotificationChannel,
        places={
            "type": ["type"],
            "receiver": ["labels"],
            "display_name": ["display_name"],
            "enabled": ["enabled"],
            "labels": ["user_labels"],
        },
        written_by_google=frozenset({"creation_record", "mutation_records"}),
        # Somebody else's channel of our mark: a copy, whose label for the service says another.
        owner=at.name("churn"),
        unmarked={"labels": {**ours, "managed-by": "somebody"}},
        meddle=lambda operator: update(operator, ["description"], description="theirs"),
        theirs=lambda operator: read(operator).description == "theirs",
        add_key={"labels": add_label},
    )
    return (example,)
