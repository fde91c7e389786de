"""What people do to traffic themselves: taken as what they want, under every strategy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from reconciler.core.rollout.advancing import failing
from reconciler.core.rollout.beginning import created
from reconciler.core.rollout.evidence import Evidence
from reconciler.core.rollout.orders import heeded
from reconciler.core.rollout.policy import ALL
from reconciler.core.rollout.position import (
    LATEST,
    Hand,
    Phase,
    Rollout,
    attempt_of,
    literal,
    untried,
)
from reconciler.core.rollout.record import merged
from reconciler.core.rollout.step import Step
from reconciler.core.rollout.writing import cleared, hash_of, moved, noted, word
from schemas.sections.rollout import Strategy


def manual(rollout: Rollout, evidence: Evidence, now: datetime) -> Step | None:
    """The split stands in the spec: what a hand changes stays until the spec says something else, or a person."""
    del evidence
    live = rollout.live
    if rollout.policy.strategy is not Strategy.MANUAL:
        return None
    here, wanted = literal(live.traffic), literal(rollout.split)
    made = bool(live.versions) and untried(live.versions[0].hash) == rollout.base  # whichever try of it
    if rollout.phase is Phase.PINNED and heeded(rollout, "resume") is None:
        if not made:
            return created(rollout, now, here, "version {} is made without traffic: a person moved it", pinned=True)
        return Step(Phase.PINNED, "somebody moved traffic, and the spec says nothing new: it stays")
    if not made:
        return _split(rollout, now, f"version {rollout.wanted} is made, with the split of the spec", create=True)
    return _as_split(rollout, here, wanted, now)


def _as_split(rollout: Rollout, here: Mapping[str, int], wanted: Mapping[str, int], now: datetime) -> Step:
    record, same = rollout.record, here == wanted
    if same and (record is None or (record.split == rollout.policy.split and record.traffic == here)):
        return Step(Phase.STEADY, "traffic is the split of the spec")
    return _split(rollout, now, "traffic is as the spec says: written down" if same else "traffic is the spec's split")


def _split(rollout: Rollout, now: datetime, why: str, *, create: bool = False) -> Step:
    shares = {name: percent for name, percent in literal(rollout.split).items() if name != LATEST}
    other = rollout.stable.revision if rollout.stable else ""
    most = max(shares, key=lambda name: (shares[name], name), default=other)
    step = moved(
        rollout,
        now,
        Phase.STEADY,
        why,
        literal(rollout.split),
        event="split",
        candidate=rollout.wanted,
        stable=most,
        done=True,
        split=rollout.policy.split,
    )
    return replace(step, traffic=rollout.split, create=create, attempt=attempt_of(rollout.wanted) if create else "")


def by_hand(rollout: Rollout, evidence: Evidence, now: datetime) -> Step | None:
    """Row 2: somebody moved traffic, which is the loudest way to say what is wanted."""
    del evidence
    if rollout.hand is Hand.DONE:
        return _accepted(rollout, now)
    if rollout.hand is not Hand.ABORTED:
        return None
    here = max(rollout.serving, key=lambda each: rollout.serving[each])
    refused = rollout.record.candidate if rollout.record else rollout.wanted
    named = next((each.revision for each in rollout.live.versions if each.hash == refused), "")
    back = next((each for each in rollout.live.versions if each.revision == here), None)
    if back is not None and back.hash == refused:  # an older revision of the very version: nobody took that back
        refused = rollout.wanted if rollout.wanted != back.hash else ""
    rejected = [word(rollout, refused, "moved by hand", now)] if refused else []
    rejected += cleared(rollout, back.hash if back is not None else "", now)
    return moved(
        rollout,
        now,
        Phase.ROLLED_BACK,
        f"somebody gave everything to {here}: it stays there, and version {refused or rollout.wanted} is taken back",
        {here: ALL},
        tags=(named if named != here else "", here),
        rejected=merged(rollout.rejected, rejected),
        event="aborted by hand",
        candidate=refused or rollout.wanted,
        stable=here,
    )


def _accepted(rollout: Rollout, now: datetime) -> Step:
    """Take it that a person gave everything to what is wanted: that clears a rejection, too."""
    here = next(name for name, percent in rollout.serving.items() if percent == ALL)
    stable = rollout.stable.revision if rollout.stable and rollout.stable.revision != here else ""
    bakes = bool(stable) and (rollout.policy.bake_s > 0 or rollout.policy.keep_s > 0)
    record = {"final": True} if bakes else {"done": True, "before": stable, "before_hash": hash_of(rollout, stable)}
    return moved(
        rollout,
        now,
        Phase.BAKE if bakes else Phase.STEADY,
        f"somebody gave everything to {here}, which is what is wanted: accepted",
        {here: ALL},
        tags=(here, stable) if bakes else ("", here),
        rejected=merged(rollout.rejected, cleared(rollout, rollout.wanted, now)),
        event="accepted by hand",
        candidate=rollout.wanted,
        stable=stable if bakes else here,
        **record,
    )


def pinned(rollout: Rollout, evidence: Evidence, now: datetime) -> Step | None:
    """Row 21, and what of row 2 stays: nothing moves but back."""
    if rollout.phase is not Phase.PINNED:
        return None
    order = heeded(rollout, "resume", "pause")
    record = rollout.record
    if order is not None and order.verb == "pause" and record is not None:
        return noted(rollout, f"paused by {order.by}: not even a gate moves traffic", "paused", paused=order.by)
    if order is not None and order.verb == "resume" and record is not None:
        why = f"resumed by {order.by} at {rollout.percent} %"
        return noted(rollout, why, "resumed", traffic=literal(rollout.live.traffic), since=now, paused="", final=False)
    paused = record is not None and record.paused
    if not paused and (step := failing(rollout, evidence, now)):
        return step
    here = ", ".join(f"{name} {percent} %" for name, percent in sorted(rollout.serving.items()))
    if rollout.wanted not in {each.hash for each in rollout.live.versions} and not rollout.rejection(rollout.wanted):
        return created(rollout, now, literal(rollout.live.traffic), "version {} is made without traffic", pinned=True)
    return Step(Phase.PINNED, f"somebody moved traffic ({here}): it stays until `resume`, or all is given to one")
