"""Entries: written, asked for, deleted by log; each is handed to the sinks that want it.

Source: `google.logging.v2.LoggingServiceV2`; https://cloud.google.com/logging/quotas. Words of refusals that name no
source are in the service's style, not seen there.
"""

from collections.abc import Iterable
from typing import Any

from google.cloud.logging_v2.types import logging
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict

from emulator.apis.logging import query, routing
from emulator.apis.logging.keeping import checked, dated, keep
from emulator.apis.logging.model import (
    API,
    ENTRIES,
    LOG_NAME,
    LOGGING,
    Entry,
    key_of,
    log_of,
    project_of,
    stored,
)
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.paging import Order, Place, page_of, reach_of, rest_of
from emulator.core.world import World
from emulator.wire.dispatch import allow

WRITE, READ, REMOVE = "logging.logEntries.create", "logging.logEntries.list", "logging.logs.delete"
MOST_AT_ONCE = 10 << 20
ORDERS = {"": False, "timestamp asc": False, "timestamp desc": True}
SERVICE = "google.logging.v2."


@API.method(LOGGING + "WriteLogEntries")
def write(world: World, request: Any, call: Call) -> Any:
    """Keep entries, with what the request says for all of them; all, or none unless it takes parts."""
    if request.ByteSize() > MOST_AT_ONCE:
        raise ApiFailure("INVALID_ARGUMENT", f"Request payload size exceeds the limit: {MOST_AT_ONCE} bytes.")
    entries, refused = [], {}
    for place, sent in enumerate(request.entries):
        try:
            entries.append(completed(world, request, sent))
        except ApiFailure as failure:
            if not request.partial_success:
                raise
            refused[place] = failure
    for project in {entry.log_name.split("/")[1] for entry in entries}:
        allow(world, call.caller, WRITE, f"projects/{project}", SERVICE)
    if not request.dry_run:
        routing.hand_over(world, keep(world, entries))
    if refused:
        raise next(iter(refused.values()))
    return logging.WriteLogEntriesResponse.pb()()


def completed(world: World, request: Any, sent: Any) -> Any:
    """An entry with what it leaves out.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    entry = Entry()
    entry.CopyFrom(sent)
    entry.log_name = sent.log_name or request.log_name
    found = LOG_NAME.fullmatch(entry.log_name)
    if found is None:
        raise ApiFailure("INVALID_ARGUMENT", f"Log name is not valid: {entry.log_name!r}")
    entry.log_name = f"projects/{project_of(world, entry.log_name)}/logs/{found['log']}"
    if not entry.resource.type:
        entry.resource.CopyFrom(request.resource)
    if not entry.resource.type:
        raise ApiFailure("INVALID_ARGUMENT", "A monitored resource is required: entries[].resource or resource")
    entry.labels.update({key: value for key, value in request.labels.items() if key not in sent.labels})
    if not entry.WhichOneof("payload"):
        raise ApiFailure("INVALID_ARGUMENT", "Log entry without payload.")
    return dated(world, checked(entry))


@API.method(LOGGING + "ListLogEntries")
def list_entries(world: World, request: Any, call: Call) -> Any:
    """A page of the entries of some projects that a filter lets through."""
    if not request.resource_names:
        raise ApiFailure("INVALID_ARGUMENT", "resource_names must not be empty")
    projects = sorted({project_of(world, name) for name in request.resource_names})
    for project in projects:
        allow(world, call.caller, READ, f"projects/{project}", SERVICE)
    if request.order_by.lower() not in ORDERS:
        raise ApiFailure("INVALID_ARGUMENT", 'Order must be "timestamp asc" or "timestamp desc"')
    newest_first = ORDERS[request.order_by.lower()]
    order = Order(moment, (newest_first,) * 3)
    most = reach_of(request, default=50)
    found: list[Any] = []
    for project in projects:
        left = rest_of(request, stored(world, project, newest_first=newest_first), order)
        found += enough(chosen(left, request.filter), most)
    entries, token = page_of(request, found, order, default=50)
    return logging.ListLogEntriesResponse.pb()(entries=entries, next_page_token=token)


def moment(entry: Any) -> Place:
    """Where an entry stands in a list; what tells it from others comes last (comment of `LogEntry.insert_id`)."""
    return entry.timestamp.ToNanoseconds(), entry.insert_id, entry.log_name


def chosen(entries: Iterable[Any], text: str) -> Iterable[Any]:
    """The entries that a filter lets through."""
    test = query.compiled(text)
    if not text.strip():  # most lists: as JSON, an entry costs several times what reading it does
        return entries
    return (entry for entry in entries if test(MessageToDict(entry)))


def enough(entries: Iterable[Any], most: int) -> list[Any]:
    """The first entries of those that are in the order of time, and all of the last one's moment."""
    found: list[Any] = []
    for entry in entries:
        if len(found) >= most and entry.timestamp != found[-1].timestamp:
            break
        found.append(entry)
    return found


@API.method(LOGGING + "ListLogs")
def list_logs(world: World, request: Any, call: Call) -> Any:
    """The names of the logs that have entries."""
    project = project_of(world, request.parent)
    allow(world, call.caller, "logging.logs.list", f"projects/{project}", SERVICE)
    names, token = page_of(request, {entry.log_name for entry in stored(world, project)}, default=50)
    return logging.ListLogsResponse.pb()(log_names=names, next_page_token=token)


@API.method(LOGGING + "DeleteLog")
def delete_log(world: World, request: Any, call: Call) -> Any:
    """Delete all entries of a log; it comes back with the next one."""
    project = project_of(world, request.log_name)
    allow(world, call.caller, REMOVE, f"projects/{project}", SERVICE)
    with world.store.transaction():
        wanted = [key_of(each) for each in stored(world, project) if log_of(each.log_name) == log_of(request.log_name)]
        if not wanted:
            raise ApiFailure("NOT_FOUND", f"Log {log_of(request.log_name)} does not exist")
        world.store.delete_all(ENTRIES, wanted)
    return Empty()
