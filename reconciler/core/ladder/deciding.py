"""Which steps of a budget are taken and which are undone: one decision, from what is known and the time it is.

What is spent is the higher of what two sources say: the notices of the billing budget, which are hours late, and our
own estimate, which knows only instances. A step is taken when one of them said at two moments that its share is
reached, and holds until the month ends, the budget is raised above it or a person lifts it: what is spent falls by
credits and corrections, and nobody wants a cap that comes and goes with them. So nothing that is said later takes back
what was said twice: whoever may write to the topic cannot talk a bill away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from reconciler.core.ladder.notices import Notice
from reconciler.core.ladder.period import end_of, start_of
from reconciler.core.ladder.steps import (
    SOURCES,
    confirmed,
    known_of,
    latest,
    lift_of,
    moment,
    money,
    not_taken,
    over,
    percent,
    step_of,
)
from schemas.kept import BudgetBook
from schemas.kept.budget import MOST_READINGS, Lift, Reading, Step, Taken
from schemas.sections.budget import Budget

LONGEST_LIFT = timedelta(days=31)
_A_DAY = timedelta(days=1)
_WORDS = {"bill": "billed", "own": "by our own estimate"}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a pass found out.

    Args:
        notices: Of the topic, in any order, repeated or not, and not all of them ours.
        own: Our own estimate of what was spent since the month began, in the currency of the budget; None for none.
        unknown: Why not more is known, in sentences.
        budget: Id of the billing budget whose notices count; empty where that is not known.
        name: Its display name, which counts in that case.
        hindered: Steps that cannot be taken, by what they do, and why.
    """

    notices: Sequence[Notice] = ()
    own: Decimal | None = None
    unknown: tuple[str, ...] = ()
    budget: str = ""
    name: str = ""
    hindered: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done, and why no more.

    Args:
        book: What is to be written down, before anything is carried out.
        taken: Steps that are taken now.
        undone: Steps that were taken and end now, each with the reason.
        held: Why each other step is not taken, and what of the evidence does not count.
    """

    book: BudgetBook
    taken: tuple[Taken, ...] = ()
    undone: tuple[tuple[Taken, str], ...] = ()
    held: tuple[str, ...] = ()


def new_book(service: str, region: str, now: datetime) -> BudgetBook:
    """Give the book of a service of which nothing is known."""
    return BudgetBook(format="mlservice/budget/v1", service=service, region=region, period=_text(start_of(now)))


def next_step(budget: Budget, book: BudgetBook, evidence: Evidence, now: datetime) -> Decision:
    """Decide.

    Args:
        budget: Of the spec.
        book: What was known and done before.
        evidence: What is found now.
        now: The time, aware.
    """
    known, ended = _current(budget, book, now)
    known, refused = _with(known, budget, evidence, now)
    undone = [(each, why) for each in known.taken if (why := over(budget, known, each, now))]
    gone = {each.step for each, _ in undone}
    kept = [each for each in known.taken if each.step not in gone]
    taken, held = _climb(budget, known, kept, evidence, now)
    said = (*refused, *evidence.unknown, *held)
    after = known.model_copy(
        update={
            "amount": budget.amount,
            "steps": tuple(map(step_of, budget.actions)),
            "taken": (*kept, *taken),
            "looked": _text(now),
            "said": said,
        }
    )
    return Decision(after, tuple(taken), (*ended, *undone), said)


def without_steps(book: BudgetBook, now: datetime) -> Decision:
    """Take back what was done for a budget that is in the spec no more: if it comes back, it begins anew.

    Args:
        book: What was known and done before.
        now: The time.
    """
    gone = "budget.actions is no longer in the spec"
    fresh = new_book(book.service, book.region, now)
    lifts = tuple(each for each in book.lifts if now < moment(each.until))
    after = fresh.model_copy(update={"lifts": lifts, "looked": _text(now), "said": (gone,)})
    return Decision(after, undone=tuple((each, gone) for each in book.taken))


def _current(budget: Budget, book: BudgetBook, now: datetime) -> tuple[BudgetBook, list[tuple[Taken, str]]]:
    """Begin anew where another month, or another currency, has begun."""
    lifts = tuple(each for each in book.lifts if now < moment(each.until))
    start, other = start_of(now), bool(book.currency) and (budget.currency or "") != book.currency
    if moment(book.period) == start and not other:
        return book.model_copy(update={"lifts": lifts}), []
    why = f"the budget is in {budget.currency} now" if other else "a new month has begun"
    fresh = {"period": _text(start), "readings": (), "taken": (), "lifts": lifts}
    return book.model_copy(update=fresh), [(each, why) for each in book.taken]


def _with(book: BudgetBook, budget: Budget, evidence: Evidence, now: datetime) -> tuple[BudgetBook, list[str]]:
    """Add what is found to a book; say of what does not count why."""
    known, counts = {each.id for each in book.readings if each.source == "bill"}, dict[str, int]()
    # Of the spec, never of a notice: the first one, whoever sent it, would decide which others count.
    currency, found = budget.currency or "", list(book.readings)
    for notice in sorted(evidence.notices, key=lambda each: (each.at, each.id)):
        why = _refused(notice, evidence, currency, moment(book.period))
        if why:
            counts[why] = counts.get(why, 0) + 1
        elif notice.id not in known:
            known.add(notice.id)
            found.append(Reading(source="bill", at=_text(notice.at), cost=notice.cost, id=notice.id))
    if evidence.own is not None:
        found = [each for each in found if (each.source, each.at) != ("own", _text(now))]
        found.append(Reading(source="own", at=_text(now), cost=evidence.own))
    said = [f"{_times(count)} not counted: {why}" for why, count in counts.items()]
    return book.model_copy(update={"currency": currency, "readings": tuple(_newest(found))}), said


def _newest(readings: Iterable[Reading]) -> Iterator[Reading]:
    """Keep of each source the newest, the highest, and what confirms the most: no number of others pushes that out."""
    many = sorted(readings, key=lambda each: (moment(each.at), each.id))
    for source in SOURCES:
        mine = [each for each in many if each.source == source]
        by_cost = sorted(range(len(mine)), key=lambda place: (mine[place].cost, place))
        least = confirmed(mine, source)
        sure = [place for place, each in enumerate(mine) if least is not None and each.cost >= least]
        kept = {*range(len(mine))[-MOST_READINGS // 2 :], *by_cost[-MOST_READINGS // 2 :], *sure[:1], *sure[-1:]}
        yield from (mine[place] for place in sorted(kept))


def _times(count: int) -> str:
    return "a notice" if count == 1 else f"{count} notices"


def _refused(notice: Notice, evidence: Evidence, currency: str, start: datetime) -> str:
    """Say why a notice does not count, without any word of it: who sent it may write thousands."""
    ours = notice.budget == evidence.budget if evidence.budget else notice.name == evidence.name
    if not ours:
        return "of another budget"
    if abs(notice.start - start) >= _A_DAY:
        return "about another month"
    if notice.amount <= 0:
        return "it tells of a budget of nothing"
    if notice.currency != currency:
        return f"not in {currency or 'a currency that budget.currency says'}"
    return ""


def _climb(
    budget: Budget, book: BudgetBook, kept: Sequence[Taken], evidence: Evidence, now: datetime
) -> tuple[list[Taken], list[str]]:
    """Go through the steps that do not hold: take those that are due, and say of the others why not."""
    sure = known_of(book)
    source = max(sure, key=lambda each: sure[each], default="")
    there, taken, held = {each.step for each in kept}, list[Taken](), list[str]()
    for step in map(step_of, budget.actions):
        if step in there:
            continue
        why = _obstacle(budget, book, step, evidence, now) or _short_of(budget, book, step, sure)
        if why:
            held.append(f"{not_taken(step)}{why}")
            continue
        there.add(step)
        times = {"since": _text(now), "until": _text(end_of(now))}
        taken.append(
            Taken.model_validate(
                {"step": step, **times, "cost": sure[source], "amount": budget.amount, "source": source}
            )
        )
    return taken, held


def _obstacle(budget: Budget, book: BudgetBook, step: Step, evidence: Evidence, now: datetime) -> str:
    if not budget.amount:
        return "the budget is 0"
    if lift := lift_of(book, step, now):
        return f"{lift.by or 'somebody'} lifted it until {moment(lift.until):%Y-%m-%d %H:%M} UTC"
    return evidence.hindered.get(step.do, "")


def _short_of(budget: Budget, book: BudgetBook, step: Step, sure: Mapping[str, Decimal]) -> str:
    """Say what is missing to a step's share; nothing where it is reached."""
    wanted = step.at * budget.amount
    if any(cost >= wanted for cost in sure.values()):
        return ""
    most = max((each.cost for each in book.readings), default=None)
    if most is None:
        return "nothing is known of what was spent this month"
    if most >= wanted:
        return f"{percent(most / budget.amount)} was said once, and is to be said again"
    return f"{spent(budget, book)} of {money(budget.amount, book.currency)}"


def spent(budget: Budget, book: BudgetBook) -> str:
    """Say what each source said last: `53 % (billed), 61 % (by our own estimate)`."""
    found = {source: reading for source in SOURCES if (reading := latest(book.readings, source))}
    return ", ".join(f"{percent(each.cost / budget.amount)} {_WORDS[source]}" for source, each in found.items())


def lifted(book: BudgetBook, step: Step | None, *, until: datetime, by: str, now: datetime) -> BudgetBook:
    """Give a book in which a person holds a step off, or every one; what was taken of it ends.

    Args:
        book: What is known.
        step: Which; None for every one.
        until: Until when it is not taken again.
        by: Who says so.
        now: The time.

    Raises:
        ValueError: It would end before it begins, or not within a month.
    """
    if not now < until <= now + LONGEST_LIFT:
        raise ValueError(f"a step is lifted for {LONGEST_LIFT.days} days at most")
    mine = Lift(step=step, until=_text(until), by=by, at=_text(now))
    others = tuple(each for each in book.lifts if each.step != step and now < moment(each.until))
    taken = tuple(each for each in book.taken if step is not None and each.step != step)
    return book.model_copy(update={"lifts": (*others, mine), "taken": taken})


def _text(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
