"""Budgets through Google's client."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.by_hand import heads
from reconciler.core.naming import fingerprint, noted
from reconciler.core.objects import Desired, Observed
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from reconciler.gcp.light import types_module
from reconciler.gcp.roles import role_with
from reconciler.kinds.billing_budget.record import NAME, UNKNOWN, BillingBudget, from_api, put
from reconciler.lookups.billing_account import account_of

if TYPE_CHECKING:
    from reconciler.core.address import Address
    from reconciler.core.diff import FieldChange
    from reconciler.gcp.connection import Connection

_PACKAGE = "google.cloud.billing.budgets_v1"
READER, WRITER = "roles/billing.viewer", "roles/billing.costsManager"
_PROJECT = "resourcemanager.projects.get"
_Looked = tuple[list[tuple[Any, BillingBudget]], Mapping[str, str], str]
"""Budgets that were seen; why others that are known by name were not, and why any other one may not be."""
_MASK = {
    "projects": "budget_filter",
    "label": "budget_filter",
    "thresholds": "threshold_rules",
    "topic": "notifications_rule",
    "channels": "notifications_rule",
    "tells_admins": "notifications_rule",
}


class BillingBudgetClient:
    """Thin and idempotent over Google's client."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._project = connection, connection.project
        self._api = connection.client(_PACKAGE, "budget_service", "BudgetService")
        self._types = types_module(_PACKAGE, "budget_model")

    def find(self, addresses: Sequence[Address], names: Mapping[Address, str]) -> Iterable[Observed[BillingBudget]]:
        """List the budgets of the project alone; pick ours by name, by mark, and others' that are called as ours.

        One that we know and that is not listed is read by its name: it counts more than the project by now, or nobody
        pays for the project any more. Who may not look is told why, in place of each budget that may be there.
        """
        seen, unread, why = self._looked(names.values())
        by_name = {name: address for address, name in names.items()}
        by_mark = {address.name: address for address in addresses}
        found: set[Address] = set()
        for live, fields in seen:
            address = by_name.get(live.name) or by_mark.get(_called(live.display_name))
            if address:
                found.add(address)
                yield _observed(address, live, fields)
        for address in addresses:
            name = names.get(address, "")
            hidden = unread.get(name, why)
            if hidden and address not in found:
                yield _hidden(address, name, hidden)

    def _looked(self, names: Iterable[str]) -> _Looked:
        """Look at the budgets of the project, and those known by name among them."""
        account = account_of(self._connection, self._project)
        if account.hidden:
            return [], {}, account.hidden
        found, unread = dict[str, Any](), dict[str, str]()
        try:
            found |= {live.name: live for live in self._listed(account.name)} if account.name else {}
        except errors.NotPermitted as error:
            return [], {}, _why(error, account.name)
        for name in names:
            try:
                found |= {} if name in found else {live.name: live for live in self._read(name)}
            except errors.NotPermitted as error:  # of another budget than those of the project, or of one that is gone
                unread[name] = _why(error, name.partition("/budgets/")[0])
        try:
            projects = self._names() if found else {}
        except errors.NotPermitted:
            return [], {}, f"{_PROJECT} is missing on project {self._project}: {role_with(_PROJECT)} has it"
        nobody = "" if account.name else f"nobody pays for project {self._project}"
        return [(live, from_api(live, projects)) for _, live in sorted(found.items())], unread, nobody

    def _listed(self, account: str) -> list[Any]:
        with calling("list", f"{NAME} of {account}"):
            request = {"parent": account, "scope": f"projects/{self._project}", "page_size": 100}
            return list(self._api.list_budgets(request=request, retry=READING, timeout=CALL_TIMEOUT_S))

    def _read(self, name: str) -> Iterator[Any]:
        try:
            with calling("read", name):
                yield self._api.get_budget(request={"name": name}, retry=READING, timeout=CALL_TIMEOUT_S)
        except errors.NotFoundError:
            return

    def _names(self) -> dict[str, str]:
        """Give how Google calls the project at hand in answers, and how records do."""
        api: Any = self._connection.client("google.cloud.resourcemanager_v3", "projects", "Projects")
        with calling("read", f"project {self._project}"):
            request = {"name": f"projects/{self._project}"}
            found = api.get_project(request=request, retry=READING, timeout=CALL_TIMEOUT_S)
        return {str(found.name): f"projects/{self._project}"}

    def create(self, want: Desired[BillingBudget]) -> str:
        """Create it; synchronous. Its mark is a part of it from the beginning.

        Google lets its own sender publish to the topic, which takes the right to set the topic's policy.
        """
        with calling("create", want.address):
            request = {"parent": want.fields.account, "budget": put(self._types.Budget(), want.fields)}
            return str(self._api.create_budget(request=request, timeout=CALL_TIMEOUT_S).name)

    def update(
        self, want: Desired[BillingBudget], seen: Observed[BillingBudget], changes: tuple[FieldChange, ...]
    ) -> None:
        """Write the changed parts; a part that is named is written whole. An etag refuses what others changed."""
        budget = put(self._types.Budget(name=seen.server_name, etag=seen.live.etag), want.fields)
        ours = {_MASK.get(change.field, change.field) for change in changes if change.field != "by_hand"}
        with calling("update", want.address):
            request = {"budget": budget, "update_mask": {"paths": sorted(ours | heads(changes))}}
            self._api.update_budget(request=request, retry=None, timeout=CALL_TIMEOUT_S)

    def delete(self, seen: Observed[BillingBudget]) -> None:
        """Delete it."""
        try:
            with calling("delete", seen.address):
                request = {"name": seen.server_name}
                self._api.delete_budget(request=request, retry=None, timeout=CALL_TIMEOUT_S)
        except errors.NotFoundError:
            return


def _called(display_name: str) -> str:
    """Give the service that a budget says it is of: by our mark, or, where somebody made it, by its first word."""
    return noted(display_name) or display_name.partition(" ")[0]


def _why(error: errors.NotPermitted, account: str) -> str:
    """Say what is missing, and who has to give it."""
    if not error.permission:
        return f"{error.message}; {error.hint}" if error.hint else error.message
    return (
        f"{error.permission} is missing: who administers billing account {account.partition('/')[2]} must grant "
        f"{READER} on it to have it looked at, {WRITER} to have it changed"
    )


def _hidden(address: Address, name: str, why: str) -> Observed[BillingBudget]:
    return Observed(address, UNKNOWN, uid=name, server_name=name, hidden=why)


def _observed(address: Address, live: Any, fields: BillingBudget) -> Observed[BillingBudget]:
    return Observed(
        address,
        fields,
        uid=live.name,
        version=fingerprint(type(live).to_dict(live)),
        mark=noted(live.display_name),
        output={"name": live.name},
        server_name=live.name,
        live=live,
    )
