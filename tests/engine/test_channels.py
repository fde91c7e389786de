"""Notification channels: the server names them, so nothing but a mark keeps one from becoming two."""

import pytest

from tests.engine.killing import killed_while
from tests.operating import REGION, spec

WANTED = spec(notifications=[{"email": "ml@acme.example"}, {"email": "oncall@acme.example"}])
CREATE = "google.monitoring.v3.NotificationChannelService/CreateNotificationChannel"
UPLOAD = "storage.objects.insert"


def api(operator):
    package = "google.cloud.monitoring_v3"
    return operator.api(package, "notification_channel_service", "NotificationChannelService")


def channels(operator):
    return sorted(
        channel.labels["email_address"]
        for channel in api(operator).list_notification_channels(request={"name": "projects/local"})
    )


BOTH = ["ml@acme.example", "oncall@acme.example"]


def test_channels_come_change_and_go(operator):
    """One per receiver; another receiver is another channel; the plan after each apply is empty."""
    operator.apply(WANTED)
    assert channels(operator) == BOTH
    assert operator.differences(WANTED) == []
    fewer = spec(notifications=[{"email": "ml@acme.example"}])

    operator.apply(fewer)
    assert channels(operator) == BOTH[:1]
    assert operator.differences(fewer) == []

    operator.destroy("churn")
    assert channels(operator) == []


def test_a_lost_answer_makes_no_second_channel(operator):
    """The creation happened, its answer did not come: it is found by its mark."""
    operator.apply(spec())
    operator.emulator.faults({"method": CREATE, "status": "UNAVAILABLE", "when": "after", "times": 2})

    assert not operator.apply(WANTED).failed

    operator.emulator.faults()
    assert channels(operator) == BOTH
    assert operator.differences(WANTED) == []


def test_a_copy_that_somebody_made_goes(operator):
    """The console copies labels along with a channel: the plan names the copy, and an apply deletes it, not ours."""
    operator.apply(WANTED)
    listed = api(operator).list_notification_channels(request={"name": "projects/local"})
    original = next(channel for channel in listed if channel.labels["email_address"] == "ml@acme.example")
    copy = {"type_": "email", "labels": dict(original.labels), "user_labels": dict(original.user_labels)}
    made = api(operator).create_notification_channel(request={"name": "projects/local", "notification_channel": copy})

    [change] = operator.plan(WANTED).plan.pending
    assert change.consequence == f"deletes {made.name}"
    operator.apply(WANTED)

    left = {channel.name for channel in api(operator).list_notification_channels(request={"name": "projects/local"})}
    assert original.name in left
    assert made.name not in left
    assert operator.differences(WANTED) == []


def test_a_mark_that_somebody_took_off_is_put_back(operator):
    """The inventory knows its name: it is found without its mark, and marked again."""
    operator.apply(WANTED)
    for channel in api(operator).list_notification_channels(request={"name": "projects/local"}):
        channel.user_labels.clear()
        api(operator).update_notification_channel(
            request={"notification_channel": channel, "update_mask": {"paths": ["user_labels"]}}
        )

    assert not operator.apply(WANTED).failed

    assert channels(operator) == BOTH
    assert operator.differences(WANTED) == []


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param({"method": CREATE, "when": "before"}, id="before-the-creation"),
        pytest.param({"method": CREATE, "when": "after"}, id="between-creation-and-answer"),
        pytest.param({"method": CREATE, "when": "after", "skip": 1}, id="after-the-first-of-two"),
        pytest.param({"method": UPLOAD, "when": "before", "skip": 1}, id="between-creation-and-record"),
    ],
)
def test_killed_anywhere_there_are_never_two(operator, rule):
    """A run dies around the moment that Google makes a channel; the next one finds it and makes no second."""
    operator.apply(spec())
    assert killed_while(operator, rule, WANTED), "the run came to the point where it was to die"
    operator.emulator.advance(310)  # the dead run's lock expires

    report = operator.apply(WANTED)

    assert not report.failed, [str(r.error) for r in report.failed]
    assert channels(operator) == BOTH
    assert operator.differences(WANTED) == []
    assert operator.inventories()[REGION, "churn"].lock is None
