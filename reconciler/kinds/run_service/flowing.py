"""What goes into a Cloud Run service, and out of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.core.address import Address
from reconciler.core.flow import Flow, Outside
from reconciler.kinds import model_artifact, pubsub_topic
from reconciler.kinds.run_service.wanted import behind_iap, mounted, secrets_of
from reconciler.lookups.model_version import REGISTRY, registered_name
from schemas.sections.access import Authentication

if TYPE_CHECKING:
    from reconciler.core.objects import Desired
    from reconciler.kinds.run_service.record import RunService
    from schemas import MLService
    from schemas.sections.mounts import Mount


def flows(want: Desired[RunService], service: MLService, project: str) -> Iterator[Flow]:
    """Say who calls, what is served, and where answers and predictions go."""
    here, spec = want.address, service.spec
    yield Flow(Outside(_callers(service)), here, "requests")
    yield from _served(want, service)
    if spec.registry is not None:
        yield Flow(Address("artifact_repository", spec.region, spec.registry.repository), here, "images")
    for secret in sorted(secrets_of(spec)):
        yield Flow(Outside("secret", secret), here, "value")
    for mount in mounted(spec):
        yield from _mounted(mount, here)
    if spec.events is not None and spec.events.answers is not None:
        yield Flow(here, pubsub_topic.address_of(spec.events.answers.topic, project), "answers")
    if (topic := pubsub_topic.of_predictions(service)) is not None:
        yield Flow(here, pubsub_topic.address_of(topic.topic, project), "predictions")


def _callers(service: MLService) -> str:
    if behind_iap(service):
        return "people signed in"
    public = service.spec.access.authentication in {Authentication.PUBLIC, Authentication.OFF}
    return "callers: everyone" if public else "callers with a role"


def _served(want: Desired[RunService], service: MLService) -> Iterator[Flow]:
    model = service.spec.model
    if model is None:
        return
    uploaded = [need for need in want.needs if need.kind == model_artifact.KIND.name]
    for artifact in uploaded:
        yield Flow(artifact, want.address, "model")
    if model.alias:
        yield Flow(Outside(REGISTRY, registered_name(service)), want.address, f"model {model.alias}")
    elif model.uri and not uploaded:
        yield Flow(Outside("files", model.uri), want.address, "model")


def _mounted(mount: Mount, here: Address) -> Iterator[Flow]:
    if mount.bucket:
        there = Outside("bucket", mount.bucket)
        yield Flow(there, here, "files")
        if mount.read_only is False:
            yield Flow(here, there, "files")
    if mount.nfs:
        yield Flow(Outside("NFS share", mount.nfs), here, "files")
    for instance in mount.cloud_sql:
        yield Flow(here, Outside("Cloud SQL", instance), "queries")
