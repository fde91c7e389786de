"""What passes decided about a rollout, and why, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from reconciler.render.moments import minute
from reconciler.render.text import table
from reconciler.render.values import one_line


def render_decided(trail: Sequence[Mapping[str, Any]]) -> Text:
    """Render decisions, one a line.

    Args:
        trail: As `schemas.kept.moving.Decision`, the newest first.
    """
    rows = [
        (
            f"  {minute(each['until'])}",
            str(each["count"]),
            one_line(each["action"] or each["wait"] or each["phase"]),
            f"step {each['step']}, {each['percent']} %" if each["phase"] == "Step" else one_line(each["phase"]),
            one_line(each["why"]),
        )
        for each in trail
    ]
    return table(rows, ("  last decided", "times", "rollout", "where", "why"))
