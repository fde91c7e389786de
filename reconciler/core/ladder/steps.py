"""Steps of a budget: which of them hold now, and what they change of what a spec wants."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from reconciler.core.ladder.period import day_of
from schemas.kept import BudgetBook
from schemas.kept.budget import Lift, Reading, Step, Taken
from schemas.sections.budget import Budget, BudgetAction, BudgetActionKind

GAP = timedelta(minutes=10)
"""Two notices that are closer than this are one that was said twice."""
SOURCES = ("bill", "own")
_DONE: Mapping[str, str] = {
    BudgetActionKind.NOTIFY: "over {at} of its budget",
    BudgetActionKind.FREEZE_RETRAINING: "retraining frozen by budget",
    BudgetActionKind.SCALE_TO_ZERO: "no instance kept warm, by budget",
    BudgetActionKind.CAP_INSTANCES: "capped by budget",
    BudgetActionKind.STOP_JOBS: "running trainings stopped by budget",
}


def moment(text: str) -> datetime:
    """Read a moment of a book."""
    return datetime.fromisoformat(text)


def step_of(action: BudgetAction) -> Step:
    """Give a step of a spec as books have it. A step that is changed is another one."""
    return Step(at=Decimal(str(action.at)), do=str(action.do), max_instances=action.max_instances)


def named(step: Step) -> str:
    """Name a step: `CapInstances (1) at 120 %`."""
    cap = f" ({step.max_instances})" if step.max_instances is not None else ""
    return f"{step.do}{cap} at {percent(step.at)}"


def not_taken(step: Step) -> str:
    """Give what a sentence begins with that says why a step is not taken."""
    return f"{named(step)} is not taken: "


def percent(share: Decimal) -> str:
    """Write a share, rounded down: `107 %`."""
    return f"{int(share * 100)} %"


def money(amount: Decimal, currency: str) -> str:
    """Write an amount: `900 EUR`, `12.35 EUR`."""
    whole = amount == amount.to_integral_value()
    return f"{amount:.0f} {currency}".strip() if whole else f"{amount:.2f} {currency}".strip()


def latest(readings: Iterable[Reading], source: str) -> Reading | None:
    """Give what a source said last."""
    return max((each for each in readings if each.source == source), key=_order, default=None)


def confirmed(readings: Iterable[Reading], source: str) -> Decimal | None:
    """Give the most that a source said at two moments was spent at least; None where it did not speak twice.

    The order does not matter, and nothing that is said later makes it less.
    """
    mine = sorted((each for each in readings if each.source == source), key=lambda each: -each.cost)
    moments = [moment(each.at) for each in mine]
    first = last = moments[0] if moments else None
    for each, at in zip(mine, moments, strict=True):
        first, last = min(first or at, at), max(last or at, at)
        if last - first >= GAP:
            return each.cost
    return None


def known_of(book: BudgetBook) -> dict[str, Decimal]:
    """Give what each source said twice, of those that did."""
    return {source: cost for source in SOURCES if (cost := confirmed(book.readings, source)) is not None}


def _order(reading: Reading) -> tuple[datetime, str]:
    return moment(reading.at), reading.id


def highest(book: BudgetBook) -> Decimal | None:
    """Give the most that any source said last, or twice; None where none said anything."""
    found = [reading.cost for source in SOURCES if (reading := latest(book.readings, source))]
    return max([*found, *known_of(book).values()], default=None)


def lift_of(book: BudgetBook, step: Step, now: datetime) -> Lift | None:
    """Give the person's word that holds a step off now; of several the one that lasts longest."""
    holding = [each for each in book.lifts if each.step in (None, step) and now < moment(each.until)]
    return max(holding, key=lambda each: moment(each.until), default=None)


def over(budget: Budget, book: BudgetBook, taken: Taken, now: datetime) -> str:
    """Say why a step that was taken does not hold any more; nothing where it does."""
    if now >= moment(taken.until):
        return "the month is over"
    if all(step_of(action) != taken.step for action in budget.actions):
        return "the spec has no such step any more"
    if book.currency and (budget.currency or "") != book.currency:
        return f"the budget is in {budget.currency} now"
    lift = lift_of(book, taken.step, now)
    if lift:
        return f"{lift.by or 'somebody'} lifted it until {moment(lift.until):%Y-%m-%d %H:%M} UTC"
    spent = max(known_of(book).values(), default=None)
    if budget.amount > taken.amount and (spent is None or spent < taken.step.at * budget.amount):
        return f"the budget is {money(budget.amount, book.currency)} now"
    return ""


def in_force(budget: Budget | None, book: BudgetBook | None, now: datetime) -> tuple[Taken, ...]:
    """Give the steps that hold now, whether or not a pass has written down since that one of them ended.

    Args:
        budget: Of the spec; None for none, and then nothing holds.
        book: What passes wrote; None for nothing.
        now: The time.
    """
    if budget is None or book is None:
        return ()
    return tuple(each for each in book.taken if not over(budget, book, each, now))


