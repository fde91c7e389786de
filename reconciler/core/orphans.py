"""Services that no spec wants any more: which of them may go, and why the others stay. Unasked none goes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

NEVER = "the operator prunes nothing (orphans.prune)"
NO_SPECS = "the specs hold no service at all: that is no wish to be rid of every one"
NOT_OURS = "this operator never had a spec of it"
PROTECTED = "its last spec protects it (management.deletion): a person may, with mlservice destroy"


@dataclass(frozen=True, slots=True)
class Rule:
    """What the operator was told about orphans.

    Args:
        prune: They go, in the end.
        after_s: How long they are shown first, in seconds.
        most: How many go in one pass.
    """

    prune: bool = False
    after_s: int = 7 * 86_400
    most: int = 3

    def weaker_than(self, before: Rule) -> bool:
        """Tell whether it lets go what the one before would not: at all, sooner, or more at a time."""
        return self.prune and (not before.prune or self.after_s < before.after_s or self.most > before.most)


@dataclass(frozen=True, slots=True)
class Orphan:
    """A service that no spec wants any more.

    Args:
        region: Where it is.
        name: Its name.
        since: When that was first seen.
        serial: Of its inventory then: somebody who applies it again wants it.
        environment: That this operator applied it with; None: it never had a spec of it.
        protected: Its last spec protects it.
    """

    region: str
    name: str
    since: datetime
    serial: int
    environment: str | None = None
    protected: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Region and name."""
        return self.region, self.name


def in_turn(orphans: Iterable[Orphan]) -> list[Orphan]:
    """Sort orphans as they go: the oldest first."""
    return sorted(orphans, key=lambda each: (each.since, each.key))


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why an orphan stays.

    Args:
        why: In words, for people; nothing branches on them.
        lasts: It is not over by itself: a person has to do something, or the orphan stays for ever.
    """

    why: str
    lasts: bool = False


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What of a pass says whether orphans may go in it.

    Args:
        services: The specs hold one at least.
        ours: They hold this operator's document, or no operator's.
        current: They are those that were published.
        blind: Why it is not known what the passes before left; empty where it is.
        corrects: The operator was told to change what differs.
        frozen: Not now.
        dry_run: Not in this pass.
        observes: Another version ran before.
    """

    services: bool = True
    ours: bool = True
    current: bool = True
    blind: str = ""
    corrects: bool = True
    frozen: bool = False
    dry_run: bool = False
    observes: bool = False


def obstacle_of(said: Circumstances) -> Obstacle | None:
    """Give what keeps every orphan in a pass; what lasts before what is over by itself."""
    obstacles = {
        Obstacle(NO_SPECS, lasts=True): not said.services,
        Obstacle("the specs hold another operator's document, and none of this one", lasts=True): not said.ours,
        Obstacle("the operator only reports (drift: Report)", lasts=True): not said.corrects,
        Obstacle("the specs of this pass are not the current ones"): not said.current,
        Obstacle(said.blind): bool(said.blind),
        Obstacle("nothing is changed in a freeze"): said.frozen,
        Obstacle("this pass only reports"): said.dry_run,
        Obstacle("the first pass of another version only observes"): said.observes,
    }
    return next((obstacle for obstacle, there in obstacles.items() if there), None)


def why_stays(
    orphan: Orphan, rule: Rule, now: datetime, *, environment: str, obstacle: Obstacle | None = None
) -> Obstacle | None:
    """Say why an orphan stays; nothing where it is to go, in its turn.

    Args:
        orphan: Which.
        rule: What was ordered.
        now: The time.
        environment: That this operator applies.
        obstacle: Why none goes in this pass, whatever was ordered; None for nothing.
    """
    if why := _never(orphan, rule, environment):
        return Obstacle(why, lasts=True)
    due = orphan.since + timedelta(seconds=rule.after_s)
    if now >= due or (obstacle and obstacle.lasts):
        return obstacle
    return Obstacle(f"it goes after {due:%Y-%m-%d %H:%M} UTC (orphans.after)")


def _never(orphan: Orphan, rule: Rule, environment: str) -> str:
    """Say why it goes in no pass of this operator; empty where it may."""
    if not rule.prune:
        return NEVER
    if orphan.environment is None:
        return NOT_OURS
    if orphan.environment != environment:
        return f"it was applied for environment {orphan.environment or 'none'}, and this operator applies another"
    return PROTECTED if orphan.protected else ""


def too_many(deletes: int, done: int, most: int | None) -> Obstacle | None:
    """Say that an orphan has more objects than may still be deleted; for ever, where it alone has too many.

    Args:
        deletes: How many it has.
        done: How many were deleted in this pass.
        most: In one pass; None for any number.
    """
    if most is None or done + deletes <= most:
        return None
    return Obstacle(f"more than {most} objects would be deleted in this pass (limits.deletes)", lasts=deletes > most)
