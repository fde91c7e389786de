"""Notification channels through Google's own client, which speaks gRPC only."""

import httpx
import pytest
from google.api_core import exceptions
from google.cloud import monitoring_v3 as monitoring
from google.protobuf.wrappers_pb2 import BoolValue

from tests.emulator.clients import client

PROJECT = "projects/local"
MAIL = {"type_": "email", "labels": {"email_address": "a@example.com"}}


@pytest.fixture
def channels(emulator):
    """The client."""
    return client(emulator, monitoring.NotificationChannelServiceClient)


def make(channels, **fields):
    """A channel by e-mail, unless told otherwise."""
    wanted = monitoring.NotificationChannel(MAIL | fields)
    return channels.create_notification_channel(name=PROJECT, notification_channel=wanted)


def test_the_server_picks_the_name(channels):
    """The same channel twice is two; each is read back as it was answered."""
    first, second = make(channels, display_name="ops"), make(channels, display_name="ops")

    assert first.name != second.name
    assert first.name.rpartition("/")[2].isdigit()
    assert first == channels.get_notification_channel(name=first.name)
    assert (first.enabled, first.display_name) == (True, "ops")
    assert first.creation_record.mutate_time == first.mutation_records[0].mutate_time


def test_a_name_of_ones_own_is_refused(channels):
    """In Google's words."""
    with pytest.raises(
        exceptions.BadRequest, match=r"channel_id_part had an invalid value of .mine.: Field must be empty"
    ):
        make(channels, name=f"{PROJECT}/notificationChannels/mine")


BAD = {
    "type": ({"type_": "pigeon"}, 'notification_channel.type had an invalid value of "pigeon"'),
    "label-missing": ({"labels": {}}, r"missing field notification_channel.labels\[email_address\]"),
    "label-of-another-type": (
        {"labels": MAIL["labels"] | {"topic": "x"}},
        r"labels\['topic'\]. is not allowed.*permissible label keys for .email. are: ..email_address..",
    ),
    "topic": ({"type_": "pubsub", "labels": {"topic": "scores"}}, "labels.topic"),
    "display-name": ({"display_name": "x" * 513}, "display_name"),
    "description": ({"description": "x" * 1025}, "description"),
    "user-label": ({"user_labels": {"Upper": "x"}}, "invalid label key"),
}


@pytest.mark.parametrize(("fields", "words"), BAD.values(), ids=BAD.keys())
def test_values_are_refused(channels, fields, words):
    """One past each bound; nothing is left behind."""
    with pytest.raises(exceptions.BadRequest, match=words):
        make(channels, **fields)

    assert list(channels.list_notification_channels(name=PROJECT)) == []


@pytest.mark.parametrize("fields", [{"display_name": "x" * 512}, {"description": "x" * 1024}])
def test_bounds_themselves_are_taken(channels, fields):
    """The longest texts."""
    assert make(channels, **fields).name


@pytest.mark.parametrize(
    ("type_", "labels"),
    [
        ("pubsub", {"topic": "projects/local/topics/alerts"}),
        ("slack", {"channel_name": "#ops", "auth_token": "xoxb-secret"}),
        ("webhook_tokenauth", {"url": "https://example.com/hook?token=a"}),
        ("webhook_basicauth", {"url": "https://example.com", "username": "me", "password": "secret"}),
        ("pagerduty", {"service_key": "secret"}),
    ],
)
def test_secrets_are_never_shown(channels, type_, labels):
    """Neither by the answer of a write nor by a read; the other labels are."""
    made = make(channels, type_=type_, labels=labels)
    read = channels.get_notification_channel(name=made.name)

    assert made == read
    secret = {"auth_token", "password", "service_key"} & labels.keys()
    assert {key: value for key, value in read.labels.items() if key not in secret} == {
        key: value for key, value in labels.items() if key not in secret
    }
    assert {read.labels[key] for key in secret} <= {"********"}


@pytest.fixture
def three(channels):
    """Channels of two teams; one is switched off."""
    made = [
        make(channels, display_name="one", user_labels={"team": "a", "env": "prod"}),
        make(channels, display_name="two", user_labels={"team": "b"}),
        make(channels, display_name="three", user_labels={"team": "a"}, enabled=BoolValue(value=False)),
    ]
    return {each.display_name: each for each in made}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {"one", "two", "three"}),
        ('user_labels.team="a"', {"one", "three"}),
        ("user_labels.team = a AND enabled = true", {"one"}),
        ('user_labels."env"="prod"', {"one"}),
        ('user_labels.team != "a"', {"two"}),
        ('display_name="two"', {"two"}),
        ('type="email" AND labels.email_address="a@example.com"', {"one", "two", "three"}),
        ('type="slack"', set()),
        ('display_name="one AND two" AND type=email', set()),
    ],
)
def test_channels_are_found_by_filter(channels, three, text, found):
    """As one searches for one's own by its mark."""
    listed = channels.list_notification_channels(request={"name": PROJECT, "filter": text})

    assert {each.display_name for each in listed} == found


