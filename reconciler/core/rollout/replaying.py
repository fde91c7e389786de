"""What a candidate answers where the stable version was asked before: pair by pair, before any traffic. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from reconciler.core.googlesql import identifier, literal
from reconciler.core.rollout.asking import Answered, Request, Worth, unsettled, worth_of
from reconciler.core.rollout.binning import as_class, binning_of, is_number
from reconciler.core.rollout.divergence import Distance, distance
from reconciler.core.rollout.judging import percent
from reconciler.core.rollout.series import Check
from schemas.sections.rollout import OnInsufficientData

_AT_ONCE = 10
"""Rows of one request."""
FEWEST = 20
"""Rows; fewer say nothing of a version."""
_SURE = 2.326
"""Standard errors: of versions that answer just enough alike, one in a hundred is rejected, as by all gates."""
_ROUNDING = 1e-6
"""Relative: a number that was logged as text, of 32 bits, is that far from itself."""


@dataclass(frozen=True, slots=True)
class Replaying:
    """What of the prediction log is asked again, and how alike the answers must be.

    Args:
        table: Of the log, with its project.
        location: Of its dataset.
        features: Names of them, which are those of their columns.
        prediction: Column of the prediction.
        rows: How many.
        age_s: Seconds; rows that are older say nothing of today's requests.
        tolerance: Greatest difference of two numbers that count as the same.
        agreement: Least share of rows that are the same; None for any.
        divergence: Greatest Jensen-Shannon divergence in bits; None for any.
        per_second: Rows, at most.
        within_s: Seconds after its start from which on being out of reach is a failure.
        needed: Features that may not be null.
        inside: As in `Asking`.
        public: As in `Asking`.
    """

    table: str
    location: str
    features: tuple[str, ...]
    prediction: str
    rows: int = 200
    age_s: int = 7 * 86_400
    tolerance: float = 0.0
    agreement: float | None = None
    divergence: float | None = None
    per_second: int = 20
    within_s: int = 600
    needed: frozenset[str] = frozenset()
    inside: bool = False
    public: bool = False

    def query(self, service: str, revision: str, now: datetime) -> str:
        """Give the query of the rows: a sample that is the same whoever asks, and no matter how many there are.

        Args:
            service: Name of it.
            revision: That answered them.
            now: The time.
        """
        columns = ", ".join(map(identifier, [*self.features, self.prediction]))
        there = [f"{identifier(name)} IS NOT NULL" for name in sorted({*self.needed, self.prediction})]
        since = (now - timedelta(seconds=self.age_s)).isoformat(timespec="seconds")
        only = [
            f"service = {literal(service)}",
            f"revision = {literal(revision)}",
            f"logging_time >= TIMESTAMP({literal(since)})",
            *there,
        ]
        return (
            f"SELECT {columns} FROM {identifier(self.table)}"  # noqa: S608 - BigQuery reads it, every part quoted
            f" WHERE {' AND '.join(only)} ORDER BY MD5(request_id), row_index LIMIT {self.rows}"
        )

    def logged(self, rows: Sequence[Mapping[str, Any]]) -> list[Logged]:
        """Read rows of the query."""
        return [Logged({name: row[name] for name in self.features}, row[self.prediction]) for row in rows]


@dataclass(frozen=True, slots=True)
class Logged:
    """One row of the log.

    Args:
        features: By name, as the server takes them.
        prediction: What the stable version answered.
    """

    features: Mapping[str, Any]
    prediction: Any


UNANSWERED = object()
"""In place of an answer: the candidate refused what the stable version answered."""


@dataclass(frozen=True, slots=True)
class Paired:
    """Answers of both versions to the same rows.

    Args:
        rows: How many.
        same: Of them, within the tolerance.
        unanswered: Of them, refused by the candidate.
        largest: Greatest difference of two numbers; 0 where they are classes.
        apart: How far their distributions are apart.
    """

    rows: int
    same: int
    unanswered: int
    largest: float
    apart: Distance


def paired(rows: Sequence[Logged], answers: Sequence[Any], tolerance: float) -> Paired:
    """Compare answers with what was logged.

    Args:
        rows: Of the log, at least one.
        answers: Of the candidate, in the same order; `UNANSWERED` where there is none.
        tolerance: Greatest difference of two numbers that count as the same.
    """
    both = [(row.prediction, answer) for row, answer in zip(rows, answers, strict=True) if answer is not UNANSWERED]
    binning = binning_of([row.prediction for row in rows])
    # What is refused is a bin of its own: a candidate that answers the easy half only is another one.
    mine = (*binning.counts(answer for _, answer in both), len(rows) - len(both))
    theirs = (*binning.counts(row.prediction for row in rows), 0)
    numbers = [abs(float(a) - float(b)) for a, b in both if is_number(a) and is_number(b)]
    return Paired(
        len(rows),
        sum(same(a, b, tolerance) for a, b in both),
        len(rows) - len(both),
        max((each for each in numbers if math.isfinite(each)), default=0.0),
        distance(mine, theirs),
    )


def same(stable: Any, candidate: Any, tolerance: float) -> bool:
    """Tell whether two answers count as the same."""
    if is_number(stable) and is_number(candidate):
        far = abs(float(stable) - float(candidate))
        return far <= tolerance + _ROUNDING * max(abs(float(stable)), abs(float(candidate)))
    return as_class(stable) == as_class(candidate)


def asked_again(
    rows: Sequence[Logged],
    replaying: Replaying,
    send: Callable[[Request], Answered],
    *,
    wait: Callable[[float], object],
    clock: Callable[[], float],
    late: bool,
) -> list[Any] | Check:
    """Ask rows again, no faster than the spec says.

    Args:
        rows: Of the log.
        replaying: How.
        send: Asks one request.
        wait: For so many seconds.
        clock: Seconds that only go forward.
        late: Being out of reach is a failure by now.

    Returns:
        An answer for each row, or why there is none for them all.
    """
    answers: list[Any] = []
    begun, sent = clock(), 0
    several = [rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE)]
    while several:
        some = several.pop(0)
        if (ahead := sent / replaying.per_second - (clock() - begun)) > 0:
            wait(ahead)
        sent += len(some)
        request = Request("/predict", json.dumps({"instances": [dict(row.features) for row in some]}))
        answered = send(request)
        worth, why = worth_of(request, answered, inside=replaying.inside)
        if worth in {Worth.AWAY, Worth.REFUSED}:
            return unsettled(request, worth, why, late=late)
        found = answers_of(answered, len(some)) if worth is Worth.FINE else None
        if found is None and worth is Worth.FINE:
            return Check(passed=None, why="its answers are no single values, and cannot be compared with the log")
        if found is None and len(some) > 1:  # one that is refused takes no other along
            several = [[row] for row in some] + several
            continue
        answers += found or [UNANSWERED]
    return answers


def answers_of(answered: Answered, count: int) -> list[Any] | None:
    """Give the predictions of an answer; None where it is none of so many single values.

    Args:
        answered: What came back for some rows.
        count: How many.
    """
    try:
        found = json.loads(answered.body)["predictions"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(found, list) or len(found) != count or answered.cut:
        return None
    single = [each[0] if isinstance(each, list) and len(each) == 1 else each for each in found]
    return None if any(isinstance(each, (list, dict)) for each in single) else single


def too_few(count: int, rule: OnInsufficientData, *, late: bool) -> Check:
    """Say what becomes of a version that there is too little to ask of.

    Args:
        count: Rows that there are.
        rule: What the spec says of too little data.
        late: Its time is over.
    """
    why = f"the stable version logged {count} of {FEWEST} requests that can be asked again"
    if not late or rule is OnInsufficientData.HOLD:
        return Check(passed=None, why=why)
    return Check(passed=rule is OnInsufficientData.PROCEED, why=f"{why}: nothing is compared")


def judged(found: Paired, replaying: Replaying) -> Check:
    """Say whether a candidate answers alike enough.

    Args:
        found: Answers of both, of `FEWEST` rows at least.
        replaying: What is asked of them.
    """
    told = (
        f"{percent(found.same / found.rows)} of {found.rows} logged requests answered the same,"
        f" {found.largest:.3g} the largest change, {found.apart.value:.3f} bits apart"
    )
    wrong = []
    if found.unanswered:
        told += f", {found.unanswered} not answered"
    if replaying.agreement is not None and highest(found.same, found.rows) < replaying.agreement:
        wrong.append(f"{percent(replaying.agreement)} is the least that is the same")
    if replaying.divergence is not None and found.apart.low > replaying.divergence:
        wrong.append(f"{replaying.divergence:g} bits are the most")
    return Check(passed=not wrong, why="; ".join([told, *wrong]))


def highest(hits: int, of: int) -> float:
    """Give the greatest share that so many hits are still likely of.

    Source:
        Wilson, "Probable inference, the law of succession, and statistical inference", 1927: the upper bound.
    """
    share, square = hits / of, _SURE**2
    middle = share + square / (2 * of)
    bound = (middle + _SURE * math.sqrt(share * (1 - share) / of + square / (4 * of * of))) / (1 + square / of)
    return min(1.0, max(share, bound))  # rounding must not reject a version that answers all of them alike
