"""A table as we manage it, and what may become of one that is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.by_hand import Beyond
from reconciler.core.tables import type_of
from schemas.units import duration_text

if TYPE_CHECKING:
    from reconciler.core.diff import FieldChange
    from reconciler.core.objects import Desired, Observed

NAME = "bigquery_table"
_REQUIRED = " REQUIRED"
_ALSO = ("expirationTime", "requirePartitionFilter")
"""What else takes rows away, or answers. Of all that BigQuery tells of a table much is its own."""
_BEYOND = Beyond(theirs=frozenset({"timePartitioning.type", "timePartitioning.field", "timePartitioning.expirationMs"}))


@dataclass(frozen=True, slots=True)
class BigqueryTable:
    """The fields we manage. Every other field of the live table is left as found.

    Args:
        columns: Type of each column, such as `FLOAT64`; one that may not be null, or is a list, says so: `INT64
            REPEATED`. Those of others are among them once a table is there: none is ever dropped.
        partitioning: Such as `DAY of logging_time`; empty for none.
        expiration_s: How long the rows of a partition are kept; 0 for ever.
        clustering: Columns that rows are sorted by within a partition.
        labels: Ours; others may add theirs.
        by_hand: What else takes its rows away or refuses queries: see `core.by_hand`.
    """

    columns: Mapping[str, str]
    partitioning: str
    expiration_s: int
    clustering: tuple[str, ...]
    labels: Mapping[str, str]
    by_hand: Mapping[str, str] = field(default_factory=dict)


def from_api(live: Mapping[str, Any]) -> BigqueryTable:
    """Turn a live table, or view, into our record; the server's defaults end here."""
    parts = live.get("timePartitioning", {})
    return BigqueryTable(
        columns={each["name"]: type_of(each) for each in live.get("schema", {}).get("fields", ())},
        partitioning=f"{parts.get('type')} of {parts.get('field') or 'arrival'}" if parts else "",
        expiration_s=int(parts.get("expirationMs") or 0) // 1000,
        clustering=tuple(live.get("clustering", {}).get("fields", ())),
        labels=dict(live.get("labels", {})),
        by_hand=_BEYOND.of({part: live.get(part) for part in (*_ALSO, "timePartitioning")}, {}),
    )


def refine(want: Desired[BigqueryTable], seen: Observed[BigqueryTable] | None) -> BigqueryTable:
    """Widen what is there: columns are added and may become empty, and none is dropped.

    Raises:
        PlanError: A column has another type, or the table is partitioned otherwise. BigQuery changes neither, and
            another table in its place would lose the rows.
    """
    if seen is None:
        return want.fields
    wrong = list(_wrong(want.fields, seen.fields))
    if wrong:
        hint = "name a new table in monitoring.logging.table; this one stays, with its rows, until the service goes"
        raise errors.PlanError(want.address, "; ".join(wrong), hint=hint)
    return replace(want.fields, columns=_widened(want.fields.columns, seen.fields.columns))


def _wrong(want: BigqueryTable, seen: BigqueryTable) -> Iterator[str]:
    there = _by_name(seen.columns)
    for name, kind in want.columns.items():
        found = seen.columns[there[name.lower()]] if name.lower() in there else kind
        if found.removesuffix(_REQUIRED) != kind:
            yield f"its column {there[name.lower()]} is {found}, and {kind} is what would be written"
    if seen.partitioning != want.partitioning:
        yield f"it is partitioned by {seen.partitioning or 'nothing'}, and not by {want.partitioning}"


def _widened(wanted: Mapping[str, str], seen: Mapping[str, str]) -> dict[str, str]:
    there = _by_name(seen)
    new = {name: kind for name, kind in wanted.items() if name.lower() not in there}
    # A column that nobody writes any more must not be one that each row has to have.
    return {name: kind.removesuffix(_REQUIRED) for name, kind in seen.items()} | new


def consequence(changes: Sequence[FieldChange], want: BigqueryTable) -> str:
    """Say that rows go, where they are to be kept for less long than they are.

    Source:
        https://cloud.google.com/bigquery/docs/managing-partitioned-tables: a new expiration is that of all
        partitions, however old.
    """
    [kept_s] = [change.before for change in changes if change.path == "expiration_s"] or [want.expiration_s]
    if not want.expiration_s or 0 < kept_s <= want.expiration_s:
        return ""
    return f"rows older than {duration_text(want.expiration_s * 1000)} are deleted"


def _by_name(columns: Mapping[str, str]) -> dict[str, str]:
    """Give columns by their names in lower case: to BigQuery they are the same."""
    return {name.lower(): name for name in columns}
