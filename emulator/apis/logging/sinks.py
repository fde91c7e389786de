"""Sinks: made, changed, deleted; `_Required` and `_Default`, which every project has, are listed and cannot be made.

Source: `google.logging.v2.ConfigServiceV2`, `LogSink`; model_monitoring.md E.4; words in the service's style, not seen
there, where no source is named.
"""

import re
from collections.abc import Sequence
from typing import Any

from google.cloud.logging_v2.types import logging_config
from google.protobuf.empty_pb2 import Empty

from emulator.apis.logging import query
from emulator.apis.logging.model import API, CONFIG, SINKS, Sink, project_of
from emulator.apis.logging.routing import PUBSUB
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.paging import page_of
from emulator.core.resources import apply_mask, timestamp
from emulator.core.world import World

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
TOPIC = re.compile(r"pubsub\.googleapis\.com/projects/[^/]+/topics/[^/]+")
OTHERS = ("storage.googleapis.com/", "bigquery.googleapis.com/", "logging.googleapis.com/")
OUTPUT = ("name", "writer_identity", "create_time", "update_time", "output_version_format")
LEFT_OUT = ("destination", "filter", "include_children")
"""Fields that an update without a mask changes (source: `UpdateSinkRequest.update_mask`)."""
SHARED = "serviceAccount:cloud-logs@system.gserviceaccount.com"


@API.method(CONFIG + "CreateSink")
def create(world: World, request: Any, _: Call) -> Any:
    """Make a sink; its account must still be allowed to publish."""
    project, sink = project_of(world, request.parent), Sink()
    sink.CopyFrom(request.sink)
    for field in OUTPUT[1:]:
        sink.ClearField(field)
    if not NAME.fullmatch(sink.name):
        text = f"Sink name {sink.name!r} is not valid: up to 100 letters, digits, underscores, hyphens and periods."
        raise ApiFailure("INVALID_ARGUMENT", text)
    check(sink)
    unique = f"serviceAccount:service-{world.project_number(project)}@gcp-sa-logging.iam.gserviceaccount.com"
    sink.writer_identity = unique if request.unique_writer_identity else SHARED
    sink.create_time.CopyFrom(timestamp(world.clock.now()))
    sink.update_time.CopyFrom(sink.create_time)
    with world.store.transaction():
        if world.store.get(SINKS.kind, full(project, sink.name)) is not None or sink.name in built_in():
            raise SINKS.taken(sink.name)
        keep(world, project, sink)
    return sink


def check(sink: Any) -> None:
    """Refuse a destination or a filter that is none, and what the emulator does not export to."""
    if sink.include_children:
        raise ApiFailure("UNIMPLEMENTED", "The emulator's sinks have no children.")
    for each in sink.exclusions:
        if not NAME.fullmatch(each.name) or not each.filter:
            raise ApiFailure("INVALID_ARGUMENT", "An exclusion has a name and a filter.")
        query.compiled(each.filter)
    if sink.destination.startswith(OTHERS):
        raise ApiFailure("UNIMPLEMENTED", f"The emulator exports to topics only, not to {sink.destination!r}.")
    if not TOPIC.fullmatch(sink.destination):
        text = f"Destination {sink.destination!r} is not valid: {PUBSUB}projects/[PROJECT_ID]/topics/[TOPIC_ID]"
        raise ApiFailure("INVALID_ARGUMENT", text)
    query.compiled(sink.filter)


def full(project: str, name: str) -> str:
    """The whole name of a sink."""
    return f"projects/{project}/sinks/{name}"


def keep(world: World, project: str, sink: Any) -> None:
    """Keep a sink under its whole name."""
    world.store.put(SINKS.kind, full(project, sink.name), sink.SerializeToString())


def built_in(project: str = "") -> dict[str, Any]:
    """The sinks that every project has.

    Source:
        https://cloud.google.com/logging/docs/routing/overview#sinks.
    """
    kept = f"logging.googleapis.com/projects/{project}/locations/global/buckets/"
    audit = " OR ".join(f'LOG_ID("cloudaudit.googleapis.com/{each}")' for each in ("activity", "system_event"))
    return {
        "_Default": Sink(name="_Default", destination=f"{kept}_Default", filter=f"NOT ({audit})"),
        "_Required": Sink(name="_Required", destination=f"{kept}_Required", filter=audit),
    }


def named(world: World, name: str) -> tuple[str, str]:
    """Project and id in a sink's whole name."""
    words = name.split("/")
    if len(words) != 4 or words[2] != "sinks":  # noqa: PLR2004 - projects/P/sinks/S
        raise ApiFailure("INVALID_ARGUMENT", f"Sink name {name!r} is not valid.")
    return project_of(world, name), words[3]


def found(world: World, name: str) -> tuple[str, Any]:
    """Project and sink of a whole name.

    Raises:
        ApiFailure: NOT_FOUND.
    """
    project, own = named(world, name)
    standing = built_in(project).get(own)
    return project, standing if standing is not None else SINKS.get(world, full(project, own))


@API.method(CONFIG + "GetSink")
def get(world: World, request: Any, _: Call) -> Any:
    """Read one."""
    return found(world, request.sink_name)[1]


@API.method(CONFIG + "ListSinks")
def list_sinks(world: World, request: Any, _: Call) -> Any:
    """A page of them, by name."""
    project = project_of(world, request.parent)
    every = [*built_in(project).values(), *SINKS.all(world, full(project, ""))]
    sinks, token = page_of(request, every)
    return logging_config.ListSinksResponse.pb()(sinks=sinks, next_page_token=token)


@API.method(CONFIG + "UpdateSink")
def update(world: World, request: Any, _: Call) -> Any:
    """Change what the mask names."""
    with world.store.transaction():
        project, sink = found(world, request.sink_name)
        if sink.name in built_in():
            raise ApiFailure("UNIMPLEMENTED", f"The emulator does not change {sink.name}.")
        own = sink.writer_identity.endswith("@gcp-sa-logging.iam.gserviceaccount.com")
        if own and not request.unique_writer_identity:
            raise ApiFailure("INVALID_ARGUMENT", "unique_writer_identity cannot be changed from true to false.")
        apply_mask(sink, request.sink, paths_of(request), keep=OUTPUT)
        check(sink)
        if request.unique_writer_identity:
            number = world.project_number(project)
            sink.writer_identity = f"serviceAccount:service-{number}@gcp-sa-logging.iam.gserviceaccount.com"
        sink.update_time.CopyFrom(timestamp(world.clock.now()))
        keep(world, project, sink)
    return sink


def paths_of(request: Any) -> Sequence[str]:
    """The fields that an update is about."""
    return list(request.update_mask.paths) or LEFT_OUT


@API.method(CONFIG + "DeleteSink")
def delete(world: World, request: Any, _: Call) -> Any:
    """Delete one."""
    with world.store.transaction():
        project, sink = found(world, request.sink_name)
        if sink.name in built_in():
            raise ApiFailure("INVALID_ARGUMENT", f"The sink {sink.name} cannot be deleted.")
        SINKS.remove(world, full(project, sink.name))
    return Empty()
