"""Messages of Pub/Sub that become rows."""

import json
import time
from dataclasses import dataclass
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import bigquery, resourcemanager_v3
from google.pubsub_v1 import PublisherClient, SchemaServiceClient, SubscriberClient
from google.pubsub_v1.types import BigQueryConfig, Subscription

from tests.emulator.clients import client as google_client
from tests.emulator.clients import let_agents_publish

TOPIC, DEAD = "projects/local/topics/scores", "projects/local/topics/rejected"
NAME = "projects/local/subscriptions/to-table"
Field, State = bigquery.SchemaField, BigQueryConfig.State
COLUMNS = [Field("score", "FLOAT64", mode="REQUIRED"), Field("who", "STRING"), Field("tags", "INT64", mode="REPEATED")]
METADATA = [
    Field("subscription_name", "STRING"),
    Field("message_id", "STRING"),
    Field("publish_time", "TIMESTAMP"),
    Field("attributes", "JSON"),
]


@dataclass
class Pipe:
    """A topic, and what leads from it to a table."""

    emulator: Any
    client: Any
    publisher: Any
    subscriber: Any

    def table(self, fields):
        """Make the table."""
        self.client.create_table(bigquery.Table("local.shop.scores", schema=fields))

    def subscribe(self, **config):
        """Make a subscription to the table."""
        wanted = {"name": NAME, "topic": TOPIC, "bigquery_config": {"table": "local.shop.scores"} | config}
        if config.pop("dead", False):
            del wanted["bigquery_config"]["dead"]
            wanted["dead_letter_policy"] = {"dead_letter_topic": DEAD, "max_delivery_attempts": 5}
        return self.subscriber.create_subscription(request=wanted)

    def publish(self, *messages):
        """Publish documents, or bytes."""
        sent = [{"data": each if isinstance(each, bytes) else json.dumps(each).encode()} for each in messages]
        self.publisher.publish(topic=TOPIC, messages=sent)

    def rows(self):
        """The rows of the table."""
        return sorted(tuple(row.values()) for row in self.client.list_rows("shop.scores"))

    def state(self):
        """What the subscription says of the table, and of itself."""
        found = self.subscriber.get_subscription(subscription=NAME)
        return found.bigquery_config.state, found.state


@pytest.fixture
def bare(emulator, client, dataset):
    """A topic; nobody may write to tables."""
    publisher = google_client(emulator, PublisherClient)
    publisher.create_topic(name=TOPIC)
    return Pipe(emulator, client, publisher, google_client(emulator, SubscriberClient))


@pytest.fixture
def pipe(bare):
    """Google's own account may write to the tables of the project, and publish dead letters."""
    let_agents_publish(bare.emulator)
    projects = google_client(bare.emulator, resourcemanager_v3.ProjectsClient)
    number = projects.get_project(name="projects/local").name.rpartition("/")[2]
    policy = projects.get_iam_policy(request={"resource": "projects/local"})
    agent = f"serviceAccount:service-{number}@gcp-sa-pubsub.iam.gserviceaccount.com"
    policy.bindings.add(role="roles/bigquery.dataEditor", members=[agent])
    projects.set_iam_policy(request={"resource": "projects/local", "policy": policy})
    return bare


def until(look, wanted):
    """Look until there is what is wanted; what was seen last, once it is too late."""
    deadline = time.monotonic() + 60
    while (seen := look()) != wanted and time.monotonic() < deadline:
        pass
    return seen


def test_messages_become_rows_by_the_tables_columns(pipe):
    """With their own fields beside; what the table has no column for is dropped where that is wanted."""
    pipe.table([*COLUMNS, *METADATA])
    made = pipe.subscribe(use_table_schema=True, write_metadata=True, drop_unknown_fields=True)
    assert made.bigquery_config.state == State.ACTIVE
    data = json.dumps({"score": 0.5, "who": "x", "tags": [1, 2], "more": 1}).encode()
    sent = [{"data": data, "attributes": {"k": "v"}}]
    (number,) = pipe.publisher.publish(topic=TOPIC, messages=sent).message_ids

    assert until(lambda: len(pipe.rows()), 1) == 1
    ((score, who, tags, name, message_id, when, attributes),) = pipe.rows()
    assert (score, who, tags, name, message_id, attributes) == (0.5, "x", [1, 2], NAME, number, {"k": "v"})
    assert when.tzinfo is not None


