"""The BigQuery table that predictions are logged to: widened with the model, never narrowed."""

from __future__ import annotations

from reconciler.core import paid
from reconciler.core.address import Address
from reconciler.core.flow import Group
from reconciler.core.kind import Kind, Permissions, Roles, always
from reconciler.gcp.bigquery import HOST
from reconciler.kinds.bigquery_table.client import BigqueryTableClient
from reconciler.kinds.bigquery_table.record import NAME, BigqueryTable, consequence, refine
from reconciler.kinds.bigquery_table.wanted import address_of, columns, desired

__all__ = ["KIND", "NAME", "BigqueryTable", "address_of", "columns"]


def one_table(address: Address) -> tuple[str, ...]:
    """Group by table: each is read by a call of its own, beside the others, and one that is refused costs no other."""
    return address.project, address.name


KIND = Kind(
    name=NAME,
    title="BigQuery table",
    fields=BigqueryTable,
    desired=desired,
    connect=BigqueryTableClient,
    paid=paid.Paid(alters=paid.fields("expiration_s")),
    group=Group.DATA,
    acts_on=frozenset({"monitoring.logging.table", "monitoring.logging.retention"}),
    permissions=Permissions(
        read=("bigquery.tables.get",),
        write=("bigquery.tables.create", "bigquery.tables.update", "bigquery.tables.delete"),
    ),
    apis=(HOST,),
    roles=Roles(read=("roles/bigquery.metadataViewer",), write=("roles/bigquery.dataOwner",)),
    read_together=one_table,
    # An etag would refuse a change of a table into which rows arrive, and every part is written whole.
    fenced=False,
    immutable=frozenset({"partitioning"}),
    keyed=frozenset({"labels"}),
    refine=refine,
    consequence=consequence,
    loss=lambda *_: "its logged predictions are lost",
    retained=always,  # its rows were logged to be looked at, though the spec names another table
    uses=frozenset({"bigquery_dataset"}),
)
