"""What specs need of Google Cloud and of the caller, from what their kinds say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.facts import Facts
from reconciler.core.kind import Kind, Kinds
from reconciler.core.membership import IAP, Membership
from reconciler.core.membership import KIND as MEMBERSHIP
from reconciler.core.objects import Desired, Wanted
from reconciler.engine.resolve import Asked
from reconciler.gcp.iap_policies import HOST
from reconciler.kinds import duties
from schemas import LoadedOperator, LoadedService
from schemas.sections.monitoring import Monitoring

NOUNS: Mapping[str, str] = {
    "project": "resourcemanager.projects",
    "run_service": "run.services",
    "run_job": "run.jobs",
    "secret": "secretmanager.secrets",
    "service_account": "iam.serviceAccounts",
    "pubsub_topic": "pubsub.topics",
    "pubsub_subscription": "pubsub.subscriptions",
    "pubsub_pull_subscription": "pubsub.subscriptions",
    "pubsub_table_subscription": "pubsub.subscriptions",
    "bigquery_table": "bigquery.tables",
    "bigquery_baseline": "bigquery.tables",
    "artifact_repository": "artifactregistry.repositories",
    IAP: "iap.webServices",
}
"""What permissions on a sort of resource begin with."""
_APIS = {IAP: "iap", "secret": "secretmanager", "run_job": "run", "project": "cloudresourcemanager"}
_STATE = ("storage.objects.get", "storage.objects.list")
_STATE_WRITE = ("storage.objects.create", "storage.objects.delete")
_MEASURED = "monitoring.timeSeries.list"


@dataclass(frozen=True, slots=True, order=True)
class Need:
    """One permission that something of a spec needs.

    Args:
        permission: Such as `run.services.update`.
        what: What for, in words: a kind's title.
        bucket: Name of the bucket that it is needed on; empty for the project or an object in it.
        resources: The objects that it is about, by sort and address, as far as it can be had on them alone.
    """

    permission: str
    what: str
    bucket: str = ""
    resources: tuple[tuple[str, Address], ...] = ()


@dataclass(frozen=True, slots=True)
class Needs:
    """Everything that some specs need.

    Args:
        wants: What each service's spec leads to.
        permissions: Services by what is needed for them.
        apis: Services by host of an API.
    """

    wants: Mapping[str, Sequence[Wanted]]
    permissions: Mapping[Need, frozenset[str]]
    apis: Mapping[str, frozenset[str]]

    @classmethod
    def of(
        cls,
        kinds: Kinds,
        services: Sequence[LoadedService],
        facts: Sequence[Facts],
        asked: Sequence[Sequence[Asked]],
        *,
        writing: bool,
    ) -> Needs:
        """Ask every kind about every spec. What could not be looked up is left out."""
        wants = {s.service.name: tuple(_wants(kinds, s, known)) for s, known in zip(services, facts, strict=True)}
        needs: dict[Need, set[str]] = {}
        apis: dict[str, set[str]] = {}
        for loaded, known, many in zip(services, facts, asked, strict=True):
            name = loaded.service.name
            for need in _of_service(kinds, loaded, known, wants[name], many, writing=writing):
                needs.setdefault(need, set()).add(name)
            for host in _hosts(kinds, wants[name], many, loaded):
                apis.setdefault(host, set()).add(name)
        return cls(wants, _frozen(needs), _frozen(apis))

    def with_pages(self, operators: Iterable[LoadedOperator], *, writing: bool) -> Needs:
        """Add what the pages of operators need beside what services do, under the operators' names."""
        owners = frozenset(each.name for each in operators if each.operator.spec.page.enabled)
        if not owners:
            return self
        needed = (*duties.LOOKING_AT_PAGE, *(duties.CLOSING_PAGE if writing else ()))
        permissions = {Need(permission, "the page"): owners for permission in needed}
        pages = {host: self.apis.get(host, frozenset()) | owners for host in (HOST, "run.googleapis.com")}
        return replace(self, permissions={**self.permissions, **permissions}, apis={**self.apis, **pages})


