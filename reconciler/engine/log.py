"""The log of the job: structured lines on stderr, as Cloud Run hands them to Cloud Logging."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

from reconciler.core.plain import in_json
from reconciler.core.plan import Change


class Log:
    """Writes structured log lines.

    Args:
        run_id: Bound to every line.

    Source:
        Special fields `severity`, `message` and `time`: cloud.google.com/logging/docs/structured-logging.
    """

    def __init__(self, run_id: str) -> None:
        self._bound = {"run_id": run_id} if run_id else {}

    def write(self, severity: str, message: str, **keys: Any) -> None:
        """Write one line. What looks like a secret in it is hidden."""
        line = {"severity": severity, "message": message, "time": datetime.now(UTC).isoformat(), **self._bound, **keys}
        sys.stderr.write(in_json(line, indent=None) + "\n")
        sys.stderr.flush()

    def change(self, change: Change, what: str, seconds: float) -> None:
        """Write one line per change that ended."""
        if what == "done":
            about = {"address": str(change.address), "action": str(change.action)}
            self.write("INFO", "change applied", **about, seconds=round(seconds, 3))
