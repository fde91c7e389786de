"""What a spec wants of its Cloud Run service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from reconciler.core import condition
from reconciler.core.address import GLOBAL, Address
from reconciler.core.membership import (
    ANY_ROLE,
    EVERYONE,
    EVERYONE_SIGNED_IN,
    PROJECT,
    SECRET_READER,
    Membership,
    split_secret,
)
from reconciler.core.naming import CAP_LABEL, label_value, mark_labels
from reconciler.core.objects import Desired, Unwanted
from reconciler.core.windows import least_at
from reconciler.kinds import iam_member, model_artifact, service_account
from reconciler.kinds import pubsub_topic as pubsub
from reconciler.kinds.iam_member import IamMember
from reconciler.kinds.run_service.record import DEFAULT_PORT, NAME, RunService
from reconciler.kinds.run_service.template import ANSWERS_ENV, LIVE_PATH, LOG_ENV, LOG_RATE_ENV, columns, startup_probe
from reconciler.kinds.run_service.traffic import wanted
from reconciler.lookups.image_digest import image_of
from reconciler.lookups.model_version import version_of
from reconciler.lookups.secret_version import version_of as secret_version_of
from schemas.sections.access import Authentication

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from schemas import MLService

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


def address_of(service: MLService) -> Address:
    """Give the address of the service."""
    return Address(NAME, service.spec.region, service.name)


def desired(service: MLService, facts: Facts) -> Iterator[Desired[RunService] | Desired[IamMember] | Unwanted]:
    """Want the service, what its account must be allowed to do, and who may call it."""
    grants = [*_model_access(service, facts), *_secret_access(service, facts)]
    yield from grants
    yield _service(service, facts, needs=frozenset(grant.address for grant in grants))
    yield from _invokers(service)
    yield from _never_everyone(service)


def _service(service: MLService, facts: Facts, *, needs: frozenset[Address]) -> Desired[RunService]:
    """Want it complete: no field is left to a default of Google's."""
    spec = service.spec
    gpu = spec.resources.gpu
    ours = spec.image is None or spec.model is not None  # it runs the bundled server, or one made of it
    says_startup = bool(spec.runtime.startup.model_fields_set)
    model = _model_section(service, facts)
    held = {CAP_LABEL: "budget"} if facts.restraint.most else {}
    fields = RunService(
        image=image_of(service, facts),
        model=model,
        columns=columns(model),
        runtime=_runtime_section(service) if spec.model or spec.image is None else {},
        version=label_value(str(model.get("version", ""))),
        attempt=facts.attempt or None,
        env={**spec.env, **_answers(service, facts), **_logging(service, facts)},
        secrets={name: f"{ref.secret}:{secret_version_of(ref, facts)}" for name, ref in spec.secrets.items()},
        port=DEFAULT_PORT if ours else None,
        cpu_millis=spec.resources.cpu_millis,
        memory_mib=spec.resources.memory_mib,
        cpu_always=True if gpu else False if ours else None,
        startup_boost=True if ours else None,
        gpu=str(gpu.type) if gpu else "",
        gpu_zonal_redundancy=bool(gpu and gpu.zonal_redundancy),
        concurrency=spec.scaling.concurrency,
        timeout_s=int(spec.runtime.timeout_s),
        min_instances=facts.restraint.warm(least_at(spec.scaling, facts.now)),
        max_instances=spec.scaling.max_instances,
        startup=startup_probe(int(spec.runtime.startup.deadline_s), http=ours) if ours or says_startup else None,
        liveness=LIVE_PATH if ours else None,
        service_account=service_account.email_of(service, facts),
        ingress=str(spec.access.ingress),
        invoker_check=True if spec.access.authentication is Authentication.IAM else None,
        labels={**service.labels, **mark_labels(service.name), **held},
        traffic=wanted(spec),
        service_max=facts.restraint.most or None,
    )
    others = {service_account.address_of(service), model_artifact.address_of(service, facts)} - {None}
    return Desired(address_of(service), fields, service.name, needs=needs | {a for a in others if a})


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
    for reference in sorted({reference.secret for reference in service.spec.secrets.values()}):
        project, secret = split_secret(reference, facts.project)
        here = Membership("secret", secret, SECRET_READER, member).at(GLOBAL, project)
        yield Desired(here, IamMember(), service.name, needs=frozenset({account}))


def _invokers(service: MLService) -> Iterator[Desired[IamMember]]:
    """Want each caller of the spec, and everyone where the spec says Public."""
    access, there = service.spec.access, address_of(service)
    everyone = {EVERYONE} if access.authentication is Authentication.PUBLIC else set()
    for member in sorted({*access.invokers, *everyone}):
        yield iam_member.granted(there, INVOKER, member, service.name)


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
