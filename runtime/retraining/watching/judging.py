"""How right predictions were is judged when their labels are there: each window once, when its time has come.

Nothing of Vertex AI measures this, so the window is named after its end, and BigQuery is asked. What BigQuery refuses
(a table that is not there, a column, a role) is remembered as what could not be measured, and asked again at the next
look, for a day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from runtime.retraining import bigquery
from runtime.retraining.google import Google, Refused
from runtime.retraining.settings import Settings
from runtime.retraining.vertex import SERVICE_LABEL
from runtime.retraining.watching import performance
from runtime.retraining.watching.labelled import SINCE, UNTIL, Question
from runtime.retraining.watching.performance import PERFORMANCE, Counted, Performance
from runtime.retraining.watching.times import Times
from runtime.retraining.watching.verdict import Finding
from runtime.retraining.watching.windows import Window, Windows

BACK = timedelta(days=1)
"""How far back windows are judged: those of a function that was away for longer are over."""
AT_ONCE = 4
"""Windows of one look: each is a query, and a delivery to the function may take five minutes."""
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Due:
    """A window that is to be judged.

    Args:
        at: When.
        since: When it began.
        until: When it ended: labels of what came before are there by now.
    """

    at: datetime
    since: datetime
    until: datetime

    @property
    def name(self) -> str:
        """What it is remembered by: the same at every look."""
        return f"{PERFORMANCE} until {self.until:%Y-%m-%dT%H:%MZ}"


class Judging:
    """Judges with the function's own identity.

    Args:
        settings: Whose; `performance` is told.
        google: Calls with.
    """

    def __init__(self, settings: Settings, google: Google) -> None:
        told: Mapping[str, Any] = settings.performance or {}
        self._settings, self._google = settings, google
        self._times = Times.of(told["times"])
        self._after, self._length = timedelta(seconds=told["after"]), timedelta(seconds=told["window"])
        self._least, self._limits = int(told["least"]), {name: float(most) for name, most in told["limits"].items()}
        self._question = Question(service=settings.service, **told["question"])

    def windows(self, known: Windows, now: datetime) -> Iterator[Window]:
        """Judge what is due, the oldest first.

        Raises:
            Unavailable: BigQuery gave no answer.
        """
        for due in self.due(known, now):
            yield self._judged(due)

    def due(self, known: Windows, now: datetime) -> list[Due]:
        """Give what is to be judged: since the last one that was; of a service that is new the last one alone."""
        newest = known.newest_measured(PERFORMANCE)
        times = self._times.between(max(newest, now - BACK) if newest else now - BACK, now)
        chosen = times[:AT_ONCE] if newest else times[-1:]
        return [Due(at, at - self._after - self._length, at - self._after) for at in chosen]

    def _judged(self, due: Due) -> Window:
        times = {SINCE: due.since.isoformat(), UNTIL: due.until.isoformat()}
        about: dict[str, Any] = dict(times)
        query, labels = self._question.query(self._limits), {SERVICE_LABEL: self._settings.service}
        try:
            row = bigquery.ask(self._google, self._settings.project, query, times, labels)
        except Refused as refusal:
            return Window(PERFORMANCE, due.name, due.at, None, str(refusal)[:_LONGEST], about)
        if row is None:
            # Another try would take as long and cost as much.
            slow = Performance(Finding.TOO_FEW, "BigQuery took too long, and was stopped")
            return Window(PERFORMANCE, due.name, due.at, slow, about=about)
        counted = Counted.of(row)
        said = performance.judge(counted, self._limits, least=self._least)
        return Window(PERFORMANCE, due.name, due.at, said, about=about | counted.to_json())
