"""Money.

Source:
    billingbudgets v1: 1.0 is 100 %, so a threshold of 80 is surely 0.8; `Budget.display_name`, which holds our mark.
    ISO 4217: currencies without a smaller unit.
    https://cloud.google.com/billing/docs/how-to/export-data-bigquery-tables: how the tables of an export are called.
"""

import re
from collections.abc import Iterator, Sequence

from schemas.checks.finding import Finding, repeated, warning
from schemas.refusal import shown
from schemas.sections.budget import Budget, BudgetAction, BudgetActionKind
from schemas.sections.management import Management
from schemas.sections.resources import Scaling, ScalingMode
from schemas.sections.retraining import Retraining
from schemas.service import Metadata

_MOST = 10
DOLLARS = "USD"
_ONCE = frozenset({BudgetActionKind.FREEZE_RETRAINING, BudgetActionKind.SCALE_TO_ZERO, BudgetActionKind.STOP_JOBS})
"""Steps that a second one of the same sort would add nothing to."""
_OF_TRAININGS = frozenset({BudgetActionKind.FREEZE_RETRAINING, BudgetActionKind.STOP_JOBS})
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
_EXPORT = re.compile(
    r"([a-z][a-z0-9.:-]*\.)?[A-Za-z0-9_]{1,1024}\.gcp_billing_export_(resource_)?v1_[0-9A-F]{6}_[0-9A-F]{6}_[0-9A-F]{6}"
)


def amounts(budget: Budget | None) -> Iterator[Finding]:
    """The limit of a plan is not below the budget, and the currency has a code."""
    if budget is None:
        return
    if budget.plan_limit is not None and budget.plan_limit < budget.amount:
        summary = f"{budget.plan_limit} is below the amount ({budget.amount})"
        yield warning("budget.planLimit", "plan-limit", summary, "plans within the budget are blocked")
    if budget.amount == 0 and not budget.actions:
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


def export(budget: Budget | None) -> Iterator[Finding]:
    """A table that Cloud Billing itself writes: the one of the standard export, or of the detailed one."""
    if budget is None or budget.export is None or _EXPORT.fullmatch(budget.export):
        return
    summary = f"{shown(budget.export)} is no table of Cloud Billing's export"
    hint = "PROJECT.DATASET.gcp_billing_export_v1_… or ….gcp_billing_export_resource_v1_…, with the account's number"
    yield Finding("budget.export", "billing-export", summary, hint)


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


_FEWER = frozenset({BudgetActionKind.CAP_INSTANCES, BudgetActionKind.SCALE_TO_ZERO})


def actions(
    budget: Budget | None, scaling: Scaling, retraining: Retraining | None, management: Management
) -> Iterator[Finding]:
    """Each step can be taken, does something, and comes after those below it."""
    steps = budget.actions if budget else ()
    if budget is not None and steps and budget.amount == 0:
        summary = "steps are at shares of the amount, and it is 0"
        yield Finding("budget.actions", "budget-action", summary, "set budget.amount", at_key=True)
    if budget is not None and steps and budget.currency is None:
        summary = "steps compare amounts, and budget.currency is not said"
        yield Finding("budget.actions", "budget-action", summary, "for example `currency: EUR`", at_key=True)
    for index, action in enumerate(steps):
        path, before = f"budget.actions[{index}]", steps[:index]
        yield from _share(f"{path}.at", action.at)
        if before and action.at < before[-1].at:
            summary = f"{action.at:g} is below the step before it ({before[-1].at:g})"
            yield Finding(f"{path}.at", "budget-order", summary, "steps must rise")
        if action.do in _FEWER and scaling.mode is ScalingMode.MANUAL:
            summary = f"with scaling.mode Manual there are scaling.instances, whatever {action.do} says"
            yield Finding(f"{path}.do", "budget-action", summary, "let Cloud Run scale: mode: Automatic")
        elif action.do is BudgetActionKind.SCALE_TO_ZERO and scaling.revision_min_instances:
            summary = "scaling.revisionMinInstances keeps instances of each revision, which no step takes back"
            yield Finding(f"{path}.do", "budget-action", summary, "say scaling.minInstances instead")
        elif action.do is BudgetActionKind.CAP_INSTANCES:
            yield from _cap(path, action, scaling, before)
        elif action.max_instances is not None:
            summary = f"maxInstances means nothing with {action.do}"
            yield Finding(f"{path}.maxInstances", "budget-action", summary, at_key=True)
        elif action.do in _ONCE and any(each.do is action.do for each in before):
            yield Finding(f"{path}.do", "repeated", f"{action.do} is a step already", "remove it")
        else:
            yield from _idle(path, action, scaling, retraining, management)


def _cap(path: str, action: BudgetAction, scaling: Scaling, before: Sequence[BudgetAction]) -> Iterator[Finding]:
    cap, key = action.max_instances, f"{path}.maxInstances"
    least = 0 if any(each.do is BudgetActionKind.SCALE_TO_ZERO for each in before) else scaling.min_instances
    caps = [each.max_instances for each in before if each.max_instances is not None]
    if cap is None:
        hint = "for example `maxInstances: 1`"
        yield Finding(path, "budget-action", "CapInstances needs maxInstances", hint, at_key=True)
    elif cap < least:
        summary = f"{cap} is below scaling.minInstances ({least})"
        yield Finding(key, "budget-action", summary, "raise it, or let ScaleToZero come before it")
    elif caps and cap >= min(caps):
        summary = f"{cap} is not below the cap of a step before it ({min(caps)})"
        yield Finding(key, "budget-action", summary, "each cap is lower than those before it")
    elif cap >= scaling.max_instances:
        summary = f"{cap} is not below scaling.maxInstances ({scaling.max_instances})"
        yield warning(key, "budget-action", summary, "the cap changes nothing")


def _idle(
    path: str, action: BudgetAction, scaling: Scaling, retraining: Retraining | None, management: Management
) -> Iterator[Finding]:
    """Tell of a step that would change nothing."""
    external = {"scaling", "scaling.minInstances"} & {*management.externally_owned}
    if action.do in _OF_TRAININGS and retraining is None:
        what = "freeze" if action.do is BudgetActionKind.FREEZE_RETRAINING else "stop"
        yield warning(f"{path}.do", "budget-action", f"there is no retraining to {what}", "add `retraining`")
    if action.do is BudgetActionKind.SCALE_TO_ZERO and external:
        summary = f"management.externallyOwned leaves {min(external)} to others"
        yield warning(f"{path}.do", "budget-action", summary, "the step changes nothing")
    elif action.do is BudgetActionKind.SCALE_TO_ZERO and not (scaling.min_instances or scaling.windows):
        summary = "scaling.minInstances is 0: no instance is kept warm"
        yield warning(f"{path}.do", "budget-action", summary, "the step changes nothing")


def _share(path: str, share: float) -> Iterator[Finding]:
    if 0 < share <= _MOST:
        return
    hint = f"write a fraction: {share:g}% is {share / 100:g}" if share > 0 else "write a fraction: 0.8 is 80%"
    summary = f"{share:g} is above {_MOST}" if share > 0 else f"{share:g} is not above 0"
    yield Finding(path, "budget-threshold", summary, hint)