@pytest.mark.parametrize(
    "text",
    [
        "team",
        "colour=red",
        "user_labels=a",
        "creation_record=a",
        "type.x=a",
        "type=a OR type=b",
        "type=a AND",
        "AND type=a",
    ],
)
def test_other_filters_are_refused(channels, three, text):
    """Ignoring one would find what was not asked for."""
    with pytest.raises(exceptions.BadRequest):
        channels.list_notification_channels(request={"name": PROJECT, "filter": text})


def test_an_order_is_refused(channels, three):
    """It would be ignored."""
    with pytest.raises(exceptions.MethodNotImplemented, match="order_by"):
        channels.list_notification_channels(request={"name": PROJECT, "order_by": "type"})


def test_channels_are_listed_in_pages(channels, three):
    """With their number in all; of one project."""
    elsewhere = monitoring.NotificationChannel(MAIL)
    channels.create_notification_channel(name="projects/elsewhere", notification_channel=elsewhere)

    pages = list(channels.list_notification_channels(request={"name": PROJECT, "page_size": 2}).pages)

    assert [len(page.notification_channels) for page in pages] == [2, 1]
    assert {page.total_size for page in pages} == {3}


def test_only_masked_fields_change(channels, three):
    """And the change is recorded."""
    one = three["one"]
    wanted = monitoring.NotificationChannel(name=one.name, display_name="new", user_labels={"team": "z"})

    changed = channels.update_notification_channel(notification_channel=wanted, update_mask={"paths": ["display_name"]})

    assert changed == channels.get_notification_channel(name=one.name)
    assert (changed.display_name, dict(changed.user_labels), dict(changed.labels)) == (
        "new",
        {"team": "a", "env": "prod"},
        MAIL["labels"],
    )
    assert changed.creation_record == one.creation_record
    assert len(changed.mutation_records) == 2


def test_without_a_mask_everything_is_replaced(channels, three):
    """What is left out goes; what only the server writes stays."""
    wanted = monitoring.NotificationChannel(MAIL | {"name": three["three"].name})

    changed = channels.update_notification_channel(notification_channel=wanted)

    assert (changed.display_name, dict(changed.user_labels), changed.enabled) == ("", {}, True)
    assert changed.creation_record == three["three"].creation_record


def test_another_type_is_another_channel(channels, three):
    """The type cannot change."""
    wanted = monitoring.NotificationChannel(name=three["one"].name, type_="sms")
    with pytest.raises(exceptions.BadRequest, match="type"):
        channels.update_notification_channel(notification_channel=wanted, update_mask={"paths": ["type"]})


@pytest.mark.parametrize("force", [True, False])
def test_a_channel_goes(channels, three, force):
    """With and without force, since nothing refers to it."""
    name = three["one"].name
    channels.delete_notification_channel(name=name, force=force)

    with pytest.raises(exceptions.NotFound):
        channels.get_notification_channel(name=name)
    with pytest.raises(exceptions.NotFound):
        channels.delete_notification_channel(name=name, force=force)


def test_types_are_described(channels):
    """Each with the labels that a channel of it must have."""
    found = {each.type_: each for each in channels.list_notification_channel_descriptors(name=PROJECT)}

    assert {"email", "pubsub", "slack", "webhook_tokenauth"} <= found.keys()
    assert [label.key for label in found["slack"].labels] == ["auth_token", "channel_name"]
    assert channels.get_notification_channel_descriptor(name=found["email"].name) == found["email"]
    with pytest.raises(exceptions.NotFound):
        channels.get_notification_channel_descriptor(name=f"{PROJECT}/notificationChannelDescriptors/pigeon")


def test_codes_are_not_emulated(channels, three):
    """Nobody would get them."""
    with pytest.raises(exceptions.MethodNotImplemented):
        channels.send_notification_channel_verification_code(name=three["one"].name)


def test_there_is_rest_too(emulator, three):
    """Google's client has none; gcloud and the recordings speak it."""
    url = f"{emulator.http}/v3/{three['one'].name}"
    changed = httpx.patch(f"{url}?updateMask=displayName", json={"displayName": "new"})

    assert (changed.status_code, changed.json()["displayName"]) == (200, "new")
    assert httpx.get(f"{emulator.http}/v3/{PROJECT}/notificationChannels").json()["totalSize"] == 3
    assert httpx.delete(f"{url}?force=false").json() == {}
