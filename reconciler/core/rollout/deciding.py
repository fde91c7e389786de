"""The one place that decides what becomes of traffic. Pure: the same position, evidence and time give the same step.

The rules stand in the order in which they are asked, and the first that has something to say decides. What goes back
stands before everything that waits; more traffic comes last, when nothing else has a word against it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from reconciler.core.rollout.advancing import (
    BEFORE_TRAFFIC,
    advance,
    approval,
    bake,
    failing,
    paused,
    preview,
    stable_fails,
    waiting,
)
from reconciler.core.rollout.back import aborted, refused_all_the_same, withdrawn
from reconciler.core.rollout.beginning import anew, begins, starting, stays_rejected, superseded
from reconciler.core.rollout.evidence import Evidence
from reconciler.core.rollout.hands import by_hand, manual, pinned
from reconciler.core.rollout.orders import refusal
from reconciler.core.rollout.position import Rollout
from reconciler.core.rollout.record import Order
from reconciler.core.rollout.step import Step

Rule = Callable[[Rollout, Evidence, datetime], Step | None]


def next_step(rollout: Rollout, evidence: Evidence, now: datetime) -> Step:
    """Decide.

    Args:
        rollout: Where it stands.
        evidence: What is known of the candidate.
        now: The time, aware.
    """
    step = next(found for rule in RULES if (found := rule(rollout, evidence, now)) is not None)
    order = rollout.order
    refused = refusal(rollout, order) if order is not None else ""
    if order is not None and not refused and not _carried_out(step, order):
        step = replace(step, order=order)  # it stays beside what is written, until what it waits for has come
    return replace(step, judged=evidence.gates, checks=evidence.checks, refused=refused)


def _carried_out(step: Step, order: Order) -> bool:
    """Tell whether what is written is what was asked: an approval stays until the step that it is for ends."""
    return step.event in _OF[order.verb] if order.verb in _OF else step.event not in {"", *BEFORE_TRAFFIC}


_OF = {
    "abort": ("rolled back",),
    "rollback": ("rolled back",),
    "pause": ("paused",),
    "resume": ("resumed", "split"),
    "retry": ("started",),
}
"""What happens when an order is carried out. `promote` is for one step: whatever ends that ends it."""


def _nothing(rollout: Rollout, evidence: Evidence, now: datetime) -> Step:
    """Leave what no rule has a word for."""
    del evidence, now
    return Step(rollout.phase, "there is nothing to do", number=rollout.number)


RULES: tuple[Rule, ...] = (
    aborted,
    manual,
    by_hand,
    pinned,
    withdrawn,
    refused_all_the_same,
    failing,
    superseded,
    begins,
    stays_rejected,
    anew,
    paused,
    starting,
    preview,
    stable_fails,
    waiting,
    approval,
    advance,
    bake,
    _nothing,
)
