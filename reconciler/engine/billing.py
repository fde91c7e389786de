"""What services were billed, beside what they are estimated at: one query for a project. What is not known is said."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.core import bill, errors
from reconciler.core.bill import Billed
from reconciler.core.kind import Roles
from reconciler.core.naming import MANAGED_BY, MANAGER
from reconciler.engine.session import Session, naming_roles
from reconciler.gcp.bigquery import HOST, VERSION
from reconciler.gcp.calls import calling
from reconciler.gcp.queries import ask
from reconciler.gcp.rest import Rest

ROLES = Roles(read=("roles/bigquery.jobUser", "roles/bigquery.dataViewer"))
"""The first on the project, the second on the view's dataset and the export's."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What is on the bill of some services.

    Args:
        months: Of each service by name: the last months.
        unknown: Why nothing is known; empty where it is.
        odd: Why not all is known of single services.
    """

    months: Mapping[str, tuple[Billed, ...]] = field(default_factory=dict)
    unknown: str = ""
    odd: Mapping[str, str] = field(default_factory=dict)

    def of(self, service: str) -> dict[str, Any]:
        """Give what is known of one service as plain data."""
        why = self.unknown or self.odd.get(service, "")
        return {"months": [each.to_json() for each in self.months.get(service, ())], "unknown": why}


def read_bill(session: Session, services: Collection[str]) -> Bill:
    """Read the view over the export for some services: one query.

    Args:
        session: The run's means.
        services: Names of those whose spec names an export. Of none nothing is asked.
    """
    if not services:
        return Bill()
    connection = session.connection
    api, query = connection.rest(HOST, VERSION), bill.asking(connection.project, services)
    try:
        with naming_roles(ROLES), calling("read", "what was billed"):
            if why := _not_ours(api, connection.project):
                return Bill(unknown=why)
            months, odd = bill.billed(ask(api, connection.project, query, patience_s=connection.patience_s))
            return Bill(months, odd=odd)
    except errors.NotFoundError:
        return Bill(
            unknown="there is no view of the bill, or no export below it: an apply makes it, once that is there"
        )
    except errors.ReconcilerError as error:
        return Bill(unknown=f"{error.message}; {error.hint}" if error.hint else error.message)


def _not_ours(api: Rest, project: str) -> str:
    """Say why what has the name of the view is not it; nothing where it is, or where only its rows may be read."""
    try:
        with calling("read", "the view of the bill"):
            live = api.get(f"projects/{project}/datasets/{bill.DATASET}/tables/{bill.VIEW}")
    except errors.NotPermitted:
        return ""
    name, made = f"{bill.DATASET}.{bill.VIEW}", "then an apply makes the view"
    if live.get("type") != "VIEW":
        return f"{name} is not ours: it is no view; rename or delete it, {made}"
    if live.get("labels", {}).get(MANAGED_BY) != MANAGER:
        return f"{name} is not ours: it has no label {MANAGED_BY}={MANAGER}; rename or delete it, {made}"
    return ""
