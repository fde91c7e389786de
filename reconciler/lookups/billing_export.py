"""Where Cloud Billing exports the bill to: whether the table is there, where it lies, and how it is partitioned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.core import errors
from reconciler.core.facts import Facts, Lookup, Question
from reconciler.gcp.bigquery import HOST, VERSION
from reconciler.gcp.calls import calling
from schemas.tables import full_table, split_table

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection
    from schemas import LoadedService

READER = "roles/bigquery.dataViewer"


@dataclass(frozen=True, slots=True)
class BillingExport:
    """The table of an export.

    Args:
        location: Where its dataset is, in lower case; empty where that is not known.
        by_arrival: It is partitioned by when lines arrived.
        unknown: Why nothing is known of it; empty where it is.
    """

    location: str = ""
    by_arrival: bool = False
    unknown: str = ""


def asks(loaded: LoadedService, facts: Facts) -> Iterator[Question]:
    """Ask for services that name one."""
    budget = loaded.service.spec.budget
    if budget is not None and budget.export is not None:
        yield Question(full_table(budget.export, facts.project), "budget.export")


def _answer(connection: Connection, question: Question) -> BillingExport:
    """Look at it. What is not there yet, or may not be read, is answered with why: a service is more than its bill.

    Raises:
        ApiError: It could not be asked.
    """
    project, dataset, table = split_table(question.key, connection.project)
    try:
        with calling("read", f"BigQuery table {question.key}"):
            live = connection.rest(HOST, VERSION).get(f"projects/{project}/datasets/{dataset}/tables/{table}")
    except errors.NotFoundError:
        return BillingExport(unknown="it is not there: Cloud Billing makes it within a day of the export's beginning")
    except errors.NotPermitted as error:
        missing = error.permission or "the right to look at it"
        return BillingExport(unknown=f"{missing} is missing: {READER} on dataset {dataset} of {project} has it")
    parts = live.get("timePartitioning") or {}
    return BillingExport(str(live.get("location", "")).lower(), bool(parts) and "field" not in parts)


LOOKUP = Lookup("billing_export", BillingExport, asks, _answer, api=HOST, assumed=lambda _: BillingExport("us"))
