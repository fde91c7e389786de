"""The history of a service, for a terminal: a table, and one entry in full."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

from reconciler.render.changes import change_text
from reconciler.render.moments import minute
from reconciler.render.text import table
from reconciler.render.values import one_line

_COLOURS = {"changed": "green", "ok": "green", "destroyed": "yellow", "reported": "yellow", "frozen": "yellow"}
_SHORT = 12


def render_history(entries: Sequence[Mapping[str, Any]], *, older: int = 0) -> Text:
    """Render a table of entries, the newest first.

    Args:
        entries: As `schemas.kept.history`, as plain data.
        older: How many there are beyond them.
    """
    places = {entry["region"] for entry in entries}
    rows = [_row(number, entry, region=len(places) > 1) for number, entry in enumerate(entries, 1)]
    head = ["#", "when", *(["region"] if len(places) > 1 else []), "outcome", "decision", "by", "commit", "why"]
    text = table(rows, head)
    if older:
        text.append(f"{older} older: --limit {len(entries) + older}\n", "dim")
    return text


def _row(number: int, entry: Mapping[str, Any], *, region: bool) -> list[str]:
    place = [one_line(entry["region"])] if region else []
    cells = [entry["outcome"], entry["decision"] or "-", _who(entry["by"]), _commit(entry["source"]), entry["reason"]]
    return [str(number), minute(entry["ended"]), *place, *(one_line(cell) or "-" for cell in cells)]


def _who(by: Mapping[str, Any]) -> str:
    """Say who it was in a word or two."""
    name = by["name"] if by["kind"] == "operator" else by["account"] if by["kind"] == "ci" else by["name"].split(" ")[0]
    return f"{by['kind']} {name}" if name else str(by["kind"])


def _commit(source: Mapping[str, Any]) -> str:
    changed = " and more" if source["uncommitted"] else ""
    return f"{source['commit'][:_SHORT]}{changed}" if source["commit"] else "-"


def render_entry(entry: Mapping[str, Any]) -> Text:
    """Render one entry in full."""
    text = Text()
    text.append(entry["service"], "bold").append(f"  {entry['region']}  ")
    text.append(f"{one_line(entry['outcome'])}\n", _COLOURS.get(entry["outcome"], "red"))
    for name, value in _facts(entry):
        text.append(f"  {name:<11} {one_line(value)}\n")
    for problem in entry["problems"]:
        text.append(f"  problem     {one_line(problem)}\n", "red")
    for change in entry["changes"]:
        text.append_text(change_text(change))
    if entry["leftOut"]:
        text.append(f"  and {entry['leftOut']} further changes, which are not kept\n", "dim")
    return text


def _facts(entry: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    by, source = entry["by"], entry["source"]
    named = [("account", by["account"]), ("run", by["run"]), ("execution", by["execution"]), ("CI run", by["address"])]
    more = [("bundle", source["bundle"]), ("author", source["author"]), ("publisher", source["run"])]
    facts = [
        ("when", f"{minute(entry['started'])} to {minute(entry['ended'])} UTC"),
        ("decision", entry["decision"]),
        ("why", entry["reason"]),
        ("environment", entry["environment"]),
        ("by", f"{by['kind']} {by['name']}"),
        *named,
        ("mlservice", by["program"]),
        ("commit", f"{source['commit']}{' and changes that no commit has' if source['uncommitted'] else ''}"),
        ("of", f"{minute(source['written'])} UTC" if source["written"] else ""),
        *more,
    ]
    return ((name, value) for name, value in facts if value)
