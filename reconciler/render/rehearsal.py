"""A rehearsed rollout, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.text import Text

from reconciler.render.text import table
from reconciler.render.values import one_line

_HEAD = ("time", "new version", "state", "why")
_STYLES = {"rolled back": "red", "finished": "green", "paused by a gate": "red"}


def render_rehearsal(passes: Sequence[Mapping[str, Any]], *, every_pass: bool) -> Text:
    """Render what was decided.

    Args:
        passes: As plain data of `core.rollout.rehearsal`, one at least.
        every_pass: Show those that say the same as the one before, too.
    """
    shown = passes if every_pass else list(_telling(passes))
    rows = [(_clock(each["at"], passes[0]["at"]), f"{each['percent']} %", _state(each), _why(each)) for each in shown]
    text = table(rows, _HEAD, right={1}, styles=[_STYLES.get(each["event"] or "", "") for each in shown])
    return text.append(f"{_outcome(passes)}\n", "bold")


def _telling(passes: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Leave out passes amid others that wait for the same: the first and the last of them say enough."""
    for at, each in enumerate(passes):
        before, after = passes[at - 1] if at else None, passes[at + 1] if at + 1 < len(passes) else None
        amid = before and after and _kind(before) == _kind(each) == _kind(after)
        if each["event"] or each["refused"] or not amid:
            yield each


def _kind(one: Mapping[str, Any]) -> tuple[Any, ...]:
    return one["phase"], one["step"], one["wait"], one["event"]


def _state(one: Mapping[str, Any]) -> str:
    step = f" {one['step']}" if one["phase"] == "Step" else ""
    return f"{one['phase']}{step}" + (f", {one['wait']}" if one["wait"] else "")


def _why(one: Mapping[str, Any]) -> str:
    return one_line("; ".join(filter(None, (one["why"], one["refused"]))))


def _clock(moment: str, start: str) -> str:
    at, first = datetime.fromisoformat(moment), datetime.fromisoformat(start)
    return f"{at:%H:%M}" if at.date() == first.date() else f"{at:%a %H:%M}"


def _outcome(passes: Sequence[Mapping[str, Any]]) -> str:
    last = passes[-1]
    took = datetime.fromisoformat(last["at"]) - datetime.fromisoformat(passes[0]["at"])
    minutes = int(took.total_seconds()) // 60
    time = f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"  # noqa: PLR2004 - an hour
    bad = f"{last['badAnswers']} bad answers of the new version"
    if last["phase"] == "Steady" and last["percent"]:
        return f"finished after {time}; {bad}"
    if last["phase"] == "RolledBack":
        return f"taken back after {time}; {bad}"
    return f"after {time}: {_state(last)} at {last['percent']} %; {bad}"
