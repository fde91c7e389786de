"""Incidents open and close by the emulator's clock, and the channels of a policy are told."""

import json

import pytest
from google.cloud import monitoring_v3 as monitoring
from google.cloud import resourcemanager_v3
from google.pubsub_v1 import PublisherClient, SubscriberClient

from emulator.apis.monitoring.alerts.conditions import Condition, Query, Verdict, judged
from emulator.apis.monitoring.alerts.incidents import Policy, State
from emulator.apis.monitoring.alerts.incidents import step as step_of
from emulator.apis.monitoring.series.reduction import Aggregation
from emulator.apis.monitoring.series.values import Line, Point
from tests.conftest import Emulator
from tests.emulator.clients import client
from tests.emulator_monitoring.making import FILTER, PROJECT, absence, now, policy, series, step, threshold
from tests.emulator_scheduler.conftest import target  # noqa: F401 - a fixture

SOON = 15
"""A look at a policy comes ten seconds after a point."""


class Office:
    """Writes points, makes policies, lets time pass, and sees who was told."""

    def __init__(self, emulator):
        self.emulator = emulator
        self.metrics = client(emulator, monitoring.MetricServiceClient)
        self.policies = client(emulator, monitoring.AlertPolicyServiceClient)
        self.channels = client(emulator, monitoring.NotificationChannelServiceClient)
        self.write(0, labels={"shop": "none"})

    def write(self, value, **fields):
        self.metrics.create_time_series(name=PROJECT, time_series=[series(now(self.emulator), value, **fields)])

    def channel(self, type_="email", labels=None, **fields):
        labels = labels or {"email_address": "a@example.com"}
        made = {"type_": type_, "labels": labels, **fields}
        return self.channels.create_notification_channel(name=PROJECT, notification_channel=made).name

    def make(self, *conditions, **fields):
        """A policy; each condition is a threshold, or an absence where it has no comparison."""
        sorts = ["condition_threshold" if "comparison" in each else "condition_absent" for each in conditions]
        many = [
            {"display_name": f"it {n}", sort: each}
            for n, (sort, each) in enumerate(zip(sorts, conditions, strict=True))
        ]
        wanted = policy(**({"conditions": many} if many else {}) | fields)
        return self.policies.create_alert_policy(name=PROJECT, alert_policy=wanted)

    def advance(self, seconds):
        self.emulator.advance(seconds)

    def told(self, value, **fields):
        """Write a point and let it be looked at."""
        self.write(value, **fields)
        self.advance(SOON)
        return self.open()

    def incidents(self):
        return self.emulator.control("GET", "incidents")

    def open(self):
        """Open incidents, by the shop that each is about."""
        return sorted(each["metric"]["labels"].get("shop", "") for each in self.incidents() if each["state"] == "open")

    def sent(self):
        return self.emulator.control("GET", "notifications")


@pytest.fixture
def office(emulator):
    return Office(emulator)


def test_an_incident_opens_and_closes(office):
    """Past the threshold it opens, at the threshold it closes; each is told once, and the text says what and why."""
    channel = office.channel()
    office.make(notification_channels=[channel], severity="ERROR", documentation={"content": "Count again."})

    assert office.told(6, labels={"shop": "a"}) == ["a"]
    office.advance(60)
    assert office.told(7, labels={"shop": "a"}) == ["a"]
    office.advance(60)
    assert office.told(5, labels={"shop": "a"}) == []

    opened, closed = office.sent()
    assert (opened["state"], closed["state"], opened["to"], opened["channel"]) == (
        "open",
        "closed",
        "a@example.com",
        channel,
    )
    assert opened["subject"].startswith("[ALERT] many orders on local Global")
    assert "above the threshold of 5.000 with a value of 6." in opened["text"]
    assert "Count again." in opened["text"]
    assert "returned to normal with a value of 5." in closed["text"]
    [incident] = office.incidents()
    assert (incident["severity"], incident["threshold_value"], incident["observed_value"]) == ("ERROR", "5", "5")
    assert incident["ended_at"] - incident["started_at"] >= 130


def test_each_series_has_its_incident(office):
    """One closes, the other stays open."""
    office.make()
    office.write(9, labels={"shop": "a"})
    assert office.told(9, labels={"shop": "b"}) == ["a", "b"]
    office.advance(60)

    assert office.told(1, labels={"shop": "a"}) == ["b"]


def test_it_must_last(office):
    """Five minutes long; what falls below in between begins anew."""
    office.make(threshold(duration={"seconds": 300}))
    found = []
    for minute in range(10):
        found.append(office.told(1 if minute == 2 else 9, labels={"shop": "a"}))
        office.advance(62 - SOON)  # a look may come some seconds sooner after its point than another

    assert found == [[]] * 8 + [["a"]] * 2


