"""Who pays for the project: its billing account has the budgets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.facts import Facts, Lookup, Question
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection
    from schemas import LoadedService


@dataclass(frozen=True, slots=True)
class BillingAccount:
    """A project's billing account.

    Args:
        name: `billingAccounts/…`; empty where nobody pays, or where that is not known.
        hidden: Why it is not known; empty where it is.
        currency: ISO 4217; empty where that was not asked, or may not be seen.
    """

    name: str = ""
    hidden: str = ""
    currency: str = ""


def asks(loaded: LoadedService, facts: Facts) -> Iterator[Question]:
    """Ask for services with a budget."""
    if loaded.service.spec.budget is not None:
        yield Question(facts.project, "budget")


def account_of(connection: Connection, project: str) -> BillingAccount:
    """Look it up. Who may not is answered with why: a service is more than its budget.

    Raises:
        ApiError: It could not be asked.
    """
    api: Any = connection.client("google.cloud.billing_v1", "cloud_billing", "CloudBilling")
    request = {"name": f"projects/{project}"}
    try:
        with calling("read the billing of", f"project {project}"):
            found = api.get_project_billing_info(request=request, retry=READING, timeout=CALL_TIMEOUT_S)
    except errors.NotPermitted as error:
        return BillingAccount(hidden=f"{error.message}; {error.hint}" if error.hint else error.message)
    return BillingAccount(str(found.billing_account_name) if found.billing_enabled else "")


def _answer(connection: Connection, question: Question) -> BillingAccount:
    found = account_of(connection, question.key)
    if not found.name:
        return found
    api: Any = connection.client("google.cloud.billing_v1", "cloud_billing", "CloudBilling")
    try:
        with calling("read", found.name):
            account = api.get_billing_account(request={"name": found.name}, retry=READING, timeout=CALL_TIMEOUT_S)
    except errors.ApiError:  # many who may plan may not see it: Google says so then, when the budget is written
        return found
    return replace(found, currency=str(account.currency_code))


LOOKUP = Lookup(
    "billing_account",
    BillingAccount,
    asks,
    _answer,
    "resourcemanager.projects.get",
    "cloudbilling.googleapis.com",
    assumed=lambda _: BillingAccount("billingAccounts/ACCOUNT"),
)