def _frozen(found: Mapping[Any, set[str]]) -> dict[Any, frozenset[str]]:
    return {key: frozenset(names) for key, names in found.items()}


def _wants(kinds: Kinds, loaded: LoadedService, facts: Facts) -> Iterator[Wanted]:
    for kind in kinds:
        try:
            yield from kind.desired(loaded.service, facts)
        except (KeyError, errors.ReconcilerError):  # it needs a fact that could not be looked up, which is told
            continue


def _of_service(
    kinds: Kinds,
    loaded: LoadedService,
    facts: Facts,
    wants: Sequence[Wanted],
    asked: Sequence[Asked],
    *,
    writing: bool,
) -> Iterator[Need]:
    for kind in _in_use(kinds, wants, loaded):
        made = any(isinstance(w, Desired) for w in wants if w.address.kind == kind.name)
        bucket = _bucket_of(kind, wants, facts)
        there = tuple(sorted((kind.name, w.address) for w in wants if w.address.kind == kind.name))
        for permission in (*kind.permissions.read, *(kind.permissions.write if writing and made else ())):
            yield Need(permission, kind.title, bucket, _spared(permission, there))
    yield from _policies(wants, writing=writing)
    yield from (Need(lookup.permission, "what the specs name") for lookup, _ in asked if lookup.permission)
    yield Need("storage.buckets.list", "the state bucket")
    for permission in (*_STATE, *(_STATE_WRITE if writing else ())):
        yield Need(permission, "the inventory", facts.bucket)
    if _measures(loaded.service.spec.monitoring) or loaded.service.spec.rollout.gates:
        yield Need(_MEASURED, "gates and monitoring")


def _measures(monitoring: Monitoring | None) -> bool:
    """Tell whether something is measured, and not only logged."""
    if monitoring is None:
        return False
    return bool(monitoring.skew or monitoring.drift or monitoring.slo) or monitoring.prediction_drift is not None


def _in_use(kinds: Kinds, wants: Iterable[Wanted], loaded: LoadedService) -> list[Kind[Any]]:
    used = {want.address.kind for want in wants}
    return [kind.of_specs([loaded.service]) for kind in kinds if kind.name in used]


def _bucket_of(kind: Kind[Any], wants: Iterable[Wanted], facts: Facts) -> str:
    """Give the bucket that a kind's permissions are needed on, where they are on one."""
    if not kind.roles.on:
        return ""
    if kind.name == "storage_notification":
        return next((w.address.name.partition("/")[0] for w in wants if w.address.kind == kind.name), "")
    return facts.bucket


def _spared(permission: str, there: tuple[tuple[str, Address], ...]) -> tuple[tuple[str, Address], ...]:
    """Give the objects on which a permission would do: not for making and listing, which are of the project."""
    noun, _, verb = permission.rpartition(".")
    return there if there and NOUNS.get(there[0][0]) == noun and verb not in {"create", "list"} else ()


def _policies(wants: Sequence[Wanted], *, writing: bool) -> Iterator[Need]:
    """Say what reading and changing the policies takes that roles of members are in."""
    for want in wants:
        if want.address.kind != MEMBERSHIP:
            continue
        there = Membership.of(want.address)
        target = Address(there.on, want.address.location, there.name, want.address.project)
        resources = ((there.on, target),) if there.name else ()
        verbs = ("getIamPolicy", "setIamPolicy") if writing and isinstance(want, Desired) else ("getIamPolicy",)
        for verb in verbs if there.on in NOUNS else ():
            yield Need(f"{NOUNS[there.on]}.{verb}", "roles of members", "", resources)


def _hosts(kinds: Kinds, wants: Sequence[Wanted], asked: Sequence[Asked], loaded: LoadedService) -> Iterator[str]:
    yield "storage.googleapis.com"
    for kind in _in_use(kinds, wants, loaded):
        yield from kind.apis
    yield from (lookup.api for lookup, _ in asked if lookup.api)
    for want in wants:
        on = Membership.of(want.address).on if want.address.kind == MEMBERSHIP else ""
        if on in _APIS:
            yield f"{_APIS[on]}.googleapis.com"
