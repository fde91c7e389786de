"""Schemas of messages: kept, checked, and what a topic's messages are held to.

Messages are checked against Avro schemas in JSON; binary ones and those of protocol buffers cannot be checked here, and
are refused rather than let through. Of a protocol buffer's definition its braces and its one message are checked.
Schemas have one revision: CommitSchema and its kin are not there.

Source: `google.pubsub.v1.SchemaService`; recording pubsub_schema/protobuf; cloud.google.com/pubsub/docs/schemas.
"""

import re
import uuid
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1.types import schema as messages

from emulator.apis.pubsub import avro, holders
from emulator.apis.pubsub.broker import Route
from emulator.apis.pubsub.model import API, TOPICS, check_name, invalid
from emulator.apis.standard import held
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.paging import page_of
from emulator.core.resources import Collection, by_id, fits, timestamp
from emulator.core.world import World

SERVICE = "google.pubsub.v1.SchemaService/"
Type, View, Encoding = messages.Schema.Type, messages.SchemaView, messages.Encoding
DELETED = "_deleted-schema_"
MOST_BYTES = 300_000
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'", re.DOTALL)


def missing(name: str) -> ApiFailure:
    """Source: the recording, which has the whole name where topics have the id."""
    return ApiFailure("NOT_FOUND", f"Resource not found (resource={name}).")


def taken(name: str) -> ApiFailure:
    """In the style of topics; not seen on the live service."""
    return ApiFailure("ALREADY_EXISTS", f"Resource already exists in the project (resource={name}).")


SCHEMAS = Collection("pubsub.schema", messages.Schema.pb(), "projects/*/schemas/*", missing, taken, by_id, by_id)
API.policies.append(held(SCHEMAS))


@API.method(SERVICE + "CreateSchema")
def create_schema(world: World, request: Any, _: Call) -> Any:
    """Kept letter for letter, with an id of its first revision."""
    if not fits("projects/*", request.parent):
        raise invalid("parent: must be projects/{project}")
    name = by_id(world, f"{request.parent}/schemas/{request.schema_id or f'schema-{uuid.uuid4()}'}")
    check_name(SCHEMAS, name)
    check_definition(request.schema)
    made = SCHEMAS.message(
        name=name, type_=request.schema.type_, definition=request.schema.definition, revision_id=uuid.uuid4().hex[:8]
    )
    made.revision_create_time.CopyFrom(timestamp(world.clock.now()))
    SCHEMAS.insert(world, made)
    return made


@API.method(SERVICE + "GetSchema")
def get_schema(world: World, request: Any, _: Call) -> Any:
    """With its definition, unless the basic view is asked for; a revision may be named: `name@revision`."""
    return seen(find(world, request.name), full=request.view != View.BASIC)


def find(world: World, name: str) -> Any:
    """A schema, by its name or that of its revision.

    Raises:
        ApiFailure: It is not there.
    """
    plain, _, revision = name.partition("@")
    found = SCHEMAS.get(world, by_id(world, plain))
    if revision and revision != found.revision_id:
        raise missing(name)
    return found


def seen(schema: Any, *, full: bool) -> Any:
    """A schema as a view shows it (comments of `SchemaView`)."""
    if not full:
        schema.ClearField("definition")
    return schema


@API.method(SERVICE + "ListSchemas")
def list_schemas(world: World, request: Any, _: Call) -> Any:
    """By name; without definitions, unless the full view is asked for."""
    shown, token = page_of(request, SCHEMAS.read(SCHEMAS.below(world, by_id(world, request.parent))))
    found = [seen(each, full=request.view == View.FULL) for each in shown]
    return messages.ListSchemasResponse.pb()(schemas=found, next_page_token=token)


@API.method(SERVICE + "DeleteSchema")
def delete_schema(world: World, request: Any, _: Call) -> Any:
    """Topics that had it say that it is gone (comment of `SchemaSettings.schema`)."""
    with world.store.transaction():
        schema = find(world, request.name)
        SCHEMAS.remove(world, schema.name)
        for topic in TOPICS.all(world):
            if topic.schema_settings.schema == schema.name:
                topic.schema_settings.schema = DELETED
                TOPICS.save(world, topic)
        holders.broker(world).routes.clear()
    return Empty()


