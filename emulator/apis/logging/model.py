"""What Cloud Logging keeps: entries in the order of their time, and sinks by name."""

import re
import urllib.parse
from collections.abc import Iterator
from typing import Any

from google.cloud.logging_v2.types import log_entry, logging_config

from emulator.core.api import Api
from emulator.core.failures import ApiFailure
from emulator.core.resources import Collection
from emulator.core.world import World

API = Api("logging")
LOGGING, CONFIG = "google.logging.v2.LoggingServiceV2/", "google.logging.v2.ConfigServiceV2/"
Entry, Sink = log_entry.LogEntry.pb(), logging_config.LogSink.pb()
ENTRIES = "logging.entry"
LOG_NAME = re.compile(r"projects/(?P<project>[^/]+)/logs/(?P<log>[^/]+)")
SINKS = Collection(
    "logging.sink",
    Sink,
    "projects/*/sinks/*",
    missing=lambda name: ApiFailure("NOT_FOUND", f"Sink {name.rpartition('/')[2]} does not exist"),
    taken=lambda name: ApiFailure("ALREADY_EXISTS", f"Sink {name.rpartition('/')[2]} already exists"),
)
"""Kept under `projects/P/sinks/S`, although a sink's own field `name` is just `S`."""
KEPT_S = 30 * 86_400
"""How long the bucket `_Default` keeps entries."""
MOST_KEPT = 50_000
"""Entries of a project; then the oldest go. Google keeps all: the emulator's log is for looking, not for the record."""


def project_of(world: World, name: str) -> str:
    """The id of the project in `projects/P/...`.

    Raises:
        ApiFailure: INVALID_ARGUMENT: something else holds logs, which the emulator has not.
    """
    words = name.split("/")
    if len(words) < 2 or words[0] != "projects" or not words[1]:  # noqa: PLR2004 - a word and an id
        text = f"The name {name!r} must begin with projects/[PROJECT_ID]: the emulator has neither folders nor others."
        raise ApiFailure("INVALID_ARGUMENT", text)
    return str(world.project_id(words[1]) or words[1])


def log_of(name: str) -> str:
    """The id of a log, as written in its name, decoded: `run.googleapis.com/stdout`."""
    return urllib.parse.unquote(name.rpartition("/logs/")[2])


def key_of(entry: Any) -> str:
    """The name that an entry is kept under: in the order of time; the same entry twice is kept once.

    Source:
        `LogEntry.insert_id`: entries of one log with the same time and the same id are duplicates.
    """
    project = entry.log_name.split("/")[1]
    return (
        f"{prefix(project)}{entry.timestamp.ToNanoseconds():020}/{entry.log_name.rpartition('/')[2]}/{entry.insert_id}"
    )


def prefix(project: str) -> str:
    """What the names of a project's entries begin with."""
    return f"{project}/"


def stored(world: World, project: str, *, newest_first: bool = False) -> Iterator[Any]:
    """A project's entries in the order of time, without those that are too old; each is read when it is its turn."""
    since = (world.clock.now().timestamp() - KEPT_S) * 1e9
    rows = world.store.list(ENTRIES, prefix(project))
    for name, body in reversed(rows) if newest_first else rows:
        if int(name.split("/", 2)[1]) >= since:
            yield Entry.FromString(body)
