"""What a spec wants of its Cloud Run service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reconciler.core import condition
from reconciler.core.address import GLOBAL, Address
from reconciler.core.membership import (
    ANY_ROLE,
    EVERYONE,
    EVERYONE_SIGNED_IN,
    PROJECT,
    Membership,
)
from reconciler.core.naming import label_value, mark_labels
from reconciler.core.objects import Desired, Unwanted
from reconciler.core.rollout.asking import Asking, Request, generated
from reconciler.core.rollout.policy import policy_of
from reconciler.core.rollout.position import SHADOW
from reconciler.core.rollout.predicted import Compared
from reconciler.core.rollout.replaying import Replaying
from reconciler.core.windows import least_at
from reconciler.kinds import iam_member, model_artifact, service_account
from reconciler.kinds import pubsub_topic as pubsub
from reconciler.kinds.iam_member import IamMember
from reconciler.kinds.run_service import grants, said
from reconciler.kinds.run_service.record import NAME, RunService
from reconciler.kinds.run_service.restrained import held
from reconciler.kinds.run_service.rollouts import Asked
from reconciler.kinds.run_service.template import (
    ANSWERS_ENV,
    LOG_ENV,
    LOG_RATE_ENV,
    SHADOW_ENV,
    SHADOW_PERCENT_ENV,
    columns,
)
from reconciler.kinds.run_service.traffic import wanted, words_of
from reconciler.lookups.image_digest import image_of
from reconciler.lookups.model_version import version_of
from reconciler.lookups.project_number import agent, number_of
from reconciler.lookups.secret_version import version_of as secret_version_of
from schemas.instance import Instance
from schemas.sections.access import Authentication, Ingress
from schemas.sections.model import ValueType
from schemas.sections.rollout import Strategy
from schemas.tables import full_table

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from schemas import MLService
    from schemas.sections.mounts import Mount
    from schemas.sections.rollout import SmokeRequest
    from schemas.service import Spec

INVOKER = "roles/run.invoker"
LETS_NOBODY_CALL = {
    role: f"left, as {role} lets nobody call; it shows everyone what the service is made of"
    for role in ("roles/run.viewer", "roles/viewer", "roles/browser", "roles/iam.securityReviewer")
}
"""Roles known to be without `run.routes.invoke`. Any other may have it: a custom one, one that Google adds tomorrow.

Source:
    cloud.google.com/iam/docs/roles-permissions/run.
"""

MODEL_READER = "roles/storage.objectViewer"
_CHECKS = {Authentication.IAM: True, Authentication.IAP: True, Authentication.OFF: False}
"""Whether Cloud Run asks who calls; left as found where everyone may call anyhow."""


def address_of(service: MLService) -> Address:
    """Give the address of the service."""
    return Address(NAME, service.spec.region, service.name)


def desired(service: MLService, facts: Facts) -> Iterator[Desired[RunService] | Desired[IamMember] | Unwanted]:
    """Want the service, what its account must be allowed to do, and who may call it."""
    roles = [*_model_access(service, facts), *_secret_access(service, facts), *_mount_access(service, facts)]
    yield from roles
    yield _service(service, facts, needs=frozenset(role.address for role in roles))
    yield from _invokers(service, facts)
    yield from _never_everyone(service)


def _service(service: MLService, facts: Facts, *, needs: frozenset[Address]) -> Desired[RunService]:
    """Want it complete: no field is left to a default of Google's."""
    spec = service.spec
    gpu = Instance.of(spec.resources, spec.sidecars).gpu
    mounts, beside = said.mounts_of(service, facts)
    model = _model_section(service, facts)
    fields = RunService(
        image=image_of(service, facts),
        model=model,
        columns=columns(model),
        runtime=_runtime_section(service) if spec.model or spec.image is None else {},
        version=label_value(str(model.get("version", ""))),
        attempt=facts.attempt or None,
        env={**spec.env, **_answers(service, facts), **_logging(service, facts), **_shadow(spec)},
        secrets={name: f"{ref.secret}:{secret_version_of(ref, facts)}" for name, ref in spec.secrets.items()},
        container=said.container_of(spec),
        mounts=mounts,
        sidecars=said.sidecars_of(service, facts, beside),
        template=said.template_of(spec),
        cpu_millis=spec.resources.cpu_millis,
        memory_mib=spec.resources.memory_mib,
        gpu=str(gpu.type) if gpu else "",
        gpu_zonal_redundancy=bool(gpu and gpu.zonal_redundancy),
        concurrency=spec.scaling.concurrency,
        timeout_s=int(spec.runtime.timeout_s),
        min_instances=facts.restraint.warm(least_at(spec.scaling, facts.now)),
        max_instances=spec.scaling.max_instances,
        service_account=service_account.email_of(service, facts),
        ingress=str(spec.access.ingress),
        invoker_check=_CHECKS.get(spec.access.authentication),
        labels={**service.labels, **mark_labels(service.name), **held(spec.scaling, facts)},
        traffic=wanted(spec),
        service=said.service_of(service),
        service_max=_most(spec.scaling.service_max_instances, facts.restraint.most),
    )
    others = {service_account.address_of(service), model_artifact.address_of(service, facts)} - {None}
    needed = needs | {a for a in others if a}
    return Desired(address_of(service), fields, service.name, needs=needed, asked=_asked(spec, facts))


