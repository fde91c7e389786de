"""What `ci` of an operator's document wants: a pool, who is let in by it, and two accounts that they act as.

Who plans comes by one provider, who acts on merges by another one, whose condition holds for the protected branch and
its environment alone. The roles of the two accounts ask for an attribute that only their own provider gives, so that no
pull request becomes the applier. Claims are asked for one by one: the form of `sub` is a repository's to choose.

Source:
    docs.github.com/actions/reference/security/oidc (claims); `event_name`: what runs with the branch's own workflows
    and on its own code. `pull_request_target` has the ref of the base, and so is no push.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.core.address import GLOBAL, Address
from reconciler.core.condition import below, quoted
from reconciler.core.membership import KIND as IAM_MEMBER
from reconciler.core.membership import Membership
from reconciler.core.naming import account_email, note
from reconciler.core.objects import Desired, Wanted
from reconciler.kinds import duties, iam_member
from reconciler.kinds.duties import Account
from reconciler.kinds.iam_role import NAME as IAM_ROLE
from reconciler.kinds.iam_workload_identity_pool import NAME as POOL
from reconciler.kinds.iam_workload_identity_pool import WorkloadIdentityPool, place
from reconciler.kinds.iam_workload_identity_pool_provider.record import NAME, WorkloadIdentityPoolProvider
from reconciler.kinds.run_job import bundle_of
from reconciler.lookups.project_number import number_of
from schemas.names import CI_PURPOSES, ci_accounts, derived_name
from schemas.sections.ci import OnMerge

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from schemas import Operator
    from schemas.sections.ci import GitHubRepository

GITHUB = "https://token.actions.githubusercontent.com"
PLANNER, APPLIER = CI_PURPOSES
USER = "roles/iam.workloadIdentityUser"
PUBLISHER = "roles/storage.objectUser"
ON_MERGE = ("push", "schedule", "workflow_dispatch")
SERVICE_ACCOUNT = "service_account"
_POOL_LONGEST = 32


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two who are let in.

    Args:
        purpose: `planner` or `applier`.
        words: What its account does, for people.
        true: What is true of its tokens.
        claim: The claim that its account's role is bound to.
        value: And that claim's value.
    """

    purpose: str
    words: str
    true: Sequence[str]
    claim: str
    value: str


def pool_of(operator: Operator) -> Address:
    """Give the address of the pool."""
    return Address(POOL, GLOBAL, derived_name(operator.name, "ci", longest=_POOL_LONGEST, shortest=4))


def provider_of(operator: Operator, purpose: str) -> Address:
    """Give the address of the provider that planner or applier come by."""
    return Address(NAME, GLOBAL, f"{pool_of(operator).name}/{purpose}")


def provider_name(operator: Operator, facts: Facts, purpose: str) -> str:
    """Give the full name of a provider, as workflows write it."""
    pool, _, provider = provider_of(operator, purpose).name.partition("/")
    return f"{place(number_of(facts))}/{pool}/providers/{provider}"


def operates(operator: Operator, facts: Facts) -> Iterator[Wanted]:
    """Want what lets a CI in."""
    ci = operator.spec.ci
    if ci is None:
        return
    fields = WorkloadIdentityPool(f"CI of {operator.name}"[:_POOL_LONGEST], note(operator.owner), disabled=False)
    yield Desired(pool_of(operator), fields, operator.owner)
    for side in (_planning(ci.github), _merging(ci.github)):
        yield from _let_in(operator, facts, side)
    yield from _planner(operator, facts)
    yield from _publisher(operator, facts) if ci.on_merge is OnMerge.PUBLISH else _applier(operator, facts)


def lets_in(address: Address, operator: str, project: str) -> bool:
    """Tell whether an object of an operator's is one of those that let a CI in.

    Args:
        address: Of the object.
        operator: The operator's name.
        project: Where it is.
    """
    accounts = ci_accounts(operator)
    if address.kind == IAM_MEMBER:
        there = Membership.of(address)
        return acts(there.member, operator, project) or (there.on == SERVICE_ACCOUNT and there.name in accounts)
    if address.kind == IAM_ROLE:
        return address.name in {duties.role_name(operator, purpose) for purpose in CI_PURPOSES}
    return address.kind in {POOL, NAME} or (address.kind == SERVICE_ACCOUNT and address.name in accounts)


def acts(member: str, operator: str, project: str) -> bool:
    """Tell whether a member of policies is an account that a CI acts as.

    Args:
        member: As policies name it.
        operator: The operator's name.
        project: Where it is.
    """
    return member in {f"serviceAccount:{account_email(each, project)}" for each in ci_accounts(operator)}


