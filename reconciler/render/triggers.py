"""The triggers of a service, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from rich.text import Text

from reconciler.render.moments import when
from reconciler.render.text import table

_HEAD = ("  trigger", "by", "source", "last event", "outcome", "next", "why")


def render_triggers(found: Mapping[str, Any], *, zone: tzinfo | None = None) -> Text:
    """Render what `engine.triggers` found.

    Args:
        found: As plain data.
        zone: The reader's time zone; left out, that of this machine.
    """
    text = Text()
    text.append(found["name"], "bold").append(f"  {found['region']}\n")
    if not found["triggers"]:
        return text.append("  it has no triggers, and nothing was asked of it by hand\n")
    return text.append_text(table([_row(trigger, zone) for trigger in found["triggers"]], _HEAD))


def _row(trigger: Mapping[str, Any], zone: tzinfo | None) -> tuple[str, ...]:
    decision = trigger["decision"]
    return (
        f"  {trigger['name']}",
        trigger["kind"] or "-",
        trigger["source"] or "-",
        when(decision.get("decided"), zone) or "-",
        str(decision.get("guard") or decision.get("action") or "-"),
        when(trigger["next"], zone) or "-",
        str(trigger["problem"] or decision.get("reason") or "-"),
    )
