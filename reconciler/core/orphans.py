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


def goes(orphan: Orphan, rule: Rule, environment: str) -> bool:
    """Tell whether an orphan that stays now goes by itself in a later pass."""
    return rule.prune and orphan.environment == environment and not orphan.protected


def in_turn(orphans: Iterable[Orphan]) -> list[Orphan]:
    """Sort orphans as they go: the oldest first."""
    return sorted(orphans, key=lambda each: (each.since, each.key))


def why_stays(orphan: Orphan, rule: Rule, now: datetime, *, environment: str, obstacle: str = "") -> str:
    """Say why an orphan stays; nothing where it is to go, in its turn.

    Args:
        orphan: Which.
        rule: What was ordered.
        now: The time.
        environment: That this operator applies.
        obstacle: Why none goes in this pass, whatever was ordered; empty for nothing.
    """
    if not rule.prune:
        return NEVER
    if orphan.environment is None:
        return NOT_OURS
    if orphan.environment != environment:
        return f"it was applied for environment {orphan.environment or 'none'}, and this operator applies another"
    if orphan.protected:
        return PROTECTED
    due = orphan.since + timedelta(seconds=rule.after_s)
    return f"it goes after {due:%Y-%m-%d %H:%M} UTC (orphans.after)" if now < due else obstacle
