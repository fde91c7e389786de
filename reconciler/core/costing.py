"""What the services of a plan cost, before and after it, and which of them their own limit blocks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from reconciler.core.cost import Cost, signed
from reconciler.core.kind import Kinds
from reconciler.core.paid import NOTHING, Paid
from reconciler.core.plan import Action, Change
from reconciler.cost.amounts import Amounts, cents, rounded
from reconciler.cost.estimate import CURRENCY, Estimate, estimate
from reconciler.cost.explained import explained
from reconciler.cost.lines import Line
from reconciler.cost.neighbours import greatest, most_that_fits
from reconciler.cost.shape import Shape, shape_of
from reconciler.cost.usage import usage_of
from schemas import Loaded, LoadedService
from schemas.sections.budget import Budget
from schemas.sections.management import Mode

NONE_LESS: Mapping[str, str] = {}
_STAYS = frozenset({Action.UPDATE, Action.REPLACE})
_COMES_OR_GOES = frozenset({Action.CREATE, Action.DELETE})


@dataclass(slots=True)
class _Seen:
    """What a plan says of one service.

    Args:
        planned: The change of its primary object; None where there is none.
        new: Objects made, less those deleted, by kind.
        kept: Kinds of objects that are there before it.
        gone: Kinds of objects deleted.
        altered: Something that stays will cost another amount, which is not priced as it was before.
        timed: What the clock fires changes.
    """

    planned: Change | None = None
    new: dict[str, int] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    altered: bool = False
    timed: bool = False

    def exact(self, live: Shape, kinds: Kinds) -> bool:
        """Tell whether what is paid before it is known, and not only that it is at least so much.

        Args:
            live: As far as it is known.
            kinds: What each kind says of itself.
        """
        mixed = {kind for kind, count in self.new.items() if count > 0} & self.kept
        fired = self.timed and live.training is not None and live.training.paid
        return not fired and not any(_paid(kinds, kind).without for kind in self.gone | mixed)


@dataclass(frozen=True, slots=True)
class _Live:
    """What is paid before a plan.

    Args:
        cost: US dollars a month, for as much use as after it; at the worst at least.
        same: As large as after it: the plan raises nothing, whatever is not known of prices.
        exact: It is so much in each case, and not only at least at the worst.
    """

    cost: Amounts
    same: bool = False
    exact: bool = True


def costs_of(
    services: Sequence[Loaded], changes: Iterable[Change], kinds: Kinds, less: Mapping[str, str] = NONE_LESS
) -> Mapping[str, Cost]:
    """Give what each service costs, by name.

    Args:
        services: Loaded specs; operators among them are left out.
        changes: Of the plan, no-ops included.
        kinds: What each kind says of itself; the primary one is what a service is.
        less: While when a spent budget makes services cost less, in words, by name.
    """
    wanted = {each.name: each for each in services if isinstance(each, LoadedService)}
    seen = {name: _Seen() for name in wanted}
    for change in changes:
        paid = _paid(kinds, change.address.kind)
        altered, timed = _alters(paid, change), _fires(paid, change)
        for name in change.services:
            if name in seen:
                seen[name].altered |= altered
                seen[name].timed |= timed
                _take(seen[name], change, wanted[name], kinds.primary.name)
    return {name: _cost(each, seen[name], kinds, less.get(name, "")) for name, each in wanted.items()}


def _paid(kinds: Kinds, kind: str) -> Paid:
    known = kinds.by_name.get(kind)
    return known.paid if known else NOTHING


def _alters(paid: Paid, change: Change) -> bool:
    """Tell whether an object that is there will cost another amount, and nobody knows what it cost before."""
    return change.action in _STAYS and any(map(paid.alters, change.changes))


def _fires(paid: Paid, change: Change) -> bool:
    """Tell whether trainings will begin at other times, or not as often: by the clock, or by what happens."""
    itself = paid.fires_by_itself and change.action in _COMES_OR_GOES
    return itself or any(map(paid.fires, change.changes))


def _take(seen: _Seen, change: Change, loaded: LoadedService, primary: str) -> None:
    address, kind = change.address, change.address.kind
    if (kind, address.name, address.location) == (primary, loaded.name, loaded.region):
        seen.planned = change
    elif change.action is Action.CREATE:
        seen.new[kind] = seen.new.get(kind, 0) + 1
    else:
        seen.kept.add(kind)
    if change.action is Action.DELETE:
        seen.gone.add(kind)
        seen.new[kind] = seen.new.get(kind, 0) - 1


def _cost(loaded: LoadedService, seen: _Seen, kinds: Kinds, less: str) -> Cost:
    spec, usage = loaded.service.spec, usage_of(loaded.service.spec)
    shape = _as_left(shape_of(loaded.service), seen.planned, kinds.primary.paid)
    found = estimate(loaded.name, shape, usage)
    total = found.total
    observing = loaded.management.mode is Mode.OBSERVE  # nothing is changed
    live = _Live(total, same=True) if observing else _live(found, total, seen, kinds)
    over = _over(found, total.worst, live, spec.budget)
    return Cost(
        **total.shown(),
        more=signed(cents(total.expected - live.cost.expected)) if live and live.exact else "",
        missing=_titles(found, found.missing),
        over=over,
        fits=_fits(found, spec.budget) if over else "",
        less=less,
    )


def _titles(found: Estimate, lines: Iterable[Line]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(explained(line, found).title for line in lines))


def _as_left(shape: Shape, planned: Change | None, paid: Paid) -> Shape:
    """Give a shape with what the plan wants, which is what the spec says but for what is left to others as it is.

    What a spent budget holds back is in it: that comes back by itself, and no plan is asked then.
    """
    if planned is None or planned.desired is None:
        return shape
    return paid.sized(shape, paid.released(_as_it_will_be(planned.desired, planned, paid)))


def _as_it_will_be(desired: Mapping[str, Any], planned: Change, paid: Paid) -> dict[str, Any]:
    """Give a record as wanted, with the keys of maps that the plan leaves as they are."""
    gone = {change.path for change in planned.changes if change.after is None}
    observed = paid.facing(desired, planned.observed) if planned.observed else {}
    return {
        name: {key: item for key, item in observed.get(name, {}).items() if f"{name}.{key}" not in gone} | value
        if isinstance(value, dict) and isinstance(observed.get(name, {}), dict)
        else value
        for name, value in desired.items()
    }


def _live(found: Estimate, total: Amounts, seen: _Seen, kinds: Kinds) -> _Live | None:
    """Give what is paid before the plan, for as much use: nothing where nothing runs; None where that is not known."""
    if seen.planned is None:
        return None
    if seen.planned.observed is None:
        return _Live(Amounts())
    if seen.altered:
        return None
    paid = kinds.primary.paid
    shape = paid.sized(without_new(found.shape, seen.new, kinds), paid.released(seen.planned.observed))
    # Which warm windows there were before, nobody keeps.
    exact = seen.exact(shape, kinds) and not found.shape.instances.windows
    if shape == found.shape:
        return _Live(total, same=True, exact=exact)
    before = estimate(found.name, shape, found.usage)
    return _Live(before.total, same=before.lines == found.lines, exact=exact)


def without_new(shape: Shape, new: Mapping[str, int], kinds: Kinds) -> Shape:
    """Give a spec's shape as it was before a plan, without what the plan makes anew.

    It is at least so much: of what the plan deletes only what is counted is known, and everything else is as the spec
    says it.

    Args:
        shape: As the spec has it.
        new: Objects that the plan makes, less those that it deletes, by kind.
        kinds: What each kind says of itself.
    """
    parts: dict[str, Any] = {}
    for kind, count in new.items():
        paid = _paid(kinds, kind)
        if paid.counted:
            parts[paid.counted] = max(0, getattr(shape, paid.counted) - count)
        parts |= paid.without if count > 0 else {}
    return replace(shape, **parts) if parts else shape


def _limit(budget: Budget | None) -> Decimal | None:
    """Give the limit in US dollars; None for none, and for one in a currency that nobody says the price of."""
    if budget is None or budget.plan_limit is None:
        return None
    if budget.currency == CURRENCY or (budget.currency, budget.per_usd) == (None, None):
        return budget.plan_limit
    return budget.plan_limit / Decimal(str(budget.per_usd)) if budget.per_usd else None


def _written(budget: Budget, limit: Decimal) -> str:
    """Give the limit as the spec has it, and in US dollars where that is another amount."""
    unnamed = "" if budget.per_usd else CURRENCY
    written = f"{budget.plan_limit} {budget.currency or unnamed}".rstrip()
    return written if limit == budget.plan_limit else f"{written}, which is {cents(limit)} {CURRENCY}"


def _over(found: Estimate, worst: Decimal, live: _Live | None, budget: Budget | None) -> str:
    """Say why its limit blocks what a service costs after the plan; nothing where it does not.

    A plan that raises nothing is let through, in cents: what is over its limit already is still looked after. Without
    a price it is not known whether anything is raised, but where all stays as large as it is.

    Args:
        found: After the plan.
        worst: Of it, in US dollars.
        live: Before it; None where that is not known.
        budget: Of its spec.
    """
    limit = _limit(budget)
    if budget is None or limit is None or (live and live.same):
        return ""
    shown = _written(budget, limit)
    if unknown := [line for line in found.missing if line.quantity.worst > 0]:
        least = f"no price of {', '.join(_titles(found, unknown))} in {found.shape.region}; at least {cents(worst)}"
        return f"budget.planLimit ({shown}) cannot be compared: {least} {CURRENCY} a month"
    if rounded(worst) <= limit or (live and rounded(worst) <= rounded(live.cost.worst)):
        return ""
    return f"it may cost {cents(worst)} {CURRENCY} a month, above budget.planLimit ({shown})"


def _fits(found: Estimate, budget: Budget | None) -> str:
    """Say what would be within the limit; nothing where a price is missing, since nobody knows."""
    most = most_that_fits(found, _limit(budget) or Decimal(0))
    if most is None:
        return ""
    if most:
        instances = found.shape.instances
        least = f" and minInstances: {most}" if most < instances.least else ""
        least += f", {most} in windows" if any(most < count for count, _ in instances.windows) else ""
        return f"scaling.maxInstances: {most}{least} would fit"
    return f"not even one instance fits: most of it is {explained(greatest(found), found).title}"
