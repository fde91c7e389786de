"""Partitioning and clustering: what a table may say of them.

Source: bigquery v2 `TimePartitioning`, `RangePartitioning`, `Clustering`; constraints.md section 10.
"""

from __future__ import annotations

from typing import Any

from emulator.apis.bigquery import errors
from emulator.apis.bigquery.schema import Field

UNITS = ("DAY", "HOUR", "MONTH", "YEAR")
MOST_CLUSTERED = 4
CLUSTERED = frozenset({"DATE", "BOOLEAN", "INTEGER", "NUMERIC", "STRING", "TIMESTAMP", "DATETIME"})


def check(resource: dict[str, Any], fields: tuple[Field, ...]) -> None:
    """Refuse what Google refuses.

    Raises:
        BigQueryError: 400.
    """
    by_time, by_range = resource.get("timePartitioning"), resource.get("rangePartitioning")
    if by_time and by_range:
        raise errors.invalid("Only one of timePartitioning and rangePartitioning should be specified.")
    columns = {each.name.lower(): each for each in fields}
    if by_time is not None:
        check_time(by_time, columns)
    if by_range is not None:
        check_range(by_range, columns)
    check_clustering(resource.get("clustering"), columns)


def check_time(partitioning: dict[str, Any], columns: dict[str, Field]) -> None:
    """By day, hour, month or year, of a column or of arrival."""
    unit = partitioning.get("type")
    if unit not in UNITS:
        raise errors.invalid(f"Invalid value for timePartitioning.type: {unit}", "timePartitioning.type")
    lasting = partitioning.get("expirationMs")
    if lasting is not None:
        if not str(lasting).isdecimal():
            raise errors.invalid(f"Invalid value for timePartitioning.expirationMs: {lasting}")
        partitioning["expirationMs"] = str(int(lasting))
    if partitioning.get("field"):
        field = column(columns, partitioning["field"])
        kinds = ("TIMESTAMP", "DATETIME") if unit == "HOUR" else ("DATE", "TIMESTAMP", "DATETIME")
        if field.kind not in kinds or field.mode == "REPEATED":
            text = f"The field specified for partitioning can only be of type {', '.join(kinds)}, and not repeated."
            raise errors.invalid(f"{text} The type found is: {field.kind}.")


def check_range(partitioning: dict[str, Any], columns: dict[str, Field]) -> None:
    """By ranges of a whole number."""
    field, bounds = column(columns, partitioning.get("field")), partitioning.get("range") or {}
    if field.kind != "INTEGER" or field.mode == "REPEATED":
        raise errors.invalid(f"The field specified for range partitioning must be INTEGER, not {field.kind}.")
    try:
        start, end, step = (int(bounds[key]) for key in ("start", "end", "interval"))
    except (KeyError, TypeError, ValueError):
        raise errors.invalid("rangePartitioning.range needs start, end and interval") from None
    if start >= end or step <= 0:
        raise errors.invalid("rangePartitioning.range: start must be less than end, and interval positive")
    partitioning["range"] = {"start": str(start), "end": str(end), "interval": str(step)}


def check_clustering(clustering: Any, columns: dict[str, Field]) -> None:
    """At most four plain columns."""
    names = (clustering or {}).get("fields") or []
    if len(names) > MOST_CLUSTERED:
        raise errors.invalid(f"Clustering is limited to {MOST_CLUSTERED} fields.")
    for name in names:
        field = column(columns, name)
        if field.kind not in CLUSTERED or field.mode == "REPEATED":
            raise errors.invalid(f"Clustering is not supported on field {name} of type {field.kind}.")


def column(columns: dict[str, Field], name: Any) -> Field:
    """The column that is named. Source of the words: issues of hashicorp/terraform-provider-google."""
    found = columns.get(str(name).lower())
    if found is None:
        raise errors.invalid(
            f"The field specified for partitioning or clustering cannot be found in the schema: {name}."
        )
    return found


def fixed(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Refuse to partition another way. Source of the words: issues of hashicorp/terraform-provider-google."""
    for key in ("timePartitioning", "rangePartitioning"):
        before, after = dict(old.get(key) or {}), dict(new.get(key) or {})
        for each in (before, after):
            each.pop("expirationMs", None)
            each.pop("requirePartitionFilter", None)
        if before != after:
            raise errors.invalid("Cannot convert non partitioned/clustered table to partitioned/clustered table."
                                 if not before else "Cannot change partitioning spec of a table.")  # fmt: skip
