"""The export of a bill to a table of BigQuery: some times a day, hours after the use, as Google's standard export.

Source: https://cloud.google.com/billing/docs/how-to/export-data-bigquery-tables/standard-usage for the columns;
.../export-data-bigquery for what comes when: within a day, at no fixed time. Here it is every four hours, of what was
used eight hours before or earlier. Switching it on is a matter of Google's console, and here of `/_emulator/billing`.
The dataset must be there: until it is, nothing is written. Light to import: no message of Google's.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from emulator.apis.billingbudgets import bill, metering
from emulator.apis.cloudbilling import accounts

if TYPE_CHECKING:
    from emulator.apis.bigquery.records import Table
    from emulator.core.world import World

log = logging.getLogger("emulator")
KIND, DONE = "billing.export", "billing.exported"
"""In the store: where an account's bill goes, with the timer of its next turn; and lines that are there, by name."""
EVERY, LATE = timedelta(hours=4), timedelta(hours=8)
_RUN = {"id": "152E-C115-5142", "description": "Cloud Run"}
_PAIR = (("key", "STRING"), ("value", "STRING"))


def _column(name: str, kind: str, mode: str = "NULLABLE", fields: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
    inner = {"fields": [_column(*each) for each in fields]} if fields else {}
    return {"name": name, "type": kind, "mode": mode, **inner}


SCHEMA = [
    _column("billing_account_id", "STRING"),
    _column("service", "RECORD", fields=(("id", "STRING"), ("description", "STRING"))),
    _column("sku", "RECORD", fields=(("id", "STRING"), ("description", "STRING"))),
    _column("usage_start_time", "TIMESTAMP"),
    _column("usage_end_time", "TIMESTAMP"),
    _column("project", "RECORD", fields=(("id", "STRING"), ("number", "STRING"), ("name", "STRING"))),
    _column("labels", "RECORD", "REPEATED", _PAIR),
    _column("system_labels", "RECORD", "REPEATED", _PAIR),
    _column(
        "location",
        "RECORD",
        fields=(("location", "STRING"), ("country", "STRING"), ("region", "STRING"), ("zone", "STRING")),
    ),
    _column("export_time", "TIMESTAMP"),
    _column("cost", "FLOAT"),
    _column("currency", "STRING"),
    _column("currency_conversion_rate", "FLOAT"),
    _column(
        "credits",
        "RECORD",
        "REPEATED",
        (("name", "STRING"), ("amount", "FLOAT"), ("full_name", "STRING"), ("id", "STRING"), ("type", "STRING")),
    ),
    _column("invoice", "RECORD", fields=(("month", "STRING"),)),
    _column("cost_type", "STRING"),
    _column(
        "adjustment_info",
        "RECORD",
        fields=(("id", "STRING"), ("description", "STRING"), ("mode", "STRING"), ("type", "STRING")),
    ),
]
"""Columns that bills are read by; Google's export has some more, of tags, usage and sellers."""


def describe(world: World, raw: dict[str, Any]) -> dict[str, str]:
    """Say which currency an account has, and where its bill is exported to.

    Raises:
        ValueError: The account, the currency, the rate or the dataset is none.
    """
    target = raw.get("export")
    if target is not None and not (isinstance(target, str) and all(target.rpartition(".")[::2])):
        raise ValueError("'export' must be a project and a dataset, such as local.billing")
    found = accounts.describe(world, raw)
    if target is None:
        return found
    with world.store.transaction():
        before = world.store.get(KIND, found["account"])
        if before is not None:
            world.clock.cancel(json.loads(before)["timer"])
        begin(world, found["account"], target, world.clock.now() + EVERY)
    project, _, dataset = target.rpartition(".")
    return found | {"export": f"{project}.{dataset}.{table_of(found['account'])}"}


def table_of(account: str) -> str:
    """How the table of an account is called."""
    return f"gcp_billing_export_v1_{account.rpartition('/')[2].replace('-', '_')}"


def begin(world: World, account: str, target: str, when: datetime) -> None:
    """Write what is due at a time; in a transaction of the caller's."""
    payload = {"account": account, "target": target, "due": when.isoformat()}
    timer = world.clock.call_at(when, turn, payload)
    world.store.put(KIND, account, json.dumps({"timer": timer, "due": when.isoformat()}).encode())


def turn(world: World, payload: dict[str, Any]) -> None:
    """Write the lines that are due, and set the next turn. One that fires again after a kill finds what is there."""
    account, target, due = payload["account"], payload["target"], datetime.fromisoformat(payload["due"])
    body = world.store.get(KIND, account)
    if body is None or json.loads(body)["due"] != payload["due"]:
        return
    metering.look(world)
    written = write(world, account, target, due)
    with world.store.transaction():
        world.store.put_all(DONE, ((name, b"") for name in written))
        begin(world, account, target, due + EVERY)


def write(world: World, account: str, target: str, due: datetime) -> list[str]:
    """Write what is due to the table, which is made where it is not there; gives the names of the lines written."""
    from emulator.apis.bigquery import cells, errors, rows  # noqa: PLC0415 - loads DuckDB

    written = set(world.store.names(DONE))
    chosen = [
        (name, line)
        for name, line in bill.named(world, account)
        if name not in written and bill.utc(line.until) <= due - LATE
    ]
    try:
        table = there(world, account, target)
    except errors.BigQueryError as error:
        log.warning("a bill could not be exported", extra={"to": target, "why": error.message})
        return []
    if not chosen or has(world, table, due):
        return [name for name, _ in chosen]
    made = [cells.row(table.fields, row, unknown=False) for _, line in chosen for row in rows_of(world, line, due)]
    rows.append(world, table, made)
    return [name for name, _ in chosen]


def there(world: World, account: str, target: str) -> Table:
    """The table of an account, partitioned by the day on which lines arrive.

    Raises:
        BigQueryError: Its dataset is not there.
    """
    from emulator.apis.bigquery import records, tables  # noqa: PLC0415 - loads DuckDB
    from emulator.apis.bigquery.names import Ref  # noqa: PLC0415 - loads DuckDB

    project, _, dataset = target.rpartition(".")
    ref = Ref(project, dataset, table_of(account))
    found = records.look_for_table(world, ref)
    if found is not None:
        return found
    wanted = {"tableReference": ref.resource, "schema": {"fields": SCHEMA}, "timePartitioning": {"type": "DAY"}}
    return tables.create(world, ref, wanted, "")


def has(world: World, table: Table, due: datetime) -> bool:
    """Whether the lines of a turn were written before: all of them, or none."""
    from emulator.apis.bigquery.engine import engine, physical  # noqa: PLC0415 - loads DuckDB

    base = engine(world)
    with base.reading() as cursor:
        text = f"SELECT count(*) FROM {physical(table.rows)} WHERE export_time = CAST(? AS TIMESTAMPTZ)"  # noqa: S608 - our own name
        base.run(cursor, text, [due.isoformat()])
        return bool(cursor.fetchone()[0])


def rows_of(world: World, line: bill.Line, due: datetime) -> Iterator[dict[str, Any]]:
    """A line of the bill as the export has it: one for each month of the invoice that it is in."""
    from emulator.apis.billingbudgets.periods import ZONE, after, midnight  # noqa: PLC0415 - imports messages

    since, until = bill.utc(line.since), bill.utc(line.until)
    first = since.astimezone(ZONE).date().replace(day=1)
    while midnight(first) <= until:
        following = after(first, 1)
        begin_, end = midnight(first), midnight(following)
        amount = line.within(begin_, end)
        if amount:
            times = max(since, begin_), min(until, end)
            yield row_of(world, line, amount, times, f"{first:%Y%m}", due)
        first = following


def row_of(  # noqa: PLR0917 - one line, in the order of its columns
    world: World, line: bill.Line, amount: Decimal, times: tuple[datetime, datetime], month: str, due: datetime
) -> dict[str, Any]:
    """One row: what is below zero is a credit."""
    given = amount < 0
    rate = accounts.per_usd(world, line.account)
    return {
        "billing_account_id": line.account.rpartition("/")[2],
        "service": _RUN if line.region else {"id": "", "description": "by hand"},
        "sku": {"id": "", "description": "CPU and memory" if line.region else "by hand"},
        "usage_start_time": times[0].isoformat(),
        "usage_end_time": times[1].isoformat(),
        "project": {"id": line.project, "number": world.project_number(line.project), "name": line.project},
        "labels": [{"key": key, "value": value} for key, value in sorted(line.labels.items())],
        "system_labels": [],
        "location": {"location": line.region or "global", "region": line.region or None},
        "export_time": due.isoformat(),
        "cost": 0.0 if given else float(amount),
        "currency": accounts.currency(world, line.account),
        "currency_conversion_rate": float(rate),
        "credits": [{"name": "by hand", "amount": float(amount), "type": "PROMOTION"}] if given else [],
        "invoice": {"month": month},
        "cost_type": "regular",
        "adjustment_info": {},
    }
