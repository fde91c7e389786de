"""The BigQuery dataset that tables of ours stand in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reconciler.core import bill, errors, paid
from reconciler.core.address import GLOBAL, Address
from reconciler.core.by_hand import Beyond, heads
from reconciler.core.diff import gone_keys
from reconciler.core.flow import Group
from reconciler.core.kind import Kind, Ownership, Permissions, Roles, always, by_project
from reconciler.core.naming import MANAGED_BY, MANAGER, fingerprint, mark_of
from reconciler.core.objects import Desired, Observed
from reconciler.gcp.bigquery import HOST, VERSION
from reconciler.gcp.calls import calling
from reconciler.kinds.vertex_model import compares
from schemas.tables import split_table
from schemas.training_data import PARQUET, format_of

if TYPE_CHECKING:
    from reconciler.core.diff import FieldChange
    from reconciler.core.facts import Facts
    from reconciler.gcp.connection import Connection
    from schemas import MLService

NAME = "bigquery_dataset"
_EXPIRING = ("defaultTableExpirationMs", "defaultPartitionExpirationMs")
"""What takes the rows of every new table away, whatever specs say."""
_BEYOND = Beyond()


@dataclass(frozen=True, slots=True)
class BigqueryDataset:
    """The fields we manage. Every other field of the live dataset is left as found: who may read it, above all.

    Args:
        location: Where its tables are; in lower case.
        labels: Ours; others may add theirs.
        by_hand: After how long its new tables lose their rows: see `core.by_hand`.
    """

    location: str
    labels: Mapping[str, str]
    by_hand: Mapping[str, str] = field(default_factory=dict)


def table_of(service: MLService, facts: Facts) -> tuple[str, str, str] | None:
    """Give project, dataset and name of the table that predictions are logged to, or None.

    The project is empty where it is our own.
    """
    monitoring = service.spec.monitoring
    if monitoring is None or monitoring.logging is None:
        return None
    project, dataset, table = split_table(monitoring.logging.table, facts.project)
    return "" if project == facts.project else project, dataset, table


def address_of(service: MLService, facts: Facts) -> Address | None:
    """Give the address of the dataset of the prediction log; None where there is none, or another project has it."""
    there = table_of(service, facts)
    return Address(NAME, GLOBAL, there[1]) if there and not there[0] else None


def parquet_of(service: MLService) -> str:
    """Give the address of a baseline that has to be loaded into a table; empty where there is none."""
    baseline = service.spec.monitoring.baseline if service.spec.monitoring else None
    uri = (baseline.uri if baseline else None) or ""
    return uri if uri and format_of(uri) == PARQUET and compares(service) else ""


def of_baseline(service: MLService, facts: Facts) -> Address | None:
    """Give the address of the dataset that a baseline is loaded into: it is called as the log's, and is always ours."""
    there = table_of(service, facts)
    return Address(NAME, GLOBAL, there[1]) if there and parquet_of(service) else None


def of_bill() -> Address:
    """Give the address of the dataset of the view over Cloud Billing's export: it is where that is, and always ours."""
    return Address(NAME, GLOBAL, bill.DATASET)


def desired(service: MLService, facts: Facts) -> Iterator[Desired[BigqueryDataset]]:
    """Want the dataset of the prediction log, in the service's region."""
    here = address_of(service, facts) or of_baseline(service, facts)
    if here:
        # Several services may log into one dataset, so it carries the manager's mark and no service's labels.
        yield Desired(here, BigqueryDataset(service.spec.region, {MANAGED_BY: MANAGER}), service.name)


def refine(want: Desired[BigqueryDataset], seen: Observed[BigqueryDataset] | None) -> BigqueryDataset:
    """Refuse a dataset that is elsewhere: it cannot move, and another one in its place would lose all of its tables.

    Raises:
        PlanError: Its location is another one.
    """
    if seen is not None and seen.fields.location != want.fields.location:
        its_bill = want.address == of_bill()
        why = (
            f"it is in {seen.fields.location}, and the {'export' if its_bill else 'service'} in {want.fields.location}"
        )
        hint = "name a new dataset in monitoring.logging.table: BigQuery moves none"
        if its_bill:
            hint = "delete the view and the dataset, which hold no rows: they are made anew where the export is"
        raise errors.PlanError(want.address, why, hint=hint)
    return want.fields


