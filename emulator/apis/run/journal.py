"""What containers write becomes entries of Cloud Logging: a line each, a line of JSON with its severity and labels.

Light to import: Cloud Logging's messages are imported when the first line comes, in a thread of its own, and no
container waits for it. The emulator reads both outputs of a container as one, so all lines are of the log `stdout`.

Source:
    https://cloud.google.com/run/docs/logging; https://cloud.google.com/logging/docs/structured-logging for the fields
    of JSON that mean something.
"""

import json
import logging
import threading
from collections import deque
from datetime import datetime
from typing import Any

from emulator.core.world import World

log = logging.getLogger("emulator")
GATHER_S = 0.2
MOST_WAITING = 20_000
"""Lines; then the oldest are lost: a container that writes without end must not fill the memory."""
TEXT_MOST = 200 * 1024
"""Bytes of a line that is kept as it is: an entry has other fields beside it."""
STDOUT = "run.googleapis.com%2Fstdout"
SPECIAL = "logging.googleapis.com/"
SEVERITIES = ("DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY")
OTHER_NAMES = {"WARN": "WARNING", "FATAL": "CRITICAL", "TRACE": "DEBUG"}


class Journal:
    """Takes lines from the data plane's loop, and keeps them as entries a moment later."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lines: deque[tuple[str, datetime, str]] = deque(maxlen=MOST_WAITING)
        self._came, self._over = threading.Event(), threading.Event()
        self._keeping = threading.Lock()
        self._thread: threading.Thread | None = None

    def write(self, whose: str, line: str) -> None:
        """Take a line of a revision or an execution, by its full name. Called by one thread."""
        self._lines.append((whose, self._world.clock.now(), line))
        if not self._came.is_set():
            self._came.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="journal", daemon=True)
            self._thread.start()

    def close(self, *, keep: bool) -> None:
        """Take no more; `keep` what waits, or let it go."""
        self._over.set()
        self._came.set()
        if not keep:
            self._lines.clear()
        if self._thread is not None:
            self._thread.join(timeout=5)
        self._keep()

    def _serve(self) -> None:
        while not self._over.is_set():
            self._came.wait()
            self._over.wait(GATHER_S)
            self._came.clear()
            self._keep()

    def _keep(self) -> None:
        with self._keeping:
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            if not lines:
                return
            try:
                keep(self._world, lines)
            except Exception:  # what cannot be kept must not end the thread
                log.exception("lines of containers were lost", extra={"lines": len(lines)})


def keep(world: World, lines: list[tuple[str, datetime, str]]) -> None:
    """Keep lines as entries, and hand them to sinks."""
    from emulator.apis.logging import keeping, routing  # noqa: PLC0415 - imports Cloud Logging's messages

    entries = [made for each in lines if (made := shown(*each)) is not None]
    routing.hand_over(world, keeping.keep(world, [keeping.dated(world, each) for each in entries]))


def shown(whose: str, at: datetime, line: str) -> Any:
    """A line as an entry that lists can show: as text, where what it says cannot be one.

    Its severity, labels and trace stay then, unless they are what is too large. None for what has no place in Cloud
    Logging: a container that no API names.
    """
    from emulator.apis.logging.keeping import checked  # noqa: PLC0415 - imports Cloud Logging's messages

    for read in (entry, headed):
        try:
            made = read(whose, at, line)
            return None if made is None else checked(made)
        except Exception:  # a line must not take others with it, whatever it says
            log.debug("a line of a container is kept as text", exc_info=True)
    made = bare(whose, at)
    made.text_payload = clean(line)
    return made


def bare(whose: str, at: datetime) -> Any:
    """An entry that says nothing yet, or None."""
    from google.protobuf.json_format import ParseDict  # noqa: PLC0415 - imports protobuf

    from emulator.apis.logging.model import Entry  # noqa: PLC0415 - imports Cloud Logging's messages
    from emulator.core.resources import timestamp  # noqa: PLC0415 - imports protobuf

    about = resource(whose)
    if about is None:
        return None
    made = Entry(log_name=f"projects/{about['labels']['project_id']}/logs/{STDOUT}", severity="DEFAULT")
    made.timestamp.CopyFrom(timestamp(at))
    ParseDict(about, made.resource)
    made.labels.update(executed(whose))
    return made


def entry(whose: str, at: datetime, line: str) -> Any:
    """A line as an entry, or None.

    Raises:
        ValueError: What it says is no text.
        ParseError: It has a number that is none, or keys that are no text.
    """
    from google.protobuf.json_format import ParseDict  # noqa: PLC0415 - imports protobuf

    made, said = bare(whose, at), structured(line)
    if made is None:
        return None
    tell(made, said)
    if not said or set(said) == {"message"}:
        made.text_payload = str(said["message"]) if said else line
    else:
        ParseDict(said, made.json_payload)
    return made


def headed(whose: str, at: datetime, line: str) -> Any:
    """A line as text, with the severity, labels and trace that it names; or None."""
    made = bare(whose, at)
    if made is not None:
        tell(made, structured(line))
        made.text_payload = clean(line)
    return made


def tell(made: Any, said: dict[str, Any]) -> None:
    """Take out of what a line says what fields of its entry are for."""
    made.labels.update({clean(key): clean(str(value)) for key, value in labels_of(said).items()})
    for key, field in (("trace", "trace"), ("spanId", "span_id"), ("insertId", "insert_id")):
        if isinstance(found := said.pop(SPECIAL + key, None), str):
            setattr(made, field, clean(found))
    severity = str(said.pop("severity", "")).upper()
    severity = OTHER_NAMES.get(severity, severity)
    made.severity = severity if severity in SEVERITIES else "DEFAULT"


def clean(line: str) -> str:
    """A line that any entry can hold: halves of characters are shown as `?`, and it is cut where it is too long."""
    return line.encode(errors="replace")[:TEXT_MOST].decode(errors="ignore")


def structured(line: str) -> dict[str, Any]:
    """The object of a line that is one; else nothing."""
    if not line.startswith("{"):
        return {}
    try:
        found = json.loads(line, parse_constant=not_json)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def not_json(constant: str) -> None:
    """NaN and the infinities, which Python's JSON has and nobody else's.

    Raises:
        ValueError: Always.
    """
    raise ValueError(constant)


def labels_of(said: dict[str, Any]) -> dict[str, Any]:
    """The labels that a line gives its entry, taken out of it."""
    found = said.pop(SPECIAL + "labels", None)
    return found if isinstance(found, dict) else {}


def resource(whose: str) -> dict[str, Any] | None:
    """The monitored resource of a revision or an execution.

    Source:
        https://cloud.google.com/logging/docs/api/v2/resource-list: cloud_run_revision, cloud_run_job.
    """
    words = whose.split("/")
    named = dict(zip(words[::2], words[1::2], strict=False))
    where = {"project_id": named.get("projects", ""), "location": named.get("locations", "")}
    if "revisions" in named:
        service = named["services"]
        more = {"service_name": service, "configuration_name": service, "revision_name": named["revisions"]}
        return {"type": "cloud_run_revision", "labels": where | more}
    if "jobs" in named:
        return {"type": "cloud_run_job", "labels": where | {"job_name": named["jobs"]}}
    return None


def executed(whose: str) -> dict[str, str]:
    """The label that tells the executions of a job apart."""
    words = whose.split("/")
    return {"run.googleapis.com/execution_name": words[-1]} if "executions" in words else {}
