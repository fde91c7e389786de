"""What goes back: everything to the version before, and in the same call the word that this one gets nothing again."""

from __future__ import annotations

from datetime import datetime

from reconciler.core.rollout.evidence import Evidence
from reconciler.core.rollout.orders import back_to, heeded, subject
from reconciler.core.rollout.policy import (
    ALL,
)
from reconciler.core.rollout.position import (
    Hand,
    Phase,
    Rollout,
)
from reconciler.core.rollout.record import merged
from reconciler.core.rollout.step import Step
from reconciler.core.rollout.writing import moved, word


def aborted(rollout: Rollout, evidence: Evidence, now: datetime) -> Step | None:
    """Row 1: a person has had enough of a version."""
    del evidence
    order = heeded(rollout, "abort", "rollback")
    if order is None or rollout.hand in {Hand.DONE, Hand.ABORTED}:  # what was done since is the newer word
        return None
    why = f"{'aborted' if order.verb == 'abort' else 'rolled back'} by {order.by}"
    return taken_back(rollout, f"{why}: {order.reason}" if order.reason else why, now)


def taken_back(rollout: Rollout, why: str, now: datetime) -> Step | None:
    """Give everything to the version before, and write down in the same call that this one gets nothing again."""
    stable, refused = back_to(rollout), subject(rollout)
    if not stable:
        return None
    rejected = merged(rollout.rejected, [word(rollout, refused, why, now)])
    named = next((each.revision for each in rollout.live.versions if each.hash == refused), "")
    return moved(
        rollout,
        now,
        Phase.ROLLED_BACK,
        f"version {refused} is taken back: {why}; {stable} has everything",
        {stable: ALL},
        tags=(named, stable),
        rejected=rejected,
        event="rolled back",
        candidate=refused,
        stable=stable,
    )


def withdrawn(rollout: Rollout, evidence: Evidence, now: datetime) -> Step | None:
    """Row 3: the spec went back to what is stable."""
    del evidence
    stable = rollout.stable
    on_its_way = subject(rollout)
    if rollout.phase in {Phase.STEADY, Phase.PINNED} or stable is None or stable.hash != rollout.wanted:
        return None
    if on_its_way == stable.hash:
        return None
    return moved(
        rollout,
        now,
        Phase.STEADY,
        f"the spec is back at version {stable.hash}, which is stable: version {on_its_way} is withdrawn",
        {stable.revision: ALL},
        tags=("", stable.revision),
        event="withdrawn",
        candidate=stable.hash,
        stable=stable.revision,
        done=True,
    )


def refused_all_the_same(rollout: Rollout, evidence: Evidence, now: datetime) -> Step | None:
    """A version that some store knows to be rejected has traffic: whatever run gave it that did not know."""
    del evidence
    known = rollout.rejection(subject(rollout))
    if rollout.phase not in {Phase.STEP, Phase.BAKE} or known is None:
        return None
    return taken_back(rollout, known.why, now)
