"""A view to HTML: templates with autoescape, and the words that numbers become in them.

Whatever a document holds is text. No template marks anything as safe, and a test looks for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from page import drawing, words
from page.address import Links, View, slug
from page.desk import Made
from page.query import Query
from page.strings import PHASES, TITLES, WAITS
from page.views.rollout import folded, said, unit_of, verdict


@cache
def templates() -> Environment:
    """Give the templates, each compiled at its first use."""
    made = Environment(
        loader=PackageLoader("page", "templates"),
        autoescape=True,
        finalize=words.printable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "share": words.share,
        "number": words.number,
        "ms": words.milliseconds,
        "amount": words.amount,
        "lasting": words.lasting,
        "counted": words.counted,
        "short": words.short,
        "said": said,
        "unit": unit_of,
        "verdict": verdict,
        "odds": words.odds,
        "compact": compact,
        "day": words.day,
        "hour": words.hour,
        "exact": words.exact,
        "folded": folded,
        "along": along,
        "options": options,
    }
    made.globals |= {
        "chart": drawing.chart,
        "steps": drawing.steps,
        "bars": drawing.bars,
        "shaped": drawing.shaped,
        "box": drawing.Box,
        "heat": drawing.heat,
        "spark_points": drawing.spark_points,
        "spark_limit": drawing.spark_limit,
        "unknown": words.UNKNOWN,
        "waits": WAITS,
        "phases": PHASES,
    }
    return made


def along(points: Iterable[Mapping[str, Any]], **values: Any) -> list[dict[str, Any]]:
    """Give points with what is the same at all of them."""
    return [{**each, **values} for each in points]


def options(command: str) -> list[str]:
    """Give a command in parts that are best not broken: its verb with what it is about, then each option."""
    first, *more = command.split(" --")
    return [first, *(f"--{each}" for each in more)]


def compact(value: object) -> str:
    """Give a value of a field in one short line."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    longest = 120
    return text if len(text) <= longest else f"{text[:longest]}…"


def html(made: Made, links: Links, *, now: datetime, live: str = "", tag: str = "", reader: str = "") -> str:
    """Make the page of a view.

    Args:
        made: The view.
        links: Writes addresses.
        now: The time.
        live: `events` where the server tells of changes, `poll` where it is asked; empty for a page that stays.
        tag: Names what is shown, for a page that asks for what is new.
        reader: Who reads it, as IAP says; empty where nobody was asked.
    """

    def to(name: str, row: Mapping[str, Any] | None = None, query: Query | None = None) -> str:
        asked = query.parameters() if query and links.queries else {}
        return links.view(View(name, slug(row["region"]), slug(row["name"]), asked) if row else View(name, query=asked))

    def when(text: str | None) -> str:
        then = words.moment(text)
        return words.clock(then, now) if then else words.UNKNOWN

    return (
        templates()
        .get_template(f"{made.view.name}.html")
        .render(
            d=made.data,
            head=made.head,
            view=made.view,
            title=_title(made),
            now=now.isoformat(timespec="seconds"),
            q=Query.of(made.data.get("query") or made.view.query),
            to=to,
            when=when,
            asset=links.asset,
            queries=links.queries,
            data_address=links.data(made.view),
            feed_address=links.feed(View("changes", query=_fed(made))),
            live=live,
            tag=tag,
            reader=reader,
        )
    )


def _fed(made: Made) -> Mapping[str, str]:
    """Give what of a view's query the feed takes: not how it is sorted, and on which page."""
    return {name: value for name, value in made.view.query.items() if name in {"q", "region", "kind"}}


def trouble(code: int, text: str, links: Links) -> str:
    """Make a page that says what went wrong.

    Args:
        code: Of HTTP.
        text: Why, in a sentence.
        links: Writes addresses.
    """
    return (
        templates()
        .get_template("error.html")
        .render(code=code, text=text, asset=links.asset, home=links.view(View("fleet")))
    )


def _title(made: Made) -> str:
    name = made.data.get("name")
    return f"{name} · {TITLES[made.view.name]}" if name else TITLES[made.view.name]
