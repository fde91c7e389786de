"""What a pass was told by the job that it runs in: from its environment, never from the specs that it reconciles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.core.errors import UsageError
from reconciler.core.orphans import Rule

ORDERS_ENV = "MLSERVICE_OPERATOR"
"""The variable of the job that says it: what a pass obeys, whatever the specs it reads say."""
GIT_TOKEN_ENV = "MLSERVICE_GIT_TOKEN"  # noqa: S105 - the variable's name
"""The variable of the job that has the token its specs are cloned with, from a secret."""
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Freeze:
    """A time each week in which nothing is changed.

    Args:
        day: Of the week, 0 is Monday.
        minute: Of the day.
        lasts_s: How long.
    """

    day: int
    minute: int
    lasts_s: int

    def holds(self, local: datetime) -> bool:
        """Tell whether it is now. Across a change of the clocks it begins and ends by the clock on the wall."""
        wall = local.replace(tzinfo=None)
        begins = (wall - timedelta(days=wall.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
        begins += timedelta(days=self.day, minutes=self.minute)
        since = (wall - begins) % _WEEK
        return since < timedelta(seconds=self.lasts_s)

    def covers(self, other: Freeze) -> bool:
        """Tell whether it begins with another one and lasts as long at least."""
        return (self.day, self.minute) == (other.day, other.minute) and self.lasts_s >= other.lasts_s


@dataclass(frozen=True, slots=True)
class Orders:
    """What a pass may do.

    Args:
        name: Of the operator; empty for a pass that somebody started by hand.
        region: Of its job.
        environment: That the specs are loaded with; empty for none.
        correct: Change what differs, else only tell of it.
        deletes: Objects that are deleted or replaced at most; None for any number.
        freeze: When nothing is changed.
        time_zone: Of `freeze`.
        runtime_image: The bundled model server's image.
        image: That the job runs, by digest.
        orphans: What becomes of services that no spec wants any more.
    """

    name: str = ""
    region: str = ""
    environment: str = ""
    correct: bool = True
    deletes: int | None = None
    freeze: tuple[Freeze, ...] = ()
    time_zone: str = "Etc/UTC"
    runtime_image: str = ""
    image: str = ""
    orphans: Rule = field(default_factory=Rule)

    @classmethod
    def read(cls, text: str) -> Orders:
        """Read what the job says; nothing said is a pass by hand.

        Raises:
            UsageError: It cannot be read. Nothing is done then: it may have said to do nothing.
        """
        if not text:
            return cls()
        try:
            return cls._of(json.loads(text))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise UsageError("the job's orders cannot be read", hint="mlservice install writes them anew") from error

    @classmethod
    def _of(cls, said: Mapping[str, object]) -> Orders:
        return cls(
            name=str(said["name"]),
            region=str(said["region"]),
            environment=str(said["environment"]),
            correct=said["drift"] == "Correct",
            deletes=int(str(said["deletes"])),
            freeze=tuple(map(_freeze, _listed(said["freeze"]))),
            time_zone=str(said["timeZone"]),
            runtime_image=str(said["runtimeImage"]),
            image=str(said.get("image", "")),
            orphans=_rule(said["orphans"]) if "orphans" in said else Rule(),
        )

    def frozen(self, local: datetime) -> bool:
        """Tell whether nothing is to be changed now.

        Args:
            local: The time by the clock of `time_zone`.
        """
        return any(window.holds(local) for window in self.freeze)

    def weaker_than(self, before: Orders) -> bool:
        """Tell whether these forbid less than those before, or say otherwise whether differences are corrected.

        In doubt they are: a freeze that begins earlier instead, or by another clock, is a person's to judge.
        """
        uncovered = any(not any(window.covers(old) for window in self.freeze) for old in before.freeze)
        moved = bool(before.freeze) and self.time_zone != before.time_zone
        less = self.correct != before.correct or _more(self.deletes, before.deletes)
        return less or uncovered or moved or self.orphans.weaker_than(before.orphans)


def _more(deletes: int | None, before: int | None) -> bool:
    return before is not None and (deletes is None or deletes > before)


def _listed(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError(value)
    return value


def _freeze(said: object) -> Freeze:
    """Read one window. One that cannot be read is refused, never left out: it may be now."""
    if not isinstance(said, Mapping):
        raise TypeError(said)
    hours, _, minutes = str(said["at"]).partition(":")
    return Freeze(_DAYS.index(str(said["day"])), int(hours) * 60 + int(minutes), int(str(said["lasts"])))


def _rule(said: object) -> Rule:
    if not isinstance(said, Mapping):
        raise TypeError(said)
    return Rule(said["prune"] is True, int(str(said["after"])), int(str(said["most"])))
