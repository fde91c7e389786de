"""How right predictions were is judged when their labels are there: each window once, when its time has come.

Nothing of Vertex AI measures this, so the window is named after its end, and BigQuery is asked. What BigQuery refuses
is remembered as what could not be measured; where that may be mended (a table that is not there, a column, a role), it
is asked again at each look, for a day.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
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
from runtime.retraining.watching.windows import AGAIN, Window, Windows

BACK = timedelta(days=1)
"""How far back windows are judged: those of a function that was away for longer are over."""
AT_ONCE = 4
"""Windows of one look: each is a query that costs."""
BEGUN_S = 60
"""Within so many seconds another window of the same look is begun. The last one may take two minutes more; five has the
whole delivery, with all else that is done in it."""
MENDED = frozenset({"notFound", "accessDenied", "invalidQuery", "accessNotConfigured", "billingNotEnabled"})
"""Reasons that somebody's hand may take away. Of the others another try would come to the same, and may cost.

Source: https://cloud.google.com/bigquery/docs/error-messages
"""
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
        clock: Seconds that went by.
    """

    def __init__(self, settings: Settings, google: Google, clock: Callable[[], float] = time.monotonic) -> None:
        told: Mapping[str, Any] = settings.performance or {}
        self._settings, self._google, self._clock = settings, google, clock
        self._times = Times.of(told["times"])
        self._after, self._length = timedelta(seconds=told["after"]), timedelta(seconds=told["window"])
        self._least, self._limits = int(told["least"]), {name: float(most) for name, most in told["limits"].items()}
        self._question = Question(service=settings.service, **told["question"])

    def windows(self, known: Windows, now: datetime) -> Iterator[Window]:
        """Judge what is due, the oldest first, as far as there is time: what is left is due at the next look.

        Raises:
            Unavailable: BigQuery gave no answer.
        """
        until = self._clock() + BEGUN_S
        for due in self.due(known, now):
            yield self._judged(due)
            if self._clock() >= until:
                return

    def due(self, known: Windows, now: datetime) -> list[Due]:
        """Give what is to be judged, the oldest first: what came since the newest, then what is to be asked again.

        What came since has the first places. In the order of their times: what is in a row is counted so, and a finding
        that is older than the last one changes nothing.
        Of a service that is new the last one alone. With another schedule or `after` the windows of before come again
        under other names, or at other times under theirs: neither is judged once more.
        """
        found = [
            Due(at, at - self._after - self._length, at - self._after) for at in self._times.between(now - BACK, now)
        ]
        newest, names = known.newest({PERFORMANCE}), known.names(PERFORMANCE)
        if newest is None:
            return found[-1:]
        fresh = [each for each in found if each.at > newest and each.name not in names]
        again = [each for each in found if names.get(each.name)]
        return sorted([*fresh, *again][:AT_ONCE], key=lambda each: each.at)

    def _judged(self, due: Due) -> Window:
        times = {SINCE: due.since.isoformat(), UNTIL: due.until.isoformat()}
        about: dict[str, Any] = dict(times)
        try:
            query = self._question.query(self._limits)
        except ValueError as error:
            return _unmeasured(due, f"nothing can be asked: {error}", about)
        labels = {SERVICE_LABEL: self._settings.service}
        try:
            row = bigquery.ask(self._google, self._settings.project, query, times, labels)
        except Refused as refusal:
            return _unmeasured(due, str(refusal), about | {AGAIN: refusal.reason in MENDED})
        if row is None:
            # Another try would take as long and cost as much.
            slow = Performance(Finding.TOO_FEW, "BigQuery took too long, and was stopped")
            return Window(PERFORMANCE, due.name, due.at, slow, about=about)
        counted = Counted.of(row)
        said = performance.judge(counted, self._limits, least=self._least)
        return Window(PERFORMANCE, due.name, due.at, said, about=about | counted.to_json())


def _unmeasured(due: Due, why: str, about: Mapping[str, Any]) -> Window:
    return Window(PERFORMANCE, due.name, due.at, None, why[:_LONGEST], about)
