"""Schemas through Google's own client, and topics that hold their messages to them."""

import json

import pytest
from google.api_core import exceptions
from google.pubsub_v1 import SchemaServiceClient, types

from tests.emulator.clients import client
from tests.emulator_pubsub.conftest import PROJECT, SUBSCRIPTION, TOPIC

NAME = f"{PROJECT}/schemas/score"
AVRO = json.dumps({"type": "record", "name": "Score", "fields": [{"name": "value", "type": "double"}]})
PROTO = 'syntax = "proto3"; // a comment {\nmessage Score { message Inner { string a = 1; } double value = 1; }'
Type, Encoding, View = types.Schema.Type, types.Encoding, types.SchemaView


@pytest.fixture
def schemas(emulator, wire):
    """The client of schemas."""
    return client(emulator, SchemaServiceClient, wire)


def make(schemas, kind=Type.AVRO, definition=AVRO):
    schema = types.Schema(type_=kind, definition=definition)
    return schemas.create_schema(parent=PROJECT, schema=schema, schema_id="score")


@pytest.mark.parametrize(("kind", "text"), [(Type.AVRO, AVRO), (Type.PROTOCOL_BUFFER, PROTO)], ids=["avro", "proto"])
def test_a_schema_comes_and_goes(schemas, kind, text):
    """Kept letter for letter; lists show its name and type only."""
    made = make(schemas, kind, text)

    assert (made.name, made.type_, made.definition, len(made.revision_id)) == (NAME, kind, text, 8)
    assert schemas.get_schema(name=NAME) == made
    assert schemas.get_schema(name=f"{NAME}@{made.revision_id}") == made
    [listed] = schemas.list_schemas(parent=PROJECT)
    assert (listed.name, listed.type_, listed.definition) == (NAME, kind, "")
    [whole] = schemas.list_schemas(request={"parent": PROJECT, "view": View.FULL})
    assert whole.definition == text
    with pytest.raises(exceptions.Conflict):
        make(schemas)

    schemas.delete_schema(name=NAME)
    with pytest.raises(exceptions.NotFound, match=r"resource=projects/local/schemas/score\)"):
        schemas.get_schema(name=NAME)
    assert list(schemas.list_schemas(parent=PROJECT)) == []


BAD = {
    "nothing": (Type.AVRO, ""),
    "no-avro": (Type.AVRO, '{"type": "record"}'),
    "no-json": (Type.AVRO, "{"),
    "no-type": (0, AVRO),
    "large": (Type.AVRO, '"' + "x" * 300_000 + '"'),
    "braces": (Type.PROTOCOL_BUFFER, "message A { string a = 1;"),
    "two-messages": (Type.PROTOCOL_BUFFER, "message A {} message B {}"),
    "no-message": (Type.PROTOCOL_BUFFER, 'syntax = "proto3";'),
    "import": (Type.PROTOCOL_BUFFER, 'import "a.proto"; message A {}'),
}


@pytest.mark.parametrize(("kind", "text"), BAD.values(), ids=BAD)
def test_what_is_no_schema_is_refused(schemas, kind, text):
    """Also when it is only to be checked; nothing is left behind."""
    with pytest.raises(exceptions.BadRequest):
        make(schemas, kind, text)
    with pytest.raises(exceptions.BadRequest):
        schemas.validate_schema(parent=PROJECT, schema=types.Schema(type_=kind, definition=text))

    assert list(schemas.list_schemas(parent=PROJECT)) == []


def test_data_is_checked_against_a_schema(schemas):
    """One that is there, or one that is sent along."""
    make(schemas)
    schemas.validate_schema(parent=PROJECT, schema=types.Schema(type_=Type.AVRO, definition=AVRO))
    for which in ({"name": NAME}, {"schema": {"type_": Type.AVRO, "definition": AVRO}}):
        wanted = {"parent": PROJECT, "encoding": Encoding.JSON, **which}
        schemas.validate_message(request={**wanted, "message": b'{"value": 1}'})
        with pytest.raises(exceptions.BadRequest, match="value is missing"):
            schemas.validate_message(request={**wanted, "message": b"{}"})


def test_a_topic_holds_its_messages_to_its_schema(schemas, publisher, subscriber):
    """All of a request or none; subscribers are told of the schema."""
    made = make(schemas)
    settings = {"schema": NAME, "encoding": Encoding.JSON}
    topic = publisher.create_topic(request={"name": TOPIC, "schema_settings": settings})
    subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)
    good, bad = {"data": b'{"value": 1}'}, {"data": b'{"value": "high"}'}
    with pytest.raises(exceptions.BadRequest, match="double is needed"):
        publisher.publish(topic=TOPIC, messages=[good, bad])
    publisher.publish(topic=TOPIC, messages=[good])

    [received] = subscriber.pull(subscription=SUBSCRIPTION, max_messages=9).received_messages
    assert topic.schema_settings.schema == NAME
    assert dict(received.message.attributes) == {
        "googclient_schemaencoding": "JSON",
        "googclient_schemaname": NAME,
        "googclient_schemarevisionid": made.revision_id,
    }

    schemas.delete_schema(name=NAME)
    assert publisher.get_topic(topic=TOPIC).schema_settings.schema == "_deleted-schema_"
    with pytest.raises(exceptions.NotFound):
        publisher.publish(topic=TOPIC, messages=[good])


def test_a_topic_needs_a_schema_that_is_there(publisher):
    """And an encoding."""
    for settings, error in (
        ({"schema": NAME, "encoding": Encoding.JSON}, exceptions.NotFound),
        ({"schema": NAME}, exceptions.BadRequest),
    ):
        with pytest.raises(error):
            publisher.create_topic(request={"name": TOPIC, "schema_settings": settings})


@pytest.mark.parametrize(
    ("kind", "text", "encoding"),
    [(Type.AVRO, AVRO, Encoding.BINARY), (Type.PROTOCOL_BUFFER, PROTO, Encoding.JSON)],
    ids=["binary", "proto"],
)
def test_what_cannot_be_checked_is_not_published(schemas, publisher, kind, text, encoding):
    """Rather than let through."""
    make(schemas, kind, text)
    settings = {"schema": NAME, "encoding": encoding}
    publisher.create_topic(request={"name": TOPIC, "schema_settings": settings})

    with pytest.raises(exceptions.MethodNotImplemented, match="Avro schemas in JSON"):
        publisher.publish(topic=TOPIC, messages=[{"data": b"{}"}])


def test_revisions_are_not_emulated(schemas):
    """A schema has the one that it was made with."""
    made = make(schemas)

    with pytest.raises(exceptions.MethodNotImplemented):
        schemas.commit_schema(name=NAME, schema=made)
