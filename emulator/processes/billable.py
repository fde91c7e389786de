"""For which of their time instances are billed: spells of it, until somebody asks for those before a moment.

Who bills (`use.py`) wants sums up to now; who draws it over time wants to know when, and hears of it later.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from emulator.processes.use import Use


@dataclass(frozen=True, slots=True)
class Spell:
    """A time in which instances were billed.

    Attributes:
        since: When it began; virtual time.
        until: When it ended.
        seconds: What is billed of it: of several instances more than it lasted, and of a request a little more.
    """

    since: datetime
    until: datetime
    seconds: float

    def cut(self, at: datetime) -> tuple[Spell | None, Spell | None]:
        """Give what of it was before a moment, and what was not: as much of the seconds as of the time."""
        if at <= self.since:
            return None, self
        if at >= self.until:
            return self, None
        before_s = self.seconds * ((at - self.since) / (self.until - self.since))
        return Spell(self.since, at, before_s), Spell(at, self.until, self.seconds - before_s)


def spell_of(use: Use, now: datetime, *, always: bool) -> Spell | None:
    """Give what is billed of a stretch that just ended; None for nothing.

    Args:
        use: What an instance was up to.
        now: Virtual time.
        always: It is billed for all of its life.
    """
    if use.busy_s or use.kept_s:
        return Spell(use.since, now, use.busy_s + use.kept_s)
    if always and use.idle_s:
        return Spell(use.since, use.since + timedelta(seconds=use.idle_s), use.idle_s)
    return None


class Spells:
    """Of the instances of one revision. Only the loop's thread touches it."""

    def __init__(self) -> None:
        self._spells: list[Spell] = []

    def __len__(self) -> int:
        return len(self._spells)

    def add(self, spell: Spell) -> None:
        """Keep one; those within one minute become one, or requests would fill the memory."""
        last = self._spells[-1] if self._spells else spell
        if self._spells and len({_minute(each) for each in (last.since, last.until, spell.since, spell.until)}) == 1:
            since, until = min(last.since, spell.since), max(last.until, spell.until)
            self._spells[-1] = Spell(since, until, last.seconds + spell.seconds)
        else:
            self._spells.append(spell)

    def take(self, until: datetime) -> list[Spell]:
        """Give, and forget, what was before a whole minute."""
        halves = [each.cut(until) for each in self._spells]
        self._spells = [after for _, after in halves if after is not None]
        return [before for before, _ in halves if before is not None]


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
