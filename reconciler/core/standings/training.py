"""What a service's retraining function keeps, as standings tell of it. Whoever may write there may write anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from reconciler.core.standings.words import count, moment, name, text, word
from schemas.kept.training import MOST_DECIDED, MOST_RUNS

Told = dict[str, Any]
VERDICT = ".verdict"
"""What the key of what is said of a training's end has behind that of its event."""


def told_decision(said: Mapping[str, Any], key: str) -> Told | None:
    """Give one decision; None for what is none.

    Args:
        said: As the function wrote it.
        key: Of the object that it was in, which tells it from others.
    """
    at = moment(said.get("decided")) or moment(said.get("at"))
    if at is None or not said.get("action"):
        return None
    return {
        "key": name(key),
        "at": at,
        "trigger": word(said.get("trigger")),
        "action": name(said.get("action")),
        "why": text(said.get("reason")),
        "guard": name(said.get("guard")),
        "until": moment(said.get("until")),
        "run": "",
    }


def told_run(said: Mapping[str, Any]) -> Told:
    """Give one training.

    Args:
        said: As the function wrote it.
    """
    verdict = said.get("verdict")
    better = verdict.get("better") if isinstance(verdict, Mapping) else None
    return {
        "key": name(said.get("key")),
        "trigger": word(said.get("trigger")),
        "status": name(said.get("status")),
        "name": word(said.get("name")),
        "claimed": moment(said.get("claimed")),
        "ended": moment(said.get("ended")),
        "why": text(said.get("why")),
        "rows": count(said.get("rows")),
        "version": word(said.get("version")),
        "better": better if isinstance(better, bool) else None,
        "forced": text(said.get("forced")),
    }


def of_history(history: Mapping[str, Any], source: str) -> Told:
    """Give what a history tells, without decisions.

    Args:
        history: As the function wrote it; empty for none.
        source: Generation of its object.
    """
    runs = history.get("runs")
    told = [told_run(each) for each in runs if isinstance(each, Mapping)] if isinstance(runs, list) else []
    told.sort(key=lambda run: datetime.fromisoformat(run["claimed"]).timestamp() if run["claimed"] else 0.0)
    return {
        "runs": told[: -MOST_RUNS - 1 : -1],
        "circuitUntil": moment(history.get("circuitUntil")),
        "frozen": text(history.get("frozen") or ""),
        "frozenUntil": moment(history.get("frozenUntil")),
        "source": name(source),
    }


def retraining(
    before: Mapping[str, Any] | None,
    history: Told | None,
    decisions: Sequence[Told] | None,
    now: datetime,
    problem: str = "",
) -> Told:
    """Give what is known of a service's retraining, as `schemas.kept.training.Retraining`.

    Args:
        before: What was known; None for nothing.
        history: As `of_history` gives it; None where it is what it was.
        decisions: All that are to be kept, those known before among them; None where nobody looked.
        now: The time.
        problem: What of it cannot be read, and why.
    """
    old = before or {}
    found = {
        "runs": old.get("runs") or [],
        "circuitUntil": old.get("circuitUntil"),
        "frozen": old.get("frozen") or "",
        "frozenUntil": old.get("frozenUntil"),
        "source": old.get("source") or "",
        **(history or {}),
    }
    if found["frozenUntil"] and now >= datetime.fromisoformat(found["frozenUntil"]):
        found |= {"frozen": "", "frozenUntil": None}  # over, whether or not anybody wrote that down
    led = {run["key"]: run["name"] for run in found["runs"] if run["key"]}
    every = (old.get("decisions") or []) if decisions is None else decisions
    newest = sorted(every, key=lambda each: datetime.fromisoformat(each["at"]), reverse=True)[:MOST_DECIDED]
    return {
        **found,
        "decisions": [{**each, "run": led.get(each["key"].removesuffix(VERDICT)) or each["run"]} for each in newest],
        "looked": old.get("looked") if decisions is None else moment(now),
        "problem": text(problem),
    }


def needs(service: str, told: Mapping[str, Any], now: datetime) -> list[tuple[str, str]]:
    """Say what a person has to see to about trainings.

    Args:
        service: Its name.
        told: As `retraining` gives it.
        now: The time.
    """
    until = told["circuitUntil"]
    said = (held(service, datetime.fromisoformat(until), now) if until else "", told["problem"])
    return [("trainings", text(each)) for each in said if each]


def held(service: str, until: datetime, now: datetime) -> str:
    """Say that trainings failed so often that none starts, and what helps; nothing once that is over.

    Args:
        service: Its name.
        until: Until when none starts.
        now: The time.
    """
    if now >= until:
        return ""
    return (
        f"trainings failed in a row, and none starts until {until.astimezone(UTC):%Y-%m-%d %H:%M} UTC: "
        f"mlservice why {service}, then mlservice retrain {service} --reset-circuit"
    )
