"""Whether an image may be deployed.

What is not known is not clean: an image passes when its scan has ended and nothing in it is too severe, and in no other
case. What serves already is judged alike and only told of.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.core.scanning.findings import Scanned, Unreadable
from reconciler.core.scanning.rule import Rule
from reconciler.core.scanning.said import lived_with, named, spared, unfixed, word, worst_first


class Clearance(StrEnum):
    """What is decided of an image."""

    PASSED = "passed"
    WAITING = "waiting"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Judged:
    """What is decided of an image, and why.

    Args:
        clearance: The decision.
        why: Why it is not deployed, a line each; none for one that passes.
        warnings: What is wrong and stops nothing.
    """

    clearance: Clearance
    why: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


_LONGEST = timedelta(hours=1)
"""A scan takes minutes. What has not ended by then is nothing to wait for."""
_ANOTHER = "push it again, as another digest"
_UNFINISHED = frozenset({"PENDING", "SCANNING"})
_SUCCESS = frozenset({"FINISHED_SUCCESS", "COMPLETE"})
_NOT_SCANNED = (
    "it was not scanned: what is pushed is, while containerscanning.googleapis.com is on in project {project} and the "
    "repository does not refuse it (mlservice doctor); then push the image again"
)


def judge(rule: Rule, found: Scanned | Unreadable, now: datetime, project: str = "") -> Judged:
    """Decide whether an image may be deployed.

    Args:
        rule: What the spec allows.
        found: What Google wrote of the image, or why that is not known.
        now: The time.
        project: Where the image lies, for what to do.
    """
    if isinstance(found, Unreadable):
        return Judged(Clearance.BLOCKED, (found.why,))
    weighing = worst_first(each for each in found.findings if rule.weighs(each, now))
    blocking = [each for each in weighing if not rule.spares(each, now)]
    warnings = (*spared(rule, weighing, now), *lived_with(rule, found.findings, now), *unfixed(rule, found.findings))
    if blocking:
        return Judged(Clearance.BLOCKED, tuple(named(rule, blocking, now)), warnings)
    if found.status in _UNFINISHED:
        if found.begun and now - found.begun > _LONGEST:
            late = f"its scan has not ended since {found.begun:%Y-%m-%d %H:%M} UTC ({found.status}); {_ANOTHER}"
            return Judged(Clearance.BLOCKED, (late,), warnings)
        wait = f"it is being scanned ({found.status}): plan again in a few minutes"
        return Judged(Clearance.WAITING, (wait,), warnings)
    if found.status not in _SUCCESS:
        return Judged(Clearance.BLOCKED, (_unfinished(found, project),), warnings)
    stale = () if found.watched else (_STALE,)
    return Judged(Clearance.PASSED, (), (*stale, *warnings))


_STALE = "nobody pulled it for 30 days, and what became known since then is not looked for: pull it once"


def _unfinished(found: Scanned, project: str) -> str:
    """Say what became of a scan that tells nothing."""
    if not found.status:
        return _NOT_SCANNED.format(project=project)
    if found.status == "FINISHED_UNSUPPORTED":
        return "Google does not scan what it is made of (FINISHED_UNSUPPORTED): build it on a base that it does"
    why = f": {word(found.error)}" if found.error else ""
    return f"its scan failed ({found.status}){why}; {_ANOTHER}"