_REQUESTS_PER_CLIENT = 20.0
"""Requests of a client that stays with one instance, and so with one version: they count as one. Nobody knows how many
there are; too many only asks for more of them."""


def _asked(spec: Spec, facts: Facts) -> Asked | None:
    """Give how a version goes out, where that is ours to decide and the time is known."""
    if facts.now is None:
        return None
    stays = _REQUESTS_PER_CLIENT if spec.execution.session_affinity else 1.0
    crowd = spec.scaling.concurrency
    policy = policy_of(spec.rollout, requests_per_client=stays, concurrency=crowd, known=not _open_to_all(spec))
    split = words_of(wanted(spec)) if spec.rollout.strategy is Strategy.MANUAL else ""
    policy = replace(policy, split=split)
    return Asked(policy, facts.now, _smoke(spec), _replay(spec, facts), _compared(spec, facts))


def _compared(spec: Spec, facts: Facts) -> Compared | None:
    """Give where predictions are logged, where a gate compares those of two versions."""
    gates, logging = spec.rollout.gates, spec.monitoring.logging if spec.monitoring else None
    if gates is None or gates.prediction_drift is None or logging is None:
        return None
    if spec.model is None or spec.model.prediction is None:
        return None
    said = spec.model.prediction
    numbers = said.type in {ValueType.NUMBER, ValueType.INTEGER}
    return Compared(full_table(logging.table, facts.project), spec.region, said.name, numbers)


def _smoke(spec: Spec) -> Asking | None:
    """Give what a version is asked before any traffic; None for nothing."""
    if (said := spec.rollout.smoke) is None:
        return None
    requests = tuple(map(_request, said.requests)) or generated(spec.model.features if spec.model else {})
    return Asking(requests, said.within_s, spec.access.ingress is not Ingress.ALL, _open_to_all(spec))


def _open_to_all(spec: Spec) -> bool:
    return spec.access.authentication in {Authentication.PUBLIC, Authentication.OFF}


_APART = 0.1
"""Bits that answers may be apart where the spec says no limit: a logit of a probability is 0.12."""


def _replay(spec: Spec, facts: Facts) -> Replaying | None:
    """Give what of the prediction log a version is asked before any traffic; None for nothing."""
    said, logging = spec.rollout.replay, spec.monitoring.logging if spec.monitoring else None
    if said is None or logging is None or spec.model is None or spec.model.prediction is None:
        return None
    unsaid = said.agreement is None and said.divergence is None
    return Replaying(
        full_table(logging.table, facts.project),
        spec.region,
        tuple(spec.model.features),
        spec.model.prediction.name,
        said.rows,
        said.age_s,
        said.tolerance,
        said.agreement,
        _APART if unsaid else said.divergence,
        said.per_second,
        said.within_s,
        frozenset(name for name, each in spec.model.features.items() if not each.nullable),
        spec.access.ingress is not Ingress.ALL,
        _open_to_all(spec),
    )


def _request(said: SmokeRequest) -> Request:
    return Request(
        said.path,
        json.dumps(said.body) if said.body else "",
        said.status,
        said.answer or "",
        said.equals or "",
        said.min,
        said.max,
        said.max_latency_ms,
    )


def _most(said: int | None, cap: int) -> int | None:
    """Give the ceiling of the whole service: the spec's, or the budget's where that is lower; 0 for none.

    Args:
        said: By the spec; None where it says nothing, which leaves one as it is.
        cap: By a budget; 0 for none.
    """
    limits = [each for each in (said, cap) if each]
    return min(limits) if limits else said


def _answers(service: MLService, facts: Facts) -> dict[str, str]:
    """Tell the server where answers of messages go."""
    events = service.spec.events
    if events is None or events.answers is None:
        return {}
    topic = pubsub.address_of(events.answers.topic, facts.project)
    return {ANSWERS_ENV: pubsub.full_name(topic, facts.project)}


def _logging(service: MLService, facts: Facts) -> dict[str, str]:
    """Tell the server where predictions are logged, and which share of them."""
    topic, monitoring = pubsub.of_predictions(service), service.spec.monitoring
    if topic is None or monitoring is None or monitoring.logging is None:
        return {}
    told = pubsub.full_name(pubsub.address_of(topic.topic, facts.project), facts.project)
    return {LOG_ENV: told, LOG_RATE_ENV: str(monitoring.logging.sample_rate)}


def _shadow(spec: Spec) -> dict[str, str]:
    """Tell the server whose tag it is to look for: who has it gets copies of requests."""
    said = spec.rollout.shadow
    return {SHADOW_ENV: SHADOW, SHADOW_PERCENT_ENV: str(said.percent)} if said is not None and _copied(spec) else {}


def _copied(spec: Spec) -> bool:
    """Tell whether a rollout of this strategy has copies: by others nobody moves the tag."""
    return spec.rollout.strategy in {Strategy.CANARY, Strategy.BLUE_GREEN}


