"""How often predictions were right: each measure has what it is measured by.

Source:
    The prediction log's columns (`schemas.prediction_log`); bigquery v2 `TableFieldSchema.name`.
"""

import re
from collections.abc import Iterator

from schemas.checks.finding import Finding, exactly_one, fraction, repeated
from schemas.checks.monitoring import table
from schemas.refusal import shown
from schemas.sections.model import Model, ValueType
from schemas.sections.monitoring import Least, Monitoring, Performance
from schemas.sections.retraining import Retraining

PATH = "monitoring.performance"
_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,299}")
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}(\.0*)?")
"""As tables of labels may write an INT64."""
_MOST = 2.0**63
_NUMBERS = frozenset({ValueType.NUMBER, ValueType.INTEGER})
_YES_OR_NO = frozenset({ValueType.NUMBER, ValueType.BOOLEAN})
"""Types of a prediction of which `true` and 1 are the label that is looked for, unless the spec says which."""


def inputs(model: Model | None, monitoring: Monitoring | None, retraining: Retraining | None) -> Iterator[Finding]:
    """There is a prediction to judge, and who judges it. What is lacking of the log, another check says."""
    if monitoring is None or monitoring.performance is None:
        return
    if model is None or model.prediction is None:
        hint = "give `model.prediction: {name: …}`"
        yield Finding(PATH, "monitoring-features", "performance needs model.prediction", hint, at_key=True)
    if retraining is None:
        hint = "say how under `retraining.run`; without a trigger it trains nothing"
        summary = "performance needs retraining: its function is what judges"
        yield Finding(PATH, "monitoring-input", summary, hint, at_key=True)


def labels(monitoring: Monitoring | None) -> Iterator[Finding]:
    """A table with columns that can be, each for one thing."""
    if monitoring is None or monitoring.performance is None:
        return
    found, path = monitoring.performance.labels, f"{PATH}.labels"
    yield from table(f"{path}.table", found.table)
    named = {"requestId": found.request_id, "rowIndex": found.row_index, "value": found.value, "time": found.time}
    columns = {key: name for key, name in named.items() if name is not None}
    for key, name in columns.items():
        if not _COLUMN.fullmatch(name):
            hint = "BigQuery: letters a to z, digits and _, up to 300, first no digit"
            yield Finding(f"{path}.{key}", "column-name", f"{shown(name)} cannot be a column", hint)
    keys = list(columns)
    for index, _ in repeated(name.lower() for name in columns.values()):
        summary = f"{shown(columns[keys[index]])} is the column of two things"
        yield Finding(f"{path}.{keys[index]}", "repeated", summary)


def limits(monitoring: Monitoring | None) -> Iterator[Finding]:
    """Measures of classes, or of numbers, and at least one."""
    if monitoring is None or monitoring.performance is None:
        return
    found = monitoring.performance
    yield from exactly_one(PATH, {"least": found.least, "most": found.most}, "what predictions must be")
    for key, section in (("least", found.least), ("most", found.most)):
        if section is not None and not section.model_dump(exclude_none=True):
            hint = "give `accuracy: 0.8`" if key == "least" else "give `mae: 12`"
            yield Finding(f"{PATH}.{key}", "threshold", f"{key} has no measure", hint, at_key=True)
    for name, least in found.least.model_dump(exclude_none=True).items() if found.least else ():
        yield from fraction(f"{PATH}.least.{name}", least, "a share of predictions")


def classes(model: Model | None, monitoring: Monitoring | None) -> Iterator[Finding]:
    """Measures fit what is predicted, and it is known which label is looked for."""
    predicted = model.prediction if model else None
    found = monitoring.performance if monitoring else None
    if found is None or predicted is None:
        return
    if found.most is not None and predicted.type not in _NUMBERS:
        summary = f"most is about errors of numbers, and the prediction is of type {predicted.type}"
        yield Finding(f"{PATH}.most", "measure", summary, "give `least: {accuracy: 0.8}`", at_key=True)
    yield from _threshold(found, predicted.type)
    yield from _positive(found, predicted.type, predicted.values)


def _threshold(found: Performance, kind: ValueType) -> Iterator[Finding]:
    if found.threshold is not None and (kind is not ValueType.NUMBER or found.least is None):
        summary = "threshold makes classes of a prediction of type number, for `least`"
        yield Finding(f"{PATH}.threshold", "measure", summary, "remove it", at_key=True)
    if found.threshold is None and kind is ValueType.NUMBER and found.least is not None:
        hint = "give `threshold: 0.5`; or, where numbers are predicted, `most: {mae: 12}`"
        summary = "least is about classes, and the prediction is of type number"
        yield Finding(f"{PATH}.least", "measure", summary, hint, at_key=True)


def _positive(found: Performance, kind: ValueType, values: tuple[str, ...]) -> Iterator[Finding]:
    asked = _about_one_class(found.least)
    if found.positive is None:
        if asked and kind not in _YES_OR_NO:
            hint = f"for example `positive: {values[-1] if values else 'yes'}`"
            yield Finding(f"{PATH}.least.{asked}", "measure", f"{asked} needs `positive`", hint, at_key=True)
    elif found.least is None or kind is ValueType.BOOLEAN:
        summary = "positive says which class is looked for; here there is no choice"
        yield Finding(f"{PATH}.positive", "measure", summary, "remove it", at_key=True)
    elif kind is ValueType.INTEGER and not _whole(found.positive):
        summary = f"{shown(found.positive)} is no whole number, and the prediction is one"
        yield Finding(f"{PATH}.positive", "measure", summary, "give `positive: 1`, in digits")
    elif values and kind is ValueType.CATEGORY and found.positive not in values:
        hint = f"classes: {', '.join(values)}"
        yield Finding(f"{PATH}.positive", "measure", f"{shown(found.positive)} is not a class", hint)


def _whole(text: str) -> bool:
    return _WHOLE.fullmatch(text) is not None and abs(float(text)) <= _MOST


def _about_one_class(least: Least | None) -> str:
    """Name the first measure that is about one class; empty for none."""
    names = ("precision", "recall", "f1")
    return next((name for name in names if least is not None and getattr(least, name) is not None), "")
