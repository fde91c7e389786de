"""What is watched.

Source:
    aiplatform v1beta1 `ModelMonitoringAlertCondition`, `ModelMonitoringInputTimeOffset`;
    https://cloud.google.com/vertex-ai/docs/model-monitoring/set-up-model-monitoring; bigquery v2 `TableReference`
"""

import math
import re
from collections.abc import Iterator, Mapping

from schemas.checks.finding import Finding, exactly_one, fraction, repeated, warning
from schemas.refusal import shown
from schemas.sections.model import NUMBERS, Feature, Model
from schemas.sections.monitoring import CheckRegion, Monitoring
from schemas.sections.retraining import Breach, Trigger
from schemas.service import Metadata
from schemas.spelling import closest
from schemas.training_data import PARQUET, format_of, loaded_table
from schemas.units import duration_text

_HOUR = 3600
_DAY = 24 * _HOUR
_GOAL_MOST = 0.9999
"""Of an objective (comment of `ServiceLevelObjective.goal`)."""
_TABLE = re.compile(r"(?:(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{0,28}[a-z0-9]\.)?[A-Za-z0-9_]{1,1024}\.[A-Za-z0-9_-]{1,1024}")
_PERIODS_S = (60, 300, 600, 900)
"""How often Cloud Monitoring may ask (constraints.md section 8)."""
_PLACES, _PLACES_LEAST = {CheckRegion.USA: 3}, 3
"""Of regions with several, and of a check."""
_PATH = re.compile(r"/[!-~]*")
_DECIMALS = 3
"""Of a distance of order: the name of a job, which holds it, has 128 characters."""
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_OBJECT = re.compile(r"gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]/\S*[^/\s]")


def tables(monitoring: Monitoring | None) -> Iterator[Finding]:
    """Where predictions and training data lie."""
    if monitoring is None:
        return
    if monitoring.logging is not None:
        yield from table("monitoring.logging.table", monitoring.logging.table)
    baseline = monitoring.baseline
    if baseline is None:
        return
    yield from exactly_one("monitoring.baseline", {"table": baseline.table, "uri": baseline.uri}, "the baseline")
    if baseline.table is not None:
        yield from table("monitoring.baseline.table", baseline.table)
    if baseline.uri is not None and not _OBJECT.fullmatch(baseline.uri):
        hint = "write gs://bucket/path/file.csv"
        summary = f"{shown(baseline.uri)} is not a file in Cloud Storage"
        bucket = baseline.uri.removeprefix("gs://").partition("/")[0]
        if baseline.uri.startswith("gs://") and not _BUCKET.fullmatch(bucket):
            hint = "3 to 63 lower-case letters a to z, digits, hyphens, dots and underscores"
            summary = f"{shown(bucket)} is not a bucket name"
        yield Finding("monitoring.baseline.uri", "baseline", summary, hint)


def loaded_baseline(metadata: Metadata, monitoring: Monitoring | None) -> Iterator[Finding]:
    """Parquet files are loaded into a table of their own, by BigQuery, whose wildcard is one `*`."""
    uri = monitoring.baseline.uri if monitoring and monitoring.baseline else None
    if monitoring is None or uri is None or format_of(uri) != PARQUET:
        return
    path = "monitoring.baseline.uri"
    if uri.lower().endswith(".gz"):
        yield Finding(
            path, "baseline", f"{shown(uri)} is packed", "Parquet is packed inside: BigQuery loads it as it is"
        )
    if uri.count("*") > 1 or any(sign in uri for sign in "?["):
        hint = "write gs://bucket/path/part-*.parquet"
        yield Finding(path, "baseline", f"{shown(uri)} has more than one `*`, or other wildcards", hint)
    own = loaded_table(metadata.name)
    if monitoring.logging is not None and monitoring.logging.table.rpartition(".")[2] == own:
        summary = f"{shown(monitoring.logging.table)} is where the baseline is loaded into"
        yield Finding("monitoring.logging.table", "baseline", summary, f"call it anything but {own}")


def table(path: str, name: str) -> Iterator[Finding]:
    """A table's name, with or without its project."""
    if not _TABLE.fullmatch(name):
        hint = "write dataset.table or project.dataset.table; a dataset has letters, digits and _"
        yield Finding(path, "bigquery-table", f"{shown(name)} is not a BigQuery table", hint)