class BigqueryDatasetClient:
    """Thin and idempotent over BigQuery's REST API."""

    def __init__(self, connection: Connection) -> None:
        self._api = connection.rest(HOST, VERSION)
        self._parent = f"projects/{connection.project}/datasets"

    def observe(self, addresses: Sequence[Address]) -> Iterable[Observed[BigqueryDataset]]:
        """List the project's datasets; of ours read what a list does not tell, and list the tables.

        Tables keep a dataset from being deleted.

        Source:
            A listed dataset has id, labels and location (kinds.md 2.2).
        """
        wanted = {address.name: address for address in addresses}
        with calling("list", f"{NAME}/{GLOBAL}"):
            found = list(self._api.listed(self._parent, "datasets", maxResults="1000"))
        for live in found:
            name = live["datasetReference"]["datasetId"]
            if name in wanted:
                yield self._observed(wanted[name], live)

    def _observed(self, address: Address, live: Mapping[str, Any]) -> Observed[BigqueryDataset]:
        labels = dict(live.get("labels", {}))
        mark = MANAGER if labels.get(MANAGED_BY) == MANAGER else ""
        whole = self._whole(address) if mark else {}
        by_hand = _BEYOND.of({part: whole.get(part) for part in _EXPIRING}, {})
        fields = BigqueryDataset(str(live.get("location", "")).lower(), labels, by_hand)
        return Observed(
            address,
            fields,
            version=fingerprint([fields.location, labels, by_hand]),
            mark=mark,
            output={"name": address.name, "tables": self._tables(address) if mark else ()},
            live=live,
        )

    def _whole(self, address: Address) -> Mapping[str, Any]:
        """Read it; nothing, where it went since it was listed."""
        try:
            with calling("read", address):
                return self._api.get(f"{self._parent}/{address.name}")
        except errors.NotFoundError:
            return {}

    def _tables(self, address: Address) -> tuple[tuple[str, str], ...]:
        """Give its tables: name, and the service of ours it is of, if any."""
        with calling("list the tables of", address):
            found = list(self._api.listed(f"{self._parent}/{address.name}/tables", "tables", maxResults="1000"))
        return tuple((each["tableReference"]["tableId"], mark_of(each.get("labels", {}))) for each in found)

    def create(self, want: Desired[BigqueryDataset]) -> None:
        """Create it; synchronous."""
        body = {
            "datasetReference": {"datasetId": want.address.name},
            "location": _as_written(want.fields.location),
            "labels": dict(want.fields.labels),
        }
        with calling("create", want.address):
            self._api.post(self._parent, body)

    def update(
        self, want: Desired[BigqueryDataset], seen: Observed[BigqueryDataset], changes: tuple[FieldChange, ...]
    ) -> None:
        """Write the labels, key by key, and no expiration: a patch leaves what it does not name; null takes it away."""
        del seen
        labels = {**dict.fromkeys(gone_keys(changes, "labels")), **want.fields.labels}
        with calling("update", want.address):
            self._api.patch(f"{self._parent}/{want.address.name}", {"labels": labels, **dict.fromkeys(heads(changes))})

    def delete(self, seen: Observed[BigqueryDataset]) -> None:
        """Delete it. Without `deleteContents`, BigQuery refuses to while it holds a table.

        Raises:
            InvalidRequest: It holds tables that are not ours.
        """
        try:
            with calling("delete", seen.address):
                self._api.delete(f"{self._parent}/{seen.address.name}")
        except errors.NotFoundError:
            return
        except errors.InvalidRequest as error:
            hint = f"delete what is in it, or keep it: take its label {MANAGED_BY} away; then run again"
            raise errors.InvalidRequest(error.verb, error.address, error.why, hint=hint) from error


def _as_written(location: str) -> str:
    """Give a location as BigQuery writes it: multi-regions, which have no number, in capitals.

    Source:
        https://cloud.google.com/bigquery/docs/locations#multi-regions: US and EU.
    """
    return location if "-" in location else location.upper()


def loss(seen: Observed[BigqueryDataset], services: Collection[str]) -> str:
    """Say which tables of others keep it from being deleted."""
    names = sorted(name for name, service in seen.output.get("tables", ()) if service not in services)
    return f"refused while it holds tables of others: {', '.join(names)}" if names else ""


KIND = Kind(
    name=NAME,
    title="BigQuery dataset",
    fields=BigqueryDataset,
    desired=desired,
    connect=BigqueryDatasetClient,
    paid=paid.NOTHING,
    group=Group.DATA,
    acts_on=frozenset({"monitoring.logging.table", "monitoring.baseline.uri"}),
    permissions=Permissions(
        read=("bigquery.datasets.get", "bigquery.tables.list"),
        write=("bigquery.datasets.create", "bigquery.datasets.update", "bigquery.datasets.delete"),
    ),
    apis=(HOST,),
    roles=Roles(read=("roles/bigquery.metadataViewer",), write=("roles/bigquery.dataOwner",)),
    read_together=by_project,
    ownership=Ownership.SHARED,
    immutable=frozenset({"location"}),
    keyed=frozenset({"labels"}),
    refine=refine,
    agree="a dataset is in one region: name another one in monitoring.logging.table for each region",
    loss=loss,
    retained=always,  # as its tables are
)
