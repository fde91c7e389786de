"""Topics: what is kept, what is refused, what becomes of subscriptions."""

import httpx
import pytest
from google.api_core import exceptions
from google.iam.v1 import policy_pb2
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1.types import Topic

from tests.emulator_pubsub.conftest import OTHER, PROJECT, SUBSCRIPTION, TOPIC


def test_a_topic_comes_and_goes(publisher):
    """The server fills in nothing; after the deletion the name is free again."""
    made = publisher.create_topic(request=Topic(name=TOPIC, labels={"team": "a"}))

    assert made == publisher.get_topic(topic=TOPIC) == Topic(name=TOPIC, labels={"team": "a"})
    publisher.delete_topic(topic=TOPIC)
    with pytest.raises(exceptions.NotFound, match=r"Resource not found \(resource=scores\)\."):
        publisher.get_topic(topic=TOPIC)
    publisher.create_topic(name=TOPIC)


def test_a_name_is_taken_once(publisher, topic):
    """The second create is refused, in Google's words."""
    with pytest.raises(exceptions.Conflict, match=r"Resource already exists in the project \(resource=scores\)\."):
        publisher.create_topic(name=topic)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("projects/local/topics/ab", id="two-characters"),
        pytest.param("projects/local/topics/" + "a" * 256, id="256-characters"),
        pytest.param("projects/local/topics/1abc", id="a-digit-first"),
        pytest.param("projects/local/topics/google-things", id="begins-with-goog"),
        pytest.param("projects/local/topics/a b c", id="a-space"),
    ],
)
def test_names_are_refused(publisher, name):
    """3 to 255 characters, a letter first, never `goog`."""
    with pytest.raises(exceptions.BadRequest, match=r"Invalid resource name given \(name="):
        publisher.create_topic(name=name)


@pytest.mark.parametrize("id_", ["abc", "a" * 255, "A-b_c.d~e+f%g"])
def test_names_are_taken(publisher, id_):
    """The bounds, and every sign that is allowed."""
    name = f"{PROJECT}/topics/{id_}"
    assert publisher.create_topic(name=name).name == name


@pytest.mark.parametrize("seconds", [599, 31 * 86_400 + 1])
def test_retention_has_bounds(publisher, seconds):
    """10 minutes to 31 days; the bounds themselves are fine."""
    for fine in (600, 31 * 86_400):
        publisher.create_topic(request=Topic(name=f"{TOPIC}-{fine}", message_retention_duration=Duration(seconds=fine)))
    with pytest.raises(exceptions.BadRequest, match="message retention duration"):
        publisher.create_topic(request=Topic(name=TOPIC, message_retention_duration=Duration(seconds=seconds)))


def test_a_project_is_its_id_and_its_number(emulator, publisher, topic):
    """Answers have the id (kinds.md 1.1)."""
    number = httpx.get(f"{emulator.http}/v3/{PROJECT}").json()["name"]

    assert publisher.get_topic(topic=topic.replace(PROJECT, number)).name == topic
    assert [each.name for each in publisher.list_topics(project=number)] == [topic]


def test_topics_are_listed_in_pages(publisher):
    """By name, of one project."""
    for name in ("ccc", "aaa", "bbb"):
        publisher.create_topic(name=f"{PROJECT}/topics/{name}")
    publisher.create_topic(name="projects/elsewhere/topics/ddd")

    listed = publisher.list_topics(request={"project": PROJECT, "page_size": 2})

    assert [[each.name[-3:] for each in page.topics] for page in listed.pages] == [["aaa", "bbb"], ["ccc"]]


def test_only_masked_fields_change(publisher, topic):
    """And a masked field that is left out is cleared."""
    kept = Topic(name=topic, labels={"a": "1"}, message_retention_duration=Duration(seconds=600))
    publisher.update_topic(topic=kept, update_mask={"paths": ["labels", "message_retention_duration"]})

    changed = publisher.update_topic(
        topic=Topic(name=topic, labels={"b": "2"}), update_mask={"paths": ["message_retention_duration"]}
    )

    assert changed == publisher.get_topic(topic=topic) == Topic(name=topic, labels={"a": "1"})


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        pytest.param([], "must contain a non-empty paths list", id="no-mask"),
        pytest.param(["name"], "the 'name' field in the Topic is not mutable", id="fixed"),
        pytest.param(["colour"], "colour is not a known Topic field", id="unknown"),
    ],
)
def test_masks_are_refused(publisher, topic, paths, words):
    """Each in Google's words, with the request's name."""
    with pytest.raises(exceptions.BadRequest, match=f"UpdateTopicRequest.*{words}"):
        publisher.update_topic(topic=Topic(name=topic), update_mask={"paths": paths})


def test_subscriptions_outlive_their_topic(publisher, subscriber, topic):
    """They show `_deleted-topic_`; a new topic of the same name is another one."""
    subscriber.create_subscription(name=SUBSCRIPTION, topic=topic)
    assert list(publisher.list_topic_subscriptions(topic=topic)) == [SUBSCRIPTION]

    publisher.delete_topic(topic=topic)
    publisher.create_topic(name=topic)

    assert subscriber.get_subscription(subscription=SUBSCRIPTION).topic == "_deleted-topic_"
    assert list(publisher.list_topic_subscriptions(topic=topic)) == []


def test_a_detached_subscription_stays(publisher, subscriber, topic):
    """It says so, and its topic no longer lists it."""
    subscriber.create_subscription(name=SUBSCRIPTION, topic=topic)

    publisher.detach_subscription(request={"subscription": SUBSCRIPTION})

    assert subscriber.get_subscription(subscription=SUBSCRIPTION).detached
    assert list(publisher.list_topic_subscriptions(topic=topic)) == []


def test_subscriptions_show_for_how_long_their_topic_keeps_messages(publisher, subscriber, topic):
    """Set, changed and removed on the topic."""
    subscriber.create_subscription(name=SUBSCRIPTION, topic=topic)
    seen = []
    for kept in ({"message_retention_duration": Duration(seconds=600)}, {}):
        publisher.update_topic(topic=Topic(name=topic, **kept), update_mask={"paths": ["message_retention_duration"]})
        seen.append(subscriber.get_subscription(subscription=SUBSCRIPTION).topic_message_retention_duration)

    assert [span.total_seconds() for span in seen] == [600, 0]


def test_a_topic_has_a_policy_of_its_own(publisher, topic):
    """Set, read, and gone with the topic; another topic's is untouched."""
    publisher.create_topic(name=OTHER)
    policy = policy_pb2.Policy(bindings=[{"role": "roles/pubsub.publisher", "members": ["allUsers"]}])
    publisher.set_iam_policy(request={"resource": topic, "policy": policy})

    read = publisher.get_iam_policy(request={"resource": topic})
    assert [binding.role for binding in read.bindings] == ["roles/pubsub.publisher"]
    assert not publisher.get_iam_policy(request={"resource": OTHER}).bindings

    publisher.delete_topic(topic=topic)
    with pytest.raises(exceptions.NotFound, match="resource=scores"):
        publisher.get_iam_policy(request={"resource": topic})
    publisher.create_topic(name=topic)
    assert not publisher.get_iam_policy(request={"resource": topic}).bindings