@API.method(SERVICE + "ValidateSchema")
def validate_schema(_: World, request: Any, __: Call) -> Any:
    """Whether a definition is one."""
    check_definition(request.schema)
    return messages.ValidateSchemaResponse.pb()()


@API.method(SERVICE + "ValidateMessage")
def validate_message(world: World, request: Any, _: Call) -> Any:
    """Whether data fits a schema that is there, or one that is sent along."""
    schema = request.schema if request.WhichOneof("schema_spec") == "schema" else find(world, request.name)
    check_definition(schema)
    check_encoding(request.encoding)
    check_data(schema, request.encoding, request.message)
    return messages.ValidateMessageResponse.pb()()


def check_definition(schema: Any) -> None:
    """A definition of a type that there is. The words are in the service's style, not seen there."""
    text = schema.definition
    if not text or len(text.encode()) > MOST_BYTES:
        raise invalid(f"schema.definition: must have 1 to {MOST_BYTES} bytes")
    try:
        if schema.type_ == Type.AVRO:
            avro_schema(text)
        elif schema.type_ == Type.PROTOCOL_BUFFER:
            check_proto(text)
        else:
            raise invalid("schema.type: must be AVRO or PROTOCOL_BUFFER")
    except avro.AvroError as error:
        raise ApiFailure("INVALID_ARGUMENT", f"Invalid schema definition: {error}.") from error


@lru_cache(maxsize=64)
def avro_schema(text: str) -> avro.Schema:
    """An Avro schema, read once."""
    return avro.Schema(text)


def check_proto(text: str) -> None:
    """Braces that close, one message at the top, no other files (cloud.google.com/pubsub/docs/schemas)."""
    bare = COMMENT.sub(" ", text)
    depth, top = 0, []
    for word in re.findall(r"[{}]|\bmessage\s+\w+|\bimport\b", bare):
        depth += {"{": 1, "}": -1}.get(word, 0)
        if depth < 0:
            break
        if not depth and word not in "{}":
            top.append(word.split()[0])
    if depth:
        raise ApiFailure("INVALID_ARGUMENT", "Invalid schema definition: the braces do not match.")
    if top != ["message"]:
        raise ApiFailure("INVALID_ARGUMENT", "Invalid schema definition: it must have one message, and no imports.")


def check_encoding(encoding: int) -> None:
    """JSON or binary."""
    if encoding not in (Encoding.JSON, Encoding.BINARY):
        raise invalid("encoding: must be JSON or BINARY")


def check_settings(world: World, settings: Any) -> None:
    """A topic's schema is there, and its messages are encoded somehow."""
    if settings.schema and settings.schema != DELETED:
        check_encoding(settings.encoding)
        settings.schema = find(world, settings.schema).name


def check_messages(world: World, to: Route, sent: Sequence[Any]) -> dict[str, str]:
    """Refuse a request with a message that does not fit; returns the attributes that tell subscribers of the schema.

    Source: for the attributes, Google's samples of subscribers.
    """
    if to.schema == DELETED:
        raise missing(to.schema)
    schema = find(world, to.schema)
    encoding = Encoding.BINARY if to.binary else Encoding.JSON
    for message in sent:
        check_data(schema, encoding, message.data)
    return {
        "googclient_schemaencoding": "BINARY" if to.binary else "JSON",
        "googclient_schemaname": schema.name,
        "googclient_schemarevisionid": schema.revision_id,
    }


def check_data(schema: Any, encoding: int, data: bytes) -> None:
    """Refuse data that does not fit.

    Raises:
        ApiFailure: INVALID_ARGUMENT; UNIMPLEMENTED where the emulator cannot tell.
    """
    if schema.type_ != Type.AVRO or encoding != Encoding.JSON:
        raise ApiFailure("UNIMPLEMENTED", "The emulator checks messages of Avro schemas in JSON only.")
    try:
        avro_schema(schema.definition).check(data)
    except avro.AvroError as error:
        text = f"Request contains an invalid argument: the message does not fit the schema: {error}."
        raise ApiFailure("INVALID_ARGUMENT", text) from error
