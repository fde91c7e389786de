"""What an operator's document wants where it has a page: a service behind Identity-Aware Proxy, and who may sign in.

Nobody calls it but Identity-Aware Proxy, and nobody signs in whom the document does not name: what is found beside that
is taken away. Its account reads what passes leave for readers, and no more.

Source:
    cloud.google.com/run/docs/securing/identity-aware-proxy-cloud-run: it needs no load balancer, and calls as its
    own agent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.core.address import Address
from reconciler.core.condition import below
from reconciler.core.membership import (
    ANY_MEMBER,
    ANY_ROLE,
    EVERYONE,
    EVERYONE_SIGNED_IN,
    IAP,
    Membership,
)
from reconciler.core.naming import mark_labels
from reconciler.core.objects import Desired, Unwanted, Wanted
from reconciler.gcp.iap_policies import ACCESSOR
from reconciler.kinds import duties, iam_member
from reconciler.kinds.iam_member import IamMember
from reconciler.kinds.run_service import fields
from reconciler.kinds.run_service.container import DEFAULTS
from reconciler.kinds.run_service.record import LATEST, NAME, RunService, TrafficShare
from reconciler.kinds.run_service.wanted import INVOKER, LETS_NOBODY_CALL
from reconciler.lookups.image_digest import pinned_page
from reconciler.lookups.project_number import agent, number_of
from schemas.names import page_name

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from schemas import Operator

READ = ("operators/", "history/")
"""What passes leave for readers in the state bucket: reports and what they knew, and what became of each service."""
BUCKET_ENV, AUDIENCE_ENV = "MLSERVICE_PAGE_BUCKET", "MLSERVICE_PAGE_AUDIENCE"
"""What the page is told: where it reads, and for whom the word of Identity-Aware Proxy must be."""
_TITLE = "mlservice-page"
_TIMEOUT_S, _CONCURRENCY = 60, 80


def has_page(operator: Operator) -> bool:
    """Tell whether an operator has a page."""
    return operator.spec.page.enabled


def page_address(operator: Operator) -> Address:
    """Give the address of the page's service."""
    return Address(NAME, operator.spec.region, page_name(operator.name))


def account_of(operator: Operator, facts: Facts) -> duties.Account:
    """Give the account that the page runs as."""
    return duties.Account.own(operator, facts, duties.PAGE)


def operates(operator: Operator, facts: Facts) -> Iterator[Wanted]:
    """Want everything that the page consists of."""
    if not has_page(operator):
        return
    account, here = account_of(operator, facts), page_address(operator)
    reads = duties.on_project(operator, account, duties.STATE_READER, _TITLE, below(facts.bucket, *READ))
    if account.address:
        yield duties.account(operator, account.address, "Shows what passes found for")
    yield reads
    yield Desired(here, _page(operator, facts, account), operator.owner, needs=account.made | {reads.address})
    yield iam_member.granted(here, INVOKER, agent("iap", number_of(facts)), operator.owner)
    for member in sorted(operator.spec.page.access):
        there = Membership(IAP, here.name, ACCESSOR, member).at(here.location)
        yield Desired(there, IamMember(), operator.owner, within=here)
    yield from _never(operator, here)
    yield from _closed_by(operator, facts, account)


def audience(here: Address, number: str) -> str:
    """Give for whom the word of Identity-Aware Proxy is, before a service.

    Source:
        cloud.google.com/iap/docs/signed-headers-howto, for Cloud Run.
    """
    return f"/projects/{number}/locations/{here.location}/services/{here.name}"


def _page(operator: Operator, facts: Facts, account: duties.Account) -> RunService:
    """Want it complete, and all of it ours: what somebody changes of it by hand is seen."""
    said = operator.spec.page
    told = {BUCKET_ENV: facts.bucket, AUDIENCE_ENV: audience(page_address(operator), number_of(facts))}
    return RunService(
        image=pinned_page(operator, facts),
        model={},
        columns=(),
        runtime={},
        version="",
        attempt=None,
        env=told,
        secrets={},
        container={key: value for key, value in DEFAULTS.items() if key != "name"},
        mounts={},
        sidecars={},
        template={key: each.blank for key, each in fields.TEMPLATE.items()},
        cpu_millis=said.resources.cpu_millis,
        memory_mib=said.resources.memory_mib,
        gpu="",
        gpu_zonal_redundancy=False,
        concurrency=_CONCURRENCY,
        timeout_s=_TIMEOUT_S,
        min_instances=0,
        max_instances=said.max_instances,
        service_account=account.email,
        ingress="All",
        invoker_check=True,
        labels={**operator.labels, **mark_labels(operator.owner)},
        traffic=(TrafficShare(LATEST, 100),),
        service={**{key: each.blank for key, each in fields.SERVICE.items()}, "iapEnabled": True},
    )


def _never(operator: Operator, here: Address) -> Iterator[Unwanted]:
    """Rule out that anybody else signs in, or comes past Identity-Aware Proxy, whoever let him."""
    owner, where = operator.owner, here.location
    others = Membership(IAP, here.name, ACCESSOR, ANY_MEMBER).at(where)
    yield Unwanted(others, owner, "page.access does not name it")
    callers = Membership(NAME, here.name, INVOKER, ANY_MEMBER).at(where)
    yield Unwanted(callers, owner, "nobody but Identity-Aware Proxy calls the page")
    for member in (EVERYONE, EVERYONE_SIGNED_IN):
        anybody = Membership(NAME, here.name, ANY_ROLE, member).at(where)
        yield Unwanted(anybody, owner, "the page is for those whom page.access names", spares=LETS_NOBODY_CALL)
        anybody = Membership(IAP, here.name, ANY_ROLE, member).at(where)
        yield Unwanted(anybody, owner, "the page is for those whom page.access names")


def _closed_by(operator: Operator, facts: Facts, account: duties.Account) -> Iterator[Desired[IamMember]]:
    """Let the job put the page back that somebody opened: whoever changes it lets it run as its account."""
    runs = duties.runs(operator, facts)
    if runs.address and account.address:
        role = "roles/iam.serviceAccountUser"
        yield iam_member.granted(account.address, role, runs.member, operator.owner, needs=runs.made)


def reads_for(member: str, operator: str, project: str) -> bool:
    """Tell whether a member of policies is the account of an operator's page.

    Args:
        member: As policies name it.
        operator: The operator's name.
        project: Where it is.
    """
    return member == f"serviceAccount:{duties.email_of(operator, duties.PAGE, project)}"