@dataclass(frozen=True, slots=True)
class Restraint:
    """What a budget changes of what a spec wants.

    Args:
        most: Instances of the whole service at most; 0 for no cap.
        cold: No instance is kept warm.
        frozen: Why no training starts; empty where they may.
        until: When that ends; None where nothing is frozen.
        stop: Trainings that were claimed until then are cancelled; None for none.
        less: Until when instances are fewer than the spec says, in words; empty where they are not.
        said: What is said of each step that holds: its number in the spec, and a sentence.
    """

    most: int = 0
    cold: bool = False
    frozen: str = ""
    until: datetime | None = None
    stop: datetime | None = None
    less: str = ""
    said: tuple[tuple[int, str], ...] = ()

    def warm(self, wanted: int) -> int:
        """Give how many instances are kept warm.

        Args:
            wanted: By the spec.
        """
        return 0 if self.cold else min(wanted, self.most or wanted)


def restraint_by(name: str, book: BudgetBook, now: datetime) -> Restraint:
    """Give what holds of a service's budget for all that is known without its spec.

    Args:
        name: Of the service.
        book: What passes wrote.
        now: The time.
    """
    return _restraint(name, book, standing(book, now), None)


def restraint_of(name: str, budget: Budget | None, book: BudgetBook | None, now: datetime) -> Restraint:
    """Give what holds of a service's budget now.

    Args:
        name: Of the service.
        budget: Of its spec; None for none.
        book: What passes wrote; None for nothing.
        now: The time.
    """
    if budget is None or book is None:
        return Restraint()
    return _restraint(name, book, in_force(budget, book, now), budget)


def _restraint(name: str, book: BudgetBook, taken: Sequence[Taken], budget: Budget | None) -> Restraint:
    caps = [each.step.max_instances or 0 for each in taken if each.step.do == BudgetActionKind.CAP_INSTANCES]
    frozen = [each for each in taken if each.step.do == BudgetActionKind.FREEZE_RETRAINING]
    stopped = [moment(each.since) for each in taken if each.step.do == BudgetActionKind.STOP_JOBS]
    return Restraint(
        most=min(caps, default=0),
        cold=any(each.step.do == BudgetActionKind.SCALE_TO_ZERO for each in taken),
        # As it was when it was taken: whoever keeps it writes it once.
        frozen=sentence(name, book, frozen[0], frozen[0].amount, frozen[0].cost) if frozen else "",
        until=moment(frozen[0].until) if frozen else None,
        stop=max(stopped, default=None),
        less=_less(taken),
        said=tuple(_said(name, budget, book, taken)),
    )


def _less(taken: Sequence[Taken]) -> str:
    """Say until when instances are fewer than the spec says."""
    ends = {
        each.step.do: day_of(moment(each.until))
        for each in taken
        if each.step.do in {BudgetActionKind.CAP_INSTANCES, BudgetActionKind.SCALE_TO_ZERO}
    }
    if day := ends.get(BudgetActionKind.CAP_INSTANCES):
        return f"while capped until {day}"
    day = ends.get(BudgetActionKind.SCALE_TO_ZERO)
    return f"while none is kept warm until {day}" if day else ""


def _said(name: str, budget: Budget | None, book: BudgetBook, taken: Iterable[Taken]) -> Iterator[tuple[int, str]]:
    steps = list(map(step_of, budget.actions)) if budget else [each.step for each in book.taken]
    for each in sorted(taken, key=lambda one: steps.index(one.step)):
        yield steps.index(each.step), sentence(name, book, each, budget.amount if budget else each.amount)


def standing(book: BudgetBook, now: datetime) -> tuple[Taken, ...]:
    """Give the steps that hold for all that is known without the spec."""
    return tuple(each for each in book.taken if now < moment(each.until) and not lift_of(book, each.step, now))


def sentence(name: str, book: BudgetBook, taken: Taken, amount: Decimal, cost: Decimal | None = None) -> str:
    """Say of a step that holds what it does, until when, why, and how to end it.

    Args:
        name: Of the service.
        book: What is known.
        taken: The step.
        amount: Of the budget, as it is now or was then.
        cost: What was spent then; None for what is known now.
    """
    do = taken.step.do  # a newer version may have written one that this one does not know
    done = _DONE.get(do, f"{do} by budget").replace("{at}", percent(taken.step.at))
    spent = highest(book) if cost is None else cost
    share = percent((taken.cost if spent is None else spent) / amount) if amount else "more"
    of = money(amount, book.currency)
    return f"{done} until {day_of(moment(taken.until))} ({share} of {of}; lift: mlservice budget lift {name})"
