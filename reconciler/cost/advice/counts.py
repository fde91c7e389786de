"""How many instances there are to be, and how many requests each takes at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal

from reconciler.cost.advice.measured import ALL, NINETY_FIVE, NINETY_NINE, Measured, too_little
from reconciler.cost.advice.piece import CONCURRENCY, LEAST, MOST, Edit, Kept, Piece
from reconciler.cost.advice.sizes import BUSY, failing
from reconciler.cost.advice.state import CENT, State, Step, percent
from reconciler.cost.amounts import Amounts, cents
from reconciler.cost.usage import Usage

ROOM = Decimal("0.8")
"""Share of the memory that more requests at once may come to, if each took as much of it as those before."""
WORTH = Decimal("1.5")
"""Times as many at once: less is not worth a change."""
FULL = Decimal("0.9")
"""An instance with so many of the requests that it may have is full."""
MORE = Decimal("1.5")
_MOST_CONCURRENCY, _ONE_VCPU = 1000, 1000


def concurrency(state: State) -> Step:
    """Judge how many requests an instance takes at once: more where that is what starts instances, and not the CPU."""
    instances, measured = state.instances, state.measured
    if why := next(filter(None, _takes_no_more(state)), ""):
        return Kept("concurrency", why)
    to = _more_at_once(measured, instances.concurrency)
    taken = f"CPU: {percent(measured.cpu_in(NINETY_NINE))} in 99 % of the minutes"
    taken = f"{taken}; memory: {percent(measured.memory_in(ALL))} at the most"
    if to < instances.concurrency * WORTH:
        return Kept("concurrency", f"more at once would need more of an instance: {taken}")
    after = _sharing(state, to)
    saving = state.saving(after)
    if saving is None or saving.expected < CENT:
        return Kept("concurrency", "more at once would save nothing as it is used")
    evidence = (f"requests at once: {_at_once(measured)} of {instances.concurrency}", taken)
    risk = (
        "requests that share an instance may take longer, and a program must bear them; it saves so much if requests "
        "fill instances then as well"
    )
    return Piece("concurrency", (Edit(CONCURRENCY, instances.concurrency, to),), evidence, saving, risk), after


def _takes_no_more(state: State) -> Iterator[str]:
    instances, measured = state.instances, state.measured
    yield measured.apart
    yield too_little(requests_at_once=measured.requests, CPU=measured.cpu, memory=measured.memory)
    if instances.cpu_millis < _ONE_VCPU:
        yield "an instance of less than one vCPU takes one request at once"
    if not _full(measured, instances.concurrency):
        yield f"instances are not full: {_at_once(measured)} of {instances.concurrency}"
    yield failing(measured)
    if state.usage.instances is None:
        yield "how many instances are billed was not measured"


def _more_at_once(measured: Measured, concurrency: int) -> int:
    """Give how many requests an instance has room for, if each takes as much as those before."""
    cpu, memory = measured.cpu_in(NINETY_NINE), measured.memory_in(ALL)
    factor = min(BUSY / cpu, ROOM / memory) if cpu and memory else Decimal(1)
    return min(int(concurrency * factor), _MOST_CONCURRENCY)


def _sharing(state: State, to: int) -> State:
    """Give it with instances that take more requests: as many fewer of them, but no fewer than one that has all."""
    factor = Decimal(to) / state.instances.concurrency
    billed = state.usage.instances or Decimal(0)
    usage = replace(state.usage, instances=min(billed, max(billed / factor, _one(state))))
    after = state.with_(replace(state.instances, concurrency=to), usage=usage)
    return replace(after, measured=after.measured.scaled(memory=factor, cpu=factor))


def least(state: State) -> Step:
    """Judge how many instances are kept warm: as many as ever had requests at once, and none where nobody called."""
    instances, measured = state.instances, state.measured
    if why := next(filter(None, _keeps_as_many(state)), ""):
        return Kept("minInstances", why)
    to = _kept(state)
    after = state.with_(replace(instances, least=to), usage=_fewer(state, to))
    saving = state.saving(after)
    if saving is None or saving.expected < CENT:
        return Kept("minInstances", "fewer would save nothing as it is used")
    found = f"instances with requests: {measured.busiest} at once at the most, of {instances.least} that are kept warm"
    evidence = (found, *(() if to else ("requests: none",)))
    risk = f"requests beyond what they answer wait for a start{_starts(measured)}"
    return Piece("minInstances", (Edit(LEAST, instances.least, to),), evidence, saving, risk), after


def _keeps_as_many(state: State) -> Iterator[str]:
    instances, measured = state.instances, state.measured
    yield measured.numbers_apart
    if not instances.least:
        yield "none is kept warm"
    if instances.windows:
        yield "warm windows are not judged"
    if measured.busiest is None:
        yield "how many instances there were was not measured"
    if _kept(state) >= instances.least:
        yield _needed(state)


def _kept(state: State) -> int:
    return max(1, state.measured.busiest or 0) if state.usage.requests_per_second else 0


def most(state: State) -> Step:
    """Judge how many instances there may be: more where all of them were there, and full."""
    instances, measured = state.instances, state.measured
    if why := measured.numbers_apart:
        return Kept("maxInstances", why)
    if measured.most is None:
        return Kept("maxInstances", "how many instances there were was not measured")
    found = f"{measured.most} at once at the most, of {instances.most}"
    if measured.most < instances.most:
        fewer = replace(instances, most=max(1, measured.most, instances.warmest))
        saving = state.saving(state.with_(fewer)) or Amounts()
        less = f"; no more than that would be {cents(saving.worst)} USD a month less at the worst"
        return Kept("maxInstances", f"{found}: fewer would save nothing as it is used{less}")
    if measured.most > instances.most:
        return Kept("maxInstances", f"{found}: those of several revisions, or of before it was changed")
    if not _full(measured, instances.concurrency):
        return Kept("maxInstances", f"{found}, and they were not full: {_at_once(measured)} requests at once")
    to = int((instances.most * MORE).to_integral_value(ROUND_CEILING))
    after = state.with_(replace(instances, most=to))
    evidence = (
        f"instances: {found}",
        f"requests at once: {_at_once(measured)} of {instances.concurrency} that an instance takes",
    )
    risk = "it may cost more; now requests wait, and are refused with 429 where they wait too long"
    saving = state.saving(after) or Amounts()
    return Piece("maxInstances", (Edit(MOST, instances.most, to),), evidence, saving, risk, spends=True), after


def _needed(state: State) -> str:
    """Say why instances are kept warm, and what it would save to keep none: that is for people to weigh."""
    instances, measured = state.instances, state.measured
    found = f"{measured.busiest} had requests at once at the most, of {instances.least} that are kept warm"
    if instances.least > 1:
        return found
    saving = state.saving(state.with_(replace(instances, least=0), usage=replace(state.usage, instances=None)))
    less = f"; to keep none would save {cents(saving.expected)} USD a month" if saving else ""
    return f"{found}{less}, and requests after a pause would wait for a start{_starts(measured)}"


def _fewer(state: State, to: int) -> Usage:
    """Give the use without the instances that are not kept any more: they had no requests."""
    if state.usage.instances is None:
        return state.usage
    gone = state.instances.least - to
    return replace(state.usage, instances=max(Decimal(to), state.usage.instances - gone))


def _one(state: State) -> Decimal:
    """Give the instances that are busy at a time where one answers all: those requests come by chance."""
    return 1 - (-state.usage.requests_per_second * state.usage.billed_s).exp()


def _full(measured: Measured, concurrency: int) -> bool:
    """Tell whether instances had as many requests as they take: in a twentieth of the minutes at least."""
    return measured.requests is not None and measured.requests.from_(NINETY_FIVE) >= concurrency * FULL


def _at_once(measured: Measured) -> str:
    found = measured.requests.below(NINETY_FIVE) if measured.requests else None
    return "not known" if found is None else f"{found.normalize():f} in 95 % of the minutes"


def _starts(measured: Measured) -> str:
    found = measured.starts_ms.below(NINETY_FIVE) if measured.starts_ms else None
    return "" if found is None else f", {found / 1000:.1f} s in 95 % of them"
