"""Tables by BigQuery's REST API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reconciler.core.by_hand import heads
from reconciler.core.diff import gone_keys
from reconciler.core.naming import fingerprint, mark_of
from reconciler.core.objects import Desired, Observed
from reconciler.gcp.bigquery_tables import Tables
from reconciler.kinds.bigquery_table.record import BigqueryTable, from_api

if TYPE_CHECKING:
    from reconciler.core.address import Address
    from reconciler.core.diff import FieldChange
    from reconciler.gcp.connection import Connection

_PARTS = {
    "columns": "schema",
    "expiration_s": "timePartitioning",
    "clustering": "clustering",
    "labels": "labels",
}
_WRITTEN = (
    "schema",
    "timePartitioning",
    "clustering",
    "labels",
    "description",
    "friendlyName",
    "expirationTime",
    "requirePartitionFilter",
)
"""What somebody writes. The etag moves with every row that arrives, which is no change of the table."""


class BigqueryTableClient:
    """Thin and idempotent."""

    def __init__(self, connection: Connection) -> None:
        self._tables = Tables(connection)

    def observe(self, addresses: Sequence[Address]) -> Iterable[Observed[BigqueryTable]]:
        """Read each: a list tells neither columns nor retention (kinds.md 2.2)."""
        return (_observed(address, live) for address, live in self._tables.observe(addresses))

    def create(self, want: Desired[BigqueryTable]) -> None:
        """Create it; synchronous."""
        self._tables.create(want.address, _body(want.fields, {}))

    def update(
        self, want: Desired[BigqueryTable], seen: Observed[BigqueryTable], changes: tuple[FieldChange, ...]
    ) -> None:
        """Write the changed parts, each whole but for labels. By no etag, which rows that arrive move as well."""
        body = _body(want.fields, seen.live)
        body["labels"] = {**dict.fromkeys(gone_keys(changes, "labels")), **body["labels"]}
        named = {_PARTS[change.field] for change in changes if change.field != "by_hand"} | heads(changes)
        self._tables.update(want.address, {part: body.get(part) for part in named})

    def delete(self, seen: Observed[BigqueryTable]) -> None:
        """Delete it and its rows."""
        self._tables.delete(seen.address)


def _observed(address: Address, live: Mapping[str, Any]) -> Observed[BigqueryTable]:
    fields = from_api(live)
    return Observed(
        address,
        fields,
        # A table that was deleted and made again under its name is another one.
        uid=str(live.get("creationTime", "")),
        version=fingerprint({part: live.get(part) for part in _WRITTEN}),
        mark=mark_of(fields.labels),
        output={"name": address.name},
        live=live,
    )


def _body(fields: BigqueryTable, live: Mapping[str, Any]) -> dict[str, Any]:
    """Say our fields in BigQuery's words, with what others wrote inside the same parts."""
    kept = [_column(each, fields.columns) for each in live.get("schema", {}).get("fields", ())]
    there = {each["name"] for each in kept}
    new = [{"name": name, "type": kind, "mode": "NULLABLE"} for name, kind in fields.columns.items()
           if name not in there]  # fmt: skip
    unit, _, column = fields.partitioning.partition(" of ")
    # Beside it, in BigQuery's older words, may stand what tables say themselves. Null takes it away.
    parts = {**dict.fromkeys(live.get("timePartitioning", {})), "type": unit, "field": column}
    parts["expirationMs"] = str(fields.expiration_s * 1000) if fields.expiration_s else None
    return {
        "schema": {"fields": [*kept, *new]},
        "timePartitioning": parts,
        "clustering": {"fields": list(fields.clustering)} if fields.clustering else None,
        "labels": dict(fields.labels),
    }


def _column(live: Mapping[str, Any], wanted: Mapping[str, str]) -> dict[str, Any]:
    """Keep a column as it is, but that it may be null from now on where that is wanted."""
    plain = "REQUIRED" not in wanted.get(live["name"], "REQUIRED")
    return {**live, "mode": "NULLABLE"} if plain and live.get("mode") == "REQUIRED" else dict(live)
