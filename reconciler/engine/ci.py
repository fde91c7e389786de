"""What lets a CI in, as a part of the operator: made without the rest of it, and taken away without it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.kind import Kinds
from reconciler.core.membership import KIND as IAM_MEMBER
from reconciler.core.membership import Membership
from reconciler.core.naming import account_email
from reconciler.core.planned import Planned
from reconciler.engine.operators import Installed
from reconciler.engine.planning import plan_destroy
from reconciler.engine.session import Session
from reconciler.kinds.iam_workload_identity_pool_provider.wanted import USER, acts, lets_in
from reconciler.kinds.run_job import NAME as RUN_JOB
from reconciler.kinds.run_service.page import reads_for
from schemas.operator import PREFIX

_SET = "principalSet://iam.googleapis.com/"


def narrowing(session: Session, operator: str) -> Session:
    """Give a run that takes from a CI's accounts, and the page's, what they have no need of any more.

    Roles on the project otherwise stay with who has them, for what still runs. What a CI acts as runs nothing that
    stays, and a page that goes is gone; and only a person's install takes roles away, no pass and no apply.

    Args:
        session: The run's means.
        operator: The operator's name.
    """
    members = session.kinds.by_name[IAM_MEMBER]

    def retained(address: Address) -> bool:
        member = Membership.of(address).member
        project = session.connection.project
        ours = acts(member, operator, project) or reads_for(member, operator, project)
        return members.retained(address) and not ours

    kinds = Kinds({**session.kinds.by_name, IAM_MEMBER: replace(members, retained=retained)})
    return replace(session, kinds=kinds, _clients={}, _lock=threading.Lock())


@dataclass(frozen=True, slots=True)
class Way:
    """How planner or applier come in, as their workflow says it.

    Args:
        provider: Full name of the provider.
        account: E-mail of the account.
    """

    provider: str
    account: str


def ways(planned: Planned) -> Mapping[str, Way]:
    """Give how each comes in, by its purpose, from what an operator's plan wants."""
    found: dict[str, Way] = {}
    for address in planned.wants:
        there = Membership.of(address) if address.kind == IAM_MEMBER else None
        if there and there.role == USER and _lets_in(planned, address):
            pool = there.member.removeprefix(_SET).partition("/attribute.")[0]
            purpose = there.name.rpartition("-")[2]
            email = account_email(there.name, planned.plan.project)
            found[purpose] = Way(f"{pool}/providers/{purpose}", email)
    return found


def letting_in(planned: Planned) -> Planned:
    """Give the part of an operator's plan that lets a CI in; all of it where the job is installed.

    The job looks at what lets a CI in at each pass, and needs roles for it, so both come at once.
    """
    entries = [address for inventory in planned.inventories.values() for address in inventory.entries]
    if any(address.kind == RUN_JOB for address in entries):
        return planned
    changes = tuple(change for change in planned.plan.changes if _lets_in(planned, change.address))
    return replace(planned, plan=replace(planned.plan, changes=changes))


def plan_shutting_out(session: Session) -> Planned:
    """Plan to take away what lets a CI in.

    Raises:
        UsageError: Nothing does.
    """
    installed = Installed.find(session)
    planned = plan_destroy(session, [installed.key])
    changes = tuple(change for change in planned.plan.changes if _lets_in(planned, change.address))
    if not any(_lets_in(planned, address) for address in installed.inventory.entries):
        raise errors.UsageError("no CI is let into this project", hint="mlservice install ci")
    if len(changes) == len(planned.plan.changes):
        return planned
    changes = tuple(replace(change, reason="the CI is let in no more") for change in changes)
    return replace(planned, plan=replace(planned.plan, changes=changes, destroy=False))


def _lets_in(planned: Planned, address: Address) -> bool:
    """Tell whether an object of the one operator of a plan lets a CI in."""
    [owner] = planned.plan.services
    return lets_in(address, owner.removeprefix(PREFIX), planned.plan.project)
