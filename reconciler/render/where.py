"""Where something runs, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from rich.text import Text

from reconciler.render.moments import when
from reconciler.render.text import table
from reconciler.render.values import one_line

_SHORT = 12
_HEAD = ("what", "region", "revision", "state", "requests", "tags", "made", "commit", "run", "by")


def render_where(found: Mapping[str, Any], *, zone: tzinfo | None = None) -> Text:
    """Render what `engine.whereabouts` found.

    Args:
        found: As plain data.
        zone: The reader's time zone; left out, that of this machine.
    """
    text = Text()
    if not found["found"]:
        looked = f"in {', '.join(found['regions'])}" if found["regions"] else "anywhere: nothing was applied here"
        if found["unknown"]:
            return text.append(f"not known whether anything runs {one_line(found['asked'])} {looked}\n")
        return text.append(f"nothing runs {one_line(found['asked'])}, nor could be gone back to it, {looked}\n")
    styles = ["bold" if each["percent"] else "" for each in found["found"]]
    return table([_row(each, zone) for each in found["found"]], _HEAD, right=(4,), styles=styles)


def _row(each: Mapping[str, Any], zone: tzinfo | None) -> tuple[str, ...]:
    what = each["name"] if each["kind"] == "service" else f"{each['kind']} {each['name']}"
    more = " and more" if each["uncommitted"] else ""
    cells = (
        what,
        each["region"],
        each["revision"].removeprefix(f"{each['name']}-") or "-",
        each["state"],
        f"{each['percent']} %" if each["percent"] else "-",
        ", ".join(each["tags"]) or "-",
        when(each["made"], zone) or "-",
        f"{each['commit'][:_SHORT]}{more}" if each["commit"] else "-",
        each["run"] or "-",
        ", ".join(each["why"]),
    )
    return tuple(map(one_line, cells))