def test_a_message_is_one_column_where_nothing_is_said_of_it(pipe):
    """`data`, as text."""
    pipe.table([Field("data", "STRING")])
    pipe.subscribe()
    pipe.publish(b"plain", {"a": 1})

    wanted = [("plain",), ('{"a": 1}',)]
    assert until(pipe.rows, wanted) == wanted


def test_messages_of_a_topics_schema(pipe):
    """Avro's unions lose their tags, its times become times."""
    avro = {
        "type": "record",
        "name": "Score",
        "fields": [
            {"name": "score", "type": "double"},
            {"name": "who", "type": ["null", "string"]},
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        ],
    }
    schemas = google_client(pipe.emulator, SchemaServiceClient)
    definition = {"type_": "AVRO", "definition": json.dumps(avro)}
    made = schemas.create_schema(request={"parent": "projects/local", "schema_id": "score", "schema": definition})
    pipe.publisher.delete_topic(topic=TOPIC)
    settings = {"schema": made.name, "encoding": "JSON"}
    pipe.publisher.create_topic(request={"name": TOPIC, "schema_settings": settings})
    pipe.table([COLUMNS[0], COLUMNS[1], Field("at", "TIMESTAMP")])
    pipe.subscribe(use_topic_schema=True)
    pipe.publish({"score": 1, "who": {"string": "x"}, "at": 1500}, {"score": 2, "who": None, "at": 0})

    wanted = [(1, "x", 1.5), (2, None, 0)]
    assert until(lambda: [(row[0], row[1], row[2].timestamp()) for row in pipe.rows()], wanted) == wanted


def test_what_is_no_row_goes_to_the_dead_letters(pipe):
    """After as many attempts as the subscription says; the others are written."""
    pipe.publisher.create_topic(name=DEAD)
    pipe.subscriber.create_subscription(request={"name": f"{NAME}-dead", "topic": DEAD})
    pipe.table(COLUMNS)
    pipe.subscribe(use_table_schema=True, dead=True)
    pipe.publish({"score": 1}, {"score": "x"}, {"who": "nobody"}, b"no json", {"score": 2, "zz": 1})

    assert until(pipe.rows, [(1, None, [])]) == [(1, None, [])]
    found = set()
    while len(found) < 4:
        pipe.emulator.advance(60)
        answer = pipe.subscriber.pull(subscription=f"{NAME}-dead", max_messages=10)
        found |= {each.message.data for each in answer.received_messages}
    assert found == {b'{"score": "x"}', b'{"who": "nobody"}', b"no json", b'{"score": 2, "zz": 1}'}


def test_a_subscription_says_how_its_table_is(pipe):
    """Gone; what was published meanwhile is written when it is there again."""
    pipe.table(COLUMNS)
    pipe.subscribe(use_table_schema=True, drop_unknown_fields=True)
    pipe.client.delete_table("shop.scores")
    pipe.publish({"score": 1})
    broken, whole = (State.NOT_FOUND, Subscription.State.RESOURCE_ERROR), (State.ACTIVE, Subscription.State.ACTIVE)
    assert until(pipe.state, broken) == broken
    pipe.table(COLUMNS)
    pipe.emulator.advance(120)

    assert until(pipe.rows, [(1, None, [])]) == [(1, None, [])]
    assert until(pipe.state, whole) == whole


CONFIGS = [
    (COLUMNS, {}, "Field data is missing"),
    ([Field("data", "FLOAT64")], {}, "Incompatible type for field data: FLOAT"),
    ([Field("data", "STRING"), COLUMNS[0]], {}, "Field score is REQUIRED"),
    (COLUMNS, {"use_table_schema": True, "write_metadata": True}, "Field subscription_name is missing"),
    (COLUMNS, {"use_topic_schema": True}, "the topic has no schema"),
]


@pytest.mark.parametrize(("fields", "config", "words"), CONFIGS, ids=range(len(CONFIGS)))
def test_a_table_that_does_not_fit_is_refused(pipe, fields, config, words):
    """At once, when the subscription is made."""
    pipe.table(fields)

    with pytest.raises(exceptions.InvalidArgument, match=words):
        pipe.subscribe(**config)


def test_googles_account_must_be_let_in(bare):
    """And the table must be there."""
    with pytest.raises(exceptions.NotFound, match="Resource not found"):
        bare.subscribe()
    bare.table([Field("data", "STRING")])
    with pytest.raises(exceptions.PermissionDenied, match=r"gcp-sa-pubsub.* missing permissions.*tables.updateData"):
        bare.subscribe()