def of_the_repository(github: GitHubRepository) -> list[str]:
    """Write what is true of the repository's tokens, by numbers where they are known."""
    if github.repository_id is None:
        known = [f"assertion.repository == {quoted(github.repository)}"]
    else:
        known = [f"assertion.repository_id == {quoted(str(github.repository_id))}"]
    if github.owner_id is not None:
        known.append(f"assertion.repository_owner_id == {quoted(str(github.owner_id))}")
    return known


def on_merge(github: GitHubRepository) -> list[str]:
    """Write what is true of tokens of jobs that act on merges."""
    branch = f"assertion.ref == {quoted(f'refs/heads/{github.branch}')}"
    event = f"assertion.event_name in [{', '.join(map(quoted, ON_MERGE))}]"
    environment = [] if github.environment is None else [f"assertion.environment == {quoted(github.environment)}"]
    return [*of_the_repository(github), branch, event, *environment]


def _planning(github: GitHubRepository) -> Side:
    """Say who plans."""
    true = of_the_repository(github)
    if github.repository_id is None:
        return Side(PLANNER, "Plans for", true, "repository", github.repository)
    return Side(PLANNER, "Plans for", true, "repository_id", str(github.repository_id))


def _merging(github: GitHubRepository) -> Side:
    """Say who acts on merges. What it is known by, the planner's provider does not tell."""
    true, words = on_merge(github), "Acts on merges for"
    if github.environment is None:
        return Side(APPLIER, words, true, "ref", f"refs/heads/{github.branch}")
    return Side(APPLIER, words, true, "environment", github.environment)


def _let_in(operator: Operator, facts: Facts, side: Side) -> Iterator[Wanted]:
    """Want a provider, the account that who comes by it acts as, and that he may."""
    provider, who = provider_of(operator, side.purpose), Account.own(operator, facts, side.purpose)
    mapping = {"google.subject": "assertion.sub", f"attribute.{side.claim}": f"assertion.{side.claim}"}
    yield _provider(operator, provider, mapping, side.true)
    if who.address:
        yield duties.account(operator, who.address, side.words)
        pool = f"{place(number_of(facts))}/{pool_of(operator).name}"
        member = f"principalSet://iam.googleapis.com/{pool}/attribute.{side.claim}/{side.value}"
        yield iam_member.granted(who.address, USER, member, operator.owner, needs={provider, *who.made})


def _provider(
    operator: Operator, here: Address, mapping: Mapping[str, str], true: Iterable[str]
) -> Desired[WorkloadIdentityPoolProvider]:
    fields = WorkloadIdentityPoolProvider(
        display_name=here.name.rpartition("/")[2],
        description=note(operator.owner),
        disabled=False,
        issuer=GITHUB,
        audiences=(),
        mapping=mapping,
        condition=" && ".join(true),
        keys="",
    )
    return Desired(here, fields, operator.owner, needs=frozenset({pool_of(operator)}))


def _planner(operator: Operator, facts: Facts) -> Iterator[Wanted]:
    """Want roles that read what plans read, and change nothing."""
    who = Account.own(operator, facts, PLANNER)
    needed = {*duties.reading_of(facts.duties), *duties.looking_at(operator, facts)}
    yield from duties.granted(operator, facts, who, needed, duties.role_name(operator.name, PLANNER))
    yield duties.on_project(operator, who, duties.STATE_READER, "mlservice-state", below(facts.bucket, ""))


def _publisher(operator: Operator, facts: Facts) -> Iterator[Wanted]:
    """Want what publishing needs: the folder of the bundle, and finding its bucket."""
    who = Account.own(operator, facts, APPLIER)
    bucket, _, folder = bundle_of(operator, facts.bucket).removeprefix("gs://").partition("/")
    yield from duties.granted(operator, facts, who, (duties.finding(facts),), duties.role_name(operator.name, APPLIER))
    yield duties.on_project(operator, who, PUBLISHER, "mlservice-bundle", below(bucket, f"{folder}/"))


def _applier(operator: Operator, facts: Facts) -> Iterator[Wanted]:
    """Want what working on the services needs, and looking at the operator; not what changing that would need."""
    who = Account.own(operator, facts, APPLIER)
    needed = {*duties.all_of(facts.duties), *duties.looking_at(operator, facts)}
    yield from duties.granted(operator, facts, who, needed, duties.role_name(operator.name, APPLIER))
    yield duties.on_project(operator, who, duties.STATE_WRITER, "mlservice-state", below(facts.bucket, ""))
