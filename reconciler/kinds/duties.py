"""What accounts that work on services may do: the roles of the kinds that these lead to, and no others.

The operator's job has an account of this sort, and so has a CI that applies or plans. What gives roles on the project
is narrowed to the roles that those kinds give, so that such an account cannot give itself another one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.core.address import GLOBAL, Address
from reconciler.core.condition import only_roles
from reconciler.core.membership import PROJECT, Membership
from reconciler.core.naming import account_email, note
from reconciler.core.objects import Desired, Wanted
from reconciler.kinds.iam_member import IamMember
from reconciler.kinds.iam_role import NAME as IAM_ROLE
from reconciler.kinds.iam_role import IamRole, full_name
from reconciler.kinds.service_account import ServiceAccount
from schemas.names import service_account_id
from schemas.sections.access import AUTO

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from schemas import Operator

STATE_READER, STATE_WRITER = "roles/storage.objectViewer", "roles/storage.objectAdmin"
LOOKING = (
    "iam.roles.list",
    "iam.serviceAccounts.getIamPolicy",
    "iam.serviceAccounts.list",
    "monitoring.alertPolicies.list",
    "monitoring.notificationChannels.list",
    "resourcemanager.projects.getIamPolicy",
    "roles/artifactregistry.reader",
    "roles/cloudscheduler.viewer",
    "roles/run.viewer",
)
"""What looking at any operator needs: its job, schedule, alerts, accounts and roles. None of it changes them."""
LOOKING_AT_SECRETS = ("secretmanager.secrets.getIamPolicy", "secretmanager.versions.get")
"""What looking at the secret needs that its specs are cloned with."""
LOOKING_AT_TOPICS = (
    "pubsub.subscriptions.list",
    "pubsub.topics.getIamPolicy",
    "pubsub.topics.list",
    "resourcemanager.projects.get",
)
"""What looking at a topic needs that is told of its passes."""
LOOKING_AT_PAGE = ("iap.webServices.getIamPolicy",)
"""What looking at its page needs: who may sign in. The number of the project, by which Google's agent is called, those
may read who may look at services."""
CLOSING_PAGE = ("iap.webServices.setIamPolicy", "run.services.setIamPolicy")
"""What its job needs to take away what lets others in than its document names."""
PAGE = "page"
"""Purpose of the account that the page runs as."""
LOOKING_AT_CI = ("roles/iam.workloadIdentityPoolViewer",)
"""What looking at what lets a CI in needs."""
WIDER = {
    "roles/artifactregistry.reader": "roles/artifactregistry.admin",
    "roles/cloudscheduler.viewer": "roles/cloudscheduler.admin",
    "roles/pubsub.viewer": "roles/pubsub.editor",
    "roles/run.developer": "roles/run.admin",
    "roles/run.viewer": "roles/run.developer",
}
"""Roles that another one holds whole: where both are needed, the other one does.

Source:
    cloud.google.com/iam/docs/roles-permissions.
"""
_GIVES_ROLES = "roles/resourcemanager.projectIamAdmin"


@dataclass(frozen=True, slots=True)
class Account:
    """An account that works on services.

    Args:
        email: Its e-mail.
        address: When it is of our making.
    """

    email: str
    address: Address | None

    @classmethod
    def own(cls, operator: Operator, facts: Facts, purpose: str) -> Account:
        """Give an operator's account for a purpose."""
        here = Address("service_account", GLOBAL, service_account_id(operator.name, purpose))
        return cls(email_of(operator.name, purpose, facts.project), here)

    @property
    def member(self) -> str:
        """How policies name it."""
        return f"serviceAccount:{self.email}"

    @property
    def made(self) -> frozenset[Address]:
        """What must be there before it has a role."""
        return frozenset({self.address} if self.address else ())


def email_of(operator: str, purpose: str, project: str) -> str:
    """Give the e-mail of an operator's account for a purpose.

    Args:
        operator: Its name.
        purpose: Such as `starter`.
        project: Where it is.
    """
    return account_email(service_account_id(operator, purpose), project)


