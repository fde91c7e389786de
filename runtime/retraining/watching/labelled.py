"""The question to BigQuery: of a window's predictions, how many have a label, and how they compare. Pure.

One row of counts and means comes back. Each prediction counts once: Pub/Sub may deliver it twice. Each label counts
once: of several of one prediction the newest, or, where no column tells when, none unless they are all the same. An id
that several requests had is the caller's, and no label tells which of them it is about.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax#qualify_clause,
    .../conversion_rules (`SAFE_CAST` of a text gives null for what is no number),
    .../aggregate_functions#countif, .../statistical_aggregate_functions#stddev_samp (null for one row).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from runtime.retraining.googlesql import identifier, literal
from runtime.retraining.watching.performance import ERRORS, GREATEST, OF, cut_off

SINCE, UNTIL = "since", "until"
"""Names of the query's parameters: the window, as RFC 3339."""
_FAR = f"{GREATEST:g}"
"""Numbers are cut off here: squares of squares are added up, and a sum that overflows fails the whole query."""


@dataclass(frozen=True, slots=True)
class Question:
    """Whose predictions, and which labels.

    Args:
        log: Table of the prediction log, with project and dataset.
        labels: Table of the labels, as well.
        service: Whose predictions.
        version: Of which version; empty for all.
        column: Of the log, with the prediction.
        kind: Type of the prediction, as the spec calls it.
        request_id: Column of labels with the id of the request.
        value: Column of labels with what came true.
        row_index: Column of labels with the row's place within its request; empty for none.
        time: Column of labels with the time of each; empty for none.
        positive: The label that is looked for; empty for what is true.
        threshold: From which number on a prediction stands for it; None where it does not need that.
    """

    log: str
    labels: str
    service: str
    column: str
    kind: str
    request_id: str
    value: str
    version: str = ""
    row_index: str = ""
    time: str = ""
    positive: str = ""
    threshold: float | None = None

    def query(self, limits: Mapping[str, float]) -> str:
        """Give the query.

        Args:
            limits: Of what is to be measured: all of errors, or all of shares.

        Raises:
            ValueError: `positive` is no number, and whole numbers are predicted.
        """
        errors = bool(ERRORS.intersection(limits))
        predicted, label = (_number("logged.predicted"), _number("labels.label")) if errors else self._classes()
        asked = ", ".join(_errors(limits)) if errors else self._shares()
        row = f"SAFE_CAST(given.{identifier(self.row_index)} AS INT64)" if self.row_index else "0"
        told_at = f"given.{identifier(self.time)}" if self.time else "0"
        same_row = "labels.row_index = logged.row_index" if self.row_index else "logged.last_row = 0"
        return (  # BigQuery reads it, every part quoted
            f"WITH logged AS (SELECT entry.request_id, entry.row_index, entry.{identifier(self.column)} AS predicted,"  # noqa: S608 - every part is quoted
            " MAX(entry.row_index) OVER (PARTITION BY entry.request_id) AS last_row,"
            " MIN(entry.logging_time) OVER (PARTITION BY entry.request_id)"
            " < MAX(entry.logging_time) OVER (PARTITION BY entry.request_id) AS several"
            f" FROM {identifier(self.log)} AS entry WHERE {' AND '.join(self._only())}"
            f" AND entry.logging_time >= TIMESTAMP(@{SINCE}) AND entry.logging_time < TIMESTAMP(@{UNTIL})"
            " QUALIFY ROW_NUMBER() OVER"
            " (PARTITION BY entry.request_id, entry.row_index, entry.logging_time ORDER BY entry.row_index) = 1),\n"
            f"told AS (SELECT CAST(given.{identifier(self.request_id)} AS STRING) AS request_id, {row} AS row_index,"
            f" CAST(given.{identifier(self.value)} AS STRING) AS label, {told_at} AS told_at"
            f" FROM {identifier(self.labels)} AS given WHERE given.{identifier(self.value)} IS NOT NULL),\n"
            "ranked AS (SELECT told.request_id, told.row_index, told.label, RANK() OVER"
            " (PARTITION BY told.request_id, told.row_index ORDER BY told.told_at DESC) AS age FROM told),\n"
            "labels AS (SELECT ranked.request_id, ranked.row_index, MIN(ranked.label) AS label,"
            " COUNT(DISTINCT ranked.label) AS answers FROM ranked WHERE ranked.age = 1"
            " GROUP BY ranked.request_id, ranked.row_index),\n"
            "judged AS (SELECT IF(logged.several, labels.answers + 1, labels.answers) AS answers,"
            f" {predicted} AS predicted, {label} AS label"
            f" FROM logged LEFT JOIN labels ON labels.request_id = logged.request_id AND {same_row}),\n"
            "counted AS (SELECT judged.answers, judged.predicted, judged.label,"
            " judged.answers = 1 AND judged.predicted IS NOT NULL AND judged.label IS NOT NULL AS usable FROM judged)\n"
            "SELECT COUNT(*) AS predictions, COUNTIF(usable) AS labelled, COUNTIF(answers > 1) AS contradictory,"
            f" COUNTIF(answers = 1 AND NOT usable) AS unreadable, {asked} FROM counted"
        )

    def _only(self) -> list[str]:
        version = [f"entry.model_version = {literal(self.version)}"] if self.version else []
        return [f"entry.service = {literal(self.service)}", *version]

    def _classes(self) -> tuple[str, str]:
        """Give prediction and label as classes that can be compared; null for what is none."""
        if self.kind == "integer":
            return _number("logged.predicted"), _number("labels.label")
        if self.kind not in _YES_OR_NO:
            return "logged.predicted", "labels.label"
        far = f" >= {float(self.threshold or 0)!r}" if self.kind == "number" else ""
        return f"logged.predicted{far}", f"labels.label = {literal(self.positive)}" if self.positive else _IS_YES

    def _shares(self) -> str:
        positive = self._positive()
        return (
            "COUNTIF(usable AND predicted = label) AS correct,"
            f" COUNTIF(usable AND predicted = {positive} AND label = {positive}) AS hits,"
            f" COUNTIF(usable AND predicted = {positive} AND label != {positive}) AS false_alarms,"
            f" COUNTIF(usable AND predicted != {positive} AND label = {positive}) AS misses"
        )

    def _positive(self) -> str:
        """Give the class that is looked for, as `_classes` has it."""
        if self.kind == "integer":
            number = float(self.positive or 0)
            if not math.isfinite(number):  # BigQuery would take it for a column
                raise ValueError(f"{self.positive!r} is no number")
            return repr(number)
        return "TRUE" if self.kind in _YES_OR_NO else literal(self.positive)