MISSING = {
    "as-before": ({}, ["a"]),
    "no": ({"evaluation_missing_data": "EVALUATION_MISSING_DATA_INACTIVE"}, []),
    "yes": ({"evaluation_missing_data": "EVALUATION_MISSING_DATA_ACTIVE"}, ["a", "none"]),
}


@pytest.mark.parametrize(("fields", "left"), MISSING.values(), ids=MISSING.keys())
def test_what_missing_points_mean(office, fields, left):
    """An open incident stays open, unless that means that all is well; and it may mean that nothing is."""
    shape = [step("ALIGN_MAX", period_s=300)]
    office.make(threshold(duration={"seconds": 60}, aggregations=shape, **fields))
    office.told(9, labels={"shop": "a"})
    office.advance(70)
    assert office.open() == ["a"]

    office.advance(600)

    assert office.open() == left


def test_without_points_it_closes_by_itself(office):
    """After as long as the policy says, and stays closed."""
    office.make(alert_strategy={"auto_close": {"seconds": 1800}})
    assert office.told(9, labels={"shop": "a"}) == ["a"]
    office.advance(1700)
    assert office.open() == ["a"]

    office.advance(300)
    assert office.open() == []
    office.advance(86_400)

    assert len(office.incidents()) == 1


def test_an_absence(office):
    """It opens when a series that reported does so no longer, and closes when it does again."""
    office.make(absence(600))
    assert office.told(1, labels={"shop": "a"}) == []
    office.advance(570)
    assert office.open() == []
    office.advance(30)
    assert office.open() == ["a"]

    assert office.told(1, labels={"shop": "a"}) == []
    office.advance(620)

    assert office.open() == ["a"]
    assert [each["threshold_value"] for each in office.incidents()] == [None, None]


def test_what_was_silent_before_is_not_absent(office):
    """A series that has not reported since the policy was made, or changed, opens nothing (Google's page)."""
    office.write(1, labels={"shop": "a"})
    office.advance(60)
    made = office.make(absence(600))
    office.advance(3600)
    assert office.open() == []
    office.told(1, labels={"shop": "a"})
    office.policies.update_alert_policy(alert_policy=made, update_mask={"paths": ["display_name"]})

    office.advance(3600)

    assert office.open() == []


def test_an_absence_that_was_closed_needs_a_point_to_open_again(office):
    """It closes by itself like every other one."""
    office.make(absence(600), alert_strategy={"auto_close": {"seconds": 1800}})
    office.told(1, labels={"shop": "a"})
    office.advance(620)
    assert office.open() == ["a"]
    office.advance(2000)
    assert office.open() == []
    office.told(1, labels={"shop": "a"})

    office.advance(620)

    assert office.open() == ["a"]


def test_an_absence_of_a_group(office):
    """As long as one series of it reports, the group does."""
    grouped = step("ALIGN_COUNT", "REDUCE_SUM", groups=("resource.label.project_id",))
    office.make(absence(600, aggregations=[grouped]))
    office.told(1, labels={"shop": "a"})
    office.advance(500)
    office.told(1, labels={"shop": "b"})
    office.advance(500)
    assert office.incidents() == []

    office.advance(200)

    assert office.open() == [""]


COMBINED = {"OR": [["", ""], [""]], "AND": [[""], []]}


@pytest.mark.parametrize(("combiner", "expected"), COMBINED.items())
def test_conditions_are_combined(office, combiner, expected):
    """Any of them opens an incident of its own, or all of them open one."""
    above, below = (FILTER + f' AND metric.labels.shop = "{shop}"' for shop in "ab")
    total = [step("ALIGN_MAX", "REDUCE_SUM")]
    low = threshold(filter=below, aggregations=total, comparison="COMPARISON_LT")
    office.make(threshold(filter=above, aggregations=total), low, combiner=combiner)
    office.write(9, labels={"shop": "a"})

    assert office.told(1, labels={"shop": "b"}) == expected[0]
    office.advance(60)
    office.write(9, labels={"shop": "a"})
    assert office.told(8, labels={"shop": "b"}) == expected[1]


def test_conditions_on_one_resource(office):
    """Both must hold for the same resource."""
    shape = {"aggregations": [step("ALIGN_MAX")], "filter": FILTER.replace("global", "generic_node")}
    high, low = threshold(**shape), threshold(**shape, threshold_value=3)
    office.make(high, low, combiner="AND_WITH_MATCHING_RESOURCE")
    for node, value in (("x", 4), ("y", 9)):
        resource = {"type": "generic_node", "labels": {"node_id": node, "location": "here", "namespace": "n"}}
        office.write(value, resource=resource, labels={"shop": node})
    office.advance(SOON)

    assert office.open() == ["y"]


