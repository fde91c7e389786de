"""The table of a subscription: it is there, Google's account may write to it, and its columns take the messages.

Source: cloud.google.com/pubsub/docs/create-bigquery-subscription, "Prerequisites", and comments of `BigQueryConfig`
(states). The words are in the service's style, not seen there.
"""

from __future__ import annotations

from typing import Any

from google.pubsub_v1.types import pubsub, schema

from emulator.apis.bigquery import records
from emulator.apis.bigquery.access import target
from emulator.apis.bigquery.messages.making import DATA, METADATA, Maker
from emulator.apis.bigquery.names import Ref
from emulator.apis.bigquery.records import Table
from emulator.apis.bigquery.schema import Field
from emulator.apis.pubsub import holders, schemas
from emulator.apis.pubsub.avro import Schema
from emulator.apis.pubsub.broker import Sheet
from emulator.apis.pubsub.dead_letters import account
from emulator.apis.pubsub.model import SUBSCRIPTIONS, TOPICS
from emulator.core.failures import ApiFailure
from emulator.core.world import World
from emulator.identity import access

State = pubsub.BigQueryConfig.State
NEEDED = ("bigquery.tables.get", "bigquery.tables.updateData")


class TableError(Exception):
    """Nothing can be written to a table now.

    Args:
        state: What the subscription's configuration says of it.
        code: With which a subscription to it is refused.
        message: Why.
    """

    def __init__(self, state: Any, code: str, message: str) -> None:
        super().__init__(message)
        self.state = state
        self.code = code
        self.message = message


def check(world: World, subscription: Any) -> None:
    """Refuse a subscription whose table does not take its messages.

    Raises:
        ApiFailure: NOT_FOUND, PERMISSION_DENIED or INVALID_ARGUMENT.
    """
    sheet = holders.sheet_of(subscription)
    if sheet is None:
        return
    try:
        maker(world, subscription.name, subscription.topic, sheet)
    except TableError as error:
        raise ApiFailure(error.code, error.message) from error


def maker(world: World, name: str, topic: str, sheet: Sheet) -> tuple[Table, Maker]:
    """The table as it is now, and what makes rows for it.

    Raises:
        TableError: It is not there, may not be written to, or has other columns.
    """
    table = found(world, name, sheet)
    avro = definition(world, topic) if sheet.by_topic else None
    check_columns(table, sheet, avro)
    return table, Maker(name, sheet, table.fields, avro)


def found(world: World, name: str, sheet: Sheet) -> Table:
    """The table, where the account may write to it.

    Raises:
        TableError: It is not there, or the account may not.
    """
    project, dataset, table = sheet.table.rsplit(".", 2)
    ref = Ref(world.project_id(project) or project, dataset, table)
    there = records.look_for_table(world, ref)
    if there is None or there.view:
        raise TableError(State.NOT_FOUND, "NOT_FOUND", f"Resource not found (resource={sheet.table}).")
    who = sheet.account or account(world, name)
    on = target(world, ref.project, ref.dataset, ref.table)
    missing = [each for each in NEEDED if not access.may(world, who, each, on).granted]
    if missing:
        text = f"Service account {who} is missing permissions required to write to the BigQuery table"
        raise TableError(State.PERMISSION_DENIED, "PERMISSION_DENIED", f"{text} {sheet.table}: {', '.join(missing)}.")
    return there


def definition(world: World, topic: str) -> Schema:
    """The Avro schema of a topic.

    Raises:
        TableError: The topic or its schema is gone, or it is no Avro schema in JSON.
    """
    try:
        settings = TOPICS.get(world, topic).schema_settings
        known = schemas.find(world, settings.schema) if settings.schema else None
    except ApiFailure as error:
        raise TableError(State.SCHEMA_MISMATCH, "INVALID_ARGUMENT", error.message) from error
    if known is None:
        text = "use_topic_schema is set, and the topic has no schema"
        raise TableError(State.SCHEMA_MISMATCH, "INVALID_ARGUMENT", f"{text}: {topic}.")
    if known.type_ != schema.Schema.Type.AVRO or settings.encoding != schema.Encoding.JSON:
        text = "The emulator writes messages of Avro schemas in JSON only."
        raise TableError(State.SCHEMA_MISMATCH, "UNIMPLEMENTED", text)
    return schemas.avro_schema(known.definition)


def check_columns(table: Table, sheet: Sheet, avro: Schema | None) -> None:
    """Refuse columns that the messages cannot fill.

    Raises:
        TableError: One is missing, of another type, or always without the value that it must have.
    """
    columns = {each.name.lower(): each for each in table.fields}
    wanted: dict[str, tuple[str, ...]] = dict(METADATA) if sheet.metadata else {}
    if avro is not None:
        wanted |= {name: () for name in avro.fields if not sheet.drops or name.lower() in columns}
    elif not sheet.by_table:
        wanted["data"] = DATA
    for name, kinds in wanted.items():
        check_column(columns.get(name.lower()), name, kinds, table)
    if not sheet.by_table:
        for each in table.fields:
            if each.mode == "REQUIRED" and each.name.lower() not in {name.lower() for name in wanted}:
                raise mismatch(table, f"Field {each.name} is REQUIRED in the BigQuery table, and no message has it")


def check_column(field: Field | None, name: str, kinds: tuple[str, ...], table: Table) -> None:
    """One column that messages fill."""
    if field is None:
        raise mismatch(table, f"Field {name} is missing in the BigQuery table")
    if kinds and (field.kind not in kinds or field.mode == "REPEATED"):
        raise mismatch(table, f"Incompatible type for field {name}: {field.kind} is not {' or '.join(kinds)}")


def mismatch(table: Table, why: str) -> TableError:
    """A table with other columns."""
    return TableError(State.SCHEMA_MISMATCH, "INVALID_ARGUMENT", f"{why} (table={table.ref}).")


def show(world: World, name: str, state: Any) -> None:
    """Let a subscription say how its table is."""
    with world.store.transaction():
        subscription = next((each for each in SUBSCRIPTIONS.all(world) if each.name == name), None)
        if subscription is None or subscription.bigquery_config.state == state:
            return
        subscription.bigquery_config.state = state
        whole = state == State.ACTIVE
        subscription.state = SUBSCRIPTIONS.message.ACTIVE if whole else SUBSCRIPTIONS.message.RESOURCE_ERROR
        SUBSCRIPTIONS.save(world, subscription)
