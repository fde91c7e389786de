"""What changed, and what needs a person, as a feed that readers of such ask for again and again. Pure.

Source: RFC 4287, The Atom Syndication Format. An entry's id stays what it is, and its `updated` moves with its matter.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from page.address import Links, View, slug
from page.desk import Made
from page.words import counted

TYPE = "application/atom+xml"
_ATOM = "http://www.w3.org/2005/Atom"
_TAG = "tag:mlservice.dev,2026:"
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML may hold, however they are written."""
_MOST_CHANGES, _MOST_PROBLEMS, _LONGEST = 5, 3, 2000
"""What of an entry is told, and in how many characters: all of it is on the page."""
_BY = {"operator": "operator", "ci": "CI", "person": "by hand:"}
_NEVER = "1970-01-01T00:00:00+00:00"


def atom(made: Made, links: Links, now: datetime) -> bytes:
    """Make the feed.

    Args:
        made: As `Desk.feed` gives it.
        links: Writes addresses, as seen from the feed.
        now: The time. What a document dates later is of now, else nothing would ever be newer.
    """
    head = made.head
    entries = sorted(_entries(made, links), key=lambda each: each["updated"], reverse=True)
    where = ", ".join(head["projects"]) or head["place"]
    feed = Element("feed", xmlns=_ATOM)
    asked = {name: value for name, value in sorted(made.view.query.items()) if value}
    _add(feed, "id", _tag("changes", where, *(f"{name}={value}" for name, value in asked.items())))
    _add(feed, "title", ", ".join([f"mlservice: {where}", *asked.values()]))
    newest = entries[0]["updated"] if entries else _stamp(head["at"] or _NEVER)
    _add(feed, "updated", min(newest, _stamp(now.isoformat())))
    _add(_add(feed, "author"), "name", "mlservice")
    _add(feed, "link", rel="self", type=TYPE, href=links.feed(made.view))
    _add(feed, "link", rel="alternate", type="text/html", href=links.view(View("changes", query=made.view.query)))
    for each in entries:
        entry = _add(feed, "entry")
        for name in ("id", "title", "updated"):
            _add(entry, name, each[name])
        _add(entry, "category", term=each["sort"])
        _add(entry, "link", rel="alternate", type="text/html", href=each["href"])
        _add(entry, "content", each["text"], type="text")
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + tostring(feed, encoding="unicode").encode()


def _entries(made: Made, links: Links) -> Iterator[dict[str, str]]:
    for each in made.data["needs"]:
        since = each["since"] or each["changed"] or made.head["at"] or _NEVER
        yield {
            "id": _tag("needs", each["region"], each["name"], each["about"], each["since"] or ""),
            "title": f"{each['name']} needs you: {each['kind']}",
            "updated": _stamp(since),
            "sort": "needs",
            "href": _to(links, each, shown=True, view=each["view"]),
            "text": f"{each['reason']}\n{each['command']}",
        }
    for each in made.data["entries"]:
        who = f"{_BY.get(each['by']['kind'], each['by']['kind'])} {each['by']['name']}"
        commit = [f"commit {each['commit']}"] if each["commit"] else []
        said = [
            each["reason"] or each["decision"],
            *each["problems"][:_MOST_PROBLEMS],
            *_changes(each),
            ", ".join([who, *commit]),
        ]
        yield {
            "id": _tag("history", each["region"], each["name"], each["at"]),
            "title": f"{each['name']}: {each['outcome']}",
            "updated": _stamp(each["at"]),
            "sort": each["outcome"],
            "href": _to(links, each, shown=each["shown"]),
            "text": "\n".join(said)[:_LONGEST],
        }


def _changes(entry: Mapping[str, Any]) -> Iterator[str]:
    """Name what was changed, and no value: a feed goes to programs of others, and is kept there."""
    told = entry["changes"]
    yield from (f"{each['action']} {each['address']}: {each['outcome']}" for each in told[:_MOST_CHANGES])
    left = len(told) + entry["leftOut"] - _MOST_CHANGES
    if left > 0:
        yield f"and {counted(left, 'more change')}"


def _to(links: Links, row: Mapping[str, Any], *, shown: bool, view: str = "service") -> str:
    if not shown:
        return links.view(View("changes"))
    return links.view(View(view, slug(row["region"]), slug(row["name"])) if row["region"] else View(view))


def _stamp(text: str) -> str:
    """Give a moment as RFC 3339 has it: with seconds, whatever they are; in UTC, so that texts sort as moments do."""
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _tag(sort: str, *words: str) -> str:
    """Name something for good: names may be anybody's words, so that their digest stands for them."""
    return f"{_TAG}{sort}/{hashlib.sha256(chr(0).join(words).encode(errors='replace')).hexdigest()[:32]}"


def _add(above: Element, name: str, text: str = "", **attributes: str) -> Element:
    found = SubElement(above, name, {key: _NOT_XML.sub("\ufffd", value) for key, value in attributes.items()})
    found.text = _NOT_XML.sub("\ufffd", text) or None
    return found
