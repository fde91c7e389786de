"""Decisions are told: a structured line in the log, and a message on the service's topic."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Mapping
from typing import Any

from runtime.retraining.decision import VERDICTS, Action, Decision, Event
from runtime.retraining.google import Google
from runtime.retraining.settings import Settings
from runtime.retraining.watching.windows import Window

SEVERITY = {
    Action.SKIP: "NOTICE",
    Action.START: "INFO",
    Action.RESUME: "WARNING",
    Action.NOT_STARTED: "ERROR",
    Action.PROMOTE: "NOTICE",
    Action.REGISTER: "NOTICE",
    Action.REFUSE: "NOTICE",
    Action.FAIL: "ERROR",
}


def log(severity: str, message: str, **more: Any) -> None:
    """Write a line that Cloud Logging reads.

    Source: https://cloud.google.com/logging/docs/structured-logging
    """
    line = {"severity": severity, "message": message, **more}
    sys.stdout.write(json.dumps(line, default=str, separators=(",", ":")) + "\n")
    sys.stdout.flush()


class Teller:
    """Tells what was decided.

    Args:
        settings: Whose.
        google: Calls with.
    """

    def __init__(self, settings: Settings, google: Google) -> None:
        self._settings = settings
        self._google = google

    def decided(self, decision: Decision, event: Event) -> None:
        """Tell of a decision on an event, or of a verdict on what a training made.

        Raises:
            Refused, Unavailable: The topic did not take it.
        """
        del event
        words = {
            Action.SKIP: "not retraining",
            Action.START: "retraining",
            Action.RESUME: "retraining",
            Action.NOT_STARTED: "not retraining",
            Action.WOULD_START: "would retrain",
            Action.PROMOTE: "new model promoted",
            Action.REGISTER: "new model registered",
            Action.REFUSE: "new model not taken",
            Action.FAIL: "training came to nothing",
        }
        told = decision.to_json() | {"service": self._settings.service}
        text = f"{self._settings.service}: {words.get(decision.action, decision.action)}: {decision.reason}"
        log(SEVERITY.get(decision.action, "DEBUG"), text, retraining=told)
        self._publish("verdict" if decision.action in VERDICTS else "decision", told)

    def judged(self, window: Window, came: str) -> None:
        """Tell what was said of a monitor's window, and what came of it.

        Raises:
            Refused, Unavailable: The topic did not take it.
        """
        told = window.to_json() | {"service": self._settings.service, "came": came}
        severity = "WARNING" if window.says else "NOTICE" if window.says is None else "INFO"
        text = f"{self._settings.service}: {window.sort}: {told['finding']}: {told['reason']}"
        log(severity, text, monitoring={name: value for name, value in told.items() if name != "columns"})
        self._publish("window", told)

    def ended(self, line: str) -> None:
        """Tell what a sweep found out."""
        log("NOTICE", f"{self._settings.service}: {line}")
        self._publish("run", {"service": self._settings.service, "text": line})

    def _publish(self, kind: str, told: Mapping[str, Any]) -> None:
        if not self._settings.topic:
            return
        data = base64.b64encode(json.dumps(told, default=str).encode()).decode()
        attributes = {"service": self._settings.service, "about": kind, "event": f"retraining.{kind}"}
        url = f"{self._google.address('pubsub')}/v1/{self._settings.topic}:publish"
        body = {"messages": [{"data": data, "attributes": attributes}]}
        self._google.call(f"publish to {self._settings.topic}", "POST", url, json=body)
