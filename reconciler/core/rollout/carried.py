"""What a service is after a step was carried out: for rehearsals, which have no cloud."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from reconciler.core.rollout.position import LATEST, Live, Version, attempted
from reconciler.core.rollout.record import ORDER, REJECTED, ROLLOUT
from reconciler.core.rollout.step import Step


def carried_out(live: Live, step: Step, version: str, now: datetime, *, ready: bool = True) -> Live:
    """Give the service after one conditional write.

    Args:
        live: As it was.
        step: What is written.
        version: Hash that the spec gives what a template makes; tries of it get names of their own.
        now: When.
        ready: Whether a new revision can serve at once.
    """
    versions = live.versions
    if step.create:
        name = f"rev-{len(versions) + 1:05}"
        versions = (Version(name, attempted(version, step.attempt), ready, created=now), *versions)
    annotations = {**live.annotations, **step.annotations}
    return replace(
        live,
        versions=tuple(versions),
        traffic=live.traffic if step.traffic is None else step.traffic,
        annotations={name: text for name, text in annotations.items() if text or name not in _OURS},
    )


_OURS = (ROLLOUT, REJECTED, ORDER)


def share_of(live: Live, revision: str) -> int:
    """Give the percent that a revision has, by its own name or as the newest that can serve."""
    newest = next((each.revision for each in live.versions if each.ready), "")
    names = {revision, LATEST} if revision == newest else {revision}
    return sum(share.percent for share in live.traffic if share.revision in names)
