"""A table of labels that predictions are compared with: what is there of it, and what it lacks for a spec. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.core.tables import type_of
from schemas.refusal import shown

if TYPE_CHECKING:
    from schemas.sections.monitoring import Labels

_SEVERAL = " REPEATED"
_NO_TEXT = frozenset({"STRUCT", "JSON", "GEOGRAPHY", "RANGE"})
"""Types without a text or an order.

Source: cloud.google.com/bigquery/docs/reference/standard-sql/conversion_rules, .../data-types#orderable_data_types.
"""
_WHOLE = frozenset({"INT64", "FLOAT64", "NUMERIC", "BIGNUMERIC", "STRING", "BOOL"})
"""Types that become an INT64."""


@dataclass(frozen=True, slots=True)
class LabelsTable:
    """What BigQuery tells of it.

    Args:
        what: As people call it: `BigQuery table acme.ml.outcomes`.
        columns: Type of each column; empty where nobody knows.
        location: Where it lies; empty where nobody knows.
        needs_condition: No query reads it without a condition on its partitions.
        missing: It is not there, and may come later.
    """

    what: str
    columns: Mapping[str, str]
    location: str = ""
    needs_condition: bool = False
    missing: bool = False


def of_table(what: str, live: Mapping[str, Any]) -> LabelsTable:
    """Read what BigQuery tells of a table or a view.

    Source:
        bigquery v2 `Table`: `location`, `requirePartitionFilter`, which stands at the table or, as before, within
        `timePartitioning`.
    """
    fields = live.get("schema", {}).get("fields", ())
    columns = {str(each["name"]): type_of(each).removesuffix(" REQUIRED") for each in fields}
    partitions = live.get("timePartitioning") or {}
    condition = True in {live.get("requirePartitionFilter"), partitions.get("requirePartitionFilter")}
    return LabelsTable(what, columns, str(live.get("location", "")), needs_condition=condition)


def lacks(found: LabelsTable, wanted: Labels, region: str) -> Iterator[tuple[str, str, str]]:
    """Say what keeps predictions from being compared with it: the key it is about, what is wrong, what to do.

    Args:
        found: What is there.
        wanted: What a spec says of it.
        region: Where the prediction log lies. All tables of a query are in one location.

    Source:
        cloud.google.com/bigquery/docs/locations#specify_locations.
    """
    if found.location and found.location.lower() != region.lower():
        hint = f"copy it into a dataset in {region}: no query reads tables of two locations"
        yield "table", f"{found.what} is in {found.location}, the prediction log in {region}", hint
    if found.needs_condition:
        hint = "name a view of it that has one, or take the condition away: each question reads all of its labels"
        yield "table", f"{found.what} is read with a condition on its partitions alone", hint
    there = {name.lower(): kind for name, kind in found.columns.items()}
    names = {"requestId": wanted.request_id, "value": wanted.value, "rowIndex": wanted.row_index, "time": wanted.time}
    for key, name in names.items():
        if name and there:
            yield from ((key, *told) for told in _column(found, key, name, there.get(name.lower())))


def _column(found: LabelsTable, key: str, name: str, kind: str | None) -> Iterator[tuple[str, str]]:
    if kind is None:
        yield f"{found.what} has no column {shown(name)}", f"columns there: {', '.join([*found.columns][:10])}"
    elif kind.endswith(_SEVERAL) or kind in _NO_TEXT:
        yield f"{found.what} has {_words(kind)} in column {shown(name)}", "write one value per row, of a plain type"
    elif key == "rowIndex" and kind not in _WHOLE:
        yield f"{found.what} has {kind} in column {shown(name)}, which is to be a number from 0", "write it as INT64"


def _words(kind: str) -> str:
    return f"lists of {kind.removesuffix(_SEVERAL)}" if kind.endswith(_SEVERAL) else kind
