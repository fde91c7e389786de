"""What an operator's document wants: its job, the schedule that starts it, two accounts, and what they may do.

The job may do what its specs need, and no more: the roles of the kinds that they lead to. What gives roles on the
project is narrowed to the roles that those kinds give, so that a pass cannot give its own account another one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.core.address import GLOBAL, Address
from reconciler.core.condition import below, only_roles
from reconciler.core.membership import PROJECT, Membership
from reconciler.core.naming import account_email, mark_labels, note
from reconciler.core.objects import Desired, Wanted
from reconciler.core.orders import ORDERS_ENV
from reconciler.kinds import iam_member
from reconciler.kinds.iam_member import IamMember
from reconciler.kinds.iam_role import NAME as IAM_ROLE
from reconciler.kinds.iam_role import IamRole, full_name
from reconciler.kinds.run_job.record import NAME, RunJob, run_address
from reconciler.kinds.scheduler_job import NAME as SCHEDULER_JOB
from reconciler.kinds.scheduler_job import SchedulerJob
from reconciler.kinds.service_account import ServiceAccount
from reconciler.lookups.image_digest import pinned
from schemas.names import service_account_id
from schemas.sections.access import AUTO

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from schemas import Operator

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
OWN = (
    "roles/run.developer",
    "roles/cloudscheduler.admin",
    "roles/artifactregistry.reader",
    "roles/monitoring.metricWriter",
)
"""What changing its own image and schedule needs, and telling that a pass has ended."""
LOOKING = (
    "iam.roles.list",
    "iam.serviceAccounts.getIamPolicy",
    "iam.serviceAccounts.list",
    "monitoring.alertPolicies.list",
    "monitoring.notificationChannels.list",
    "resourcemanager.projects.getIamPolicy",
    "run.jobs.getIamPolicy",
    "storage.buckets.get",
    "storage.buckets.list",
)
"""What looking at its own account, roles, alerts and channels needs: it cannot change them, but for `FOLLOWING`."""
FOLLOWING = ("monitoring.alertPolicies.update",)
"""What its alerts need to follow its schedule and its shards, which it may change."""
TOPICS = (
    "pubsub.subscriptions.list",
    "pubsub.topics.getIamPolicy",
    "pubsub.topics.list",
    "resourcemanager.projects.get",
)
"""What looking at a topic needs that is told of its passes."""
_WIDER = {
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
_STATE_ROLE = "roles/storage.objectAdmin"
_READER = "roles/storage.objectViewer"


@dataclass(frozen=True, slots=True)
class Account:
    """The account that a pass runs as.

    Args:
        email: Its e-mail.
        address: When it is of our making.
    """

    email: str
    address: Address | None

    @property
    def member(self) -> str:
        """How policies name it."""
        return f"serviceAccount:{self.email}"


def address_of(operator: Operator) -> Address:
    """Give the address of the job. No service has `_` in its name, and a job's name has none."""
    return Address(NAME, operator.spec.region, f"{operator.name}-operator")


def schedule_of(operator: Operator) -> Address:
    """Give the address of the schedule."""
    return Address(SCHEDULER_JOB, operator.spec.region, operator.owner)


def bundle_of(operator: Operator, bucket: str) -> str:
    """Give the place of the bundle; empty when the specs come another way."""
    specs = operator.spec.specs
    if specs.image or specs.git:
        return ""
    return specs.bundle or f"gs://{bucket}/specs/{operator.name}"


def operates(operator: Operator, facts: Facts) -> Iterator[Wanted]:
    """Want everything that the operator consists of."""
    runs, starts = _runs(operator, facts), _starter(operator, facts)
    grants = [*_roles(operator, facts, runs)] if runs.address else []
    if runs.address:
        yield _account(operator, runs.address, "Reconciles for")
    yield from grants
    yield _job(operator, facts, runs, needs=frozenset(want.address for want in grants))
    if starts.address:
        yield _account(operator, starts.address, "Starts")
    invoker = iam_member.granted(
        address_of(operator), "roles/run.invoker", starts.member, operator.owner, needs=_made(starts)
    )
    yield invoker
    yield _schedule(operator, facts, starts, needs=frozenset({invoker.address}))


def _runs(operator: Operator, facts: Facts) -> Account:
    if operator.spec.identity != AUTO:
        return Account(operator.spec.identity, None)
    here = Address("service_account", GLOBAL, service_account_id(operator.name, "operator"))
    return Account(account_email(here.name, facts.project), here)


def _starter(operator: Operator, facts: Facts) -> Account:
    here = Address("service_account", GLOBAL, service_account_id(operator.name, "starter"))
    return Account(account_email(here.name, facts.project), here)


def _made(account: Account) -> frozenset[Address]:
    return frozenset({account.address} if account.address else ())


def _account(operator: Operator, here: Address, words: str) -> Desired[ServiceAccount]:
    fields = ServiceAccount(f"{words} {operator.name}", note(operator.owner), disabled=False)
    return Desired(here, fields, operator.owner)