_YES_OR_NO = frozenset({"boolean", "number"})
_IS_YES = (
    "CASE WHEN LOWER(labels.label) IN ('true', '1', '1.0') THEN TRUE"
    " WHEN LOWER(labels.label) IN ('false', '0', '0.0') THEN FALSE END"
)
"""Tables tell of true and false as BOOL, as a number, or as text."""
_ERROR = "IF(usable, predicted - label, NULL)"
_SIZES = {"absolute": "ABS({})", "squared": "({0}) * ({0})", "plain": "{}"}
_MEANS = {"AVG": ("mean", "capped"), "STDDEV_SAMP": ("spread", "capped_spread")}


def _errors(limits: Mapping[str, float]) -> Iterator[str]:
    """Give what is asked of errors: means and spreads, and the same of errors that are cut off far beyond the limit."""
    for of, size in _SIZES.items():
        yield from (f"{function}({size.format(_ERROR)}) AS {name}_{of}" for function, (name, _) in _MEANS.items())
    for measure, of in OF.items():
        if measure in limits:
            far = repr(cut_off(limits[measure]))
            cut = f"LEAST(GREATEST({_ERROR}, -{far}), {far})"
            size = _SIZES[of].format(cut)
            yield from (f"{function}({size}) AS {name}_{of}" for function, (_, name) in _MEANS.items())
            yield f"COUNTIF(ABS({_ERROR}) > {far}) AS beyond_{of}"
            yield f"AVG(GREATEST(ABS({_ERROR}) - {far}, 0)) AS excess_{of}"


def _number(value: str) -> str:
    """Give a number, cut off where it is very far; null for what is none."""
    number = f"SAFE_CAST({value} AS FLOAT64)"
    return f"IF(IS_NAN({number}) OR IS_INF({number}), NULL, LEAST(GREATEST({number}, -{_FAR}), {_FAR}))"
