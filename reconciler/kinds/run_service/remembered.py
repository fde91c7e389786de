"""What the inventory remembers of a service's rollouts: the versions that were rejected.

It only adds to what stands beside the traffic. Whoever takes our annotations away does not let such a version go out
again, nor does whoever loses the inventory: one of the two is enough. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from reconciler.core.rollout.position import Known
from reconciler.core.rollout.record import REJECTED, Rejection, as_rejections, merged, read
from reconciler.kinds.run_service.record import annotations_of

if TYPE_CHECKING:
    from reconciler.core.objects import Observed
    from reconciler.kinds.run_service.record import RunService
    from reconciler.kinds.run_service.rollouts import Going

_MOST, _LONGEST = 10, 100
"""The newest versions that are remembered, and characters of each reason: an inventory stays small (decision 001)."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is kept.

    Args:
        rejected: Versions, in the words of the annotation.
    """

    rejected: str = ""


def known_of(memory: Mapping[str, Any]) -> Known:
    """Give what is remembered, as decisions take it. What cannot be read counts as not there.

    Args:
        memory: Plain data of `Remembered`.
    """
    return Known(_read(str(memory.get("rejected", ""))))


def _read(text: str) -> tuple[Rejection, ...]:
    return read({REJECTED: text}).rejected


def following(before: Remembered | None, going: Going | None, seen: Observed[RunService] | None) -> Remembered | None:
    """Give what to remember after a pass.

    Args:
        before: What was remembered.
        going: Where the rollout is, and what the pass writes; None where there is none.
        seen: What is there.
    """
    found = [_read(before.rejected) if before else ()]
    if seen is not None:
        found.append(read(annotations_of(seen.fields.service)).rejected)
    if going is not None and going.step.record is not None:
        found.append(going.step.rejected)
    newest = sorted(merged(*found), key=lambda each: (each.at, each.version))[-_MOST:]
    kept = [replace(each, why=each.why[:_LONGEST]) for each in newest]
    return Remembered(as_rejections(kept)) if kept else None
