"""How the steps of a budget stand, and why, for people. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from reconciler.core.ladder.steps import lift_of, moment, not_taken, standing
from schemas.kept import BudgetBook
from schemas.kept.budget import Lift, Step


@dataclass(frozen=True, slots=True)
class Shown:
    """One step.

    Args:
        step: Which.
        state: `taken`, `lifted` or `not taken`.
        since: Since when, ISO 8601; empty where it is not taken.
        until: Until when; the same.
        why: In words; empty where nothing is said of it.
    """

    step: Step
    state: str
    since: str = ""
    until: str = ""
    why: str = ""


def shown(book: BudgetBook, now: datetime) -> Iterator[Shown]:
    """Give the steps of a budget, in the order of the spec.

    Args:
        book: What passes wrote.
        now: The time.
    """
    taken = {each.step: each for each in standing(book, now)}
    for step in book.steps:
        if there := taken.get(step):
            yield Shown(step, "taken", there.since, there.until, _why(book, step))
        elif lift := lift_of(book, step, now):
            yield Shown(step, "lifted", lift.at, lift.until, _by(book, lift))
        else:
            yield Shown(step, "not taken", why=_why(book, step))


def _by(book: BudgetBook, lift: Lift) -> str:
    who = f"by {lift.by or 'somebody'}"
    seen = bool(book.looked) and moment(book.looked) > moment(lift.at)  # both to the second
    return who if seen else f"{who}; no pass has looked since: instances follow with the next, or an apply"


def _why(book: BudgetBook, step: Step) -> str:
    start = not_taken(step)
    return next((text.removeprefix(start) for text in book.said if text.startswith(start)), "")
