"""Windows that were judged: what was said of each, and that nobody judges one twice.

One object beside the history of trainings, written only where nobody else wrote since.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from runtime.retraining.google import Bucket
from runtime.retraining.handling import Moved
from runtime.retraining.watching.verdict import Finding, Verdict, counted

FORMAT = 1
NAME = "windows.json"
"""Of the object, below the service's folder."""
KEPT = 100
"""Windows of each sort that are remembered: four days of hourly ones. Far more than lie in the time looked back."""
_COLUMNS = 50
_LARGEST = 8 << 20


@dataclass(frozen=True, slots=True)
class Window:
    """One window, and what was said of it.

    Args:
        sort: Which comparison: `skew`, `drift`, `predictiondrift`.
        job: Full name of the job that measured it.
        at: When it was to be looked at: its end.
        verdict: What was said.
    """

    sort: str
    job: str
    at: datetime
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """Give plain data, with the columns that something is said of, and the count of all."""
        told = {"sort": self.sort, "job": self.job, "at": self.at.isoformat()}
        columns = [each.to_json() for each in self.verdict.columns]
        return told | {
            "finding": str(self.verdict.finding),
            "reason": self.verdict.reason,
            "columns": columns[:_COLUMNS],
            "counts": counted(columns),
        }

    @property
    def says(self) -> bool | None:
        """Tell whether it is a breach; None where nothing can be said."""
        if self.verdict.finding is Finding.TOO_FEW:
            return None
        return self.verdict.finding is Finding.BREACH


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows that are remembered.

    Args:
        judged: As plain data, the oldest first.
    """

    judged: tuple[Mapping[str, Any], ...] = field(default=())

    def knows(self, sort: str, job: str) -> bool:
        """Tell whether a window was judged."""
        return any((each.get("sort"), each.get("job")) == (sort, job) for each in self.judged)

    def newest(self, sorts: Collection[str]) -> datetime | None:
        """Give when the last window of these sorts was to be looked at; None where there was none."""
        found = [datetime.fromisoformat(str(each["at"])) for each in self.judged if each.get("sort") in sorts]
        return max(found, default=None)

    def with_window(self, window: Window) -> Windows:
        """Give them with one more, and without what is long past."""
        same = [each for each in self.judged if each.get("sort") == window.sort]
        old = same[: max(0, len(same) + 1 - KEPT)]
        return Windows((*(each for each in self.judged if not _among(each, old)), window.to_json()))

    def to_json(self) -> dict[str, Any]:
        """Give plain data."""
        return {"format": FORMAT, "windows": list(self.judged)}


def _whole(each: Any) -> bool:
    """Tell whether something is a window: the object is in a bucket, where others write too."""
    return isinstance(each, Mapping) and datetime.fromisoformat(each["at"]).tzinfo is not None


def _among(one: Mapping[str, Any], others: Iterable[Mapping[str, Any]]) -> bool:
    return any(one is each for each in others)


class BucketWindows:
    """The object in Cloud Storage.

    Args:
        bucket: Where.
        folder: Name that all objects of this service begin with, with a slash at its end.
    """

    def __init__(self, bucket: Bucket, folder: str) -> None:
        self._bucket = bucket
        self._name = folder + NAME

    def read(self) -> tuple[Windows, int]:
        """Give what is remembered, and its generation; nothing where it cannot be read: then windows are judged anew.

        To judge one again does no harm: what it leads to is known by its own key.
        """
        found = self._bucket.read(self._name, most=_LARGEST)
        if found is None:
            return Windows(), 0
        try:
            data = json.loads(found[0])
            judged = [each for each in data["windows"] if _whole(each)] if data["format"] == FORMAT else []
        except (ValueError, RecursionError, TypeError, KeyError):
            judged = []
        return Windows(tuple(judged)), found[1]

    def write(self, windows: Windows, generation: int) -> None:
        """Write it.

        Raises:
            Moved: Somebody wrote since that generation.
        """
        content = json.dumps(windows.to_json(), sort_keys=True, separators=(",", ":")).encode()
        if not self._bucket.write(self._name, content, generation=generation):
            raise Moved