def runs(operator: Operator, facts: Facts) -> Account:
    """Give the account that an operator's job runs as."""
    if operator.spec.identity != AUTO:
        return Account(operator.spec.identity, None)
    return Account.own(operator, facts, "operator")


def account(operator: Operator, here: Address, words: str) -> Desired[ServiceAccount]:
    """Want an account of an operator's.

    Args:
        operator: Whose.
        here: Where.
        words: What it does, for people.
    """
    fields = ServiceAccount(f"{words} {operator.name}", note(operator.owner), disabled=False)
    return Desired(here, fields, operator.owner)


def reading_of(kinds: Iterable[Any]) -> set[str]:
    """Give the roles and permissions on the project for looking at kinds."""
    return {role for kind in kinds if not kind.roles.on for role in kind.roles.read}


def all_of(kinds: Collection[Any]) -> set[str]:
    """Give the roles and permissions on the project for working on kinds."""
    return reading_of(kinds) | {role for kind in kinds if not kind.roles.on for role in kind.roles.write}


def finding(facts: Facts) -> str:
    """Give the permission that finding the state bucket takes: among the project's own, or where it was named."""
    return "storage.buckets.list" if facts.bucket == f"{facts.project}-mlservice" else "storage.buckets.get"


def looking_at(operator: Operator, facts: Facts) -> set[str]:
    """Give what looking at the operator itself needs: by its own job, and by a CI that plans it beside the services."""
    spec = operator.spec
    topics = LOOKING_AT_TOPICS if any(entry.pubsub for entry in spec.notifications) else ()
    secrets = LOOKING_AT_SECRETS if spec.specs.git and spec.specs.git.token else ()
    page = LOOKING_AT_PAGE if spec.page.enabled else ()
    return {*LOOKING, *topics, *secrets, *page, *(LOOKING_AT_CI if spec.ci else ()), finding(facts)}


def role_name(operator: str, purpose: str = "") -> str:
    """Give the name of an operator's custom role.

    Args:
        operator: Its name.
        purpose: Of the account that has it; empty for the job's own.
    """
    return f"mlservice_{operator.replace('-', '_')}{f'_{purpose}' if purpose else ''}"


def granted(
    operator: Operator, facts: Facts, account: Account, needed: Collection[str], custom: str
) -> Iterator[Wanted]:
    """Want roles on the project: predefined ones, and a custom one of bare permissions.

    Args:
        operator: Whose account it is.
        facts: What the services lead to.
        account: Who gets them.
        needed: Roles and permissions.
        custom: Name of the custom role.
    """
    role = _custom_role(operator, custom, sorted(each for each in needed if not each.startswith("roles/")))
    yield role
    yield on_project(operator, account, full_name(role.address, facts.project), needs={role.address})
    roles = {each for each in needed if each.startswith("roles/")} - {_GIVES_ROLES}
    for each in sorted(each for each in roles if roles.isdisjoint(_wider(each))):
        yield on_project(operator, account, each)
    if _GIVES_ROLES in needed:
        yield on_project(operator, account, _GIVES_ROLES, "mlservice-roles", only_roles(_given(facts.duties)))


def _wider(role: str) -> Iterator[str]:
    """Give the roles that hold a role whole, the narrowest first."""
    while role in WIDER:
        role = WIDER[role]
        yield role


def _custom_role(operator: Operator, name: str, permissions: Iterable[str]) -> Desired[IamRole]:
    fields = IamRole(f"What {operator.name} needs", note(operator.owner), tuple(permissions))
    return Desired(Address(IAM_ROLE, GLOBAL, name), fields, operator.owner)


def on_project(
    operator: Operator,
    account: Account,
    role: str,
    title: str = "",
    condition: str = "",
    *,
    needs: Iterable[Address] = (),
) -> Desired[IamMember]:
    """Want a role on the project, under a condition where there is one."""
    here = Membership(PROJECT, "", role, account.member, title).at(GLOBAL)
    return Desired(here, IamMember(condition), operator.owner, needs=frozenset(needs) | account.made)


def _given(kinds: Iterable[Any]) -> list[str]:
    return sorted({gift.role for kind in kinds for gift in kind.gives if gift.on == PROJECT})
