"""Between our records and the JSON of Model Monitoring, version v1beta1.

Source:
    `google.cloud.aiplatform_v1beta1.types.model_monitor`, `model_monitoring_spec`; model_monitoring.md A.2 to A.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.kinds.vertex_model_monitor.record import Limits, ModelMonitor, Objective, Rows

_SPECS = {"features": "featureDriftSpec", "predictions": "predictionOutputDriftSpec"}


def rows_to_json(rows: Rows) -> dict[str, Any]:
    """Give a `ModelMonitoringInput`."""
    source: dict[str, Any]
    if rows.files:
        source = {"gcsSource": {"gcsUri": rows.files, "format": rows.format}}
    else:
        source = {"bigquerySource": {"query": rows.query} if rows.query else {"tableUri": rows.table}}
    if rows.time_column:
        source["timestampField"] = rows.time_column
    found: dict[str, Any] = {"columnizedDataset": source}
    if rows.window:
        found["timeOffset"] = {"window": rows.window, **({"offset": rows.offset} if rows.offset else {})}
    return found


def rows_of(live: Mapping[str, Any] | None) -> Rows | None:
    """Read a `ModelMonitoringInput`; one of a sort that we never write is none of these rows, and so differs."""
    if not live:
        return None
    source, offset = live.get("columnizedDataset", {}), live.get("timeOffset", {})
    files, tables = source.get("gcsSource", {}), source.get("bigquerySource", {})
    return Rows(
        table=tables.get("tableUri", ""),
        query=tables.get("query", ""),
        files=files.get("gcsUri", ""),
        format=files.get("format", ""),
        time_column=source.get("timestampField", ""),
        offset=offset.get("offset", ""),
        window=offset.get("window", ""),
    )


def objective_to_json(objective: Objective) -> dict[str, Any]:
    """Give a `TabularObjective`."""
    found = {name: getattr(objective, field) for field, name in _SPECS.items()}
    return {name: _limits_to_json(limits) for name, limits in found.items() if limits is not None}


def _limits_to_json(limits: Limits) -> dict[str, Any]:
    defaults = {
        "defaultNumericAlertCondition": limits.default_numeric,
        "defaultCategoricalAlertCondition": limits.default_categorical,
    }
    return {
        "numericMetricType": limits.numeric,
        "categoricalMetricType": limits.categorical,
        "features": list(limits.only),
        "featureAlertConditions": {name: {"threshold": most} for name, most in limits.columns.items()},
        **{name: {"threshold": most} for name, most in defaults.items() if most is not None},
    }


def objective_of(live: Mapping[str, Any] | None) -> Objective:
    """Read a `TabularObjective`."""
    found = live or {}
    read = {field: _limits(found[name]) if name in found else None for field, name in _SPECS.items()}
    return Objective(**read)


def _limits(live: Mapping[str, Any]) -> Limits:
    return Limits(
        numeric=live.get("numericMetricType", ""),
        categorical=live.get("categoricalMetricType", ""),
        default_numeric=_threshold(live.get("defaultNumericAlertCondition")),
        default_categorical=_threshold(live.get("defaultCategoricalAlertCondition")),
        columns={name: float(at.get("threshold", 0)) for name, at in live.get("featureAlertConditions", {}).items()},
        only=tuple(live.get("features", ())),
    )


def _threshold(live: Mapping[str, Any] | None) -> float | None:
    return None if live is None else float(live.get("threshold", 0))


def monitor_to_json(fields: ModelMonitor, place: str, theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Give a `ModelMonitor`.

    Args:
        fields: What we want.
        place: What the model's name begins with, `projects/…/locations/…`.
        theirs: What is there: receivers of mail and columns of the truth are kept.
    """
    target = {"model": f"{place}/models/{fields.model}", "modelVersionId": fields.model_version}
    schema = {"featureFields": _columns(fields.features), "predictionFields": _columns(fields.predictions)}
    return {
        "displayName": fields.display_name,
        "modelMonitoringTarget": {"vertexModel": target},
        "modelMonitoringSchema": {**theirs.get("modelMonitoringSchema", {}), **schema},
        "tabularObjective": {**theirs.get("tabularObjective", {}), **objective_to_json(fields.objective)},
        "notificationSpec": {**theirs.get("notificationSpec", {}), "enableCloudLogging": fields.log},
        **({"trainingDataset": rows_to_json(fields.training)} if fields.training else {}),
    }


def _columns(types: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "dataType": type_} for name, type_ in types.items()]


def monitor_of(live: Mapping[str, Any]) -> ModelMonitor:
    """Read a `ModelMonitor`. Of the model's name only the id counts: the rest is this project, by its number."""
    target = live.get("modelMonitoringTarget", {}).get("vertexModel", {})
    schema = live.get("modelMonitoringSchema", {})
    return ModelMonitor(
        display_name=live.get("displayName", ""),
        model=str(target.get("model", "")).rpartition("/")[2],
        model_version=target.get("modelVersionId", ""),
        features=_types(schema.get("featureFields", ())),
        predictions=_types(schema.get("predictionFields", ())),
        training=rows_of(live.get("trainingDataset")),
        objective=objective_of(live.get("tabularObjective")),
        log=bool(live.get("notificationSpec", {}).get("enableCloudLogging")),
    )


def _types(fields: Any) -> dict[str, str]:
    return {each["name"]: f"{each['dataType']}{'[]' if each.get('repeated') else ''}" for each in fields}
