"""Rows of tables: list them, stream them in.

Source: reference/rest/v2/tabledata; cloud.google.com/bigquery/docs/streaming-data-into-bigquery.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from emulator.apis.bigquery import answers, cells, errors, records, rows
from emulator.apis.bigquery.engine import engine, physical
from emulator.apis.bigquery.schema import Field
from emulator.apis.bigquery.tables import ref_of
from emulator.apis.bigquery.types import names
from emulator.apis.bigquery.wire import Call, Reply

if TYPE_CHECKING:
    from emulator.apis.bigquery.records import Table
    from emulator.core.world import World

TOKEN = re.compile(r"BG([0-9a-f]{1,12})")
PAGE_MOST = 20_000
MOST_ROWS = 50_000
REMEMBERED, REMEMBERED_FOR = 200_000, timedelta(minutes=1)
"""Insert ids that are known again, and for how long: Google says "at least one minute"."""


def list_(call: Call) -> Reply:
    """A page of a table's rows."""
    table = records.find_table(call.world, ref_of(call))
    if table.view:
        raise errors.invalid(f"Cannot list a table of type VIEW: {table.ref}")
    rows.sweep(call.world, table)
    wanted = {name.lower() for name in call.query.get("selectedFields", "").split(",") if name}
    fields = [each for each in table.fields if not wanted or each.name.lower() in wanted]
    total = rows.total(call.world, table.rows)
    page, token = page_of(call, table.rows, fields, total)
    answer: dict[str, Any] = {"kind": "bigquery#tableDataList", "etag": table.resource["etag"], "totalRows": str(total)}
    return Reply(answer | ({"rows": page} if page else {}) | ({"pageToken": token} if token else {}))


def page_of(call: Call, name: str, fields: Sequence[Field], total: int) -> tuple[list[dict[str, Any]], str]:
    """The rows that a call asks for by `pageToken`, `startIndex` and `maxResults`, and the token of the next page."""
    token = call.query.get("pageToken")
    start = read_index(token) if token else call.whole_number("startIndex", 0)
    most = min(call.whole_number("maxResults", PAGE_MOST), PAGE_MOST)
    if not fields or not most or start >= total:
        return [], index_token(start) if start < total else ""
    base = engine(call.world)
    with base.reading() as cursor:
        base.run(cursor, f"SELECT {names(fields)} FROM {physical(name)} LIMIT {most} OFFSET {start}")
        found = cursor.fetchall()
    shown = answers.rows(fields, found, int_timestamps=call.flag("formatOptions.useInt64Timestamp"))
    after = start + len(shown)
    return shown, index_token(after) if after < total else ""


def index_token(index: int) -> str:
    """A page token that goes on at a row."""
    return f"BG{index:x}"


def read_index(token: str) -> int:
    """The row at which a page begins.

    Raises:
        BigQueryError: 400, the token is none of ours.
    """
    found = TOKEN.fullmatch(token)
    if found is None:
        raise errors.invalid("Invalid page token", "pageToken")
    return int(found[1], 16)


@dataclass
class Seen:
    """The insert ids of the last minute, by table: a row that comes again with one is dropped."""

    ids: OrderedDict[tuple[str, str], float] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def is_new(self, table: str, insert_id: str, now: float) -> bool:
        """Whether it is seen for the first time, which is then remembered."""
        with self.lock:
            while self.ids and (len(self.ids) > REMEMBERED or next(iter(self.ids.values())) <= now):
                self.ids.popitem(last=False)
            if (table, insert_id) in self.ids:
                return False
            self.ids[table, insert_id] = now + REMEMBERED_FOR.total_seconds()
            return True

    def forget(self, table: str, insert_ids: Sequence[str]) -> None:
        """Know them no longer: their rows were not written."""
        with self.lock:
            for each in insert_ids:
                self.ids.pop((table, each), None)


def insert_all(call: Call) -> Reply:
    """Stream rows in. What is wrong with some is said by index; the others are stopped then, unless they may go on."""
    wanted = call.json()
    if wanted.get("templateSuffix"):
        raise errors.unimplemented("templateSuffix: tables made from a template")
    given = wanted.get("rows")
    if not isinstance(given, list) or not given:
        raise errors.invalid("No rows present in the request.")
    if len(given) > MOST_ROWS:
        raise errors.invalid(f"Too many rows present in the request, limit: {MOST_ROWS} row count: {len(given)}.")
    table = records.find_table(call.world, ref_of(call))
    if table.view:
        raise errors.invalid(f"Cannot add rows to a table of type VIEW: {table.ref}")
    good, bad = sorted_out(table, given, unknown=bool(wanted.get("ignoreUnknownValues")))
    if bad and not wanted.get("skipInvalidRows"):
        bad |= {index: stopped() for index, _ in good}
        good = []
    with new_ones(call.world, table, given, good) as fresh:
        rows.append(call.world, table, fresh)
    told = [{"index": index, "errors": [bad[index]]} for index in sorted(bad)]
    return Reply({"kind": "bigquery#tableDataInsertAllResponse"} | ({"insertErrors": told} if told else {}))


def sorted_out(
    table: Table, given: Sequence[Any], *, unknown: bool
) -> tuple[list[tuple[int, dict[str, Any]]], dict[int, dict[str, str]]]:
    """The rows that fit, each with its index, and what is wrong with the others, by index.

    Args:
        table: Whose columns they must fit.
        given: Objects with `json`.
        unknown: Whether values of columns that are not there are dropped.
    """
    fields, good, bad = table.fields, [], {}
    for index, each in enumerate(given):
        value = each.get("json") if isinstance(each, dict) else None
        try:
            good.append((index, cells.row(fields, value, unknown=unknown)))
        except cells.CellError as error:
            bad[index] = problem(error)
    return good, bad


def problem(error: cells.CellError) -> dict[str, str]:
    """What is wrong with a row, as the answer has it."""
    return {"reason": "invalid", "location": error.where, "debugInfo": "", "message": error.message}


def stopped() -> dict[str, str]:
    """Why a good row was not taken: another was bad."""
    return {"reason": "stopped", "location": "", "debugInfo": "", "message": ""}


@contextmanager
def new_ones(
    world: World, table: Table, given: Sequence[Any], good: Sequence[tuple[int, dict[str, Any]]]
) -> Iterator[list[dict[str, Any]]]:
    """Those rows whose insert ids were not seen a moment ago. Rows that cannot be written may come again."""
    seen, now = world.part(Seen, Seen), world.clock.now().timestamp()
    named = [(str(given[index].get("insertId") or ""), row) for index, row in good]
    fresh = [(each, row) for each, row in named if not each or seen.is_new(table.rows, each, now)]
    try:
        yield [row for _, row in fresh]
    except BaseException:
        seen.forget(table.rows, [each for each, _ in fresh])
        raise
