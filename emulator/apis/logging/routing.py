"""Sinks at work: what a sink's filter lets through becomes messages of its topic, sent as the sink's own account.

An export that is refused loses nothing but itself: the entry stays, and an entry of the log `sink_error` says why.
Source: https://cloud.google.com/logging/docs/export/pubsub, "Entry format" and
https://cloud.google.com/logging/docs/export/troubleshoot.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict, MessageToJson
from google.pubsub_v1.types import pubsub

from emulator.apis.logging import query
from emulator.apis.logging.keeping import dated, keep
from emulator.apis.logging.model import SINKS, Entry
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.world import World
from emulator.wire.dispatch import perform

PUBSUB = "pubsub.googleapis.com/"
PUBLISH = "google.pubsub.v1.Publisher/Publish"
MOST = 1000
ERRORS = "logging.googleapis.com%2Fsink_error"


def hand_over(world: World, entries: Sequence[Any]) -> None:
    """Give entries to each sink of their projects that wants them."""
    for project in {entry.log_name.split("/")[1] for entry in entries}:
        sinks = [sink for sink in SINKS.all(world, f"projects/{project}/sinks/") if not sink.disabled]
        if not sinks:
            continue
        mine = [(entry, MessageToDict(entry)) for entry in entries if entry.log_name.split("/")[1] == project]
        for sink in sinks:
            test = query.compiled(sink.filter)
            left_out = [query.compiled(each.filter) for each in sink.exclusions if not each.disabled]
            wanted = [entry for entry, said in mine if test(said) and not any(one(said) for one in left_out)]
            for start in range(0, len(wanted), MOST):
                _publish(world, project, sink, wanted[start : start + MOST])


def _publish(world: World, project: str, sink: Any, entries: Sequence[Any]) -> None:
    topic = sink.destination.removeprefix(PUBSUB)
    request = pubsub.PublishRequest.pb()(topic=topic, messages=map(_message, entries))
    sender = sink.writer_identity.removeprefix("serviceAccount:")
    try:
        perform(world, Call(PUBLISH, mutating=True, caller=sender), request)
    except ApiFailure as failure:
        _note(world, project, sink, failure)


def _message(entry: Any) -> Any:
    stamp = {"logging.googleapis.com/timestamp": entry.timestamp.ToJsonString()}
    return pubsub.PubsubMessage.pb()(data=MessageToJson(entry, indent=None).encode(), attributes=stamp)


def _note(world: World, project: str, sink: Any, failure: ApiFailure) -> None:
    """Write down that an export failed; that entry is not exported, or it would go round for ever."""
    entry = Entry(log_name=f"projects/{project}/logs/{ERRORS}", severity="ERROR")
    entry.resource.type = "logging_sink"
    labels: Iterable[tuple[str, str]] = {
        "name": sink.name,
        "project_id": project,
        "destination": sink.destination,
    }.items()
    entry.resource.labels.update(labels)
    entry.text_payload = f"Cloud Logging sink configuration error in {project}, sink {sink.name}: {failure.message}"
    keep(world, [dated(world, entry)])
