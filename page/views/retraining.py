"""Retraining: every event, what was done about it, and which guard held it back."""

from __future__ import annotations

from page.documents import Data
from page.state import SIGNS
from page.views.fleet import head_of

_ACTED = {"Start": ("good", "trains"), "Promote": ("good", "promoted")}
_HELD = {"Skip": "held back", "NotStarted": "could not be started", "Refuse": "not taken"}
_STATES = {"Succeeded": "good", "Failed": "bad", "Cancelled": "quiet"}


def retraining_view(service: Data) -> Data:
    """Make the view."""
    told = service.get("retraining") or {}
    decisions = [_decision(each) for each in told.get("decisions") or ()]
    return {
        **head_of(service),
        "circuitUntil": told.get("circuitUntil"),
        "frozen": told.get("frozen") or "",
        "waits": told.get("waits") or "",
        "looked": told.get("looked"),
        "problem": told.get("problem") or "",
        "decisions": decisions,
        "acted": sum(each["acts"] for each in decisions),
        "held": sum(not each["acts"] for each in decisions),
        "guards": _guards(decisions),
        "runs": [_run(each) for each in told.get("runs") or ()],
    }


def _decision(each: Data) -> Data:
    tone, words = _ACTED.get(each["action"], ("quiet", _HELD.get(each["action"], each["action"])))
    if each["action"] == "NotStarted":
        tone = "bad"
    names = ("at", "trigger", "action", "why", "guard", "until", "run")
    told = {name: each.get(name) for name in names}
    return {**told, "tone": tone, "sign": SIGNS[tone], "words": words, "acts": each["action"] in _ACTED}


def _guards(decisions: list[Data]) -> list[Data]:
    """Count which guards held how often, the one that held most first."""
    names = [each["guard"] for each in decisions if each["guard"]]
    counted = sorted(((names.count(name), name) for name in set(names)), key=lambda pair: (-pair[0], pair[1]))
    return [{"guard": name, "count": count} for count, name in counted]


def _run(each: Data) -> Data:
    tone = _STATES.get(each["status"], "moving")
    names = ("trigger", "status", "name", "claimed", "ended", "why", "rows", "version", "better", "forced")
    return {**{name: each.get(name) for name in names}, "tone": tone, "sign": SIGNS[tone]}
