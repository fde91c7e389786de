"""What is wrong with a monitor or a job that is sent: everything at once, each with its field.

Source: comments of the messages; model_monitoring.md A.2 to A.5. No error text of Google's is known: the words
are ours, in the service's frame.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from emulator.apis.aiplatform import buckets
from emulator.apis.aiplatform.labels import LONGEST_NAME
from emulator.apis.aiplatform.monitoring import windows
from emulator.apis.aiplatform.monitoring.messages import DataFormat

Finding = tuple[str, str]
TYPES = ("float", "integer", "boolean", "string", "categorical")
CATEGORICAL_METRICS = ("", "l_infinity", "jensen_shannon_divergence")
NUMERIC_METRICS = ("", "jensen_shannon_divergence")
CHANNEL = re.compile(r"projects/[^/]+/notificationChannels/[^/]+")
TABLE = re.compile(r"bq://[^./\s]+\.[^./\s]+\.[^./\s]+")
TABLE_LONGEST = 2000
ATTRIBUTION = "Feature attribution is not supported for reference models, the only ones that are monitored here."
ELSEWHERE = "is not supported for reference models: use gcs_source or bigquery_source."


def display_name(name: str, field: str) -> Iterator[Finding]:
    """It may be left out."""
    if len(name) > LONGEST_NAME:
        yield field, f"Display name must be at most {LONGEST_NAME} characters long."


def schema(found: Any, field: str) -> Iterator[Finding]:
    """The fields of a model that is no AutoML one: they must be told."""
    if not found.feature_fields:
        yield f"{field}.feature_fields", "At least one feature field is required."
    for group in ("feature_fields", "prediction_fields", "ground_truth_fields"):
        names = [each.name for each in getattr(found, group)]
        for each in getattr(found, group):
            if not each.name:
                yield f"{field}.{group}", "A field has a name."
            if each.data_type not in TYPES:
                yield f"{field}.{group}", f'"{each.data_type}" is no data type; use one of {", ".join(TYPES)}.'
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"{field}.{group}", f'The field "{name}" is there twice.'


def objective(found: Any, known: Any, field: str) -> Iterator[Finding]:
    """What is measured. `known` is the monitor's schema."""
    if found.HasField("feature_attribution_spec"):
        yield f"{field}.feature_attribution_spec", ATTRIBUTION
    for name, fields in (
        ("feature_drift_spec", known.feature_fields),
        ("prediction_output_drift_spec", known.prediction_fields),
    ):
        if found.HasField(name):
            yield from drift(getattr(found, name), [each.name for each in fields], f"{field}.{name}")


def drift(found: Any, known: Sequence[str], field: str) -> Iterator[Finding]:
    """One drift objective."""
    if not known:
        yield field, "The schema has no such fields."
    for name in sorted({*found.features, *found.feature_alert_conditions} - {*known}):
        yield f"{field}.features", f'"{name}" is not in the schema.'
    if found.categorical_metric_type not in CATEGORICAL_METRICS:
        yield f"{field}.categorical_metric_type", "Use l_infinity or jensen_shannon_divergence."
    if found.numeric_metric_type not in NUMERIC_METRICS:
        yield f"{field}.numeric_metric_type", "Use jensen_shannon_divergence."


def dataset(found: Any, field: str) -> Iterator[Finding]:
    """Where rows come from, and which."""
    kind = found.WhichOneof("dataset")
    if kind != "columnized_dataset":
        yield field, f"{kind or 'No dataset'} {ELSEWHERE}"
        return
    source = found.columnized_dataset
    yield from location(source, f"{field}.columnized_dataset")
    if found.WhichOneof("time_spec") and not source.timestamp_field:
        yield f"{field}.columnized_dataset.timestamp_field", "A time specification needs the column with the time."
    yield from ((f"{field}.{name}", text) for name, text in windows.wrong(found))


def location(source: Any, field: str) -> Iterator[Finding]:
    """Files or a table."""
    kind = source.WhichOneof("data_location")
    if kind == "gcs_source":
        yield from ((f"{field}.gcs_source.gcs_uri", text) for text in buckets.folder(source.gcs_source.gcs_uri))
        if source.gcs_source.format_ not in (DataFormat.CSV, DataFormat.JSONL):
            yield f"{field}.gcs_source.format", "Use CSV or JSONL."
    elif kind == "bigquery_source":
        table, query = source.bigquery_source.table_uri, source.bigquery_source.query
        if not query and (not TABLE.fullmatch(table) or len(table) > TABLE_LONGEST):
            yield f"{field}.bigquery_source.table_uri", f'"{table[:80]}" is not bq://project.dataset.table.'
    else:
        yield field, f"{kind or 'No location'} {ELSEWHERE}"


def notification(found: Any, field: str) -> Iterator[Finding]:
    """Who is told."""
    for each in found.notification_channel_configs:
        if not CHANNEL.fullmatch(each.notification_channel):
            text = f'"{each.notification_channel}" is not projects/…/notificationChannels/….'
            yield f"{field}.notification_channel_configs", text
    for address in found.email_config.user_emails:
        if "@" not in address:
            yield f"{field}.email_config.user_emails", "An e-mail address has an @."


def output(found: Any, field: str) -> Iterator[Finding]:
    """Where results are written."""
    if uri := found.gcs_base_directory.output_uri_prefix:
        yield from ((f"{field}.gcs_base_directory.output_uri_prefix", text) for text in buckets.folder(uri))


def monitor(found: Any) -> Iterator[Finding]:
    """A whole monitor."""
    target = found.model_monitoring_target.vertex_model
    yield from display_name(found.display_name, "model_monitor.display_name")
    for name in ("model", "model_version_id"):
        if not getattr(target, name):
            yield f"model_monitor.model_monitoring_target.vertex_model.{name}", "It is required."
    yield from schema(found.model_monitoring_schema, "model_monitor.model_monitoring_schema")
    yield from parts(found, PARTS_OF_MONITOR, found.model_monitoring_schema, "model_monitor")


PARTS_OF_MONITOR: Mapping[str, Any] = {
    "training_dataset": dataset,
    "tabular_objective": objective,
    "notification_spec": notification,
    "output_spec": output,
}


def parts(found: Any, checks: Mapping[str, Any], known: Any, field: str) -> Iterator[Finding]:
    """Those parts of a message that are set."""
    for name, check in checks.items():
        if found.HasField(name):
            more = (known,) if check is objective else ()
            yield from check(getattr(found, name), *more, f"{field}.{name}")


def job(found: Any, known: Any) -> Iterator[Finding]:
    """A job whose specification has been completed from its monitor's. `known` is the monitor's schema."""
    spec = "model_monitoring_job.model_monitoring_spec"
    yield from display_name(found.display_name, "model_monitoring_job.display_name")
    given = found.model_monitoring_spec
    wanted = given.objective_spec
    objectives = wanted.tabular_objective
    if not objectives.ListFields():
        yield f"{spec}.objective_spec", "There is no objective, neither here nor in the model monitor."
    for name in ("baseline_dataset", "target_dataset"):
        if not wanted.HasField(name):
            yield f"{spec}.objective_spec.{name}", "It is required."
    checks = {"baseline_dataset": dataset, "target_dataset": dataset, "tabular_objective": objective}
    yield from parts(wanted, checks, known, f"{spec}.objective_spec")
    yield from parts(given, {"notification_spec": notification, "output_spec": output}, known, spec)