def _model_section(service: MLService, facts: Facts) -> dict[str, Any]:
    """Give the model section with YAML's own names, its place and its version resolved."""
    model = service.spec.model
    if model is None:
        return {}
    # `name` is the registry's: the server calls its model as the service is called.
    data = model.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"name"})
    place, version = model_artifact.location_of(service, facts), version_of(service, facts)
    found = {"uri": place.uri if place else "", "version": version.number if version else ""}
    return data | {name: value for name, value in found.items() if value}


def _runtime_section(service: MLService) -> dict[str, Any]:
    return service.spec.runtime.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def _model_access(service: MLService, facts: Facts) -> Iterator[Desired[IamMember]]:
    """Want read access to the model's folder, for an account of our making."""
    account, places = service_account.address_of(service), model_artifact.readable(service, facts)
    if account is None:
        return
    member = f"serviceAccount:{service_account.email_of(service, facts)}"
    for place in {place.title: place for place in places}.values():
        here = Membership(PROJECT, "", MODEL_READER, member, place.title).at(GLOBAL)
        holds = condition.below(place.bucket, place.below)
        yield Desired(here, IamMember(holds), service.name, needs=frozenset({account}))


def _secret_access(service: MLService, facts: Facts) -> Iterator[Desired[IamMember]]:
    """Want access to every secret, for an account of our making."""
    account = service_account.address_of(service)
    if account is None:
        return
    member = f"serviceAccount:{service_account.email_of(service, facts)}"
    for reference in sorted(secrets_of(service.spec)):
        here = grants.on_secret(reference, member, facts.project)
        yield Desired(here, IamMember(), service.name, needs=frozenset({account}))


def secrets_of(spec: Spec) -> set[str]:
    """Give every secret that variables and files of any container hold."""
    variables = [*spec.secrets.values(), *(ref for each in spec.sidecars.values() for ref in each.secrets.values())]
    return {reference.secret for reference in variables} | {mount.secret for mount in mounted(spec) if mount.secret}


def mounted(spec: Spec) -> Iterator[Mount]:
    """Give what is mounted in any container."""
    yield from spec.mounts.values()
    for each in spec.sidecars.values():
        yield from each.mounts.values()


def _mount_access(service: MLService, facts: Facts) -> Iterator[Desired[IamMember]]:
    """Want what mounts need, for an account of our making: their folder of a bucket, or Cloud SQL of a project."""
    account = service_account.address_of(service)
    if account is None:
        return
    member = f"serviceAccount:{service_account.email_of(service, facts)}"
    found: dict[Address, Desired[IamMember]] = {}
    for mount in mounted(service.spec):
        if mount.bucket:
            bucket, folder = said.bucket_of(mount)
            here, holds = grants.on_folder(bucket, folder, member, writes=mount.read_only is False)
            found[here] = Desired(here, IamMember(holds), service.name, needs=frozenset({account}))
        for instance in mount.cloud_sql:
            here = grants.on_instance(instance, member, facts.project)
            found[here] = Desired(here, IamMember(), service.name, needs=frozenset({account}))
    yield from found.values()


def behind_iap(service: MLService) -> bool:
    """Tell whether people sign in to Identity-Aware Proxy first."""
    access = service.spec.access
    return bool(access.iap) or access.authentication is Authentication.IAP


def _invokers(service: MLService, facts: Facts) -> Iterator[Desired[IamMember]]:
    """Want each caller of the spec, and everyone where the spec says Public."""
    access, there = service.spec.access, address_of(service)
    access_of_all = {EVERYONE} if access.authentication is Authentication.PUBLIC else set()
    # Requests that IAP let through come as its own: cloud.google.com/run/docs/securing/identity-aware-proxy-cloud-run.
    proxy = {agent("iap", number_of(facts))} if behind_iap(service) else set()
    own = {f"serviceAccount:{service_account.email_of(service, facts)}"} if _copies(service) else set()
    account = service_account.address_of(service)
    for member in sorted({*access.invokers, *access_of_all, *proxy, *own}):
        needs = {account} if account is not None and member in own else set()
        yield iam_member.granted(there, INVOKER, member, service.name, needs=needs)


def _copies(service: MLService) -> bool:
    """Tell whether its server calls another version of it, where callers are asked who they are."""
    spec = service.spec
    return spec.rollout.shadow is not None and _copied(spec) and spec.access.authentication is Authentication.IAM


def _never_everyone(service: MLService) -> Iterator[Unwanted]:
    """Rule out that a private service is open to everyone, whoever opened it."""
    access = service.spec.access
    if access.authentication is Authentication.PUBLIC:
        return
    others = iam_member.left_to_others(service.spec.management, "access.invokers")
    left = "left, as management.externallyOwned says of access.invokers" if others else ""
    for member in sorted({EVERYONE, EVERYONE_SIGNED_IN} - {*access.invokers}):
        here = Membership(NAME, service.name, ANY_ROLE, member).at(service.spec.region)
        why = f"access.authentication is {access.authentication}"
        yield Unwanted(here, service.name, why, left, LETS_NOBODY_CALL)
