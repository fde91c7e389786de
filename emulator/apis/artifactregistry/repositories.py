"""Artifact Registry v1: repositories and their IAM policies. What is inside them is in `artifacts`.

Source: kinds.md section 6 and recordings artifact_repository/*; constraints.md section 6.
"""

from typing import Any

from google.cloud.artifactregistry_v1.types import repository as repository_types
from google.cloud.artifactregistry_v1.types import service as service_types
from google.protobuf.empty_pb2 import Empty

from emulator.apis.artifactregistry import scanning, turns
from emulator.apis.standard import held, standard
from emulator.core.api import Api, Behaviour, Call
from emulator.core.failures import ApiFailure
from emulator.core.resources import (
    Collection,
    apply_mask,
    check_id,
    check_labels,
    field_of,
    part,
    timestamp,
)
from emulator.core.world import World
from emulator.images import Images, bundled

API = Api("artifactregistry")
SERVICE = "google.devtools.artifactregistry.v1.ArtifactRegistry/"
Repository = repository_types.Repository.pb()
OperationMetadata = service_types.OperationMetadata.pb()


def seen(world: World, name: str) -> str:
    """Somebody looks at a repository or a location."""
    seed(world, f"{name}/")
    return name


REPOSITORIES = Collection(
    "artifactregistry.repository",
    Repository,
    "projects/*/locations/*/repositories/*",
    key=seen,
    place=seen,
    taken=lambda _: ApiFailure("ALREADY_EXISTS", "the repository already exists"),
)
SEEDED = "artifactregistry.seeded"
REPOSITORY_ID = r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
POLICIES_MOST = 10
POLICY_ID_MOST = 127
AGE_MOST_NS = 315_576_000_000 * 10**9
"""What a `google.protobuf.Duration` can say, by its comment; more fits into the number that carries it."""
IMMUTABLE = ("format", "mode", "kms_key_name")
FIXED = ("name", "format_", "mode", "kms_key_name", "create_time", "update_time", "size_bytes", "satisfies_pzs",
         "satisfies_pzi", "registry_uri")  # fmt: skip
"""Immutable or output only (kinds.md 2.2)."""


@API.method(SERVICE + "CreateRepository")
def create_repository(world: World, request: Any, _: Call) -> Any:
    """Store it at once; the operation ends with the repository, without its times, as recorded."""
    part(request.parent, "locations")
    check_id("repository_id", request.repository_id, REPOSITORY_ID)
    repository = Repository()
    repository.CopyFrom(request.repository)
    repository.name = f"{request.parent}/repositories/{request.repository_id}"
    fill(world, repository)
    check_repository(repository)
    repository.create_time.CopyFrom(timestamp(world.clock.now()))
    repository.update_time.CopyFrom(repository.create_time)
    with world.store.transaction():
        REPOSITORIES.insert(world, repository)
        plan_cleanup(world, repository)
    return world.operations.start_task(request.parent, OperationMetadata(), finish_create, repository.name)


def seed(world: World, name: str) -> None:
    """Make the public repositories of the bundled images when somebody first looks into one of their projects."""
    if not name.startswith(bundled.PROJECTS):
        return
    world.part(Images).seed(name)
    with world.store.transaction():
        if world.store.get(SEEDED, SEEDED) is None:
            for repository in bundled.repositories():
                if REPOSITORIES.find(world, repository) is None:
                    REPOSITORIES.save(world, new_repository(world, repository))
            world.store.put(SEEDED, SEEDED, b"")


def new_repository(world: World, name: str) -> Any:
    """A docker repository as if it had been created."""
    repository = Repository(name=name, format_=Repository.DOCKER, create_time=timestamp(world.clock.now()))
    repository.update_time.CopyFrom(repository.create_time)
    fill(world, repository)
    return repository


def finish_create(world: World, name: str) -> Any:
    """What the create operation answers (recording gcloud-docker-crud)."""
    repository = REPOSITORIES.get(world, name)
    repository.ClearField("create_time")
    repository.ClearField("update_time")
    return repository


