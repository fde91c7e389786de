"""Services: create, read, change, delete, and their policies.

Source: `google.cloud.run.v2.Services`; kinds.md 3.1.
"""

import base64
import uuid
from datetime import timedelta
from typing import Any

from emulator.apis.run import checks, conditions, gpus
from emulator.apis.run.defaults import fill_service
from emulator.apis.run.deployment import reconcile, remove, reroute
from emulator.apis.run.messages import Revision, RevisionTemplate, Service
from emulator.apis.run.names import check_id, location, missing, parts, revision_name, short, taken
from emulator.apis.run.stored import REVISIONS, SERVICES
from emulator.apis.run.writes import API, KEPT_DAYS, OPERATION, OUTPUT, born, check_etag, only_validated, touched
from emulator.apis.standard import held, standard
from emulator.core import settings
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.resources import apply_mask, part, timestamp
from emulator.core.world import World
from emulator.identity import iam_policy
from emulator.identity.callers import shown

SERVICE = "google.cloud.run.v2.Services/"
REVISION_TAKEN = "Revision named '{name}' with different configuration already exists."


@API.method(SERVICE + "CreateService")
def create_service(world: World, request: Any, call: Call) -> Any:
    """Store it; the operation deploys it. A deployment that fails leaves the service there (kinds.md 3.1)."""
    check_id(request.service_id)
    return create(world, f"{request.parent}/services/{request.service_id}", request, call)


def create(world: World, name: str, request: Any, call: Call) -> Any:
    """Create a service from a request to create it or to update what is not there."""
    part(name, "locations")
    service = Service()
    apply_mask(service, request.service, ["*"], keep=OUTPUT)
    service.name = name
    complete(world, service)
    if request.validate_only:
        return only_validated(service)
    with world.store.transaction():
        if SERVICES.find(world, name) is not None:
            raise taken(name)
        born(world, service, call)
        new_revision(world, service, call)
        SERVICES.save(world, service)
    return started(world, service)


def complete(world: World, service: Any) -> None:
    """Fill in what was left out, then check the whole, quotas included."""
    fill_service(world, service, parts(service.name)["projects"])
    checks.check_service(world, service)
    chosen = settings.read(world.store)
    if chosen.run_cpu_quota or chosen.run_memory_quota_gib:
        checks.check_quota(world, service)
    if chosen.run_gpu_quotas:
        gpus.check_most(world, service)


def new_revision(world: World, service: Any, call: Call) -> None:
    """Make the revision of the service's template; it is deployed by the operation.

    Raises:
        ApiFailure: The name the caller chose is taken, or not one of this service's.
    """
    template = service.template
    name = f"{service.name}/revisions/{template.revision}" if template.revision else ""
    if name and not short(name).startswith(f"{short(service.name)}-"):
        raise ApiFailure("INVALID_ARGUMENT", f"template.revision: must begin with '{short(service.name)}-'")
    if name and REVISIONS.find(world, name) is not None:
        raise ApiFailure("ALREADY_EXISTS", REVISION_TAKEN.format(name=template.revision))
    revision = Revision(
        name=name or revision_name(service.name, service.generation),
        uid=str(uuid.uuid4()),
        generation=1,
        create_time=timestamp(world.clock.now()),
        update_time=timestamp(world.clock.now()),
        launch_stage=service.launch_stage,
        service=short(service.name),
        reconciling=True,
        creator=shown(call.caller),
    )
    copy_template(template, revision)
    revision.etag = f'"{base64.b64encode(uuid.uuid4().bytes[:8]).decode()}"'
    project = parts(service.name)["projects"]
    revision.log_uri = LOG_URI.format(project=project, service=short(service.name), revision=short(revision.name))
    REVISIONS.save(world, revision)
    service.latest_created_revision = revision.name


LOG_URI = (
    "https://console.cloud.google.com/logs/viewer?project={project}&resource=cloud_run_revision/service_name/{service}"
    "/revision_name/{revision}"
)


