"""The view over Cloud Billing's export: what each service of the project was billed, month by month.

One for a project, whichever services want it. It is made once the export is there and may be read; until then, and
where that ends, nothing is changed (docs/decisions/091-the-bill-is-read-through-a-view.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.core import bill, errors, paid
from reconciler.core.address import GLOBAL, Address
from reconciler.core.diff import gone_keys
from reconciler.core.flow import Flow, Group, Outside
from reconciler.core.kind import Kind, Ownership, Permissions, Roles, always
from reconciler.core.naming import MANAGED_BY, MANAGER, fingerprint
from reconciler.core.objects import Desired, Observed, Wanted
from reconciler.gcp.bigquery import HOST
from reconciler.gcp.bigquery_tables import Tables
from reconciler.kinds import bigquery_dataset
from reconciler.kinds.bigquery_table import one_table
from reconciler.lookups import billing_export
from schemas.tables import full_table, split_table

if TYPE_CHECKING:
    from reconciler.core.diff import FieldChange
    from reconciler.core.facts import Facts
    from reconciler.gcp.connection import Connection
    from schemas import MLService

NAME = "bigquery_view"
ADDRESS = Address(NAME, GLOBAL, f"{bill.DATASET}.{bill.VIEW}")
_WRITTEN = ("view", "labels", "description", "friendlyName", "expirationTime")
"""What somebody writes."""
_PATH = "budget.export"


@dataclass(frozen=True, slots=True)
class BigqueryView:
    """The fields we manage. Every other field of the live view is left as found.

    Args:
        query: GoogleSQL.
        labels: Ours; others may add theirs.
    """

    query: str
    labels: Mapping[str, str]


def desired(service: MLService, facts: Facts) -> Iterator[Wanted]:
    """Want the view and the dataset that it is in, where there is an export to look at."""
    budget = service.spec.budget
    if budget is None or budget.export is None:
        return
    found = facts.find(billing_export.LOOKUP, full_table(budget.export, facts.project))
    if found is None or found.unknown:
        return
    # Several services want the very same, so both carry the manager's mark and no service's labels.
    marks = {MANAGED_BY: MANAGER}
    dataset, wanted = bigquery_dataset.of_bill(), bigquery_dataset.BigqueryDataset(found.location, marks)
    yield Desired(dataset, wanted, service.name, spared=_PATH)
    table = split_table(budget.export, facts.project)
    text = bill.query(table, facts.project, by_arrival=found.by_arrival)
    yield Desired(ADDRESS, BigqueryView(text, marks), service.name, needs=frozenset({dataset}), spared=_PATH)


def refine(want: Desired[BigqueryView], seen: Observed[BigqueryView] | None) -> BigqueryView:
    """Refuse what is no view: a table cannot become one.

    Raises:
        PlanError: There is a table of somebody's.
    """
    if seen is not None and seen.output["type"] != "VIEW":
        why = f"{want.address.name} is there and is no view, so what is billed is not known"
        raise errors.PlanError(want.address, why, hint="rename or delete it, then an apply makes the view")
    return want.fields


def notes(service: MLService, facts: Facts) -> Iterable[tuple[str, str]]:
    """Say why there is no bill to look at."""
    budget = service.spec.budget
    if budget is None or budget.export is None:
        return
    table = full_table(budget.export, facts.project)
    found = facts.find(billing_export.LOOKUP, table)
    if found is not None and found.unknown:
        yield f"what is billed is not known: of the export {table}, {found.unknown}", "budget.export"


def from_api(live: Mapping[str, Any]) -> BigqueryView:
    """Turn a live view into our record; a table under its name has no query."""
    return BigqueryView(str(live.get("view", {}).get("query", "")), dict(live.get("labels", {})))


class BigqueryViewClient:
    """Thin and idempotent."""

    def __init__(self, connection: Connection) -> None:
        self._tables = Tables(connection)

    def observe(self, addresses: Sequence[Address]) -> Iterable[Observed[BigqueryView]]:
        """Read each: a list tells no queries."""
        return (_observed(address, live) for address, live in self._tables.observe(addresses))

    def create(self, want: Desired[BigqueryView]) -> None:
        """Create it; synchronous. Whoever does must be able to read the export."""
        self._tables.create(want.address, _body(want.fields))

    def update(
        self, want: Desired[BigqueryView], seen: Observed[BigqueryView], changes: tuple[FieldChange, ...]
    ) -> None:
        """Write the changed parts, labels by their keys: a patch leaves what it does not name."""
        del seen
        body = _body(want.fields)
        body["labels"] = {**dict.fromkeys(gone_keys(changes, "labels")), **want.fields.labels}
        parts = {{"query": "view", "labels": "labels"}[change.field] for change in changes}
        self._tables.update(want.address, {part: body[part] for part in parts})

    def delete(self, seen: Observed[BigqueryView]) -> None:
        """Delete it. The export stays."""
        self._tables.delete(seen.address)


def _body(fields: BigqueryView) -> dict[str, Any]:
    return {"view": {"query": fields.query, "useLegacySql": False}, "labels": dict(fields.labels)}


def _observed(address: Address, live: Mapping[str, Any]) -> Observed[BigqueryView]:
    fields = from_api(live)
    return Observed(
        address,
        fields,
        # A view that was deleted and made again under its name is another one.
        uid=str(live.get("creationTime", "")),
        version=fingerprint({part: live.get(part) for part in _WRITTEN}),
        mark=MANAGER if fields.labels.get(MANAGED_BY) == MANAGER else "",
        output={"name": address.name, "type": str(live.get("type", ""))},
        live=live,
    )


def flows(want: Desired[BigqueryView], service: MLService, project: str) -> Iterator[Flow]:
    """Say which export is looked at."""
    export = service.spec.budget.export if service.spec.budget else None
    if export is not None:
        yield Flow(Outside("export of the bill", full_table(export, project)), want.address, "what was billed")


KIND = Kind(
    name=NAME,
    title="view of the bill",
    fields=BigqueryView,
    desired=desired,
    connect=BigqueryViewClient,
    refine=refine,
    paid=paid.NOTHING,
    group=Group.BUDGET,
    flows=flows,
    acts_on=frozenset({"budget.export"}),
    permissions=Permissions(
        read=("bigquery.tables.get",),
        write=("bigquery.tables.create", "bigquery.tables.update", "bigquery.tables.delete"),
    ),
    apis=(HOST,),
    roles=Roles(read=("roles/bigquery.metadataViewer",), write=("roles/bigquery.dataOwner",)),
    lookups=(billing_export.LOOKUP,),
    notes=notes,
    read_together=one_table,
    ownership=Ownership.SHARED,
    # A patch names what differs, and the parts are written whole.
    fenced=False,
    keyed=frozenset({"labels"}),
    agree="a project has one view of its bill: name the same export in budget.export of each of its services",
    # An export that cannot be looked at for a while takes nothing away; it holds no rows of its own.
    retained=always,
    uses=frozenset({"bigquery_dataset"}),
)
