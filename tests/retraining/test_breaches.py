"""What monitors find: alerts of Cloud Monitoring and messages about windows, as events of the triggers that ask."""

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest

from runtime.retraining import events
from runtime.retraining.breaches import Watch
from runtime.retraining.events import Here, NoEvent
from runtime.retraining.guards import Guards
from runtime.retraining.handling import calm
from tests.retraining.conftest import pushed
from tests.retraining.simulated import START, World

WATCHES = (
    Watch("on-drift", frozenset({"skew", "drift"}), 2),
    Watch("at-once", frozenset({"predictiondrift"})),
    Watch("thrice", frozenset({"predictiondrift"}), 3),
)
HERE = Here("churn", "europe-west1", WATCHES)
LABELS = {"mlservice-service": "churn", "mlservice-region": "europe-west1", "mlservice-breach": "drift"}


def alert(number="0.abc", *, at=START, state="open", labels=LABELS, version="1.2", **more):
    """A notification as Cloud Monitoring publishes it: no attributes, the incident as data."""
    told = {
        "incident_id": number, "state": state, "started_at": int(at.timestamp()), "ended_at": None,
        "policy_name": "churn drift", "policy_user_labels": labels, "summary": "drift of monthly_spend is above 0.3",
        "resource": {"type": "aiplatform.googleapis.com/Model", "labels": {}}, "url": "https://console", **more,
    }  # fmt: skip
    data = b64encode(json.dumps({"incident": told, "version": version}).encode()).decode()
    message = {"messageId": f"m-{number}", "publishTime": (at + timedelta(minutes=1)).isoformat(), "data": data}
    return json.dumps({"message": message}).encode()


def read(body, here=HERE):
    return events.read("", body, datetime.now(UTC), here)


def test_an_alert_is_an_event_of_the_trigger_that_names_what_was_found():
    """Its key is the monitor and the incident, however often it is told; what it was is told to people."""
    found, again, other = read(alert("1")), read(alert("1")), read(alert("2"))

    assert (found.trigger, found.monitor, found.needed, found.at) == ("on-drift", "drift", 2, START)
    assert found.about == "drift: drift of monthly_spend is above 0.3"
    assert found.key == again.key != other.key


def test_of_several_triggers_the_one_that_takes_the_fewest_fires():
    """Labels have no capitals, so the policy's says `prediction-drift` for predictionDrift."""
    found = read(alert(labels=LABELS | {"mlservice-breach": "prediction-drift"}))

    assert (found.trigger, found.needed) == ("at-once", 1)


IGNORED = {
    "nobody-trains-for-it": alert(labels=LABELS | {"mlservice-breach": "slo"}),
    "another-service": alert(labels=LABELS | {"mlservice-service": "fraud"}),
    "another-region": alert(labels=LABELS | {"mlservice-region": "us-central1"}),
    "tried-out": alert(version="test"),
    "a-window-elsewhere": pushed(breach="drift", key="w1", service="churn", region="us-central1"),
}


@pytest.mark.parametrize("body", IGNORED.values(), ids=IGNORED)
def test_what_is_not_ours_is_no_event(body):
    """And no dead letter."""
    assert read(body) is None


@pytest.mark.parametrize("monitor", ["skew", "drift", "prediction-drift"])
def test_an_alert_on_what_the_function_looks_at_starts_nothing(monitor):
    """Its own look starts the training: a window that is told of both ways counts once. Promises are told of so."""
    looking = Here("churn", "europe-west1", (*WATCHES, Watch("broken", frozenset({"slo"}))), looks=True)

    assert read(alert(labels=LABELS | {"mlservice-breach": monitor}), looking) is None
    assert read(alert(labels=LABELS | {"mlservice-breach": "slo"}), looking).trigger == "broken"
    assert read(pushed(breach=monitor, key="w1"), looking) is not None


SENSELESS = {
    "no-labels": alert(labels=None),
    "no-breach": alert(labels={"mlservice-service": "churn"}),
    "no-id": alert(""),
    "no-state": alert(state="ajar"),
    "a-window-of-no-state": pushed(breach="drift", key="w1", state="ajar"),
    "no-notification": pushed(),
}


@pytest.mark.parametrize("body", SENSELESS.values(), ids=SENSELESS)
def test_what_makes_no_sense_is_a_dead_letter(body):
    """With what is wrong with it."""
    with pytest.raises(NoEvent, match=r"label|incident|state|names no trigger"):
        read(body)