def copy_template(template: Any, revision: Any) -> None:
    """Copy the fields that template and revision share; an unnamed container gets its name (kinds.md 3.1)."""
    for field, value in template.ListFields():
        if field.name == "revision" or field.name not in revision.DESCRIPTOR.fields_by_name:
            continue
        target = revision.DESCRIPTOR.fields_by_name[field.name]
        if target.message_type is not None or target.is_repeated:
            getattr(revision, field.name).MergeFrom(value)
        else:
            setattr(revision, field.name, value)
    for index, container in enumerate(revision.containers, 1):
        container.name = container.name or f"{revision.service}-{index}"


def started(world: World, service: Any) -> Any:
    """Begin the operation: its metadata is the whole service, without `uid` (kinds.md 1.2)."""
    shown = Service()
    shown.CopyFrom(service)
    shown.ClearField("uid")
    operation = world.operations.start_task(location(service.name), shown, reconcile, service.name, service.uid)
    world.store.put(OPERATION, service.name, operation.name.encode())
    return operation


@API.method(SERVICE + "UpdateService")
def update_service(world: World, request: Any, call: Call) -> Any:
    """Change it by mask; without a mask everything is replaced. A change below `template` makes a revision."""
    name = request.service.name
    with world.store.transaction():
        service = SERVICES.find(world, name)
        if service is not None:
            return change(world, service, request, call)
    if not request.allow_missing:
        raise missing("SERVICE", name)
    check_id(short(name))
    return create(world, name, request, call)


def change(world: World, service: Any, request: Any, call: Call) -> Any:
    """Change a service that is there. The caller holds the transaction."""
    check_etag(request.service.etag, service)
    before = Service()
    before.CopyFrom(service)
    apply_mask(service, request.service, list(request.update_mask.paths) or ["*"], keep=OUTPUT)
    complete(world, service)
    if request.validate_only:
        return only_validated(service)
    if service == before:
        return started(world, service)
    service.generation += 1
    touched(world, service, call)
    if needs_revision(before, service):
        new_revision(world, service, call)
    SERVICES.save(world, service)
    return started(world, service)


def needs_revision(before: Any, service: Any) -> bool:
    """Tell whether a write makes a revision: the template differs in more than the name, or names a new one."""
    old, new = RevisionTemplate(), RevisionTemplate()
    old.CopyFrom(before.template)
    new.CopyFrom(service.template)
    chosen = new.revision
    old.ClearField("revision")
    new.ClearField("revision")
    return bool(old != new or (chosen and chosen != short(service.latest_created_revision)))


@API.method(SERVICE + "DeleteService")
def delete_service(world: World, request: Any, call: Call) -> Any:
    """Gone at once with its revisions and its policy; the operation takes the containers away."""
    with world.store.transaction():
        service = SERVICES.get(world, request.name)
        check_etag(request.etag, service)
        if request.validate_only:
            return only_validated(service)
        now = world.clock.now()
        service.generation += 1
        touched(world, service, call)
        service.delete_time.CopyFrom(timestamp(now))
        service.expire_time.CopyFrom(timestamp(now + timedelta(days=KEPT_DAYS)))
        SERVICES.remove(world, service.name)
        for name, _ in world.store.list(REVISIONS.kind, f"{service.name}/revisions/"):
            world.store.delete(REVISIONS.kind, name)
        iam_policy.forget(world, service.name)
        world.store.delete(OPERATION, service.name)
    shown = base64.b64encode(service.SerializeToString()).decode()
    metadata = Service()
    metadata.CopyFrom(service)
    metadata.ClearField("uid")
    return world.operations.start_task(location(service.name), metadata, finish_delete, service.name, shown)


def finish_delete(world: World, name: str, shown: str) -> Any:
    """Take the containers away; answers the service as it was."""
    remove(world, name)
    service = Service.FromString(base64.b64decode(shown))
    service.reconciling = False
    service.observed_generation = service.generation
    service.terminal_condition.state = conditions.SUCCEEDED
    return service


# `gcloud run deploy` asks, before it makes a service, whether the caller may set its policy.
standard(API, SERVICE, "Service", SERVICES, deleted=None, policies=held(SERVICES, changed=reroute, asked_before=True))
