"""The Cloud Run service: what runs, how big, and which revision gets how much traffic."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.core.flow import Group
from reconciler.core.kind import Extra, Gift, Kind, Permissions, Roles
from reconciler.core.membership import IAP, PROJECT, SECRET_READER, SQL_CLIENT
from reconciler.core.memory import Memory
from reconciler.core.naming import CAP_LABEL
from reconciler.core.windows import next_after, open_at
from reconciler.gcp.iap_policies import ACCESSOR
from reconciler.kinds.run_service.claims import claims_of
from reconciler.kinds.run_service.client import RunServiceClient
from reconciler.kinds.run_service.described import describe
from reconciler.kinds.run_service.flowing import flows
from reconciler.kinds.run_service.foreseen import starts
from reconciler.kinds.run_service.grants import FILES_WRITER
from reconciler.kinds.run_service.measured import measure
from reconciler.kinds.run_service.overtaking import sense
from reconciler.kinds.run_service.page import has_page, operates
from reconciler.kinds.run_service.paid import PAID
from reconciler.kinds.run_service.record import KEYED, NAME, OUTSIDE_TEMPLATE, RunService
from reconciler.kinds.run_service.refining import consequence, progress, refine, remember
from reconciler.kinds.run_service.remembered import Remembered
from reconciler.kinds.run_service.rollouts import fleeting
from reconciler.kinds.run_service.traffic import images_of, kept_for, routed_images, running_images
from reconciler.kinds.run_service.trying import inquire
from reconciler.kinds.run_service.unasked import callers
from reconciler.kinds.run_service.wanted import (
    INVOKER,
    MODEL_READER,
    address_of,
    behind_iap,
    desired,
    mounted,
    secrets_of,
)
from reconciler.lookups.image_digest import IMAGE_DIGEST, image_of, sidecar_image_of
from reconciler.lookups.model_version import MODEL_VERSION
from reconciler.lookups.mounted_bytes import MOUNTED_BYTES
from reconciler.lookups.project_number import asked_when, for_none
from reconciler.lookups.secret_version import SECRET_VERSION
from schemas.operator import is_operators
from schemas.sections.access import AUTO, Authentication
from schemas.sections.rollout import Strategy

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from reconciler.core.objects import Observed
    from schemas import MLService

__all__ = ["ACTS_ON", "INVOKER", "KIND", "RunService", "address_of"]

ACTS_ON = frozenset(
    {
        "image.*",
        "model.*",
        "runtime.*",
        "env.*",
        "secrets.*",
        "resources.*",
        "scaling.*",
        "access.ingress",
        "access.authentication",
        "access.invokers",
        "access.iap",
        "access.customAudiences",
        "access.defaultUri",
        "container.*",
        "mounts.*",
        "sidecars.*",
        "network.*",
        "execution.*",
        "protection.*",
        "revision.*",
        "cloudRun.*",
        "rollout.*",
        "traffic.*",
    }
)


def _not_granted(service: MLService) -> Iterator[tuple[str, str]]:
    """Say which roles an account that the spec names must have already: we give none to accounts of others."""
    spec = service.spec
    needs = [
        ("roles/storage.objectViewer on the model's bucket", bool(spec.model and (spec.model.uri or spec.model.alias))),
        ("roles/secretmanager.secretAccessor on its secrets", bool(secrets_of(spec))),
        (
            "roles/storage.objectViewer on the buckets it mounts",
            any(each.bucket and each.read_only is not False for each in mounted(spec)),
        ),
        (
            "roles/storage.objectUser on the buckets it writes to",
            any(each.bucket and each.read_only is False for each in mounted(spec)),
        ),
        ("roles/cloudsql.client", any(each.cloud_sql for each in mounted(spec))),
        ("roles/pubsub.publisher on the topic of answers", bool(spec.events and spec.events.answers)),
    ]
    missing = [role for role, needed in needs if needed]
    if missing and spec.access.service_account != AUTO:
        yield f"the account is yours, and so are its roles: {', '.join(missing)}", "access.serviceAccount"


def _goes_in_steps(service: MLService) -> bool:
    return service.spec.rollout.strategy in {Strategy.CANARY, Strategy.BLUE_GREEN}


def _is_asked(service: MLService) -> bool:
    rollout = service.spec.rollout
    return _goes_in_steps(service) and not (rollout.smoke is None and rollout.replay is None)


def _is_compared(service: MLService) -> bool:
    rollout = service.spec.rollout
    apart = rollout.gates is not None and rollout.gates.prediction_drift is not None
    return _goes_in_steps(service) and (rollout.replay is not None or apart)


_WHO = "the next pass of the operator, or an apply"


def _windows(service: MLService, facts: Facts) -> Iterator[tuple[str, str]]:
    """Say which window is open, or which opens next: what else a plan says of it is a number."""
    scaling = service.spec.scaling
    if facts.now is None or not scaling.windows or facts.restraint.cold:
        return
    found = open_at(scaling, facts.now)
    if found:
        text = f"{_warm(found.instances)} until {_moment(found.ends)}"
        yield f"{text}, and then until {_WHO}", f"scaling.windows[{found.place}]"
        return
    coming = next_after(scaling, facts.now)
    if coming:
        text = f"{_warm(coming.instances)} from {_moment(coming.begins)} to {_moment(coming.ends)}"
        yield f"{text}, by {_WHO}", f"scaling.windows[{coming.place}]"


def _unasked(service: MLService) -> Iterator[tuple[str, str]]:
    """Say who may call where nobody is asked: with `Public` the plan has a grant to everyone, and here it has none."""
    access = service.spec.access
    who = callers(access.ingress, checked=access.authentication is not Authentication.OFF, iap=access.iap)
    if who:
        text = f"{who} may call: access.authentication is Off, and Cloud Run asks nobody who they are"
        yield text, "access.authentication"


def _warm(count: int) -> str:
    return f"{count} instance{'' if count == 1 else 's'} kept warm"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def notes(service: MLService, facts: Facts) -> Iterator[tuple[str, str]]:
    """Name what may move unseen: an image without a digest, a secret without a number; and what the clock moves."""
    yield from _not_granted(service)
    yield from _unasked(service)
    yield from _windows(service, facts)
    yield from starts(service, facts)
    if behind_iap(service):
        text = "who may sign in is said to IAP, not here: roles/iap.httpsResourceAccessor on the service"
        yield text, "access.authentication"
    image = image_of(service, facts)
    if "@sha256:" not in image:
        yield f"image {image} has no digest: its tag may move unseen", "image.uri"
    for name, sidecar in service.spec.sidecars.items():
        if "@sha256:" not in (uri := sidecar_image_of(sidecar, facts)):
            yield f"image {uri} has no digest: its tag may move unseen", f"sidecars.{name}.image.uri"
    for variable, reference in service.spec.secrets.items():
        if not reference.pin:
            text = f"secret {reference.secret} is not pinned: instances may read different versions of it"
            yield text, f"secrets.{variable}"


def _loss(seen: Observed[RunService], services: Collection[str]) -> str:
    """Say that it stops serving; of an operator's page nothing is lost that the next install would not make again."""
    del seen
    return "" if services and all(map(is_operators, services)) else "it stops serving"


