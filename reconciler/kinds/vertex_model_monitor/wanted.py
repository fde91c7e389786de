"""What a spec wants a monitor to be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from reconciler.core.address import Address
from reconciler.core.googlesql import identifier
from reconciler.core.naming import fingerprint, mark_text
from reconciler.core.objects import Desired
from reconciler.kinds import bigquery_baseline, vertex_model
from reconciler.kinds.vertex_model_monitor.logarithms import logarithmic, selected
from reconciler.kinds.vertex_model_monitor.record import NAME, Limits, ModelMonitor, Objective, Rows, ordered
from reconciler.lookups.model_version import registered_name, version_of
from schemas.sections.model import ValueType
from schemas.tables import full_table
from schemas.training_data import format_of

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from schemas import MLService
    from schemas.sections.monitoring import Drift, Skew

TYPES = {
    ValueType.NUMBER: "float",
    ValueType.INTEGER: "integer",
    ValueType.BOOLEAN: "boolean",
    ValueType.CATEGORY: "categorical",
    ValueType.STRING: "string",
}
"""A column's type, in Model Monitoring's words."""
NUMERIC, CATEGORICAL = "jensen_shannon_divergence", "l_infinity"
_PREDICTION = "prediction"
"""Column of a prediction that has no name, as the log calls it."""


def address_of(service: MLService, facts: Facts) -> Address:
    """Give the address of the monitor of the version that serves.

    Its id is the mark: one monitor per version, and no two services or versions share one. An id has no `_`.
    """
    _, model, version = target_of(service, facts)
    return Address(NAME, service.spec.region, f"{service.name}-{fingerprint([model, version], length=8)}")


def target_of(service: MLService, facts: Facts) -> tuple[Address | None, str, str]:
    """Give the model that is watched, and its version: the registry's, else our entry, with its address."""
    version = version_of(service, facts)
    if version is not None:
        return None, registered_name(service), version.number
    entry = vertex_model.address_of(service)
    return entry, entry.name, vertex_model.ONLY_VERSION


def desired(service: MLService, facts: Facts) -> Iterator[Desired[ModelMonitor]]:
    """Want a monitor of the version that serves, where anything is compared."""
    found = service.spec.monitoring
    if found is None or not vertex_model.compares(service):
        return
    entry, model, version = target_of(service, facts)
    fields = ModelMonitor(
        # A display name has 128 characters: the mark goes without its words.
        display_name=f"monitor of {service.name}. {mark_text(service.name)}",
        model=model,
        model_version=version,
        features=columns(service),
        predictions=predictions(service),
        training=training(service, facts),
        objective=skew(service) if found.skew else drift(service),
        log=True,
    )
    needs = (entry, bigquery_baseline.address_of(service, facts))
    yield Desired(address_of(service, facts), fields, service.name, needs=frozenset(filter(None, needs)))


def columns(service: MLService) -> dict[str, str]:
    """Give the type of every column that is compared: one that is not logged is not there to be."""
    features = service.spec.model.features if service.spec.model else {}
    compared = {name: each.type for name, each in features.items() if each.log and each.monitor}
    return {name: _type(service, name, kind) for name, kind in compared.items()}


def _type(service: MLService, name: str, kind: ValueType) -> str:
    """Give the type of a column in Model Monitoring's words: the logarithm of a whole number is none."""
    return TYPES[ValueType.NUMBER if name in logarithmic(service) else kind]


def predictions(service: MLService) -> dict[str, str]:
    """Give the type of the column of predictions; nothing where the spec says nothing of them."""
    predicted = service.spec.model.prediction if service.spec.model else None
    name = (predicted.name or _PREDICTION) if predicted else ""
    return {name: _type(service, name, predicted.type)} if predicted else {}


def training(service: MLService, facts: Facts) -> Rows | None:
    """Give what the model was trained on: Parquet files by the table that they are loaded into.

    Where a column is compared by its logarithm, a query of that table: of the columns that are compared, and no others.
    """
    baseline = service.spec.monitoring.baseline if service.spec.monitoring else None
    if baseline is None:
        return None
    loaded = bigquery_baseline.address_of(service, facts)
    if table := loaded.name if loaded else baseline.table:
        return _of_table(service, full_table(table, facts.project))
    uri = baseline.uri or ""
    return Rows(files=uri, format=format_of(uri))


def _of_table(service: MLService, table: str) -> Rows:
    there = columns(service)
    taken = logarithmic(service) & there.keys()
    if not taken:
        return Rows(table=f"bq://{table}")
    return Rows(query=f"SELECT {selected(there, taken)} FROM {identifier(table)}")  # noqa: S608 - BigQuery reads it, every part quoted


def skew(service: MLService) -> Objective:
    """Compare requests with what the model was trained on. Not its predictions: a training table may have none."""
    found = service.spec.monitoring
    return Objective(_limits(service, found.skew if found else None), None)


def drift(service: MLService) -> Objective:
    """Compare requests, and predictions where there is a limit, with those of an earlier window."""
    found = service.spec.monitoring
    most = found.prediction_drift if found else None
    predicted = _made(most, {}) if most is not None and predictions(service) else None
    return Objective(_limits(service, found.drift if found else None), predicted)


def limits_by_column(service: MLService) -> dict[str, dict[str, float | None]]:
    """Give the limit of each column that is compared, None for none, by comparison, as triggers call it in plain."""
    found = service.spec.monitoring
    if found is None:
        return {}
    later = drift(service)
    parts = {
        "skew": (skew(service).features, columns(service)),
        "drift": (later.features, columns(service)),
        "predictiondrift": (later.predictions, predictions(service)),
    }
    return {sort: limits.by_column(types) for sort, (limits, types) in parts.items() if limits is not None}


def orders_by_column(service: MLService) -> dict[str, dict[str, float]]:
    """Give the greatest distance of order of each number that has such a limit, by comparison; see `limits_by_column`.

    It is one for all numbers: what it is of a shift does not depend on how values are distributed.
    """
    found = service.spec.monitoring
    if found is None:
        return {}
    parts = {
        "skew": (found.skew.order if found.skew else None, columns(service)),
        "drift": (found.drift.order if found.drift else None, columns(service)),
        "predictiondrift": (found.prediction_order, predictions(service)),
    }
    return {sort: ordered(types, most) for sort, (most, types) in parts.items() if most is not None}


def _limits(service: MLService, watched: Skew | Drift | None) -> Limits | None:
    if watched is None:
        return None
    there = columns(service)
    return _made(watched.default, {name: most for name, most in watched.features.items() if name in there})


def _made(default: float | None, of_columns: Mapping[str, float]) -> Limits:
    return Limits(NUMERIC, CATEGORICAL, default, default, of_columns)
