"""The account a service runs as: one of its own, with the fewest roles its spec needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.core import errors, paid
from reconciler.core.address import GLOBAL, Address
from reconciler.core.flow import Group
from reconciler.core.kind import Kind, Permissions, Roles, by_project
from reconciler.core.naming import account_email, note, noted
from reconciler.core.objects import Desired, Observed
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from reconciler.gcp.light import types_module
from schemas.names import service_account_id
from schemas.sections.access import AUTO

if TYPE_CHECKING:
    from reconciler.core.diff import FieldChange
    from reconciler.core.facts import Facts
    from reconciler.gcp.connection import Connection
    from schemas import MLService

_PACKAGE = "google.cloud.iam_admin_v1"


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """The fields we manage.

    Args:
        display_name: For people.
        description: Carries our mark: service accounts have no labels.
        disabled: A disabled account cannot run anything.
    """

    display_name: str
    description: str
    disabled: bool


def address_of(service: MLService) -> Address | None:
    """Give the address of the account this spec asks us to make; None when it names one."""
    if service.spec.access.service_account != AUTO:
        return None
    return Address("service_account", GLOBAL, service_account_id(service.name, "run"))


def email_of(service: MLService, facts: Facts) -> str:
    """Give the e-mail of the account the service runs as."""
    ours = address_of(service)
    return account_email(ours.name, facts.project) if ours else service.spec.access.service_account


def another(service: MLService, purpose: str, words: str) -> Desired[ServiceAccount]:
    """Want a further account, for a kind whose objects act as somebody else than the service.

    Args:
        service: Whose.
        purpose: Last part of its name.
        words: What it does, for people.
    """
    here = Address("service_account", GLOBAL, service_account_id(service.name, purpose))
    return Desired(here, ServiceAccount(f"{words} {service.name}", note(service.name), disabled=False), service.name)


def desired(service: MLService, facts: Facts) -> Iterator[Desired[ServiceAccount]]:
    """Want an account unless the spec names one."""
    del facts
    if address_of(service):
        yield another(service, "run", "Runs")


class ServiceAccountClient:
    """Thin and idempotent over Google's client."""

    def __init__(self, connection: Connection) -> None:
        self._project = connection.project
        self._api = connection.client(_PACKAGE, "iam", "IAM")
        self._types = types_module(_PACKAGE, "iam")

    def observe(self, addresses: Sequence[Address]) -> Iterable[Observed[ServiceAccount]]:
        """List the project's accounts."""
        wanted = {account_email(a.name, self._project): a for a in addresses}
        with calling("list", "service_account/global"):
            request = {"name": f"projects/{self._project}", "page_size": 100}
            found = list(self._api.list_service_accounts(request=request, retry=READING, timeout=CALL_TIMEOUT_S))
        for live in found:
            if live.email in wanted:
                yield Observed(
                    address=wanted[live.email],
                    fields=ServiceAccount(live.display_name, live.description, live.disabled),
                    uid=live.unique_id,
                    mark=noted(live.description),
                    output={"email": live.email},
                    live=live,
                )

    def create(self, want: Desired[ServiceAccount]) -> None:
        """Create it."""
        account = self._types.ServiceAccount(display_name=want.fields.display_name, description=want.fields.description)
        request = {"name": f"projects/{self._project}", "account_id": want.address.name, "service_account": account}
        with calling("create", want.address):
            self._api.create_service_account(request=request, timeout=CALL_TIMEOUT_S)

    def update(
        self, want: Desired[ServiceAccount], seen: Observed[ServiceAccount], changes: tuple[FieldChange, ...]
    ) -> None:
        """Write the changed texts, and enable it again where someone disabled it: that is a method of its own."""
        changed = {c.field for c in changes}
        with calling("update", want.address):
            if "disabled" in changed:
                switch = self._api.disable_service_account if want.fields.disabled else self._api.enable_service_account
                switch(request={"name": self._name(seen)}, timeout=CALL_TIMEOUT_S)
            paths = sorted(changed - {"disabled"})
            if paths:
                account = self._types.ServiceAccount(
                    name=self._name(seen),
                    display_name=want.fields.display_name,
                    description=want.fields.description,
                )
                request = {"service_account": account, "update_mask": {"paths": paths}}
                self._api.patch_service_account(request=request, timeout=CALL_TIMEOUT_S)

    def delete(self, seen: Observed[ServiceAccount]) -> None:
        """Delete it. Its roles elsewhere stay behind as `deleted:` members, so those go first."""
        try:
            with calling("delete", seen.address):
                self._api.delete_service_account(request={"name": self._name(seen)}, timeout=CALL_TIMEOUT_S)
        except errors.NotFoundError:
            return

    def _name(self, seen: Observed[Any]) -> str:
        return f"projects/{self._project}/serviceAccounts/{account_email(seen.address.name, self._project)}"


KIND = Kind(
    name="service_account",
    title="service account",
    fields=ServiceAccount,
    desired=desired,
    connect=ServiceAccountClient,
    paid=paid.NOTHING,
    group=Group.ACCESS,
    read_together=by_project,
    acts_on=frozenset({"access.serviceAccount"}),
    permissions=Permissions(
        read=("iam.serviceAccounts.list",),
        write=(
            "iam.serviceAccounts.create",
            "iam.serviceAccounts.update",
            "iam.serviceAccounts.delete",
            "iam.serviceAccounts.actAs",
        ),
    ),
    apis=("iam.googleapis.com",),
    roles=Roles(
        read=("roles/iam.serviceAccountViewer",),
        write=("roles/iam.serviceAccountAdmin", "roles/iam.serviceAccountUser"),
    ),
)