def _job(operator: Operator, facts: Facts, account: Account, *, needs: frozenset[Address]) -> Desired[RunJob]:
    spec = operator.spec
    fields = RunJob(
        image=pinned(operator, facts),
        command=(),
        args=_arguments(operator, facts),
        env={ORDERS_ENV: _told(operator, facts)},
        secrets={},
        cpu_millis=spec.resources.cpu_millis,
        memory_mib=spec.resources.memory_mib,
        tasks=spec.shards,
        parallelism=0,
        # The next pass is the next try.
        max_retries=0,
        timeout_s=spec.limits.duration_s,
        service_account=account.email,
        labels={**operator.labels, **mark_labels(operator.owner)},
    )
    return Desired(address_of(operator), fields, operator.owner, needs=needs | _made(account))


def _arguments(operator: Operator, facts: Facts) -> tuple[str, ...]:
    folder = operator.spec.specs.image
    bundle = bundle_of(operator, facts.bucket)
    source = (folder.folder,) if folder else ("--bundle", bundle)
    state = ("--state", f"gs://{facts.bucket}") if facts.bucket != f"{facts.project}-mlservice" else ()
    return ("reconcile", *source, "--project", facts.project, *state)


def _told(operator: Operator, facts: Facts) -> str:
    spec = operator.spec
    told: dict[str, Any] = {
        "name": operator.name,
        "region": spec.region,
        "environment": spec.environment or facts.environment,
        "drift": str(spec.drift),
        "deletes": spec.limits.deletes,
        "timeZone": spec.time_zone,
        "freeze": [{"day": each.day, "at": each.at, "lasts": each.lasts_s} for each in spec.freeze],
        "runtimeImage": facts.runtime_image,
    }
    return json.dumps(told, separators=(",", ":"))


def _schedule(operator: Operator, facts: Facts, account: Account, *, needs: frozenset[Address]) -> Desired[Any]:
    spec, job = operator.spec, address_of(operator)
    fields = SchedulerJob(
        schedule=spec.schedule,
        time_zone=spec.time_zone,
        description=f"Passes of {operator.name}. {note(operator.owner)}",
        uri=run_address(job, facts.project),
        account=account.email,
        audience="",
        scope=SCOPE,
        topic="",
        attributes={},
        attempt_deadline_s=180,
        retry_count=1,
        max_retry_s=0,
        min_backoff_s=5,
        max_backoff_s=3600,
        max_doublings=5,
        paused=spec.paused,
    )
    return Desired(schedule_of(operator), fields, operator.owner, needs=needs | _made(account) | {job})


def _roles(operator: Operator, facts: Facts, account: Account) -> Iterator[Wanted]:
    """Want the roles of the kinds that the specs lead to, and the operator's own."""
    needed = {role for kind in facts.duties for role in _on_the_project(kind)}
    topics = TOPICS if any(entry.pubsub for entry in operator.spec.notifications) else ()
    permissions = sorted({*LOOKING, *FOLLOWING, *topics, *(each for each in needed if not each.startswith("roles/"))})
    custom = _custom_role(operator, permissions)
    yield custom
    yield _on_project(operator, account, full_name(custom.address, facts.project), needs={custom.address})
    roles = {*OWN, *(each for each in needed if each.startswith("roles/"))} - {_GIVES_ROLES}
    for role in sorted(role for role in roles if _WIDER.get(role) not in roles):
        yield _on_project(operator, account, role)
    yield _acting_as(operator, account, account)
    yield _acting_as(operator, account, _starter(operator, facts))
    if _GIVES_ROLES in needed:
        yield _on_project(operator, account, _GIVES_ROLES, "mlservice-roles", only_roles(_given(facts.duties)))
    yield _on_project(operator, account, _STATE_ROLE, "mlservice-state", below(facts.bucket, ""))
    bucket = bundle_of(operator, facts.bucket).removeprefix("gs://").partition("/")[0]
    if bucket not in {"", facts.bucket}:
        yield _on_project(operator, account, _READER, "mlservice-bundle", below(bucket, ""))


def _on_the_project(kind: Any) -> Iterable[str]:
    return () if kind.roles.on else (*kind.roles.read, *kind.roles.write)


def _custom_role(operator: Operator, permissions: Iterable[str]) -> Desired[IamRole]:
    here = Address(IAM_ROLE, GLOBAL, f"mlservice_{operator.name.replace('-', '_')}")
    fields = IamRole(f"What {operator.name} needs", note(operator.owner), tuple(permissions))
    return Desired(here, fields, operator.owner)


def _on_project(
    operator: Operator,
    account: Account,
    role: str,
    title: str = "",
    condition: str = "",
    *,
    needs: Iterable[Address] = (),
) -> Desired[IamMember]:
    here = Membership(PROJECT, "", role, account.member, title).at(GLOBAL)
    return Desired(here, IamMember(condition), operator.owner, needs=frozenset(needs) | _made(account))


def _acting_as(operator: Operator, account: Account, other: Account) -> Desired[IamMember]:
    """Whoever changes the job, or its schedule, lets it run as the account that it runs as."""
    target = other.address or Address("service_account", GLOBAL, other.email.partition("@")[0])
    role = "roles/iam.serviceAccountUser"
    return iam_member.granted(target, role, account.member, operator.owner, needs=_made(account))


def _given(duties: Iterable[Any]) -> list[str]:
    return sorted({gift.role for kind in duties for gift in kind.gives if gift.on == PROJECT})
