"""Windows that were judged: what was said of each, and that nobody judges one twice.

One object beside the history of trainings, written only where nobody else wrote since.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from runtime.retraining.google import Bucket
from runtime.retraining.handling import TRIES, Moved, NotNow
from runtime.retraining.watching.verdict import Finding, counted

FORMAT = 1
NAME = "windows.json"
"""Of the object, below the service's folder."""
KEPT = 100
"""Windows of each sort that are remembered: four days of hourly ones. Far more than lie in the time looked back."""
AGAIN = "again"
"""Of what is known of a window that could not be measured: whether that is tried again."""
_SAYING = frozenset({Finding.BREACH, Finding.CALM})
_COLUMNS = 50
_LARGEST = 8 << 20


class Plain(Protocol):
    """What is plain data in the end."""

    def to_json(self) -> dict[str, Any]:
        """Give it."""


class Said(Protocol):
    """What is said of a window, whatever was measured."""

    @property
    def finding(self) -> Finding:
        """What."""

    @property
    def reason(self) -> str:
        """Why, for people."""

    @property
    def columns(self) -> Sequence[Plain]:
        """What was said of each thing that was measured, the worst first."""


@dataclass(frozen=True, slots=True)
class Window:
    """One window, and what was said of it.

    Args:
        sort: Which comparison: `skew`, `drift`, `predictiondrift`; or `performance`.
        job: Full name of the job that measured it, or the window where nothing of Vertex AI did.
        at: When it was to be looked at: its end, or so much later as labels come.
        verdict: What was said; None of one that could not be measured.
        problem: Why it could not; empty where it was.
        about: What else is known of it, as plain data.
    """

    sort: str
    job: str
    at: datetime
    verdict: Said | None
    problem: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Give plain data, with the columns that something is said of, and the count of all."""
        told = {"sort": self.sort, "job": self.job, "at": self.at.isoformat(), **self.about}
        if self.verdict is None:
            return told | {"finding": str(Finding.UNMEASURED), "reason": self.problem, "columns": [], "counts": {}}
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
        if self.verdict is None or self.verdict.finding is Finding.TOO_FEW:
            return None
        return self.verdict.finding is Finding.BREACH


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows that are remembered.

    Args:
        judged: As plain data, the oldest first.
        written: The newest window whose points somebody writes, or wrote; empty for none.
    """

    judged: tuple[Mapping[str, Any], ...] = field(default=())
    written: str = ""

    def tells(self, window: Window) -> bool:
        """Tell whether a window is no news: it was judged, or could not be measured for the same reason."""
        same = (each for each in self.judged if (each.get("sort"), each.get("job")) == (window.sort, window.job))
        return any(
            each.get("finding") != Finding.UNMEASURED
            or (window.verdict is None and each.get("reason") == window.problem)
            for each in same
        )

    def newest(self, sorts: Collection[str]) -> datetime | None:
        """Give when the last window of these sorts was to be looked at; None where there was none."""
        found = [datetime.fromisoformat(str(each["at"])) for each in self.judged if each.get("sort") in sorts]
        return max(found, default=None)

    def said(self, sort: str) -> datetime | None:
        """Give when the last window of a sort that something was said of was to be looked at; None where none was."""
        told = (each for each in self.judged if each.get("sort") == sort and each.get("finding") in _SAYING)
        return max((datetime.fromisoformat(str(each["at"])) for each in told), default=None)

    def names(self, sort: str) -> Mapping[str, bool]:
        """Give the names of a sort's windows, each with whether it could not be measured and is to be asked again."""
        told = (each for each in self.judged if each.get("sort") == sort)
        return {
            str(each.get("job")): each.get("finding") == Finding.UNMEASURED and each.get(AGAIN) is True for each in told
        }

    def with_window(self, window: Window) -> Windows:
        """Give them with one more, and without what is long past."""
        others = [each for each in self.judged if (each.get("sort"), each.get("job")) != (window.sort, window.job)]
        same = [each for each in others if each.get("sort") == window.sort]
        # By their time: one that was measured at last may be older than what came before it.
        same.sort(key=lambda each: datetime.fromisoformat(str(each["at"])))
        old = same[: max(0, len(same) + 1 - KEPT)]
        return replace(self, judged=(*(each for each in others if not _among(each, old)), window.to_json()))

    def to_json(self) -> dict[str, Any]:
        """Give plain data."""
        return {"format": FORMAT, "windows": list(self.judged), "written": self.written}


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
            written = str(data.get("written") or "")
        except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
            judged, written = [], ""
        return Windows(tuple(judged), written), found[1]

    def write(self, windows: Windows, generation: int) -> None:
        """Write it.

        Raises:
            Moved: Somebody wrote since that generation.
        """
        content = json.dumps(windows.to_json(), sort_keys=True, separators=(",", ":")).encode()
        if not self._bucket.write(self._name, content, generation=generation):
            raise Moved

    def claim(self, window: Window) -> bool:
        """Claim that a window's points are written; False where somebody did: it is judged again, or by two at once.

        Raises:
            NotNow: Others wrote at every try.
        """
        for _ in range(TRIES):
            known, generation = self.read()
            if known.written == window.job:
                return False
            try:
                self.write(replace(known, written=window.job), generation)
            except Moved:
                continue
            return True
        raise NotNow("too many are looking at once")
