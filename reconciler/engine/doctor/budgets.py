"""Budgets: whether the caller may look at them and change them, and whether they are in the account's currency.

Source: https://cloud.google.com/billing/docs/how-to/budgets#budget-permissions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reconciler.core import errors
from reconciler.core.checkup import Answer, Check, Who
from reconciler.engine.doctor.case import Case
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from reconciler.gcp.held import held_on
from reconciler.gcp.who import Caller
from reconciler.kinds.billing_budget.client import READER, WRITER
from reconciler.lookups.billing_account import account_of
from schemas import LoadedService

_LOOKING = frozenset({"billing.budgets.get", "billing.budgets.list"})
_CHANGING = frozenset({"billing.budgets.create", "billing.budgets.delete", "billing.budgets.update"})
_INSTEAD = {"billing.resourcebudgets.read": _LOOKING, "billing.resourcebudgets.write": _CHANGING}
"""What would do on the project, since our budgets are of that project alone."""


def budgets(case: Case, caller: Caller) -> Iterator[Check]:
    """Look at the billing account, where a spec has a budget and somebody pays."""
    asking = [loaded for loaded in case.services if loaded.service.spec.budget is not None]
    account = account_of(case.session.connection, case.project) if asking else None
    names = tuple(sorted(loaded.name for loaded in asking))
    if account is not None and account.hidden:
        yield Check("budget", Answer.UNKNOWN, account.hidden, services=names)
    elif account is not None and account.name:
        yield _allowed(case, caller, account.name, names)
        yield from _currencies(case, account.name, asking)


def _allowed(case: Case, caller: Caller, account: str, names: tuple[str, ...]) -> Check:
    wanted = _LOOKING | (_CHANGING if case.writing else frozenset())
    have, _ = held_on(_billing(case), account, wanted)
    projects = case.session.connection.client("google.cloud.resourcemanager_v3", "projects", "Projects")
    if not have >= wanted:
        own, _ = held_on(projects, f"projects/{case.project}", _INSTEAD)
        have |= frozenset().union(*(_INSTEAD[each] for each in own))
    if have >= wanted:
        return Check("budget", Answer.OK, "you may look at budgets and change them", services=names)
    number = account.partition("/")[2]
    verb = "look at" if not have >= _LOOKING else "change"
    role = WRITER if case.writing else READER
    line = f"you may not {verb} budgets of billing account {number}: they are left as they are, all else is done"
    command = f"gcloud billing accounts add-iam-policy-binding {number} --member={caller.member} --role={role}"
    return Check("budget", Answer.WARN, line, Who.BILLING, (command,), names)


def _currencies(case: Case, account: str, asking: list[LoadedService]) -> Iterator[Check]:
    """Compare currencies, where the caller may see the account's: Google refuses another one."""
    said = [loaded for loaded in asking if loaded.service.spec.budget and loaded.service.spec.budget.currency]
    try:
        found = _currency(case, account) if said else ""
    except errors.ApiError:
        return
    for loaded in said if found else ():
        currency = loaded.service.spec.budget.currency if loaded.service.spec.budget else ""
        if currency != found:
            line = f"the currency of the billing account is {found}, not {currency}"
            where = str(loaded.where("spec.budget.currency"))
            yield Check("budget", Answer.FAIL, line, services=(loaded.name,), where=where)


def _currency(case: Case, account: str) -> str:
    with calling("read", account):
        found = _billing(case).get_billing_account(request={"name": account}, retry=READING, timeout=CALL_TIMEOUT_S)
    return str(found.currency_code)


def _billing(case: Case) -> Any:
    return case.session.connection.client("google.cloud.billing_v1", "cloud_billing", "CloudBilling")
