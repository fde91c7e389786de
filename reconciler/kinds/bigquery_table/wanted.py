"""The table that a spec wants its predictions in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.core.address import GLOBAL, Address
from reconciler.core.naming import mark_labels
from reconciler.core.objects import Desired, Existing, Wanted
from reconciler.kinds import bigquery_dataset
from reconciler.kinds.bigquery_table.record import NAME, BigqueryTable
from schemas.prediction_log import ABOUT
from schemas.sections.model import ValueType

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from schemas import MLService
    from schemas.sections.monitoring import PredictionLogging

TYPES = {
    ValueType.NUMBER: "FLOAT64",
    ValueType.INTEGER: "INT64",
    ValueType.BOOLEAN: "BOOL",
    ValueType.CATEGORY: "STRING",
    ValueType.STRING: "STRING",
}
PARTITIONING, CLUSTERING = "DAY of logging_time", ("model_version", "revision")


def address_of(service: MLService, facts: Facts) -> Address | None:
    """Give the address of the table of the prediction log; None where there is none."""
    there = bigquery_dataset.table_of(service, facts)
    return Address(NAME, GLOBAL, f"{there[1]}.{there[2]}", there[0]) if there else None


def columns(service: MLService) -> dict[str, str]:
    """Give the columns of the prediction log: about the request, one per logged feature, the prediction."""
    model = service.spec.model
    features = model.features if model else {}
    logged = {name: TYPES[feature.type] for name, feature in features.items() if feature.log}
    predicted = model.prediction if model else None
    return {**ABOUT, **logged, **({predicted.name: TYPES[predicted.type]} if predicted else {})}


def desired(service: MLService, facts: Facts) -> Iterator[Wanted]:
    """Want the table of the prediction log, or use one of another project."""
    here, monitoring = address_of(service, facts), service.spec.monitoring
    if here is None or monitoring is None or monitoring.logging is None:
        return
    if here.project:
        told = ", ".join(f"{name} {kind}" for name, kind in columns(service).items())
        yield Existing(here, service.name, hint=f"make it there, with the columns {told}")
        return
    dataset = bigquery_dataset.address_of(service, facts)
    yield Desired(
        here, _fields(service, monitoring.logging), service.name, needs=frozenset({dataset} if dataset else ())
    )


def _fields(service: MLService, logging: PredictionLogging) -> BigqueryTable:
    labels = {**service.labels, **mark_labels(service.name)}
    return BigqueryTable(columns(service), PARTITIONING, int(logging.retention_s), CLUSTERING, labels)