def test_a_share(office):
    """A value divided by another one: more than half of the orders are late."""
    late, every = ([step("ALIGN_SUM", "REDUCE_SUM")],) * 2
    shape = {"aggregations": late, "denominator_aggregations": every, "denominator_filter": FILTER}
    office.make(threshold(filter=FILTER + ' AND metric.labels.late = "yes"', threshold_value=0.5, **shape))
    office.write(3, labels={"late": "yes"})
    assert office.told(3, labels={"late": "no"}) == []
    office.advance(60)
    office.write(4, labels={"late": "yes"})

    assert office.told(3, labels={"late": "no"}) == [""]
    assert office.incidents()[0]["observed_value"] == "0.571"


def test_a_trigger_counts_series(office):
    """Two shops at least."""
    office.make(threshold(trigger={"count": 2}))
    assert office.told(9, labels={"shop": "a"}) == []

    assert office.told(9, labels={"shop": "b"}) == ["a", "b"]


def test_a_disabled_policy_opens_none_and_closes_what_is_open(office):
    """Enabled again it looks anew."""
    made = office.make()
    office.told(9, labels={"shop": "a"})
    made.enabled = False
    office.policies.update_alert_policy(alert_policy=made, update_mask={"paths": ["enabled"]})
    office.advance(SOON)
    assert office.told(9, labels={"shop": "b"}) == []
    made.enabled = True
    office.policies.update_alert_policy(alert_policy=made, update_mask={"paths": ["enabled"]})

    office.advance(30)

    assert "b" in office.open()


def test_a_policy_goes_with_its_incidents(office):
    """Nobody is told of what is no more."""
    made = office.make(notification_channels=[office.channel()])
    office.told(9, labels={"shop": "a"})
    office.policies.delete_alert_policy(name=made.name)

    assert office.told(1, labels={"shop": "a"}) == []
    assert (office.incidents(), len(office.sent())) == ([], 1)


def test_only_what_is_asked_for_is_told(office):
    """A policy that tells of openings alone; a channel that is switched off."""
    off = office.channel(enabled=False)
    strategy = {"notification_prompts": ["OPENED"]}
    office.make(notification_channels=[office.channel(), off], alert_strategy=strategy)
    office.told(9, labels={"shop": "a"})
    office.advance(60)
    office.told(1, labels={"shop": "a"})

    assert [each["state"] for each in office.sent()] == ["open"]


def test_a_webhook_gets_googles_json(office, target):  # noqa: F811 - the fixture
    """Version 1.2 of it; what a webhook answers is kept."""
    target.answers = [500]
    url = f"{target.url}/hook?token=secret"
    office.make(notification_channels=[office.channel("webhook_tokenauth", {"url": url})], user_labels={"team": "a"})
    office.told(9, labels={"shop": "a"})
    office.advance(60)
    office.told(1, labels={"shop": "a"})

    opened, closed = (json.loads(each.body) for each in target.asked)
    incident = opened["incident"]
    assert (opened["version"], incident["state"], closed["incident"]["state"]) == ("1.2", "open", "closed")
    assert incident["incident_id"] == closed["incident"]["incident_id"]
    assert (incident["ended_at"], closed["incident"]["ended_at"] > incident["started_at"]) == (None, True)
    assert incident["condition"]["conditionThreshold"]["thresholdValue"] == 5
    assert incident["resource"] == {"type": "global", "labels": {"project_id": "local"}}
    assert incident["metric"]["labels"] == {"shop": "a"}
    assert (incident["policy_name"], incident["policy_user_labels"]) == ("orders", {"team": "a"})
    assert incident["scoping_project_id"] == "local"
    first, second = office.sent()
    assert "answered 500" in first["error"]
    assert "error" not in second
    assert "secret" not in json.dumps([first, second])