def thresholds(monitoring: Monitoring | None) -> Iterator[Finding]:
    """Distances and shares lie inside (0, 1): at 1 nothing ever fires."""
    if monitoring is None:
        return
    for section, watched in (("skew", monitoring.skew), ("drift", monitoring.drift)):
        path = f"monitoring.{section}"
        if watched is not None:
            yield from fraction(f"{path}.default", watched.default, "a distance")
            for name, threshold in watched.features.items():
                yield from fraction(f"{path}.features.{name}", threshold, "a distance")
            yield from order(f"{path}.order", watched.order)
            if watched.default is None and not watched.features and watched.order is None:
                hint = "give `default`, thresholds under `features`, or `order`"
                yield Finding(path, "threshold", f"{section} has no threshold", hint, at_key=True)
    yield from fraction("monitoring.predictionDrift", monitoring.prediction_drift, "a distance")
    yield from order("monitoring.predictionOrder", monitoring.prediction_order)
    if monitoring.slo is not None:
        yield from fraction("monitoring.slo.availability", monitoring.slo.availability, "a share of answers")
        yield from _promise(monitoring.slo.availability)


def order(path: str, most: float | None) -> Iterator[Finding]:
    """A distance of order is in (0, 1), with as many decimals as the name of a job has room for."""
    yield from fraction(path, most, "a distance")
    if most is not None and 0 < most < 1 and not 0 < round(most, _DECIMALS) == most < 1:
        hint = f"write {min(max(round(most, _DECIMALS), 0.001), 0.999):g}"
        yield Finding(path, "threshold", f"{most:g} has more than {_DECIMALS} decimals", hint)


def _promise(availability: float | None) -> Iterator[Finding]:
    if availability is not None and _GOAL_MOST < availability < 1:
        summary = f"{availability:g} is more than Cloud Monitoring can keep watch over"
        yield Finding("monitoring.slo.availability", "fraction-range", summary, f"{_GOAL_MOST} is the most")


def log_rate(monitoring: Monitoring | None) -> Iterator[Finding]:
    """The sampled share is in (0, 1]."""
    rate = monitoring.logging.sample_rate if monitoring and monitoring.logging else 1.0
    if not 0 < rate <= 1:
        hint = "write a fraction: 0.2 is one request in five; to log nothing, leave `logging` out"
        yield Finding("monitoring.logging.sampleRate", "sample-rate", f"{rate:g} is not in (0, 1]", hint)


def inputs(monitoring: Monitoring | None) -> Iterator[Finding]:
    """Each comparison has what it compares."""
    if monitoring is None:
        return
    needs_log = {
        "skew": monitoring.skew,
        "drift": monitoring.drift,
        "predictionDrift": monitoring.prediction_drift,
        "performance": monitoring.performance,
    }
    for key, watched in needs_log.items():
        if watched is not None and monitoring.logging is None:
            hint = "for example `logging: {table: ml_logs.my_service}`"
            summary = f"{key} needs the prediction log"
            yield Finding(f"monitoring.{key}", "monitoring-input", summary, hint, at_key=True)
    if monitoring.skew is not None and monitoring.baseline is None:
        hint = "give `baseline: {table: project.dataset.training}`"
        yield Finding("monitoring.skew", "monitoring-input", "skew needs a baseline", hint, at_key=True)


def windows(monitoring: Monitoring | None) -> Iterator[Finding]:
    """Windows are whole hours, and rows live long enough to be compared."""
    if monitoring is None:
        return
    spans = {"monitoring.window": monitoring.window_s}
    if monitoring.drift is not None:
        spans["monitoring.drift.against"] = monitoring.drift.against_s
    for path, span_s in spans.items():
        if span_s % _HOUR:
            summary = f"{duration_text(span_s * 1000)} is not whole hours"
            yield Finding(path, "window", summary, "Vertex AI takes hours, days and weeks")
    late_s = monitoring.window_s + monitoring.performance.after_s if monitoring.performance else 0
    needed_s = max(sum(spans.values()), late_s)
    if monitoring.logging is not None and monitoring.logging.retention_s < needed_s:
        summary = f"{duration_text(monitoring.logging.retention_s * 1000)} is shorter than what is compared"
        days = math.ceil(needed_s / _DAY)
        hint = f"windows reach back {duration_text(needed_s * 1000)}: write {days}d or more"
        yield warning("monitoring.logging.retention", "retention", summary, hint)


def ordered(monitoring: Monitoring | None, model: Model | None) -> Iterator[Finding]:
    """Only numbers have an order, and only what is compared is measured."""
    if monitoring is None or model is None:
        return
    compared = [each.type for each in model.features.values() if each.log and each.monitor]
    for section, watched in (("skew", monitoring.skew), ("drift", monitoring.drift)):
        if watched is not None and watched.order is not None and compared and not NUMBERS.intersection(compared):
            summary = "no feature that is compared is a number"
            yield Finding(f"monitoring.{section}.order", "order", summary, "remove it: labels have no order")
    path = "monitoring.predictionOrder"
    if monitoring.prediction_order is None:
        return
    if monitoring.prediction_drift is None:
        yield Finding(
            path, "order", "predictions are not compared", "give `predictionDrift`, or remove it", at_key=True
        )
    if model.prediction is not None and model.prediction.type not in NUMBERS:
        summary = f"{shown(model.prediction.name or 'the prediction')} is a {model.prediction.type}"
        yield Finding(path, "order", summary, "remove it: only `number` and `integer` have an order")


