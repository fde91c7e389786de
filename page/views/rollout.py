"""A rollout: why traffic moved, and why it did not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from page.documents import Data
from page.state import SIGNS, is_moving
from page.views.bands import frozen, sparse
from page.views.fleet import head_of
from page.words import number, odds, share, short

POINTS = 60
"""Points of a line at the most, which are the rows of its table."""
DECISIONS = 60
"""Decisions that are listed, the newest ones."""
GATES: Mapping[str, tuple[str, str]] = {
    "errors": ("Errors", "share"),
    "latency": ("Slow answers", "share"),
    "predictions": ("Distance of predictions", "bits"),
    "share": ("Share of requests that reach it", "share"),
}
_VERDICTS = {
    "Pass": ("good", "passes"),
    "Fail": ("bad", "fails"),
    "NotEnoughData": ("quiet", "not enough data yet"),
    "MetricsMissing": ("needs", "metrics are missing"),
    "StableFails": ("needs", "the stable version fails it"),
    "Waiting": ("quiet", "waits"),
}


def rollout_view(service: Data) -> Data:
    """Make the view."""
    rollout = service.get("rollout")
    trail = list(service.get("trail") or ())
    return {
        **head_of(service),
        "moving": is_moving(service),
        "now": _now(rollout),
        "steps": _steps(rollout),
        "gates": [_gate(each, trail) for each in (rollout or {}).get("gates") or ()],
        "checks": [_verdict(each, "check") for each in (rollout or {}).get("checks") or ()],
        "rejected": list((rollout or {}).get("rejected") or ()),
        "byHand": bool(service.get("byHand")),
        "percents": [] if service.get("byHand") else _percents(trail),
        "frozen": frozen(trail),
        "decisions": [_decision(each) for each in [*reversed(trail)][:DECISIONS]],
        "leftOut": (service.get("leftOut") or 0) + max(0, len(trail) - DECISIONS),
    }


def _now(rollout: Data | None) -> Data | None:
    if not rollout:
        return None
    names = ("phase", "strategy", "step", "of", "percent", "candidate", "stable", "started", "since", "wait", "why")
    more = ("refused", "order", "forecast", "ends")
    return {**{name: rollout.get(name) for name in (*names, *more)}, "version": short(rollout["version"])}


def _steps(rollout: Data | None) -> list[Data]:
    """Give the ladder of steps with which are done."""
    if not rollout:
        return []
    ended = rollout["phase"] in {"Steady", "Bake"}
    told = []
    for place, percent in enumerate(rollout["steps"], 1):
        state = "done" if ended or place < rollout["step"] else "on" if place == rollout["step"] else "to come"
        told.append({"step": place, "percent": percent, "state": state})
    return told


def verdict(named: str) -> dict[str, str]:
    """Say how a verdict is: its words, its tone and that one's sign.

    Args:
        named: As standings have it.
    """
    tone, words = _VERDICTS.get(named, ("quiet", named))
    return {"words": words, "tone": tone, "sign": SIGNS[tone]}


def _verdict(each: Data, named: str) -> Data:
    return {"name": each[named], "verdict": each["verdict"], **verdict(each["verdict"]), "why": each["why"]}


def unit_of(gate: str) -> str:
    """Give the unit of a gate's values: `share`, `bits`, or `number` where nobody knows the gate.

    Args:
        gate: Its name.
    """
    return GATES.get(gate, ("", "number"))[1]


def _gate(gate: Data, trail: Sequence[Data]) -> Data:
    title, of = GATES.get(gate["gate"], (gate["gate"], ""))[0], unit_of(gate["gate"])
    points = _series(gate["gate"], trail)
    told = {name: gate[name] for name in ("samples", "needed", "candidate", "stable", "limit", "evidence", "border")}
    return {
        **_verdict(gate, "gate"),
        **told,
        "title": title,
        "unit": of,
        "odds": odds(gate["evidence"]),
        "sentence": _sentence(gate, title, of),
        "points": points,
        "bands": [*sparse(gate["gate"], trail), *frozen(trail)] if len(points) > 1 else [],
        "shownOf": sum(any(each["gate"] == gate["gate"] for each in step["gates"]) for step in trail),
    }


def said(value: float | None, unit: str) -> str:
    """Say a gate's value with its unit."""
    if unit == "share":
        return share(value)
    if unit == "percent":
        return f"{number(value)} %"
    return f"{number(value)} {unit}" if unit == "bits" and value is not None else number(value)


def _sentence(gate: Data, title: str, unit: str) -> str:
    """Say what a gate's chart shows, for who does not see it."""
    if gate["candidate"] is None:
        return f"{title}: nothing is measured yet."
    parts = [f"{title}: {said(gate['candidate'], unit)} of the candidate"]
    if gate["stable"] is not None:
        parts.append(f"{said(gate['stable'], unit)} of the stable version")
    if gate["limit"] is not None:
        parts.append(f"limit {said(gate['limit'], unit)}")
    return f"{', '.join(parts)}; {gate['samples']:,} samples."


def _series(name: str, trail: Sequence[Data]) -> list[Data]:
    """Give a gate's values over time, thinned to what a chart shows and a table can be read of."""
    found = [
        {
            "at": told["until"],
            **{key: gate[key] for key in ("candidate", "stable", "limit", "evidence", "samples")},
        }
        for told in trail
        for gate in told["gates"]
        if gate["gate"] == name
    ]
    return thinned(found, POINTS)


def thinned(found: Sequence[Any], most: int) -> list[Any]:
    """Give at most so many, evenly, the first and the last among them."""
    if len(found) <= most:
        return list(found)
    step = (len(found) - 1) / (most - 1)
    return [found[round(place * step)] for place in range(most)]


def _percents(trail: Sequence[Data]) -> list[Data]:
    """Give how much the candidate had, from when to when."""
    told = [{name: each[name] for name in ("since", "until", "percent", "action")} for each in trail]
    return told[-POINTS * 3 :]


def _decision(each: Data) -> Data:
    names = ("since", "until", "count", "phase", "step", "percent", "action", "wait", "why")
    told = {name: each[name] for name in names}
    values = ("verdict", "candidate", "stable", "limit", "samples")
    gates = [{"name": gate["gate"]} | {value: gate[value] for value in values} for gate in each["gates"]]
    moves = bool(each["action"])
    return {**told, "version": short(each["version"]), "gates": gates, "acts": moves, "seconds": _seconds(each)}


_SAME = ("phase", "step", "percent", "version", "action", "wait")


def folded(decisions: Sequence[Data]) -> list[Data]:
    """Join decisions to wait for the same that follow each other: the words and numbers of the newest stand for all.

    Args:
        decisions: Of a view, the newest first.
    """
    found: list[Data] = []
    for each in decisions:
        newer = found[-1] if found else None
        if newer and not each["acts"] and all(newer[name] == each[name] for name in _SAME):
            found[-1] = newer | {"since": each["since"], "count": newer["count"] + each["count"]}
        else:
            found.append(each)
    return found


def _seconds(each: Data) -> int:
    lasted = datetime.fromisoformat(each["until"]) - datetime.fromisoformat(each["since"])
    return max(0, math.floor(lasted.total_seconds()))
