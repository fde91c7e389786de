"""The types of fields in a body; a body of other types is refused before anything is done.

A name has one type wherever it stands, but for the few that are told apart by what they stand in. What a row holds is
looked at by its table's columns.

Source: reference/rest/v2: datasets, tables, jobs, QueryParameter.
"""

from __future__ import annotations

from typing import Any

from emulator.apis.bigquery import errors


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


OBJECTS = words(
    """arrayType clustering configuration copy dataset datasetReference defaultDataset defaultEncryptionConfiguration
    destinationEncryptionConfiguration destinationTable encryptionConfiguration extract formatOptions jobReference
    labels load parameterType parameterValue policy range rangePartitioning routine schema sourceTable structValues
    tableConstraints tableReference timePartitioning view"""
)
LISTS = words("access arrayValues bindings queryParameters rows sourceTables structTypes")
"""Lists of objects."""
WORDS = words("destinationUris members permissions schemaUpdateOptions sourceUris")
"""Lists of text."""
TEXTS = words(
    """createDisposition description destinationFormat domain encoding fieldDelimiter friendlyName groupByEmail
    iamMember location mode name nullMarker query quote role sourceFormat specialGroup type userByEmail
    writeDisposition"""
)
NUMBERS = words("maxBadRecords maxResults maximumBytesBilled skipLeadingRows timeoutMs")
"""Whole numbers, also as text."""
JOBS = words("query load copy extract")
MOST_DEEP = 60


def check(found: dict[str, Any]) -> dict[str, Any]:
    """The document, if every field that is known has its type; null is always allowed.

    Raises:
        BigQueryError: 400, naming the field.
    """
    look(found, "", "", 0)
    return found


def look(value: Any, above: str, path: str, depth: int) -> None:
    """Look at all that is in an object."""
    if depth > MOST_DEEP:
        raise errors.invalid(f"Invalid JSON payload received. {path} is nested too deeply")
    for key, item in value.items():
        where = f"{path}.{key}".lstrip(".")
        if item is None or key == "json":
            continue
        if not fits(key, item, above):
            raise errors.invalid(f"Invalid value at '{where}'", where)
        for each in item if isinstance(item, list) else [item]:
            if isinstance(each, dict) and key != "labels":
                look(each, key, where, depth + 1)


def fits(key: str, item: Any, above: str) -> bool:
    """Whether a value has the type that its name has."""
    if key == "fields":
        wanted: type = str if above == "clustering" else dict
        return isinstance(item, list) and all(isinstance(each, wanted) for each in item)
    if (
        above == "structValues"
        or (key == "type" and above == "structTypes")
        or (key in JOBS and above == "configuration")
    ):
        return isinstance(item, dict)
    if key in OBJECTS:
        return isinstance(item, dict)
    if key in LISTS:
        return isinstance(item, list) and all(isinstance(each, dict) for each in item)
    if key in WORDS:
        return isinstance(item, list) and all(isinstance(each, str) for each in item)
    return is_plain(key, item)


def is_plain(key: str, item: Any) -> bool:
    """Whether a value that is no object and no list has its type."""
    if key in TEXTS:
        return isinstance(item, str)
    if key in NUMBERS:
        return not isinstance(item, bool) and str(item).isdecimal() and len(str(item)) < 19  # noqa: PLR2004 - an int64
    return True
