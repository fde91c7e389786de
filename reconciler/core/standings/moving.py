"""A rollout as standings tell of it: where it is, and the decision of this pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from reconciler.core.rollout.evidence import bar_of, share_bar
from reconciler.core.rollout.judging import Judged
from reconciler.core.rollout.orders import subject
from reconciler.core.rollout.policy import ALL, Policy
from reconciler.core.rollout.position import ON_ITS_WAY, Rollout
from reconciler.core.rollout.step import Step
from reconciler.core.standings.words import count, moment, name, number, text, word
from schemas.kept.moving import MOST_GATES

_MOST_CHECKS, _MOST_REJECTED, _MOST_STEPS = 12, 20, 50
Need = tuple[str, str]
"""What a person has to see to: its sort, and a sentence."""
SORTS = frozenset({"approval", "paused", "stuck", "pinned", "rolled back", "no data", "order refused"})
"""What a person may have to see to about a rollout, but for a version that cannot start."""
NOT_CARRIED_OUT = "NotCarriedOut"
"""Why traffic stays though it was decided to move it: the pass did not get that far, or was not to change anything."""


def told_rollout(rollout: Rollout, step: Step) -> dict[str, Any]:
    """Tell where a rollout is, as `schemas.kept.moving.RolloutStanding`.

    Args:
        rollout: Where it stands.
        step: What is next, and why no more.
    """
    policy, record = rollout.policy, rollout.record
    words = {True: "Pass", False: "Fail", None: "Waiting"}
    shown = sorted(step.checks.items())[:_MOST_CHECKS] if rollout.phase in ON_ITS_WAY else ()
    return {
        "phase": name(rollout.phase),
        "strategy": name(policy.strategy),
        "step": rollout.number,
        "of": policy.final,
        "steps": [policy.percent(each) for each in range(1, policy.final + 1)][:_MOST_STEPS],
        "percent": _percent(rollout.percent),
        "version": name(subject(rollout)),
        "candidate": name(rollout.candidate.revision) if rollout.candidate else "",
        "stable": name(rollout.stable.revision) if rollout.stable else "",
        "started": moment(record.started) if record else None,
        "since": moment(record.since) if record else None,
        "wait": name(step.wait) if step.wait else "",
        "overdue": step.overdue,
        "why": text(step.told),
        "refused": text(step.refused),
        "order": text(_ordered(rollout)),
        "forecast": moment(step.retry_at),
        "ends": moment(step.ends),
        "gates": told_gates(step.judged, policy),
        "checks": [{"check": name(key), "verdict": words[each.passed], "why": text(each.why)} for key, each in shown],
        "rejected": [
            {"version": name(each.version), "why": text(each.why), "at": moment(each.at)}
            for each in rollout.rejected
            if not each.cleared
        ][-_MOST_REJECTED:],
    }


def _ordered(rollout: Rollout) -> str:
    """Say what a person asked that waits still."""
    order = rollout.order
    return f"{order.verb} of {order.by}, {order.at:%Y-%m-%d %H:%M} UTC" if order else ""


def told_gates(judged: Sequence[Judged], policy: Policy) -> list[dict[str, Any]]:
    """Tell what gates say, with the evidence from which on each has proof.

    Args:
        judged: What each says.
        policy: How the version goes out: as many gates as it has share what chance may do.
    """
    limits = (policy.errors, policy.slow_ms, policy.predictions)
    bar = bar_of(sum(limit is not None for limit in limits))
    return [
        {
            "gate": name(each.gate),
            "verdict": name(each.verdict),
            "why": text(each.why),
            "samples": count(each.samples) or 0,
            "needed": count(each.needed) or 0,
            "candidate": _digits(each.value),
            "stable": _digits(each.stable),
            "limit": _digits(each.limit),
            "evidence": _digits(each.evidence) or 0.0,
            "border": _digits(share_bar() if each.gate == "share" else bar),
        }
        for each in judged[:MOST_GATES]
    ]


def decision(rollout: Rollout, step: Step, now: datetime, *, undone: str = "") -> dict[str, Any]:
    """Tell what was decided in this pass, as `schemas.kept.moving.Decision`.

    Args:
        rollout: Where it stood.
        step: What was decided.
        now: When.
        undone: Why what was to be written was not; empty where it was, or nothing was to be.
    """
    moved = step.writes and not undone
    percent = _after(rollout, step) if moved else rollout.percent
    wait = NOT_CARRIED_OUT if step.writes and undone else step.wait
    return {
        "since": moment(now),
        "until": moment(now),
        "count": 1,
        "phase": name(step.phase if moved else rollout.phase),
        "step": step.number if moved else rollout.number,
        "percent": _percent(percent),
        "version": name(step.record.candidate if moved and step.record else subject(rollout)),
        "action": word(step.event or "written") if moved else "",
        "wait": name(wait) if wait else "",
        "why": text(f"{step.why}; not carried out: {undone}" if step.writes and undone else step.why),
        "gates": told_gates(step.judged, rollout.policy),
    }


def _after(rollout: Rollout, step: Step) -> int:
    """Give the candidate's percent once the step is written."""
    if step.traffic is None:
        return rollout.percent
    candidate = rollout.candidate.revision if rollout.candidate else ""
    return sum(each.percent for each in step.traffic if each.revision == candidate)


def _percent(value: int) -> int:
    return min(ALL, max(0, value))


def _digits(value: float | None) -> float | None:
    """Give a number without the digits that nobody reads and that make each pass differ from the one before."""
    found = number(value)
    return None if found is None else float(f"{found:.6g}")


def needs(service: str, told: Mapping[str, Any]) -> list[Need]:
    """Say what a person has to see to about a rollout, each with the command that does it.

    Args:
        service: Its name.
        told: As `told_rollout` gives it.
    """
    why, wait, phase = told["why"], told["wait"], told["phase"]
    stuck = ("stuck", f"its rollout stands: {why}")
    by_wait = {
        "Approval": (
            "approval",
            f"its rollout waits for an approval: mlservice promote {service} --step {told['step']}",
        ),
        "Paused": ("paused", f"its rollout is paused: {why}: mlservice resume {service}, or mlservice abort {service}"),
        "StableFailing": stuck,
        "MetricsMissing": stuck,
        "NoCapacity": stuck,
    }
    by_phase = {
        "Pinned": ("pinned", f"its traffic was moved by hand: {why}"),
        "RolledBack": (
            "rolled back",
            f"a version was rolled back: {why}: mlservice retry {service}, or apply a better one",
        ),
        "Failed": ("not working", f"its version cannot start: {why}"),
    }
    found = [each for each in (by_wait.get(wait), by_phase.get(phase)) if each]
    if told["overdue"]:
        found.append(("no data", f"its rollout has too few requests, past its deadline: {why}"))
    if told["refused"]:
        found.append(("order refused", told["refused"]))
    return [(kind, text(said)) for kind, said in found]
