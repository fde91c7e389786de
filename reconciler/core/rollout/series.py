"""What was measured of two versions, minute by minute. Nothing is kept: each pass reads all of it anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

STALE = timedelta(minutes=15)
"""Nothing visible for so long is missing, not late: Google's points are three minutes behind, and may have gaps."""


@dataclass(frozen=True, slots=True)
class Count:
    """One minute.

    Args:
        at: When it began, aware.
        candidate: Requests of the candidate.
        stable: Of the stable version.
        candidate_bad: Bad answers of the candidate: errors, or slow ones.
        stable_bad: Of the stable version.
        candidate_starts: Instances of the candidate that started.
        stable_starts: Of the stable version.
    """

    at: datetime
    candidate: int = 0
    stable: int = 0
    candidate_bad: int = 0
    stable_bad: int = 0
    candidate_starts: int = 0
    stable_starts: int = 0


@dataclass(frozen=True, slots=True)
class Bins:
    """One minute's predictions, by bin.

    Args:
        at: When it began, aware.
        candidate: Counts of the candidate.
        stable: Of the stable version, over the same bins.
    """

    at: datetime
    candidate: tuple[int, ...]
    stable: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """How much of a series could be read.

    Args:
        until: Minutes that end by then are complete; None where nothing is visible.
        error: Why it could not be read, in words; empty where it could.
    """

    until: datetime | None = None
    error: str = ""

    def missing(self, since: datetime | None, now: datetime) -> str:
        """Say why nothing can be judged; nothing where something can.

        Args:
            since: When something became to be seen.
            now: The time.
        """
        if self.error:
            return self.error
        last = max((each for each in (self.until, since) if each is not None), default=None)
        if last is not None and now - last <= STALE:
            return ""
        return f"nothing is visible since {last:%H:%M} UTC" if last else "nothing is visible"


@dataclass(frozen=True, slots=True)
class Check:
    """What came of a check before any traffic.

    Args:
        passed: Whether; None while it runs.
        why: In words.
    """

    passed: bool | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """All that was measured since a rollout began, in the order of time.

    Args:
        answers: Requests and errors.
        answers_seen: How much of them could be read.
        slow: Answers that were none of an error, and slow ones.
        slow_seen: How much of them could be read.
        predictions: Of the prediction log.
        predictions_seen: How much of them could be read.
        checks: Before traffic, by name.
    """

    answers: tuple[Count, ...] = ()
    answers_seen: Seen = field(default_factory=Seen)
    slow: tuple[Count, ...] = ()
    slow_seen: Seen = field(default_factory=Seen)
    predictions: tuple[Bins, ...] = ()
    predictions_seen: Seen = field(default_factory=Seen)
    checks: Mapping[str, Check] = field(default_factory=dict)
