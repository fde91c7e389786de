"""Before a pass plans: each budget is looked at, and what is decided is written down, before anything of it is done.

Whoever dies in between leaves a book that says what holds; the next pass, or anybody's apply, does it. Messages are
acknowledged last: they come again until a book has them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from reconciler.core import errors
from reconciler.core.inventory import Inventory, Key
from reconciler.core.ladder.deciding import Decision, new_book, next_step
from reconciler.core.ladder.steps import named, restraint_of
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.ladder.books import Books, Found, Kept
from reconciler.engine.ladder.evidence import Pulled, acknowledge, gather, pull
from reconciler.engine.retraining import restrain
from reconciler.engine.session import Session
from schemas import Loaded, LoadedService
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
        kept: Its book has what was found.
    """

    name: str
    decision: Decision | None = None
    said: tuple[str, ...] = ()
    troubles: list[str] = field(default_factory=list)
    kept: bool = False


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
    pulled = _pulled(session, there)
    looks = [
        partial(_look, session, each, found, everything.get(_key(each)) or Inventory(each.name, each.region), pulled)
        for each in there
    ]
    every = session.pool.gather(looks)
    _acknowledge(session, every, pulled)
    for looked in every:
        _tell(log, looked)
    return [f"{looked.name}: {text}" for looked in every for text in (*looked.said, *looked.troubles)]


def _pulled(session: Session, services: Sequence[LoadedService]) -> dict[str, Pulled]:
    """Read what budgets told, once for each name: in several regions a service has one."""
    names = sorted({each.name for each in services if _steps(each)})
    return dict(zip(names, session.pool.gather([partial(pull, session, name) for name in names]), strict=True))


def _acknowledge(session: Session, every: Sequence[Looked], pulled: Mapping[str, Pulled]) -> None:
    """Say that messages were read which every book of theirs has."""
    missed = {looked.name for looked in every if not looked.kept}
    for looked in every:
        waits = pulled.get(looked.name)
        if waits and waits.ack_ids and looked.name not in missed:
            missed.add(looked.name)  # once
            try:
                acknowledge(session, looked.name, waits.ack_ids)
            except errors.ReconcilerError as error:
                looked.troubles.append(f"its notices come again: {error}")


def _key(loaded: Loaded) -> Key:
    return loaded.region, loaded.name


def _steps(loaded: LoadedService) -> bool:
    budget = loaded.service.spec.budget
    return budget is not None and bool(budget.actions)


def _look(
    session: Session, loaded: LoadedService, found: Found, inventory: Inventory, pulled: Mapping[str, Pulled]
) -> Looked:
    """Look at one budget. What is wrong with it is no other's trouble."""
    looked, key, spec = Looked(loaded.name), _key(loaded), loaded.service.spec
    if why := found.unreadable.get(key):
        looked.troubles.append(f"the book of its budget cannot be read: {why}")
        return looked
    kept, now = found.books.get(key, Kept()), session.clock.now()
    book = kept.book or new_book(loaded.name, loaded.region, now)
    try:
        if spec.budget is not None and spec.budget.actions:
            evidence = gather(session, loaded.service, inventory, book, pulled[loaded.name])
            looked.decision = next_step(spec.budget, book, evidence, now)
            looked.troubles += evidence.unknown
            book = looked.decision.book
            if kept.book is None or book != kept.book.model_copy(update={"looked": book.looked}):
                _written(session, looked, book, kept.generation)
            looked.kept = True
        restraint = restraint_of(loaded.name, spec.budget, book, now)
        looked.said = tuple(text for _, text in restraint.said)
        restrain(session, loaded.region, loaded.name, restraint)
    except errors.ReconcilerError as error:
        looked.troubles.append(f"its budget was not looked after: {error}")
    except (ValueError, ArithmeticError) as error:  # what anybody may write on a topic, or in a bucket, is read here
        looked.troubles.append(f"its budget was not looked after: {type(error).__name__}: {str(error)[:_SAID]}")
    return looked


def _written(session: Session, looked: Looked, book: BudgetBook, generation: int) -> None:
    """Write a book down. Nothing is decided where that does not work: it would be told and not done."""
    decision, looked.decision = looked.decision, None
    try:
        Books(session).write(book, generation)
    except errors.Conflict as error:
        why = "others wrote at the same time; the next pass decides"
        raise errors.Conflict("write", f"the budget's book of {looked.name}", why) from error
    looked.decision = decision


def _tell(log: Log, looked: Looked) -> None:
    decision = looked.decision
    for taken in decision.taken if decision else ():
        keys = {"cost": str(taken.cost), "amount": str(taken.amount), "source": taken.source, "until": taken.until}
        log.write("WARNING", "budget step taken", service=looked.name, step=named(taken.step), **keys)
    for taken, why in decision.undone if decision else ():
        log.write("NOTICE", "budget step undone", service=looked.name, step=named(taken.step), reason=why)
    for why in decision.held if decision else ():
        log.write("INFO", "budget step not taken", service=looked.name, reason=why)
    for text in looked.troubles:
        log.write("WARNING", "budget not fully known", service=looked.name, reason=text)
