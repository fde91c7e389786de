"""Money.

Source:
    billingbudgets v1: 1.0 is 100 %, so a threshold of 80 is surely 0.8; `Budget.display_name`, which holds our mark.
    ISO 4217: currencies without a smaller unit.
"""

import re
from collections.abc import Iterator

from schemas.checks.finding import Finding, repeated, warning
from schemas.refusal import shown
from schemas.sections.budget import Budget, BudgetAction, BudgetActionKind
from schemas.sections.resources import Scaling
from schemas.sections.retraining import Retraining
from schemas.service import Metadata

_MOST = 10
DOLLARS = "USD"
_WHOLE = frozenset(
    {
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    }
)
_NAME_MOST = 48
_OUR_LABEL = "mlservice-service"
_CURRENCY = re.compile(r"[A-Z]{3}")


def amounts(budget: Budget | None) -> Iterator[Finding]:
    """The limit of a plan is not below the budget, and the currency has a code."""
    if budget is None:
        return
    if budget.plan_limit is not None and budget.plan_limit < budget.amount:
        summary = f"{budget.plan_limit} is below the amount ({budget.amount})"
        yield warning("budget.planLimit", "plan-limit", summary, "plans within the budget are blocked")
    if budget.amount == 0:
        yield warning("budget.amount", "budget-amount", "0 is reached by the first request", "leave budget out")
    if budget.currency is not None and not _CURRENCY.fullmatch(budget.currency):
        hint = "an ISO 4217 code: EUR, USD"
        yield Finding("budget.currency", "currency", f"{shown(budget.currency)} is not a currency", hint)
    elif budget.currency in _WHOLE and budget.amount != int(budget.amount):
        summary = f"{budget.currency} has no smaller unit"
        yield Finding("budget.amount", "budget-amount", summary, f"a whole number: {int(budget.amount)}")


def counted(metadata: Metadata, budget: Budget | None) -> Iterator[Finding]:
    """A label that there is, and a name that a budget can carry."""
    if budget is None:
        return
    if budget.label is not None and budget.label not in {*metadata.labels, _OUR_LABEL}:
        known = ", ".join([*sorted(metadata.labels), _OUR_LABEL])
        summary = f"{shown(budget.label)} is no label of this service"
        yield Finding("budget.label", "budget-label", summary, f"one of: {known}")
    if len(metadata.name) > _NAME_MOST:
        summary = f"{shown(metadata.name)} has {len(metadata.name)} characters, and has a budget"
        yield Finding("metadata.name", "service-name", summary, f"at most {_NAME_MOST}: it stands in the budget's name")


def limit(budget: Budget | None) -> Iterator[Finding]:
    """A limit in another currency than the prices' says how the two compare."""
    if budget is None:
        return
    foreign = budget.currency not in (None, DOLLARS)
    if foreign and budget.plan_limit is not None and budget.per_usd is None:
        summary = f"prices are in US dollars, and this is in {budget.currency}: no plan is blocked by it"
        hint = f"add perUsd: what a US dollar is in {budget.currency}"
        yield warning("budget.planLimit", "plan-limit", summary, hint)
    if budget.currency == DOLLARS and budget.per_usd is not None and budget.per_usd != 1:
        hint = "leave it out, or say which currency it is in"
        yield warning("budget.perUsd", "per-usd", "the budget is in US dollars", hint)


def alerts(budget: Budget | None) -> Iterator[Finding]:
    """Shares of the amount, each once."""
    if budget is None:
        return
    for index, share in enumerate(budget.alerts):
        yield from _share(f"budget.alerts[{index}]", share)
    for index, text in repeated(f"{share:g}" for share in budget.alerts):
        yield Finding(f"budget.alerts[{index}]", "repeated", f"{text} is listed twice")


def actions(budget: Budget | None, scaling: Scaling, retraining: Retraining | None) -> Iterator[Finding]:
    """Each action can be done, and does something."""
    for index, action in enumerate(budget.actions if budget else ()):
        path = f"budget.actions[{index}]"
        yield from _share(f"{path}.at", action.at)
        if action.do is BudgetActionKind.CAP_INSTANCES:
            yield from _cap(path, action, scaling)
        elif action.max_instances is not None:
            summary = f"maxInstances means nothing with {action.do}"
            yield Finding(f"{path}.maxInstances", "budget-action", summary, at_key=True)
        elif retraining is None:
            yield warning(f"{path}.do", "budget-action", "there is no retraining to freeze", "add `retraining`")


def _cap(path: str, action: BudgetAction, scaling: Scaling) -> Iterator[Finding]:
    cap = action.max_instances
    if cap is None:
        hint = "for example `maxInstances: 1`"
        yield Finding(path, "budget-action", "CapInstances needs maxInstances", hint, at_key=True)
    elif cap >= scaling.max_instances:
        summary = f"{cap} is not below scaling.maxInstances ({scaling.max_instances})"
        yield warning(f"{path}.maxInstances", "budget-action", summary, "the cap changes nothing")


def _share(path: str, share: float) -> Iterator[Finding]:
    if 0 < share <= _MOST:
        return
    hint = f"write a fraction: {share:g}% is {share / 100:g}" if share > 0 else "write a fraction: 0.8 is 80%"
    summary = f"{share:g} is above {_MOST}" if share > 0 else f"{share:g} is not above 0"
    yield Finding(path, "budget-threshold", summary, hint)
