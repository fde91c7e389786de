"""Datasets and tables as they are kept: what answers show, and under which name DuckDB has the rows."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from emulator.apis.bigquery import errors
from emulator.apis.bigquery.engine import TABLE, engine
from emulator.apis.bigquery.names import Ref
from emulator.apis.bigquery.schema import Field, read

if TYPE_CHECKING:
    from emulator.core.world import World

DATASET, MODEL = "bigquery.dataset", "bigquery.model"


@dataclass(frozen=True, slots=True)
class Table:
    """A table or a view.

    Attributes:
        ref: Where it is.
        resource: As answers show it, without what is counted when somebody asks.
        rows: DuckDB's name of its rows; empty for a view.
    """

    ref: Ref
    resource: dict[str, Any]
    rows: str = ""

    @property
    def fields(self) -> tuple[Field, ...]:
        """Its columns."""
        return read(self.resource.get("schema"))

    @property
    def view(self) -> str:
        """The query of a view; nothing for a table."""
        return str((self.resource.get("view") or {}).get("query") or "")

    @property
    def by_arrival(self) -> bool:
        """Whether it is partitioned by when rows arrived."""
        partitioning = self.resource.get("timePartitioning")
        return partitioning is not None and not partitioning.get("field")

    def encode(self) -> bytes:
        """As stored."""
        return json.dumps({"resource": self.resource, "rows": self.rows}).encode()


def millis(when: datetime) -> str:
    """A time as resources have it: milliseconds since 1970."""
    return str(int(when.timestamp() * 1000))


def new_etag() -> str:
    """An etag that nothing had before."""
    return base64.b64encode(uuid.uuid4().bytes).decode()


def dataset_key(project: str, dataset: str) -> str:
    """Under which name a dataset is kept."""
    return f"{project}/{dataset}"


def find_dataset(world: World, project: str, dataset: str) -> dict[str, Any]:
    """The resource of a dataset.

    Raises:
        BigQueryError: 404.
    """
    body = world.store.get(DATASET, dataset_key(project, dataset))
    if body is None:
        raise errors.not_found("Dataset", f"{project}:{dataset}")
    found: dict[str, Any] = json.loads(body)
    return found


def look_for_table(world: World, ref: Ref) -> Table | None:
    """A table, or None: it is not there, or its time is over."""
    body = world.store.get(TABLE, ref.key)
    if body is None:
        return None
    found = Table(ref, **json.loads(body))
    until = found.resource.get("expirationTime")
    if until is not None and int(until) <= int(millis(world.clock.now())):
        with world.store.transaction():
            if world.store.get(TABLE, ref.key) == body:  # else somebody has made another
                forget_table(world, found)
        return None
    return found


def find_table(world: World, ref: Ref) -> Table:
    """A table.

    Raises:
        BigQueryError: 404, of the dataset or of the table.
    """
    found = look_for_table(world, ref)
    if found is None:
        find_dataset(world, ref.project, ref.dataset)
        raise errors.not_found("Table", str(ref))
    return found


def tables(world: World, project: str, dataset: str) -> list[Table]:
    """The tables of a dataset, by name."""
    start = f"{project}/{dataset}/"
    refs = [Ref(project, dataset, name.removeprefix(start)) for name, _ in world.store.list(TABLE, start)]
    return [found for ref in refs if (found := look_for_table(world, ref)) is not None]


def put_table(world: World, table: Table) -> Table:
    """Keep a table as it is now: changed, under a new etag."""
    resource = table.resource | {"etag": new_etag(), "lastModifiedTime": millis(world.clock.now())}
    kept = replace(table, resource=resource)
    world.store.put(TABLE, table.ref.key, kept.encode())
    return kept


def touch(world: World, table: Table) -> Table:
    """Note that rows have changed. What else was changed meanwhile stays; so does a table that has other rows by now.

    Raises:
        BigQueryError: 404, it is no longer there.
    """
    with world.store.transaction():
        now = find_table(world, table.ref)
        return put_table(world, now) if now.rows == table.rows else now


@contextmanager
def held(world: World, ref: Ref) -> Iterator[Table]:
    """A table as it is now, of which nobody else changes the rows or the record meanwhile, in a transaction.

    The lock of the rows comes first, the store's second (`Engine`), so it is looked again whether they are its rows.

    Raises:
        BigQueryError: 404.
    """
    while True:
        rows = find_table(world, ref).rows
        with engine(world).lock(rows), world.store.transaction():
            found = find_table(world, ref)
            if found.rows == rows:
                yield found
                return


def forget_table(world: World, table: Table) -> None:
    """Forget a table with its rows and its policy."""
    from emulator.identity import iam_policy  # noqa: PLC0415 - imports Google's messages

    world.store.delete(TABLE, table.ref.key)
    ref = table.ref
    iam_policy.forget(world, f"projects/{ref.project}/datasets/{ref.dataset}/tables/{ref.table}")
    if table.rows:
        world.store.after(lambda: engine(world).retire(table.rows))  # they are still wanted, if this is taken back


def instant(text: Any) -> datetime:
    """The time of milliseconds since 1970."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(text))