def _stays(seen: Observed[RunService]) -> str:
    """Say that the registry is nobody's to empty: what a version was, an audit may ask for years later."""
    return "versions of its model stay in Vertex AI Model Registry" if seen.fields.model.get("alias") else ""


KIND = Kind(
    name=NAME,
    title="Cloud Run service",
    fields=RunService,
    desired=desired,
    operates=operates,
    connect=RunServiceClient,
    paid=PAID,
    group=Group.SERVING,
    flows=flows,
    keyed=KEYED,
    reserved={"labels": frozenset({CAP_LABEL})},
    refine=refine,
    measure=measure,
    inquire=inquire,
    progress=progress,
    sense=sense,
    fleeting=fleeting,
    memory=Memory(Remembered, remember),
    consequence=consequence,
    loss=_loss,
    stays=_stays,
    notes=notes,
    entry=frozenset({"invoker_check"}),
    leaves=frozenset({"access.invokers"}),
    takes_over="`mlservice import` writes its YAML",
    describe=describe,
    primary=True,
    acts_on=ACTS_ON,
    permissions=Permissions(
        read=("run.services.get", "run.services.list", "run.revisions.list"),
        write=("run.services.create", "run.services.update", "run.services.delete", "run.operations.get"),
    ),
    apis=("run.googleapis.com",),
    roles=Roles(
        read=(
            "roles/run.viewer",
            "roles/artifactregistry.reader",
            "roles/secretmanager.viewer",
            "roles/aiplatform.viewer",
        ),
        write=("roles/run.admin",),
    ),
    extras=(
        Extra(
            "judging a rollout by what its versions answered",
            _goes_in_steps,
            roles=("roles/monitoring.viewer",),
            permissions=("monitoring.timeSeries.list",),
            apis=("monitoring.googleapis.com",),
        ),
        Extra("asking a version before it has traffic", _is_asked, roles=(INVOKER,)),
        Extra(
            "comparing a version with the prediction log",
            _is_compared,
            roles=("roles/bigquery.dataViewer", "roles/bigquery.jobUser"),
            permissions=("bigquery.jobs.create",),
            apis=("bigquery.googleapis.com",),
        ),
    ),
    gives=(
        Gift(
            INVOKER,
            NAME,
            "each of `access.invokers`, everyone, IAP's agent, or its own account for `rollout.shadow`",
            "calling the service",
        ),
        Gift(MODEL_READER, PROJECT, "the service's own account", "reading the model: only its bucket and folder"),
        Gift(SECRET_READER, "secret", "the service's own account", "reading each secret that the spec names"),
        Gift(FILES_WRITER, PROJECT, "the service's own account", "writing to a mounted bucket: only its folder"),
        Gift(ACCESSOR, IAP, "each of an operator's `page.access`", "signing in to its page"),
        Gift(SQL_CLIENT, PROJECT, "the service's own account", "reaching the instances of Cloud SQL that it mounts"),
    ),
    images=images_of,
    running=running_images,
    routed=routed_images,
    keeps=kept_for,
    quiet=frozenset(OUTSIDE_TEMPLATE) - {"traffic"},
    rerouting=frozenset({"traffic"}),
    claims=claims_of,
    lookups=(
        IMAGE_DIGEST,
        MODEL_VERSION,
        SECRET_VERSION,
        MOUNTED_BYTES,
        asked_when(behind_iap, "access.authentication"),
        asked_when(for_none, "page", operators=has_page),
    ),
    spec_paths={
        "scaling.minInstances": "min_instances",
        "scaling.maxInstances": "max_instances",
        "scaling.concurrency": "concurrency",
        "resources.cpu": "cpu_millis",
        "resources.memory": "memory_mib",
        "image": "image",
        "image.uri": "image",
        "env": "env",
        "secrets": "secrets",
        "traffic": "traffic",
        "access.ingress": "ingress",
        "access.authentication": "invoker_check",
        "runtime.timeout": "timeout_s",
    },
    uses=frozenset({"artifact_repository", "iam_member", "model_artifact", "pubsub_topic", "service_account"}),
)
