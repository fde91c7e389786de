"""Before a pass plans: each budget is looked at, and what is decided is written down, before anything of it is done.

Whoever dies in between leaves a book that says what holds; the next pass, or anybody's apply, does it. Messages are
acknowledged last: they come again until a book has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from reconciler.core import errors
from reconciler.core.inventory import Inventory, Key
from reconciler.core.ladder.deciding import Decision, new_book, next_step, without_steps
from reconciler.core.ladder.steps import named, restraint_of
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.ladder.books import BROKEN, Books, Found, Kept
from reconciler.engine.ladder.evidence import Billed, Pulled, acknowledge, gather, pull, read_billed
from reconciler.engine.retraining import restrain
from reconciler.engine.session import Session
from schemas import Loaded, LoadedService, MLService
from schemas.kept import BudgetBook
from schemas.sections.management import Mode

_SAID = 300
"""Characters of what is odd, at most."""


class Log(Protocol):
    """Where a pass tells what it does."""

    def write(self, severity: str, message: str, **keys: Any) -> None:
        """Write one line."""


@dataclass(slots=True)
class Looked:
    """What became of one service's budget.

    Args:
        name: Of the service.
        decision: What was decided; None where the spec has no steps.
        said: What holds, in sentences.
        troubles: What did not work, in sentences.
    """

    name: str
    decision: Decision | None = None
    said: tuple[str, ...] = ()
    troubles: list[str] = field(default_factory=list)


def climb(session: Session, documents: Sequence[Loaded], log: Log) -> list[str]:
    """Look at every budget that has steps, or had.

    Args:
        session: The run's means.
        documents: Services, and perhaps others.
        log: Where it is told.

    Returns:
        What holds and what did not work, in sentences, for the report.
    """
    services = [
        each for each in documents if isinstance(each, LoadedService) and each.management.mode is not Mode.OBSERVE
    ]
    if not services:
        return []
    try:
        found = Books(session).find([_key(each) for each in services])
        concerned = [each for each in services if _steps(each) or found.of(_key(each))]
        everything = InventoryStore(session).read_all() if concerned else {}
    except errors.ReconcilerError as error:
        return [f"budgets were not looked at: {error}"]
    # What was never applied spends nothing.
    there = [each for each in concerned if everything.get(_key(each)) or found.of(_key(each))]
    billed = read_billed(session) if any(map(_steps, there)) else Billed()
    looks = [
        partial(_look, session, each, found, everything.get(_key(each)) or Inventory(each.name, each.region), billed)
        for each in there
    ]
    every = session.pool.gather(looks)
    for looked in every:
        _tell(log, looked)
    return [f"{looked.name}: {text}" for looked in every for text in (*looked.said, *looked.troubles)]


def _key(loaded: Loaded) -> Key:
    return loaded.region, loaded.name


def _steps(loaded: LoadedService) -> bool:
    budget = loaded.service.spec.budget
    return budget is not None and bool(budget.actions)


def _look(session: Session, loaded: LoadedService, found: Found, inventory: Inventory, billed: Billed) -> Looked:
    """Look at one budget. What is wrong with it is no other's trouble."""
    looked, key, spec = Looked(loaded.name), _key(loaded), loaded.service.spec
    if why := found.unreadable.get(key):
        looked.troubles.append(f"the book of its budget cannot be read: {why}; {BROKEN}")
        return looked
    kept, now = found.books.get(key, Kept()), session.clock.now()
    book = kept.book or new_book(loaded.name, loaded.region, now)
    try:
        if spec.budget is not None and _steps(loaded):
            pulled = pull(session, loaded.service)
            evidence = gather(loaded.service, inventory, pulled, billed)
            looked.troubles += evidence.unknown
            book = _decided(session, looked, kept, next_step(spec.budget, book, evidence, now))
            _acknowledge(session, looked, loaded.service, pulled)
        elif book.steps or book.taken:
            book = _decided(session, looked, kept, without_steps(book, now))
        restraint = restraint_of(loaded.name, spec.budget, book, now)
        looked.said = tuple(text for _, text in restraint.said)
        restrain(session, loaded.region, loaded.name, restraint)
    except errors.ReconcilerError as error:
        looked.troubles.append(f"its budget was not looked after: {error}")
    except (ValueError, ArithmeticError) as error:  # what anybody may write on a topic, or in a bucket, is read here
        looked.troubles.append(f"its budget was not looked after: {type(error).__name__}: {str(error)[:_SAID]}")
    return looked


def _decided(session: Session, looked: Looked, kept: Kept, decision: Decision) -> BudgetBook:
    """Write down what was decided, where it is news.

    Raises:
        Conflict: Others wrote meanwhile. Nothing is decided then: it would be told and not done.
    """
    book = decision.book
    if kept.book is None or book != kept.book.model_copy(update={"looked": book.looked}):
        try:
            Books(session).write(book, kept.generation)
        except errors.Conflict as error:
            why = "others wrote at the same time; the next pass decides"
            raise errors.Conflict("write", f"the budget's book of {looked.name}", why) from error
    looked.decision = decision
    return book


def _acknowledge(session: Session, looked: Looked, service: MLService, pulled: Pulled) -> None:
    """Say that messages were read which the book has."""
    try:
        if pulled.ack_ids:
            acknowledge(session, service, pulled.ack_ids)
    except errors.ReconcilerError as error:
        looked.troubles.append(f"its notices come again: {error}")


def _tell(log: Log, looked: Looked) -> None:
    decision = looked.decision
    for taken in decision.taken if decision else ():
        keys = {"cost": f"{taken.cost:f}", "amount": f"{taken.amount:f}", "source": taken.source, "until": taken.until}
        log.write("WARNING", "budget step taken", service=looked.name, step=named(taken.step), **keys)
    for taken, why in decision.undone if decision else ():
        log.write("NOTICE", "budget step undone", service=looked.name, step=named(taken.step), reason=why)
    for why in decision.held if decision else ():
        log.write("INFO", "budget step not taken", service=looked.name, reason=why)
    for text in looked.troubles:
        log.write("WARNING", "budget not fully known", service=looked.name, reason=text)
