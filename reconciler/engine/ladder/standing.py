"""How budgets stand, for people: what was spent, which steps hold, and why no others; and how a person lifts one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from reconciler.core import errors
from reconciler.core.ladder.deciding import LONGEST_LIFT, lifted
from reconciler.core.ladder.period import end_of
from reconciler.core.ladder.showing import shown
from reconciler.core.ladder.steps import SOURCES, latest, moment, named, restraint_by, standing
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.ladder.books import BROKEN, Books
from reconciler.engine.retraining import region_among, restrain
from reconciler.engine.session import Session
from schemas.kept import BudgetBook
from schemas.kept.budget import Step
from schemas.operator import is_operators

_TRIES = 5


@dataclass(frozen=True, slots=True)
class Standing:
    """How one service's budget stands.

    Args:
        book: What passes wrote.
        now: The time.
    """

    book: BudgetBook
    now: datetime

    def to_json(self) -> dict[str, Any]:
        """Give everything as plain data; amounts are texts, and a share of 1 is all of the budget."""
        book = self.book
        return {
            "name": book.service,
            "region": book.region,
            "amount": None if book.amount is None else f"{book.amount:f}",
            "currency": book.currency,
            "period": book.period,
            "ends": end_of(moment(book.period)).isoformat(),
            **{source: self._said(source) for source in SOURCES},
            "steps": list(self._steps()),
            "looked": book.looked,
            "said": list(book.said),
        }

    def _said(self, source: str) -> dict[str, Any] | None:
        reading = latest(self.book.readings, source)
        if reading is None or self.now >= end_of(moment(self.book.period)):
            return None
        amount = self.book.amount
        share = f"{reading.cost / amount:.4f}" if amount else None
        return {"cost": f"{reading.cost:f}", "share": share, "at": reading.at}

    def _steps(self) -> Iterator[dict[str, Any]]:
        for each in shown(self.book, self.now):
            told = {"at": f"{each.step.at:f}", "do": each.step.do, "maxInstances": each.step.max_instances}
            yield told | {"state": each.state, "since": each.since, "until": each.until, "why": each.why}


@dataclass(frozen=True, slots=True)
class Standings:
    """How budgets stand.

    Args:
        services: Of those that have a book.
        unreadable: Books that cannot be read, and why.
    """

    services: tuple[Standing, ...] = ()
    unreadable: tuple[str, ...] = ()


def read_standings(session: Session, names: Sequence[str], region: str | None = None) -> Standings:
    """Read how budgets stand.

    Args:
        session: The run's means.
        names: Of services; none for all.
        region: Only those there; None for everywhere.

    Raises:
        UsageError: A name is not known.
        ApiError: The bucket cannot be read.
    """
    known = [key for key in InventoryStore(session).applied() if not is_operators(key[1]) and region in {None, key[0]}]
    unknown = sorted(set(names) - {name for _, name in known})
    if unknown:
        there = ", ".join(sorted({name for _, name in known})) or "none"
        raise errors.UsageError(f"not known here: {', '.join(unknown)}", hint=f"services applied here: {there}")
    chosen = sorted(key for key in known if not names or key[1] in names)
    found, now = Books(session).find(chosen), session.clock.now()
    books = [found.of(key) for key in chosen]
    return Standings(
        tuple(Standing(book, now) for book in books if book),
        tuple(f"{why}; {BROKEN}" for why in found.unreadable.values()),
    )


def lift(
    session: Session, name: str, region: str | None, *, do: str, lasts: timedelta | None, by: str, dry: bool
) -> tuple[str, ...]:
    """Hold a service's steps off for a while; what was taken of them ends.

    Args:
        session: The run's means.
        name: Of the service.
        region: Where, in case that several have the name.
        do: What the steps do; empty for every step.
        lasts: For how long; None until the month ends.
        by: Who says so.
        dry: Only say what would be done.

    Returns:
        What ends and what is held off, in sentences.

    Raises:
        UsageError: There is no such service, budget or step, or it would last too long.
        Conflict: Passes kept writing at the same time.
        ApiError: The bucket cannot be read or written.
    """
    place = region_among(InventoryStore(session).applied(), name, region)
    for attempt in range(_TRIES):
        found = Books(session).find([(place, name)])
        if why := found.unreadable.get((place, name)):
            raise errors.UsageError(f"the book of its budget cannot be read: {why}", hint=BROKEN)
        book, now = found.of((place, name)), session.clock.now()
        steps = _chosen(name, book, do)
        if book is None or (lasts is not None and not timedelta(0) < lasts <= LONGEST_LIFT):
            raise errors.UsageError(f"a step is lifted for {LONGEST_LIFT.days} days at most", hint="--until 3d")
        until = end_of(now) if lasts is None else now + lasts
        before, after = book, book
        # Every step is those too that the spec has by then.
        for step in steps if do else (None,):
            after = lifted(after, step, until=until, by=by, now=now)
        try:
            if not dry:
                Books(session).write(after, found.books[place, name].generation)
        except errors.Conflict:
            if attempt + 1 == _TRIES:
                raise
            continue
        if not dry:
            restrain(session, place, name, restraint_by(name, after, now))
        return tuple(_told(before, steps, until, now))
    return ()


def _chosen(name: str, book: BudgetBook | None, do: str) -> tuple[Step, ...]:
    if book is None or not book.steps:
        hint = "steps are budget.actions of its spec; the first pass of the job writes them down"
        raise errors.UsageError(f"the budget of {name} has no steps here", hint=hint)
    chosen = tuple(step for step in book.steps if do in {"", step.do})
    if not chosen:
        there = ", ".join(dict.fromkeys(step.do for step in book.steps))
        raise errors.UsageError(f"the budget of {name} has no step {do}", hint=f"its steps: {there}")
    return chosen


def _told(book: BudgetBook, steps: Sequence[Step], until: datetime, now: datetime) -> Iterator[str]:
    holding = {each.step for each in standing(book, now)}
    for step in steps:
        what = "ends, and is not taken" if step in holding else "is not taken"
        yield f"{named(step)} {what} until {until:%Y-%m-%d %H:%M} UTC"
