"""What an operator's document wants: its job, the schedule that starts it, two accounts, and what they may do.

The job may do what its specs need, and no more: the roles of the kinds that they lead to. What gives roles on the
project is narrowed to the roles that those kinds give, so that a pass cannot give its own account another one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from reconciler.core.address import GLOBAL, Address
from reconciler.core.condition import below
from reconciler.core.membership import SECRET_READER, Membership, split_secret
from reconciler.core.naming import mark_labels, note
from reconciler.core.objects import Desired, Wanted
from reconciler.core.orders import GIT_TOKEN_ENV, ORDERS_ENV
from reconciler.kinds import duties, iam_member, pubsub_pull_subscription
from reconciler.kinds.duties import Account
from reconciler.kinds.iam_member import IamMember
from reconciler.kinds.run_job.record import NAME, RunJob, run_address
from reconciler.kinds.scheduler_job import NAME as SCHEDULER_JOB
from reconciler.kinds.scheduler_job import SchedulerJob
from reconciler.lookups.image_digest import pinned
from reconciler.lookups.secret_version import version_of

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from schemas import Operator

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
OWN = (
    "roles/run.developer",
    "roles/cloudscheduler.admin",
    "roles/monitoring.metricWriter",
)
"""What changing its own image and schedule needs, and telling that a pass has ended."""
FOLLOWING = ("monitoring.alertPolicies.update",)
"""What its alerts need to follow its schedule and its shards, which it may change."""
MEASURED = "monitoring.timeSeries.list"
"""What estimating needs what instances cost up to now."""


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
    runs, starts = duties.runs(operator, facts), _starter(operator, facts)
    grants = [*_roles(operator, facts, runs)] if runs.address else []
    if runs.address:
        yield duties.account(operator, runs.address, "Reconciles for")
    yield from grants
    yield _job(operator, facts, runs, needs=frozenset(want.address for want in grants))
    if starts.address:
        yield duties.account(operator, starts.address, "Starts")
    invoker = iam_member.granted(
        address_of(operator), "roles/run.invoker", starts.member, operator.owner, needs=starts.made
    )
    yield invoker
    yield _schedule(operator, facts, starts, needs=frozenset({invoker.address}))


def _starter(operator: Operator, facts: Facts) -> Account:
    return Account.own(operator, facts, "starter")


def _job(operator: Operator, facts: Facts, account: Account, *, needs: frozenset[Address]) -> Desired[RunJob]:
    spec = operator.spec
    fields = RunJob(
        image=pinned(operator, facts),
        command=(),
        args=_arguments(operator, facts),
        env={ORDERS_ENV: _told(operator, facts)},
        secrets=_secrets(operator, facts),
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
    return Desired(address_of(operator), fields, operator.owner, needs=needs | account.made)


def _arguments(operator: Operator, facts: Facts) -> tuple[str, ...]:
    image, git = operator.spec.specs.image, operator.spec.specs.git
    source: tuple[str, ...] = ("--bundle", bundle_of(operator, facts.bucket))
    if image:
        source = (image.folder,)
    if git:
        source = ("--git", git.repository, "--branch", git.branch, "--folder", git.folder)
    state = ("--state", f"gs://{facts.bucket}") if facts.bucket != f"{facts.project}-mlservice" else ()
    return ("reconcile", *source, "--project", facts.project, *state)


def _secrets(operator: Operator, facts: Facts) -> dict[str, str]:
    """Name the secret that specs are read with: Cloud Run gives it to the job alone."""
    git = operator.spec.specs.git
    return {GIT_TOKEN_ENV: f"{git.token.secret}:{version_of(git.token, facts)}"} if git and git.token else {}


def _told(operator: Operator, facts: Facts) -> str:
    spec = operator.spec
    orphans = spec.orphans
    told: dict[str, Any] = {
        "name": operator.name,
        "region": spec.region,
        "environment": spec.environment or facts.environment,
        "drift": str(spec.drift),
        "deletes": spec.limits.deletes,
        "timeZone": spec.time_zone,
        "freeze": [{"day": each.day, "at": each.at, "lasts": each.lasts_s} for each in spec.freeze],
        "runtimeImage": facts.runtime_image,
        "image": pinned(operator, facts),
        "orphans": {"prune": orphans.prune, "after": orphans.after_s, "most": orphans.most},
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
    return Desired(schedule_of(operator), fields, operator.owner, needs=needs | account.made | {job})


def _roles(operator: Operator, facts: Facts, account: Account) -> Iterator[Wanted]:
    """Want the roles of the kinds that the specs lead to, and the operator's own."""
    closing = duties.CLOSING_PAGE if operator.spec.page.enabled else ()
    own = {*FOLLOWING, *OWN, *closing, *_measuring(facts)}
    needed = {*duties.all_of(facts.duties), *duties.looking_at(operator, facts), *own}
    yield from duties.granted(operator, facts, account, needed, duties.role_name(operator.name))
    yield _acting_as(operator, account, account)
    yield _acting_as(operator, account, _starter(operator, facts))
    yield duties.on_project(operator, account, duties.STATE_WRITER, "mlservice-state", below(facts.bucket, ""))
    yield from _reading(operator, facts, account)
    bucket = bundle_of(operator, facts.bucket).removeprefix("gs://").partition("/")[0]
    if bucket not in {"", facts.bucket}:
        yield duties.on_project(operator, account, duties.STATE_READER, "mlservice-bundle", below(bucket, ""))


def _measuring(facts: Facts) -> frozenset[str]:
    """Give what a pass needs to estimate what services spent, where one of them has steps of a budget."""
    steps = any(kind.name == pubsub_pull_subscription.NAME for kind in facts.duties)
    return frozenset({MEASURED}) if steps else frozenset()


def _reading(operator: Operator, facts: Facts, account: Account) -> Iterator[Wanted]:
    """Want that the job may read the secret that it clones specs with."""
    git = operator.spec.specs.git
    if git and git.token:
        project, secret = split_secret(git.token.secret, facts.project)
        here = Membership("secret", secret, SECRET_READER, account.member).at(GLOBAL, project)
        yield Desired(here, IamMember(), operator.owner, needs=account.made)


def _acting_as(operator: Operator, account: Account, other: Account) -> Desired[IamMember]:
    """Whoever changes the job, or its schedule, lets it run as the account that it runs as."""
    target = other.address or Address("service_account", GLOBAL, other.email.partition("@")[0])
    role = "roles/iam.serviceAccountUser"
    return iam_member.granted(target, role, account.member, operator.owner, needs=account.made)
