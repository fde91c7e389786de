"""Profiles and anomalies in TensorFlow's own messages, as Google writes them to files and into answers.

Source: `tensorflow_metadata.proto.v0`; texts of anomalies from TFDV's `feature_util.cc`, model_monitoring.md B.2.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from emulator.apis.aiplatform.monitoring.drift import L_INFINITY, Measure
from emulator.apis.aiplatform.monitoring.tables import Field
from emulator.statistics.histograms import Histogram
from emulator.statistics.labels import TOP, LabelSummary
from emulator.statistics.numeric import NumericSummary
from emulator.statistics.profiles import Profile, Summary

SIDES = "current and previous"
"""What TFDV calls the two sides of a drift comparison; v2's own words are not known."""


def statistics(profile: Profile, fields: Mapping[str, Field], side: str) -> Any:
    """A `DatasetFeatureStatistics`."""
    found = statistics_pb2.DatasetFeatureStatistics(name=side, num_examples=profile.rows)
    for name, field in fields.items():
        feature = found.features.add(type=type_of(field))
        feature.path.step.append(name)
        fill(feature, profile.columns[name])
    return found


def of_field(found: Any, name: str) -> Any:
    """The part of such statistics that is about one field."""
    features = [each for each in found.features if list(each.path.step) == [name]]
    return statistics_pb2.DatasetFeatureStatistics(name=found.name, num_examples=found.num_examples, features=features)


def type_of(field: Field) -> Any:
    """The type that TFDV would see."""
    sorts = statistics_pb2.FeatureNameStatistics
    return {"float": sorts.FLOAT, "integer": sorts.INT}.get(field.type, sorts.STRING)


def fill(feature: Any, summary: Summary) -> None:
    """Write a summary down."""
    if isinstance(summary, NumericSummary):
        fill_numbers(feature.num_stats, summary)
    else:
        fill_labels(feature.string_stats, summary)


def fill_common(common: Any, summary: Summary) -> None:
    """How many rows have a value."""
    common.num_non_missing, common.num_missing = summary.present, summary.missing
    common.tot_num_values = summary.values
    if summary.present:
        common.avg_num_values = summary.values / summary.present
        if summary.values == summary.present:
            common.min_num_values = common.max_num_values = 1


def fill_numbers(stats: Any, summary: NumericSummary) -> None:
    """Numbers; extremes and moments are those of the finite values."""
    fill_common(stats.common_stats, summary)
    stats.num_zeros = summary.zeros
    if summary.finite:
        stats.mean, stats.std_dev, stats.median = summary.mean, summary.deviation, summary.median
        stats.min, stats.max = summary.low, summary.high
    for histogram, sort in ((summary.standard(), "STANDARD"), (summary.quantiles(), "QUANTILES")):
        fill_histogram(stats.histograms.add(type=sort), histogram)


def fill_histogram(message: Any, histogram: Histogram) -> None:
    """Buckets."""
    message.num_nan = histogram.nan
    for low, high, count in zip(histogram.lows, histogram.highs, histogram.counts, strict=True):
        message.buckets.add(low_value=low, high_value=high, sample_count=count)


def fill_labels(stats: Any, summary: LabelSummary) -> None:
    """Labels, the most frequent first."""
    fill_common(stats.common_stats, summary)
    stats.unique, stats.avg_length = summary.unique, summary.mean_length
    for rank, (label, count) in enumerate(summary.top()):
        stats.rank_histogram.buckets.add(low_rank=rank, high_rank=rank, label=label, sample_count=count)
        if rank < TOP:
            stats.top_values.add(value=label, frequency=count)


def listed(dataset: Any) -> bytes:
    """A file of statistics."""
    held: bytes = statistics_pb2.DatasetFeatureStatisticsList(datasets=[dataset]).SerializeToString()
    return held


def anomaly(measure: Measure) -> Any:
    """An `AnomalyInfo`."""
    linfty = measure.algorithm == L_INFINITY
    what = "Linfty distance" if linfty else "approximate Jensen-Shannon divergence"
    short = f"High {what} between {SIDES}"
    text = f"The {what} between {SIDES} is {measure.distance:.6g} (up to six significant digits), above the threshold "
    text += f"{measure.threshold:.6g}."
    if linfty:
        text += f" The feature value with maximum difference is: {measure.label}"
    kind = "COMPARATOR_L_INFTY_HIGH" if linfty else "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH"
    info = anomalies_pb2.AnomalyInfo(severity="ERROR", description=text, short_description=short)
    info.path.step.append(measure.name)
    info.reason.add(type=kind, short_description=short, description=text)
    return info


def anomalies(found: Iterable[Measure]) -> bytes:
    """A file of anomalies, in text."""
    message = anomalies_pb2.Anomalies(anomaly_name_format="SERIALIZED_PATH")
    for measure in found:
        message.anomaly_info[measure.name].CopyFrom(anomaly(measure))
    return text_format.MessageToString(message).encode()