@pytest.mark.parametrize("allowed", [True, False])
def test_a_topic_gets_it_if_google_may_publish(emulator, office, allowed):
    """The agent of Cloud Monitoring needs the role of a publisher; without it nothing arrives, and it is told why."""
    topic, line = f"{PROJECT}/topics/alerts", f"{PROJECT}/subscriptions/alerts"
    publisher, subscriber = client(emulator, PublisherClient), client(emulator, SubscriberClient)
    publisher.create_topic(name=topic)
    subscriber.create_subscription(name=line, topic=topic)
    if allowed:
        number = client(emulator, resourcemanager_v3.ProjectsClient).get_project(name=PROJECT).name.rpartition("/")[2]
        agent = f"serviceAccount:service-{number}@gcp-sa-monitoring-notification.iam.gserviceaccount.com"
        binding = {"role": "roles/pubsub.publisher", "members": [agent]}
        publisher.set_iam_policy(request={"resource": topic, "policy": {"bindings": [binding]}})
    office.make(notification_channels=[office.channel("pubsub", {"topic": topic})])
    office.told(9, labels={"shop": "a"})

    [sent] = office.sent()
    assert ("error" not in sent) == allowed
    if allowed:
        [received] = subscriber.pull(subscription=line, max_messages=1).received_messages
        assert json.loads(received.message.data)["incident"]["state"] == "open"


@pytest.mark.parametrize(("points", "again"), [((), None), ((Point(60, 60, 1),), 120), ((Point(60, 60, 9),), 120)])
def test_a_policy_is_looked_at_when_something_changes(points, again):
    """When its points leave the window, and never where there are none: what costs is what changes."""
    second = 10**9
    seen = tuple(Point(each.start * second, each.end * second, each.value) for each in points)
    shape = Query(FILTER, (Aggregation(60 * second, "ALIGN_MAX"),))
    condition = Condition("c", "it", shape, threshold=5)
    line = Line("m", "global", (), "GAUGE", "INT64", seen)
    rule = Policy("p", "OR", (condition,), 1800 * second)

    found = step_of(rule, [judged(condition, [[line]], 70 * second)], State(), 70 * second)

    assert found.again == (again and again * second)


def test_a_policy_older_than_the_kind_of_its_metric(office):
    """Its metric is made anew as another kind: it says that it cannot be evaluated any more."""
    made = office.make()
    name = f"{PROJECT}/metricDescriptors/custom.googleapis.com/shop/orders"
    office.metrics.delete_metric_descriptor(name=name)
    start = now(office.emulator)
    office.advance(60)
    office.told(9, labels={"shop": "a"}, start=start, metric_kind="CUMULATIVE")

    found = office.policies.get_alert_policy(name=made.name)

    assert "cannot be applied to metrics with kind CUMULATIVE" in found.validity.message


def test_a_policy_that_cannot_be_evaluated_is_looked_at_again(office):
    """Its metric is made anew with words for values, which nobody foresaw: it says so until they are numbers again."""
    made = office.make(threshold(aggregations=[step("ALIGN_NEXT_OLDER")]))
    name = f"{PROJECT}/metricDescriptors/custom.googleapis.com/shop/orders"
    said = []
    for value in ({"string_value": "many"}, 9):
        office.metrics.delete_metric_descriptor(name=name)
        office.told(value, labels={"shop": "a"})
        said.append(office.policies.get_alert_policy(name=made.name).validity.code)

    assert said == [13, 0]
    assert office.open() == ["a"]


@pytest.mark.parametrize("combiner", ["OR", "AND_WITH_MATCHING_RESOURCE"])
def test_each_series_closes_by_its_own_incident(combiner):
    """One that has had no points for so long closes, however new another one of the condition is."""
    second = 10**9
    condition = Condition("c", "it", Query(FILTER))
    rule = Policy("p", combiner, (condition,), 1800 * second)
    old, new = ("resource.labels.shop", "old"), ("resource.labels.shop", "new")
    lines = [Line("m", "global", (label,), "GAUGE", "INT64") for label in (old, new)]
    first = step_of(rule, [[Verdict(lines[0], holds=True, value=9, last=1)]], State(), second)
    later = [Verdict(lines[0], holds=None), Verdict(lines[1], holds=True, value=9, last=1700 * second)]
    second_look = step_of(rule, [later], first.state, 1700 * second)

    third = step_of(rule, [later], second_look.state, 1802 * second)

    assert [each.held.labels for each in third.closed] == [(old,)]
    assert [each.held.labels for each in third.state.open.values()] == [(new,)]


@pytest.mark.slow
def test_an_absence_outlives_the_emulator(tmp_path):
    """Killed and started again it goes on waiting, and tells once."""
    running = Emulator.start(tmp_path)
    office = Office(running)
    office.make(absence(600), notification_channels=[office.channel()])
    office.told(1, labels={"shop": "a"})
    running.kill()
    again = Emulator.start(tmp_path)
    try:
        again.advance(620)

        assert [each["state"] for each in again.control("GET", "notifications")] == ["open"]
    finally:
        again.stop()
