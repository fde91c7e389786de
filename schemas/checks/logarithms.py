"""Columns that are compared by their logarithm: which may be, and what their baseline must be.

Source:
    aiplatform v1beta1 `ModelMonitoringInput`: files are read as they are, and only a table can be asked a query.
"""

from collections.abc import Iterator, Mapping

from schemas.checks.finding import Finding, repeated, warning
from schemas.refusal import shown
from schemas.sections.model import NUMBERS, Feature, Model, Prediction, ValueType
from schemas.sections.monitoring import Monitoring
from schemas.spelling import closest
from schemas.training_data import PARQUET, format_of

_PATH, _RULE = "monitoring.logarithmic", "logarithmic"


def baseline(monitoring: Monitoring | None) -> Iterator[Finding]:
    """A file that Model Monitoring reads itself holds values, and nobody takes their logarithm on the way."""
    named = monitoring.baseline if monitoring is not None else None
    if monitoring is None or named is None or named.uri is None or not monitoring.logarithmic:
        return
    if format_of(named.uri) != PARQUET:
        hint = (
            "load it into a BigQuery table and name that in `baseline.table`, or write it as Parquet, which is loaded;"
            " or limit its `order`, which takes no logarithm"
        )
        summary = f"logarithmic needs a baseline in a table, and {shown(named.uri)} is a file"
        yield Finding(_PATH, _RULE, summary, hint, at_key=True)


def columns(monitoring: Monitoring | None, model: Model | None) -> Iterator[Finding]:
    """Each is a number that is compared, and stands there once."""
    if monitoring is None or model is None:
        return
    for index, name in enumerate(monitoring.logarithmic):
        predicted = model.prediction if model.prediction and model.prediction.name == name else None
        path = f"{_PATH}[{index}]"
        if predicted is not None:
            yield from _prediction(path, predicted, monitoring)
        elif name in model.features:
            yield from _feature(path, name, model.features[name], monitoring)
        else:
            yield Finding(path, _RULE, f"{shown(name)} is not a feature", _meant(name, model.features))
    for index, name in repeated(monitoring.logarithmic):
        yield Finding(f"{_PATH}[{index}]", "repeated", f"{shown(name)} is listed twice")


def _meant(name: str, declared: Mapping[str, Feature]) -> str:
    numbers = [each for each, feature in declared.items() if feature.type in NUMBERS]
    meant = closest(name, numbers)
    return f"did you mean `{meant}`?" if meant else f"numbers among the features: {', '.join(numbers) or 'none'}"


def _prediction(path: str, predicted: Prediction, monitoring: Monitoring) -> Iterator[Finding]:
    if predicted.type not in NUMBERS:
        yield _no_number(path, predicted.name, predicted.type)
    if monitoring.prediction_drift is None:
        hint = "give `predictionDrift`, or remove it here"
        yield Finding(path, _RULE, f"{shown(predicted.name)} is predicted, and not compared", hint)


def _feature(path: str, name: str, feature: Feature, monitoring: Monitoring) -> Iterator[Finding]:
    without = [key for key, on in (("log", feature.log), ("monitor", feature.monitor)) if not on]
    if feature.type not in NUMBERS:
        yield _no_number(path, name, feature.type)
    elif feature.max is not None and feature.max <= 0:
        hint = "the logarithm is of values above 0: raise `max`, or remove it here"
        yield Finding(path, _RULE, f"{shown(name)} is never above 0", hint)
    elif feature.min is not None and feature.min < 0:
        hint = "write `min: 0` if it never is; else compare the value itself, by `order`"
        yield warning(path, _RULE, f"{shown(name)} may be below 0, and then counts as missing", hint)
    if without:
        summary = f"{shown(name)} has {' and '.join(f'`{key}: false`' for key in without)}"
        yield Finding(path, _RULE, summary, "remove it here, or there")
    elif monitoring.skew is None and monitoring.drift is None:
        yield Finding(path, _RULE, f"{shown(name)} is not compared", "give `skew` or `drift`, or remove it here")


def _no_number(path: str, name: str, kind: ValueType) -> Finding:
    hint = "only `number` and `integer` have logarithms: remove it here"
    return Finding(path, _RULE, f"{shown(name)} is a {kind}", hint)
