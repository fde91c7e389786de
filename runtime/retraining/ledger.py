"""The history and the decisions, as objects in the bucket that the reconciler keeps its inventories in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from runtime.retraining.decision import BEGUN, VERDICTS, Decision, Event
from runtime.retraining.google import Bucket
from runtime.retraining.handling import Moved
from runtime.retraining.runs import History

LARGEST = 8 << 20
"""Bytes of a history; some hundred runs are 100 KiB."""


class UnreadableHistory(Exception):
    """The history in the bucket is damaged or of another version; nothing starts. The text names the object."""


class BucketLedger:
    """A `Ledger` in Cloud Storage. Every write is conditional, so two instances never both win.

    Args:
        bucket: Where.
        folder: Name that all objects of this service begin with, with a slash at its end.
    """

    def __init__(self, bucket: Bucket, folder: str) -> None:
        self._bucket = bucket
        self._folder = folder

    @property
    def _history(self) -> str:
        return f"{self._folder}history.json"

    def decision_name(self, key: str) -> str:
        """Give the name of the object that keeps the decision on an event."""
        return f"{self._folder}decisions/{key}.json"

    def read(self) -> tuple[History, int]:
        """Give the history and its generation.

        Raises:
            UnreadableHistory: There is one that cannot be read.
        """
        found = self._bucket.read(self._history, most=LARGEST)
        if found is None:
            return History(), 0
        content, generation = found
        try:
            return History.from_json(json.loads(content)), generation
        except (ValueError, RecursionError) as error:
            raise UnreadableHistory(f"{self._history}: {error}; delete it, and the guards count anew") from error

    def write(self, history: History, generation: int) -> None:
        """Write the history.

        Raises:
            Moved: Somebody wrote since that generation.
        """
        if not self._bucket.write(self._history, _text(history.to_json()), generation=generation):
            raise Moved

    def recorded(self, key: str) -> Mapping[str, Any] | None:
        """Give the decision on an event, if there is one."""
        found = self._bucket.read(self.decision_name(key), most=LARGEST)
        if found is None:
            return None
        try:
            read = json.loads(found[0])
        except (ValueError, RecursionError):
            read = {}
        return read if isinstance(read, Mapping) else {}

    def record(self, decision: Decision, event: Event, now: datetime) -> None:
        """Keep a decision; one that followed a claim replaces one that knew of none. A verdict lies beside it."""
        told = {**decision.to_json(), "about": event.about, "at": event.at.isoformat(), "decided": now.isoformat()}
        verdict = decision.action in VERDICTS
        generation = None if verdict or decision.action in BEGUN else 0
        name = self.decision_name(f"{event.key}.verdict" if verdict else event.key)
        self._bucket.write(name, _text(told), generation=generation)


def _text(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()
