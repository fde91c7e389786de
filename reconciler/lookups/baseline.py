"""What is there of a baseline: a table's columns and count, or a file's first lines. No data are kept, or shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.baseline import (
    SAMPLE_BYTES,
    Baseline,
    lacks,
    of_csv,
    of_json_lines,
    of_parquet,
    of_table,
)
from reconciler.core.facts import Facts, Lookup, Question
from reconciler.core.naming import fingerprint
from reconciler.core.parquet import TAIL_BYTES, footer_length
from reconciler.gcp.bigquery import HOST, VERSION
from reconciler.gcp.calls import CALL_TIMEOUT_S, calling
from schemas import Problem
from schemas.tables import full_table, split_table
from schemas.training_data import JSON_LINES, PARQUET, TF_RECORD, format_of

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection
    from schemas import LoadedService
    from schemas.sections.monitoring import Baseline as Named

_TABLE, _URI = "monitoring.baseline.table", "monitoring.baseline.uri"
FOOTER_BYTES = 1024 * 1024
"""How much of a long footer is read: the columns stand at its beginning."""
_MOST_FILES = 10_000
_WILD = re.compile(r"\*\*|\*|\?|\[[^\]]*\]")
_MEANS = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
_TO_BIGQUERY = {"*": ".*"}
"""It loads what is in folders, too (cloud.google.com/bigquery/docs/batch-loading-data#load-wildcards)."""


def _named(loaded: LoadedService) -> Named | None:
    monitoring = loaded.service.spec.monitoring
    return monitoring.baseline if monitoring else None


def _asks_for_table(loaded: LoadedService, facts: Facts) -> Iterator[Question]:
    """Ask for a table, unless this run makes it: the log of a service."""
    named = _named(loaded)
    if named and named.table and full_table(named.table, facts.project) not in facts.logged:
        yield Question(full_table(named.table, facts.project), _TABLE)


def _asks_for_file(loaded: LoadedService, facts: Facts) -> Iterator[Question]:
    del facts
    named = _named(loaded)
    if named and named.uri:
        yield Question(named.uri, _URI)


def _table(connection: Connection, question: Question) -> Baseline:
    """Read what BigQuery tells of a table.

    Raises:
        Unanswered: It is not there, or may not be read.
    """
    project, dataset, table = split_table(question.key, connection.project)
    what = f"BigQuery table {question.key}"
    hint = "name the table that the model was trained on"
    with _answering(what, hint), calling("read", what):
        live = connection.rest(HOST, VERSION).get(f"projects/{project}/datasets/{dataset}/tables/{table}")
    return of_table(what, live)


def _file(connection: Connection, question: Question) -> Baseline:
    """Read what Cloud Storage tells of a file, or of those that a name with wildcards means, and its first lines.

    Raises:
        Unanswered: There is none, or it may not be read.
    """
    uri = question.key
    hint = "upload the data that the model was trained on, or name where they are"
    with _answering(f"file {uri}", hint), calling("read", uri):
        files = _files(connection.storage, uri)
        if not files:
            raise errors.Unanswered(f"there is no file {uri}", hint=hint)
        version = _version(files)
        filled = next((each for each in files if each.size), None)
        if filled is None:
            return Baseline(uri, None, empty=True, version=version)
        return _looked_at(uri, filled, version, alone=len(files) == 1)


def _looked_at(uri: str, blob: Any, version: str, *, alone: bool) -> Baseline:
    form = format_of(uri)
    if form == TF_RECORD:
        return Baseline(uri, None, version=version)
    if form == PARQUET:
        return replace(of_parquet(uri, _footer(uri, blob), whole=alone), version=version)
    read = of_json_lines if form == JSON_LINES else of_csv
    found = read(uri, _part(blob, 0, SAMPLE_BYTES), whole=alone and blob.size <= SAMPLE_BYTES)
    return replace(found, version=version)


def _part(blob: Any, start: int, count: int) -> bytes:
    """Read some bytes of an object, as they are kept."""
    end = min(start + count, blob.size) - 1
    found: bytes = blob.download_as_bytes(
        start=start, end=end, raw_download=True, timeout=CALL_TIMEOUT_S, checksum=None
    )
    return found


def _footer(uri: str, blob: Any) -> bytes:
    """Read what a Parquet file says of itself at its end, as far as it tells of columns.

    Raises:
        Unanswered: It does not end as one does.
    """
    tail = _part(blob, max(0, blob.size - SAMPLE_BYTES), SAMPLE_BYTES)
    length = footer_length(tail)
    if length is None:
        hint = "name a file that is one, or a CSV or JSON Lines file by its own ending"
        raise errors.Unanswered(f"{uri} is called a Parquet file, and is none", hint=hint)
    if length + TAIL_BYTES <= len(tail):
        return tail[-length - TAIL_BYTES : -TAIL_BYTES]
    return _part(blob, max(0, blob.size - length - TAIL_BYTES), FOOTER_BYTES)


def _files(storage: Any, uri: str) -> list[Any]:
    """Give the objects that an address means, by name.

    Raises:
        Unanswered: Its wildcards mean nothing.

    Source:
        https://cloud.google.com/storage/docs/wildcards.
    """
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    wild = _WILD.search(name)
    if wild is None:
        found = storage.bucket(bucket).get_blob(name, timeout=CALL_TIMEOUT_S)
        return [found] if found else []
    pattern = _pattern(name, _TO_BIGQUERY if format_of(uri) == PARQUET else _MEANS)
    listed = storage.list_blobs(bucket, prefix=name[: wild.start()], max_results=_MOST_FILES, timeout=CALL_TIMEOUT_S)
    return sorted((each for each in listed if pattern.fullmatch(each.name)), key=lambda each: str(each.name))


def _pattern(name: str, means: Mapping[str, str]) -> re.Pattern[str]:
    """Give wildcards as a pattern.

    Raises:
        Unanswered: They mean nothing.
    """
    made, at = "", 0
    for found in _WILD.finditer(name):
        made += re.escape(name[at : found.start()]) + (means.get(found[0]) or _one_of(found[0]))
        at = found.end()
    try:
        return re.compile(made + re.escape(name[at:]))
    except re.error as error:  # a range from z to a
        hint = "write [a-z] for one character of these, * for any number of any"
        raise errors.Unanswered(f"no file is called like '{name}': its brackets mean nothing", hint=hint) from error


def _one_of(text: str) -> str:
    """Give a set of characters as a pattern; none is empty, and nothing in it means more than itself."""
    inside = text[1:-1]
    turned = "^" if inside.startswith("!") else ""
    listed = re.escape(inside.removeprefix("!")).replace(r"\-", "-")
    return f"[{turned}{listed}]" if listed else re.escape(text)


def _version(files: list[Any]) -> str:
    """Tell these very contents: the generation of one file, a digest of the names and generations of several."""
    if len(files) == 1:
        return str(files[0].generation)
    return f"{len(files)}-files-{fingerprint([[each.name, str(each.generation)] for each in files], length=16)}"


@contextmanager
def _answering(what: str, hint: str) -> Iterator[None]:
    """Turn what Google refuses into a problem with a place: without the baseline nothing could be compared."""
    try:
        yield
    except errors.NotFoundError as error:
        raise errors.Unanswered(f"there is no {what}", hint=hint) from error
    except errors.NotPermitted as error:
        raise errors.Unanswered(error.message, hint=error.hint) from error


def _lacks(lookup: str, where: str, loaded: LoadedService, facts: Facts) -> Iterator[Problem]:
    named = _named(loaded)
    key = (named.uri or full_table(named.table or ".", facts.project)) if named else ""
    found = facts.answers.get((lookup, key))
    if isinstance(found, Baseline):
        place = loaded.where(f"spec.{where}")
        spec = loaded.service.spec
        taken = spec.monitoring.logarithmic if spec.monitoring else ()
        yield from (Problem(place, *told) for told in lacks(found, spec.model, taken))


def _table_lacks(loaded: LoadedService, facts: Facts) -> Iterator[Problem]:
    yield from _lacks("baseline_table", _TABLE, loaded, facts)


def _file_lacks(loaded: LoadedService, facts: Facts) -> Iterator[Problem]:
    yield from _lacks("baseline_file", _URI, loaded, facts)


# No `permission`: it is needed on this table and this bucket, which others may have made, and not on the project.
BASELINE_TABLE = Lookup("baseline_table", Baseline, _asks_for_table, _table, api=HOST, lacks=_table_lacks)
BASELINE_FILE = Lookup(
    "baseline_file", Baseline, _asks_for_file, _file, api="storage.googleapis.com", lacks=_file_lacks
)
