"""Who changed what: one timeline over all services."""

from __future__ import annotations

from collections.abc import Container, Iterable

from page.documents import Data
from page.query import Query
from page.snapshot import OPERATOR, Past
from page.state import SIGNS
from page.words import short

_MOST_CHANGES = 20
_MARKS = "mlservice.dev/"
"""Annotations in which passes keep their own books: what they hold is told in words beside."""
_TONES = {"changed": "good", "ok": "good", "destroyed": "quiet", "partly": "bad", "failed": "bad", "refused": "bad"}
BY = {"operator": "operator", "ci": "git", "person": "a person"}


def changes_view(past: Past, query: Query, per_page: int, known: Container[tuple[str, str]] = ()) -> Data:
    """Make the view.

    Args:
        past: What became of all services.
        query: What of it is asked for; `kind` is who did it.
        per_page: Entries of a page.
        known: Services that have a page, by region and name.
    """
    told = [{**told_entry(each), "shown": _is_shown(each, known)} for each in past.entries]
    wanted = [each for each in told if _fits(each, query)]
    pages = max(1, -(-len(wanted) // per_page))
    page = min(query.page, pages)
    return {
        "query": query.parameters(),
        "matching": len(wanted),
        "page": page,
        "pages": pages,
        "older": past.older,
        "kinds": sorted({each["by"]["kind"] for each in told}),
        "entries": wanted[(page - 1) * per_page : page * per_page],
        "unreadable": list(past.unreadable),
    }


def _is_shown(entry: Data, known: Container[tuple[str, str]]) -> bool:
    return (entry["region"], entry["service"]) in known and not entry["service"].startswith(OPERATOR)


def told_entry(entry: Data) -> Data:
    """Say what one run did to one service."""
    tone = _TONES.get(entry["outcome"], "quiet")
    source = entry["source"]
    return {
        "region": entry["region"],
        "name": entry["service"],
        "at": entry["ended"],
        "outcome": entry["outcome"],
        "tone": tone,
        "sign": SIGNS[tone],
        "decision": entry["decision"],
        "reason": entry["reason"],
        "problems": list(entry["problems"]),
        "by": {"kind": entry["by"]["kind"], "name": entry["by"]["name"] or entry["by"]["account"]},
        "commit": short(source["commit"]),
        "author": source["author"],
        "changes": [_change(each) for each in entry["changes"][:_MOST_CHANGES]],
        "leftOut": entry["leftOut"] + max(0, len(entry["changes"]) - _MOST_CHANGES),
    }


def _change(told: Data) -> Data:
    shown = [each for each in told["fields"] if _MARKS not in each["path"]]
    fields = [{"path": each["path"], "before": each["before"], "after": each["after"]} for each in shown[:20]]
    return {name: told[name] for name in ("address", "action", "outcome", "reason", "error")} | {"fields": fields}


def _fits(entry: Data, query: Query) -> bool:
    if query.kind and entry["by"]["kind"] != query.kind:
        return False
    if query.region and entry["region"] != query.region:
        return False
    if query.state == "failing" and entry["tone"] != "bad":
        return False
    words = " ".join(_words(entry)).lower()
    return all(word in words for word in query.text.lower().split())


def _words(entry: Data) -> Iterable[str]:
    yield from (entry["name"], entry["region"], entry["outcome"], entry["decision"], entry["reason"])
    yield from (entry["by"]["name"], entry["by"]["kind"], entry["commit"], entry["author"])
    yield from (change["address"] for change in entry["changes"])
