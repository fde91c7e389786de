"""One objective of a job: how far each field is from its baseline, and whether that is too far. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from emulator.apis.aiplatform.monitoring.tables import Field
from emulator.statistics import distances
from emulator.statistics.labels import LabelSummary
from emulator.statistics.numeric import NumericSummary
from emulator.statistics.profiles import Profile, Summary

L_INFINITY, DIVERGENCE = "l_infinity", "jensen_shannon_divergence"


@dataclass(frozen=True, slots=True)
class Objective:
    """A sort of objective.

    Attributes:
        type: As the API names it.
        folder: Where its files lie, below the job's.
        spec: Its field in `TabularObjective`.
        fields: The group of the schema that it is about.
        metric: Its metric in Cloud Monitoring.
        logged: As the log entry names it: guessed from that of the first version.
    """

    type: str
    folder: str
    spec: str
    fields: str
    metric: str
    logged: str


OBJECTIVES = (
    Objective(
        "raw-feature-drift",
        "feature_drift",
        "feature_drift_spec",
        "feature_fields",
        "feature_drift_deviation",
        "RAW_FEATURE_DRIFT",
    ),
    Objective(
        "prediction-output-drift",
        "output_drift",
        "prediction_output_drift_spec",
        "prediction_fields",
        "prediction_output_drift_deviation",
        "PREDICTION_OUTPUT_DRIFT",
    ),
)


@dataclass(frozen=True, slots=True)
class Measure:
    """How far a field is from its baseline.

    Attributes:
        name: Of the field.
        algorithm: By which it was measured.
        distance: 0 to 1.
        threshold: Above it there is an anomaly; None: there never is.
        label: Of L-infinity, the label whose share differs most.
    """

    name: str
    algorithm: str
    distance: float
    threshold: float | None
    label: str = ""

    @property
    def anomalous(self) -> bool:
        """Strictly above, as TFDV has it."""
        return self.threshold is not None and self.distance > self.threshold


def wanted(spec: Any, known: Any) -> dict[str, Field]:
    """The fields that an objective is about: those that it names, else all of the schema."""
    every = {each.name: Field(each.data_type, each.repeated) for each in known}
    return {name: every[name] for name in (spec.features or every)}


def measures(spec: Any, fields: Mapping[str, Field], baseline: Profile, target: Profile) -> Iterator[Measure]:
    """How far each field is. A field of which one side has nothing that could be compared is left out, as in TFDV."""
    for name, field in fields.items():
        one, other = baseline.columns[name], target.columns[name]
        algorithm = DIVERGENCE if field.numeric else spec.categorical_metric_type or L_INFINITY
        label, distance = compared(algorithm, one, other)
        if distance is not None:
            yield Measure(name, algorithm, distance, threshold(spec, name, numeric=field.numeric), label)


def compared(algorithm: str, one: Summary, other: Summary) -> tuple[str, float | None]:
    """Label and distance of two summaries."""
    if isinstance(one, NumericSummary) and isinstance(other, NumericSummary):
        return "", distances.divergence_of_histograms(one.standard(), other.standard())
    if isinstance(one, LabelSummary) and isinstance(other, LabelSummary):
        if algorithm == L_INFINITY:
            return distances.l_infinity(one.compared(), other.compared())
        return "", distances.divergence_of_labels(one.compared(), other.compared())
    return "", None


def threshold(spec: Any, name: str, *, numeric: bool) -> float | None:
    """Above what an alert is made: the field's own, else that of its sort; None: none was set."""
    sort = "default_numeric_alert_condition" if numeric else "default_categorical_alert_condition"
    own = name in spec.feature_alert_conditions
    condition = spec.feature_alert_conditions[name] if own else getattr(spec, sort)
    return float(condition.threshold) if condition.HasField("threshold") else None