def fill(world: World, repository: Any) -> None:
    """What the server writes into a new repository (recording gcloud-docker-crud)."""
    if repository.mode == Repository.MODE_UNSPECIFIED:
        repository.mode = Repository.STANDARD_REPOSITORY
    repository.satisfies_pzi = True
    repository.vulnerability_scanning_config.ClearField("last_enable_time")
    scanning.settle(world, repository)
    fill_policies(repository)


def fill_policies(repository: Any) -> None:
    """A cleanup condition without a tag state means any (kinds.md section 6)."""
    for policy in repository.cleanup_policies.values():
        if policy.WhichOneof("condition_type") == "condition" and not policy.condition.tag_state:
            policy.condition.tag_state = type(policy.condition).ANY


def check_repository(repository: Any) -> None:
    """Refuse what Google refuses (constraints.md section 6)."""
    check_labels(repository.labels.items())
    if not repository.format_:
        raise ApiFailure("INVALID_ARGUMENT", "Repository format must be specified.")
    if repository.docker_config.immutable_tags and repository.format_ != Repository.DOCKER:
        raise ApiFailure("INVALID_ARGUMENT", "docker_config is only valid for repositories of format DOCKER.")
    check_sort(repository)
    if len(repository.cleanup_policies) > POLICIES_MOST:
        raise ApiFailure("INVALID_ARGUMENT", f"A repository has at most {POLICIES_MOST} cleanup policies.")
    if repository.cleanup_policies and repository.mode == Repository.VIRTUAL_REPOSITORY:
        raise ApiFailure("INVALID_ARGUMENT", "A virtual repository has no cleanup policies.")
    for key, policy in repository.cleanup_policies.items():
        check_policy(key, policy)
        check_condition(key, policy)


def check_sort(repository: Any) -> None:
    """Refuse what is for another format or mode: the comments of these fields say which each is for."""
    if repository.HasField("maven_config") and repository.format_ != Repository.MAVEN:
        raise ApiFailure("INVALID_ARGUMENT", "maven_config is only valid for repositories of format MAVEN.")
    for field, mode in (
        ("virtual_repository_config", Repository.VIRTUAL_REPOSITORY),
        ("remote_repository_config", Repository.REMOTE_REPOSITORY),
    ):
        if repository.HasField(field) and repository.mode != mode:
            text = f"{field} is only valid for repositories of mode {Repository.Mode.Name(mode)}."
            raise ApiFailure("INVALID_ARGUMENT", text)


def check_policy(key: str, policy: Any) -> None:
    """One cleanup policy: `id` repeats the key; `most_recent_versions` only keeps, and something."""
    if not 0 < len(key) <= POLICY_ID_MOST:
        raise ApiFailure("INVALID_ARGUMENT", f"A cleanup policy's id has 1 to {POLICY_ID_MOST} characters.")
    if policy.id and policy.id != key:
        raise ApiFailure("INVALID_ARGUMENT", f'Cleanup policy key "{key}" does not match its id "{policy.id}".')
    policy.id = key
    chosen = policy.WhichOneof("condition_type")
    if not policy.action or chosen is None:
        raise ApiFailure("INVALID_ARGUMENT", f'Cleanup policy "{key}" needs an action and a condition.')
    if chosen == "most_recent_versions" and policy.action != type(policy).KEEP:
        raise ApiFailure("INVALID_ARGUMENT", f'Cleanup policy "{key}": most_recent_versions only goes with KEEP.')
    if chosen == "most_recent_versions" and policy.most_recent_versions.keep_count < 1:
        raise ApiFailure("INVALID_ARGUMENT", f'Cleanup policy "{key}": keep_count must be at least 1.')


