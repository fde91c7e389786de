"""The table that a baseline of Parquet files is loaded into: Model Monitoring reads tables, CSV and JSON Lines alone.

It holds a copy and nothing else, so nothing is lost with it. A label says which generation of the files it holds, and
its description which files: where either is another one, all is loaded again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.core import paid
from reconciler.core.address import GLOBAL, Address
from reconciler.core.diff import gone_keys
from reconciler.core.flow import Flow, Group, Outside
from reconciler.core.kind import Kind, Permissions, Roles
from reconciler.core.naming import fingerprint, mark_labels, mark_of
from reconciler.core.objects import Desired, Observed
from reconciler.gcp.bigquery import HOST, VERSION
from reconciler.gcp.bigquery_tables import Tables
from reconciler.gcp.calls import calling
from reconciler.gcp.load_job import load
from reconciler.kinds import bigquery_dataset
from reconciler.kinds.bigquery_table import one_table
from reconciler.lookups.baseline import BASELINE_FILE
from schemas.training_data import PARQUET, loaded_table

if TYPE_CHECKING:
    from reconciler.core.diff import FieldChange
    from reconciler.core.facts import Facts
    from reconciler.gcp.connection import Connection
    from schemas import MLService

NAME = "bigquery_baseline"
_GENERATION = "mlservice-generation"
_FROM = "Loaded by mlservice from "


@dataclass(frozen=True, slots=True)
class BigqueryBaseline:
    """The fields we manage. Its columns and rows are those of the files.

    Args:
        source: `gs://` address of the files, which may have one `*`.
        generation: Which contents of them: Cloud Storage's number of one file, a digest of several.
        labels: Ours; others may add theirs.
    """

    source: str
    generation: str
    labels: Mapping[str, str]


def address_of(service: MLService, facts: Facts) -> Address | None:
    """Give the address of the table, in the dataset of the prediction log; None where nothing is loaded."""
    dataset = bigquery_dataset.of_baseline(service, facts)
    return Address(NAME, GLOBAL, f"{dataset.name}.{loaded_table(service.name)}") if dataset else None


def desired(service: MLService, facts: Facts) -> Iterator[Desired[BigqueryBaseline]]:
    """Want the files in a table, as they are now."""
    here, dataset = address_of(service, facts), bigquery_dataset.of_baseline(service, facts)
    uri = bigquery_dataset.parquet_of(service)
    if here is None or dataset is None:
        return
    found = facts.find(BASELINE_FILE, uri)
    labels = {**service.labels, **mark_labels(service.name)}
    fields = BigqueryBaseline(uri, found.version if found else "", labels)
    yield Desired(here, fields, service.name, needs=frozenset({dataset}))


def from_api(live: Mapping[str, Any]) -> BigqueryBaseline:
    """Turn a live table into our record."""
    labels = dict(live.get("labels", {}))
    generation, said = labels.pop(_GENERATION, ""), str(live.get("description", ""))
    return BigqueryBaseline(said.removeprefix(_FROM) if said.startswith(_FROM) else "", generation, labels)


class BigqueryBaselineClient:
    """Thin and idempotent."""

    def __init__(self, connection: Connection) -> None:
        self._project = connection.project
        self._patience_s = connection.patience_s
        self._api = connection.rest(HOST, VERSION)
        self._tables = Tables(connection)

    def observe(self, addresses: Sequence[Address]) -> Iterable[Observed[BigqueryBaseline]]:
        """Read each: a list tells no descriptions."""
        return (_observed(address, live) for address, live in self._tables.observe(addresses))

    def create(self, want: Desired[BigqueryBaseline]) -> None:
        """Create it empty with our mark, load the files, then write down which: a run may die between any of these."""
        live = self._tables.create(want.address, {"labels": dict(want.fields.labels)})
        self._load(want, live)
        self._write(want, {})

    def update(
        self, want: Desired[BigqueryBaseline], seen: Observed[BigqueryBaseline], changes: tuple[FieldChange, ...]
    ) -> None:
        """Load the files again, where they are others; then write what differs, labels by their keys."""
        if any(change.field in {"source", "generation"} for change in changes):
            self._load(want, seen.live)
        self._write(want, dict.fromkeys(gone_keys(changes, "labels")))

    def delete(self, seen: Observed[BigqueryBaseline]) -> None:
        """Delete it. The files stay."""
        self._tables.delete(seen.address)

    def _load(self, want: Desired[BigqueryBaseline], live: Mapping[str, Any]) -> None:
        """Put the files in the place of all its rows and columns; readers see the old ones until it is done.

        Source:
            https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-parquet: columns and types are those of
            the files, whose bucket has to be where the dataset is.
        """
        dataset, _, table = want.address.name.partition(".")
        configuration = {
            "sourceUris": [want.fields.source],
            "sourceFormat": PARQUET,
            "destinationTable": {"projectId": self._project, "datasetId": dataset, "tableId": table},
            "createDisposition": "CREATE_NEVER",
            "writeDisposition": "WRITE_TRUNCATE",
        }
        with calling(f"load {want.fields.source} into", want.address):
            location = str(live.get("location", ""))
            load(self._api, self._project, location, configuration, patience_s=self._patience_s)

    def _write(self, want: Desired[BigqueryBaseline], gone: Mapping[str, None]) -> None:
        fields = want.fields
        labels = {**gone, **fields.labels, _GENERATION: fields.generation}
        self._tables.update(want.address, {"labels": labels, "description": f"{_FROM}{fields.source}"})


def _observed(address: Address, live: Mapping[str, Any]) -> Observed[BigqueryBaseline]:
    return Observed(
        address,
        from_api(live),
        # A table that was deleted and made again under its name is another one.
        uid=str(live.get("creationTime", "")),
        version=fingerprint([live.get(part) for part in ("labels", "description", "schema", "friendlyName")]),
        mark=mark_of(live.get("labels", {})),
        output={"name": address.name},
        live=live,
    )


def consequence(changes: Sequence[FieldChange], fields: BigqueryBaseline) -> str:
    """Say that files are loaded."""
    if not any(change.field in {"source", "generation"} for change in changes):
        return ""
    return f"loads {fields.source} (generation {fields.generation}) in place of what it holds"


def flows(want: Desired[BigqueryBaseline], service: MLService, project: str) -> Iterator[Flow]:
    """Say which files are loaded."""
    del service, project
    yield Flow(Outside("files", want.fields.source), want.address, "training rows")


KIND = Kind(
    name=NAME,
    title="baseline table",
    fields=BigqueryBaseline,
    desired=desired,
    connect=BigqueryBaselineClient,
    paid=paid.NOTHING,
    group=Group.DATA,
    flows=flows,
    acts_on=frozenset({"monitoring.baseline.uri"}),
    permissions=Permissions(
        read=("bigquery.tables.get",),
        write=(
            *(f"bigquery.tables.{verb}" for verb in ("create", "update", "updateData", "delete")),
            "bigquery.jobs.create",
        ),
    ),
    apis=(HOST,),
    roles=Roles(read=("roles/bigquery.metadataViewer",), write=("roles/bigquery.dataOwner", "roles/bigquery.jobUser")),
    lookups=(BASELINE_FILE,),
    read_together=one_table,
    # A load replaces all there is, and asks for no etag.
    fenced=False,
    keyed=frozenset({"labels"}),
    consequence=consequence,
    uses=frozenset({"bigquery_dataset"}),
)
