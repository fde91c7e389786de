"""Logs as Cloud Logging reads them: one JSON object per line, with `severity`; and the access log.

Source: https://cloud.google.com/logging/docs/structured-logging
"""

from __future__ import annotations

import json
import logging
import sys
from random import random
from typing import TYPE_CHECKING, Any

from runtime.telemetry.trace_context import trace_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from runtime.configuration.identity import Project
    from runtime.data.seen import Seen

log = logging.getLogger("runtime.access")

SERVER_ERROR = 500
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}


class JsonFormatter(logging.Formatter):
    """One line of JSON per record; what was given as `extra` stands beside the message."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record in one line, its traceback included."""
        entry: dict[str, Any] = {"severity": record.levelname, "message": record.getMessage(), "logger": record.name}
        entry.update({key: value for key, value in vars(record).items() if key not in _OWN})
        if record.exc_info:
            entry["stack_trace"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)


def configure(level: str, *, structured: bool) -> None:
    """Send all logs to stderr.

    Args:
        level: The least severe that is written: debug, info, warning, error.
        structured: As JSON for Cloud Logging, else as text for people.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if structured else logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler])


def access_log(rate: float, project: Project) -> Callable[[Seen], None]:
    """Make a follower that logs requests: every server error, and of the others a share.

    Args:
        rate: The share, 0 to 1. Cloud Run logs every request itself, so 0 loses nothing there.
        project: For the full name of a trace; without its name traces are left out.
    """

    def follow(seen: Seen) -> None:
        status = seen.answer.status
        if status < SERVER_ERROR and random() >= rate:  # noqa: S311 - a sample
            return
        trace = trace_context(seen.request.headers) if project.name else None
        extra: dict[str, Any] = {
            "httpRequest": {
                "requestMethod": "POST",
                "status": status,
                "requestSize": str(len(seen.request.body)),
                "responseSize": str(len(seen.answer.body)),
                "latency": f"{seen.ended - seen.started:.6f}s",
            },
            "request_id": seen.request.id,
            "model": seen.metrics.model,
            "version": seen.metrics.version,
            "protocol": seen.metrics.protocol,
        }
        if trace is not None:
            extra["logging.googleapis.com/trace"] = f"projects/{project.name}/traces/{trace.trace_id}"
            extra["logging.googleapis.com/spanId"] = trace.span_id
        log.log(logging.ERROR if status >= SERVER_ERROR else logging.INFO, "request", extra=extra)

    return follow