def order_is_told(
    monitoring: Monitoring | None, model: Model | None, triggers: tuple[Trigger, ...]
) -> Iterator[Finding]:
    """No alert knows of order: the retraining function tells of it, of what a trigger looks at."""
    if monitoring is None or any(ordered(monitoring, model)):
        return
    looked_at = {breach for each in triggers for breach in each.when.breach}
    limits = {
        Breach.SKEW: ("skew.order", monitoring.skew.order if monitoring.skew else None),
        Breach.DRIFT: ("drift.order", monitoring.drift.order if monitoring.drift else None),
        Breach.PREDICTION_DRIFT: ("predictionOrder", monitoring.prediction_order),
    }
    for breach, (key, most) in limits.items():
        if most is not None and breach not in looked_at and not any(order(key, most)):
            summary = f"no alert knows of order, and no trigger looks at {breach}"
            hint = f"add a trigger `when: {{breach: [{breach}]}}`, or run `mlservice monitor --fail-on-breach`"
            yield warning(f"monitoring.{key}", "order", summary, hint)


def watched_features(monitoring: Monitoring | None, model: Model | None) -> Iterator[Finding]:
    """Thresholds name features that exist, are logged and are monitored, and no comparison is without any."""
    if monitoring is None:
        return
    declared = model.features if model is not None else {}
    for section, watched in (("skew", monitoring.skew), ("drift", monitoring.drift)):
        if watched is None:
            continue
        for name in watched.features if declared else ():
            yield from _watched(f"monitoring.{section}.features.{name}", name, declared)
        if not (declared and watched.features):
            yield from _left(section, declared)
    if monitoring.prediction_drift is not None:
        yield from _left("predictionDrift", declared)


def _watched(path: str, name: str, declared: Mapping[str, Feature]) -> Iterator[Finding]:
    """Tell why a threshold of one feature means nothing."""
    if name not in declared:
        meant = closest(name, list(declared))
        hint = f"did you mean `{meant}`?" if meant else f"features: {', '.join(declared)}"
        yield Finding(path, "monitoring-features", f"{shown(name)} is not a feature", hint, at_key=True)
        return
    without = [key for key, on in (("log", declared[name].log), ("monitor", declared[name].monitor)) if not on]
    if without:
        summary = f"{shown(name)} has {' and '.join(f'`{key}: false`' for key in without)}"
        hint = "remove one of the two" if len(without) == 1 else "remove the threshold, or both of them"
        yield Finding(path, "monitoring-features", summary, hint, at_key=True)


def _left(section: str, declared: Mapping[str, Feature]) -> Iterator[Finding]:
    """Tell where no column is left: a monitor is of columns, even where only predictions are compared."""
    if any(each.log and each.monitor for each in declared.values()):
        return
    summary = f"{section} is left without a column" if declared else f"{section} needs columns"
    hint = f"every feature has `log: false` or `monitor: false`: leave one on, or remove {section}"
    hint = hint if declared else "list the columns under `model.features`"
    yield Finding(f"monitoring.{section}", "monitoring-features", summary, hint, at_key=True)


def predicted_value(monitoring: Monitoring | None, model: Model | None) -> Iterator[Finding]:
    """The monitor must know the column of the prediction."""
    if monitoring is None or monitoring.prediction_drift is None:
        return
    if model is None or model.prediction is None:
        hint = "give `model.prediction: {name: …}`"
        summary = "predictionDrift needs model.prediction"
        yield Finding("monitoring.predictionDrift", "monitoring-features", summary, hint, at_key=True)


def uptime(monitoring: Monitoring | None) -> Iterator[Finding]:
    """Cloud Monitoring asks at four paces, from three places at least."""
    if monitoring is None or monitoring.uptime is None:
        return
    asked = monitoring.uptime
    if asked.every_s not in _PERIODS_S:
        summary = f"{duration_text(int(asked.every_s * 1000))} is not a pace of Cloud Monitoring's"
        yield Finding("monitoring.uptime.every", "uptime", summary, "write 1m, 5m, 10m or 15m")
    if asked.path is not None and not _PATH.fullmatch(asked.path):
        hint = "write /health/ready, in ASCII without blanks"
        yield Finding("monitoring.uptime.path", "uptime", f"{shown(asked.path)} is not a path", hint)
    places = sum(_PLACES.get(region, 1) for region in set(asked.regions))
    if asked.regions and places < _PLACES_LEAST:
        hint = "USA is three places, every other one is one; leave `regions` out for everywhere"
        yield Finding("monitoring.uptime.regions", "uptime", f"that is {places} of three places at least", hint)
    for index, region in repeated(asked.regions):
        yield Finding(f"monitoring.uptime.regions[{index}]", "repeated", f'"{region}" is listed twice')