@pytest.mark.parametrize("moment", [True, "soon", 1e30, -1e30, float("nan"), 4102444800])
def test_the_time_of_an_alert_is_never_ahead_of_its_message(moment):
    """Guards compare with it; what is no time is when it was published."""
    found = read(alert(started_at=moment))

    assert found.at <= START + timedelta(minutes=1)


def deliver(world, body):
    """Act on a message as the function does; what was decided."""
    event = read(body)
    if event.over:
        calm(event, world.desk)
        return None
    world.deliver(event)
    return world.decisions[event.key]


@pytest.fixture
def world():
    """A world in which nothing goes wrong, with the guards that a spec has by default."""
    import random  # noqa: PLC0415 - for this one

    return World(Guards(), random.Random(1))  # noqa: S311 - no secret


def hour(number):
    return START + timedelta(hours=number)


def test_it_takes_as_many_looks_in_a_row_as_the_trigger_says(world):
    """Several features in one look are one finding; the second look starts the training."""
    first = deliver(world, alert("a", at=hour(0)))
    same_look = deliver(world, alert("b", at=hour(0) + timedelta(minutes=5)))
    second = deliver(world, alert("c", at=hour(1)))

    assert (first["action"], first["reason"]) == ("Skip", "drift was found 1 of 2 times in a row")
    assert same_look["reason"] == first["reason"]
    assert (second["action"], len(world.jobs)) == ("Start", 1)


def test_a_look_that_finds_nothing_ends_the_row(world):
    """Wherever its message comes: late ones about earlier looks change nothing."""
    deliver(world, alert("a", at=hour(0)))
    deliver(world, alert("a", at=hour(0), state="closed", ended_at=int(hour(1).timestamp())))
    after = deliver(world, alert("b", at=hour(2)))
    deliver(world, alert("a", at=hour(0), state="closed", ended_at=int(hour(1).timestamp())))
    repeated = deliver(world, alert("a", at=hour(0)))
    second = deliver(world, alert("c", at=hour(3)))

    assert after["reason"] == repeated["reason"] == "drift was found 1 of 2 times in a row"
    assert (second["action"], len(world.jobs)) == ("Start", 1)


def test_windows_of_ours_count_like_alerts(world):
    """A monitor's handler names the window that was looked at; the same window twice is once."""
    for window, at in (("w1", 0), ("w1", 0), ("w2", 1)):
        last = deliver(world, pushed(f"{window}-{at}", at=hour(at), breach="drift", key=window))

    assert (last["action"], len(world.jobs)) == ("Start", 1)


def test_five_hundred_alerts_in_a_minute_start_one_training(world):
    """Raced by each other; each has a decision, all but one with the guard that held it back."""
    labels = LABELS | {"mlservice-breach": "prediction-drift"}
    bodies = [alert(f"0.{number}", at=START + timedelta(seconds=number / 9), labels=labels) for number in range(500)]
    found = [read(body) for body in bodies]
    world.racing, world.others = 0.05, found
    for event in found:
        while not world.deliver(event):
            world.now += timedelta(seconds=10)

    actions = [world.decisions[event.key] for event in found]
    assert len(world.jobs) == 1
    assert [each["action"] for each in actions].count("Start") == 1
    assert {each["guard"] for each in actions} == {None, "maxConcurrent"}
    assert len(world.decisions) == 500


def test_alerts_reach_the_job_on_the_emulator(retraining):
    """Two looks, of two features each: one execution, told by which trigger."""
    retraining.job()
    told = {"breaches": [{"trigger": "on-drift", "of": ["skew", "drift"], "consecutive": 2}]}
    now = datetime.now(UTC)
    looks = [now - timedelta(hours=2), now - timedelta(hours=1)]
    answers = [retraining.deliver(alert(f"{n}{f}", at=at), **told)[0] for n, at in enumerate(looks) for f in "ab"]
    closed, status = retraining.deliver(alert("0a", at=now, state="closed", ended_at=int(now.timestamp())), **told)

    assert [each["action"] for each in answers] == ["Skip", "Skip", "Start", "Skip"]
    [execution] = retraining.executions()
    env = {each.name: each.value for each in execution.template.containers[0].env}
    assert env["MLSERVICE_TRIGGER"] == "on-drift"
    assert (closed, status) == ({"action": "Ignore"}, 200)
    assert retraining.kept("history.json")["rows"]["drift"]["count"] == 0
