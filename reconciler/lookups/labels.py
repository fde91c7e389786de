"""What is there of a table of labels. One that is not there yet, or that the planner may not see, is no problem."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.core import errors
from reconciler.core.facts import Facts, Lookup, Question
from reconciler.core.labels import LabelsTable, lacks, of_table
from reconciler.gcp.bigquery import HOST, VERSION
from reconciler.gcp.calls import calling
from schemas import Problem
from schemas.tables import full_table, split_table

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection
    from schemas import LoadedService, MLService
    from schemas.sections.monitoring import Labels

PATH = "monitoring.performance.labels"


def _named(service: MLService) -> Labels | None:
    monitoring = service.spec.monitoring
    return monitoring.performance.labels if monitoring and monitoring.performance else None


def _asks(loaded: LoadedService, facts: Facts) -> Iterator[Question]:
    if named := _named(loaded.service):
        yield Question(full_table(named.table, facts.project), f"{PATH}.table")


def _table(connection: Connection, question: Question) -> LabelsTable:
    project, dataset, table = split_table(question.key, connection.project)
    what = f"BigQuery table {question.key}"
    try:
        with calling("read", what):
            live = connection.rest(HOST, VERSION).get(f"projects/{project}/datasets/{dataset}/tables/{table}")
    except errors.NotFoundError:
        return LabelsTable(what, {}, missing=True)
    except errors.NotPermitted:
        return LabelsTable(what, {})  # the function's account reads it, and whoever plans need not
    return of_table(what, live)


def labels_table(service: MLService, facts: Facts) -> LabelsTable | None:
    """Give what is known of a service's table of labels; None where it has none."""
    named = _named(service)
    found = facts.answers.get((LABELS_TABLE.name, full_table(named.table, facts.project))) if named else None
    return found if isinstance(found, LabelsTable) else None


def _lacks(loaded: LoadedService, facts: Facts) -> Iterator[Problem]:
    named, found = _named(loaded.service), labels_table(loaded.service, facts)
    if named and found:
        for key, summary, hint in lacks(found, named, loaded.service.spec.region):
            yield Problem(loaded.where(f"spec.{PATH}.{key}"), summary, hint)


# No `permission`: it is needed on this table, which others may have made, and not on the project.
LABELS_TABLE = Lookup("labels_table", LabelsTable, _asks, _table, api=HOST, lacks=_lacks)