def check_condition(key: str, policy: Any) -> None:
    """A condition's ages are positive and bounded, and only tagged versions have prefixes of tags."""
    if policy.WhichOneof("condition_type") != "condition":
        return
    condition = policy.condition
    for age in ("older_than", "newer_than"):
        if condition.HasField(age) and not 0 < getattr(condition, age).ToNanoseconds() <= AGE_MOST_NS:
            text = f'Cleanup policy "{key}": {age} must be positive, and at most 10,000 years.'
            raise ApiFailure("INVALID_ARGUMENT", text)
    if condition.tag_prefixes and condition.tag_state != type(condition).TAGGED:
        raise ApiFailure("INVALID_ARGUMENT", f'Cleanup policy "{key}": tag_prefixes only go with the state TAGGED.')


@API.method(SERVICE + "UpdateRepository")
def update_repository(world: World, request: Any, _: Call) -> Any:
    """Synchronous; answers the repository itself (recording gcloud-docker-crud)."""
    with world.store.transaction():
        repository = REPOSITORIES.get(world, request.repository.name)
        check_unchanged(repository, request)
        paths = list(request.update_mask.paths) or ["*"]
        apply_mask(repository, request.repository, paths, keep=(*FIXED, "vulnerability_scanning_config"))
        if any(path.startswith("vulnerability_scanning_config") for path in paths):
            config = request.repository.vulnerability_scanning_config.enablement_config
            repository.vulnerability_scanning_config.enablement_config = config
            scanning.settle(world, repository)
        fill_policies(repository)
        check_repository(repository)
        repository.update_time.CopyFrom(timestamp(world.clock.now()))
        REPOSITORIES.save(world, repository)
        plan_cleanup(world, repository)
    return repository


def scanning_switched(world: World, project: str) -> None:
    """The project's scanning API was switched on or off: of images that are there nothing is scanned for it."""
    with world.store.transaction():
        for repository in REPOSITORIES.all(world, f"projects/{project}/"):
            scanning.settle(world, repository)
            REPOSITORIES.save(world, repository)


def plan_cleanup(world: World, repository: Any) -> None:
    """With policies it is cleaned once a day, without any no more."""
    if repository.cleanup_policies:
        turns.plan(world, repository.name)
    else:
        turns.end(world, repository.name)


def check_unchanged(repository: Any, request: Any) -> None:
    """Refuse a mask that names a field which is fixed for ever, with another value (kinds.md 2.2).

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    for path in request.update_mask.paths:
        field = field_of(repository, path)
        if path in IMMUTABLE and getattr(repository, field.name) != getattr(request.repository, field.name):
            raise ApiFailure("INVALID_ARGUMENT", f"The field {path} of a repository cannot be changed.")


def delete_repository(world: World, repository: Any) -> Any:
    """Every image in it is gone at once, too; the operation ends with an empty answer."""
    turns.end(world, repository.name)
    world.part(Images).forget(repository.name + "/")
    parent = repository.name.rpartition("/repositories/")[0]
    return world.operations.start_task(parent, OperationMetadata(), finish_delete)


def finish_delete(_: World) -> Any:
    """A delete has no result but its end."""
    return Empty()


def registry_of(repository: Any) -> str:
    """Where clients of its format find a repository; a project of a domain has a slash where its id has a colon.

    Source:
        https://cloud.google.com/artifact-registry/docs/docker/names, and the pages of the other formats alike.
    """
    _, project, _, location, _, name = repository.name.split("/")
    return f"{location}-{Repository.Format.Name(repository.format_).lower()}.pkg.dev/{project.replace(':', '/')}/{name}"


def told(behaviour: Behaviour) -> Behaviour:
    """A method that reads repositories, with address and size of each: layers of two images count in both."""

    def answer(world: World, request: Any, call: Call) -> Any:
        found = behaviour(world, request, call)
        for repository in [found] if isinstance(found, Repository) else found.repositories:
            images = world.part(Images).below(f"{repository.name}/packages/")
            repository.size_bytes = sum(image.size_bytes for image in images)
            repository.registry_uri = registry_of(repository)
        return found

    return answer


standard(API, SERVICE, "Repository", REPOSITORIES, deleted=delete_repository, policies=held(REPOSITORIES))
for reads in ("GetRepository", "ListRepositories"):
    API.behaviours[SERVICE + reads] = told(API.behaviours[SERVICE + reads])
