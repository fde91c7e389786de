"""Subscriptions that write rows: a thread per subscription takes what waits, and writes it in one go.

What does not fit comes back, and is a dead letter in the end; where the table itself is the trouble, everything comes
back, and the subscription says why.
Source: cloud.google.com/pubsub/docs/bigquery; backoff as pushes have it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from emulator.apis.bigquery import rows
from emulator.apis.bigquery.engine import is_about_values
from emulator.apis.bigquery.errors import BigQueryError
from emulator.apis.bigquery.messages import checking
from emulator.apis.bigquery.messages.checking import State, TableError
from emulator.apis.bigquery.messages.making import Maker, RowError
from emulator.apis.bigquery.records import Table
from emulator.apis.pubsub import delivering, holders
from emulator.apis.pubsub.backlog import Delivery, Handle
from emulator.apis.pubsub.broker import Line, Sheet
from emulator.apis.pubsub.delivering import Wanted
from emulator.apis.pubsub.work import pool
from emulator.core.world import World

log = logging.getLogger(__name__)

BATCH, BATCH_BYTES = 2000, 10_000_000
FOREVER = float("inf")
NAME = "tables"


def begin(world: World) -> None:
    """Write from now on, also what waits already."""
    holders.on_arrival(world, NAME, look_soon)


def look_soon(world: World, line: Line) -> None:
    """Have a thread look for messages to write, unless one does. With the lock held."""
    if line.sheet is not None and not line.writing and len(line.backlog):
        line.writing = True
        pool(world).submit(work, world, line)


def work(world: World, line: Line) -> None:
    """Write what waits, until there is nothing."""
    while True:
        seen, sheet = line.events, line.sheet
        wanted = Wanted(BATCH, bytes_most=BATCH_BYTES, deadline_s=FOREVER)
        taken = [] if sheet is None else delivering.take(world, line, wanted)
        if sheet is not None and taken:
            attempt(world, line, sheet, taken)
        elif is_over(line, seen):
            return


def is_over(line: Line, seen: int) -> bool:
    """Whether the thread may go: nothing has happened since it looked."""
    with line.changed:
        if line.sheet is not None and line.events != seen:
            return False
        line.writing = False
        return True


def attempt(world: World, line: Line, sheet: Sheet, taken: Sequence[tuple[Delivery, Any]]) -> None:
    """Write a batch, and settle what was written."""
    written: set[int] = set()
    try:
        table, maker = checking.maker(world, line.name, line.topic, sheet)
        good = fitting(line, maker, taken)
        keep(world, line.name, table, list(good.items()), written)
        state = State.ACTIVE
    except TableError as error:
        log.info("table not written: %s", error.message, extra={"subscription": line.name})
        state = error.state
    except BigQueryError as error:
        log.info("rows not written: %s", error.message, extra={"subscription": line.name})
        state = State.ACTIVE
    except ModuleNotFoundError as error:
        log.info("rows not written without %s", error.name, extra={"subscription": line.name})
        state = State.ACTIVE
    except Exception:
        log.exception("rows not written", extra={"subscription": line.name})
        state = State.ACTIVE
    if not line.alive:
        return
    checking.show(world, line.name, state)
    handles = {each.number: Handle(each.number, each.lease) for each, _ in taken}
    delivering.ack(world, line, [handle for number, handle in handles.items() if number in written])
    back = [handle for number, handle in handles.items() if number not in written]
    if back:
        delivering.extend(world, line, back, 0)


def keep(world: World, name: str, table: Table, good: list[tuple[int, dict[str, Any]]], written: set[int]) -> None:
    """Write rows. One whose values are refused keeps no other back.

    Args:
        world: Where.
        name: Of the subscription.
        table: Where to.
        good: The rows, by the numbers of their messages.
        written: Gets the numbers of those that are written, also where a later one raises.

    Raises:
        BigQueryError: Nothing can be written now, whatever the values.
    """
    try:
        rows.append(world, table, [row for _, row in good])
    except BigQueryError as error:
        half = len(good) // 2
        if not is_about_values(error):
            raise
        if not half:
            log.info("row not written: %s", error.message, extra={"subscription": name})
            return
        keep(world, name, table, good[:half], written)
        keep(world, name, table, good[half:], written)
    else:
        written.update(number for number, _ in good)


def fitting(line: Line, maker: Maker, taken: Sequence[tuple[Delivery, Any]]) -> dict[int, dict[str, Any]]:
    """The messages that are rows, by number. Why others are not, the log says."""
    good = {}
    for delivery, message in taken:
        try:
            good[delivery.number] = maker.row(message)
        except RowError as error:
            log.info("message is no row: %s", error, extra={"subscription": line.name, "number": message.message_id})
    return good
