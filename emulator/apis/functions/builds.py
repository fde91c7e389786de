"""Builds: a source becomes an image in the emulated registry, as Cloud Build and Google's buildpacks make one.

What an image is of is written down (`functions.build`), so that a change of memory or environment builds nothing.
"""

import hashlib
import json
import re
import tempfile
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emulator.apis.functions import programs, sources
from emulator.apis.functions.archives import ArchiveError, unpack
from emulator.apis.functions.model import agent, invalid, project_of, region_of, short
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.world import World
from emulator.images import Images
from emulator.images.reference import parse, registry_path
from emulator.wire.dispatch import perform

KIND = "functions.build"
REPOSITORY = "gcf-artifacts"
FAILED = (
    "Build failed with status: FAILURE and message: {message}. For more details see the logs at "
    "https://console.cloud.google.com/cloud-build/builds;region={region}/{build}?project={number}."
)
"""Reports of gcloud's users quote it."""


@dataclass(frozen=True, slots=True)
class Build:
    """A build that went well.

    Attributes:
        name: `projects/{number}/locations/{region}/builds/{id}`.
        image: Where the image lies, by tag.
        key: Digest of what it was made of; empty where the deployment of it failed, so that the next one builds again.
        version: Counts the builds of a function.
        main: The file that holds the function.
    """

    name: str
    image: str
    key: str
    version: int
    main: str


def last(world: World, function: str) -> Build | None:
    """The last build of a function, or None."""
    body = world.store.get(KIND, function)
    return None if body is None else Build(**json.loads(body))


def save(world: World, function: str, build: Build) -> None:
    """Write a build down."""
    world.store.put(KIND, function, json.dumps(asdict(build)).encode())


def distrust(world: World, function: str) -> None:
    """What was built did not start: the next deployment builds again."""
    build = last(world, function)
    if build is not None:
        save(world, function, Build(**asdict(build) | {"key": ""}))


def forget(world: World, function: str) -> None:
    """A function that is gone has no builds and no images."""
    build = last(world, function)
    found = None if build is None else parse(build.image)
    if found is not None:
        world.part(Images).forget(f"{found.package}/")
    world.store.delete(KIND, function)


def key_of(function: Any) -> str:
    """A digest of everything that an image is made of."""
    build, named = function.build_config, function.build_config.source.storage_source
    parts = [build.runtime, build.entry_point, named.bucket, named.object_, named.generation, build.docker_repository]
    text = json.dumps([*parts, sorted(build.environment_variables.items())])
    return hashlib.sha256(text.encode()).hexdigest()


def is_current(world: World, function: Any) -> bool:
    """Whether the last build was of this very source: then the source is not needed any more."""
    before = last(world, function.name)
    return before is not None and before.key == key_of(function)


def build(world: World, function: Any) -> Build:
    """The image of a function's source: the last one, where that is of the same source.

    Raises:
        ApiFailure: INVALID_ARGUMENT: the source does not build.
    """
    before, key = last(world, function.name), key_of(function)
    if before is not None and before.key == key:
        return before
    number, region = world.project_number(project_of(function.name)), region_of(function.name)
    made = f"projects/{number}/locations/{region}/builds/{uuid.uuid4()}"
    image = image_of(function, 1 if before is None else before.version + 1)
    try:
        main = run(world, function, image)
    except (ArchiveError, programs.BuildError) as error:
        raise invalid(FAILED.format(message=error, region=region, build=short(made), number=number)) from error
    done = Build(made, image, key, 1 if before is None else before.version + 1, main)
    save(world, function.name, done)
    return done


def image_of(function: Any, version: int) -> str:
    """Where an image goes (run_service/v2-get-quoted): hyphens are doubled, capitals written small after a `_`."""
    words = (project_of(function.name), region_of(function.name), short(function.name))
    name = "__".join(re.sub(r"(?<!^)([A-Z])", r"_\1", each.replace("-", "--").replace("_", "__")) for each in words)
    return f"{registry_path(function.build_config.docker_repository)}/{name.lower()}:version_{version}"


def run(world: World, function: Any, image: str) -> str:
    """Unpack, check, keep; returns the file that holds the function.

    Raises:
        ArchiveError: The source is no archive that can be used.
        BuildError: It is not a function.
        ApiFailure: The source or the repository is gone.
    """
    ensure_repository(world, function)
    reference = parse(image)
    if reference is None or reference.tag is None:
        raise programs.BuildError(f"{image} is not the name of an image")
    chosen = function.build_config.environment_variables.get(programs.SOURCE_VARIABLE, "")
    with tempfile.TemporaryDirectory(dir=world.state_dir, prefix="build-") as folder:
        place = Path(folder) / "workspace"
        place.mkdir()
        unpack(sources.content(world, function), place)
        main = programs.check(place, chosen)
        images = world.part(Images)
        images.keep(images.build(reference, {"": place}, programs.command(), {}), reference.tag)
    return main


def ensure_repository(world: World, function: Any) -> None:
    """The repository that Google makes for functions; one that the caller names has to be there.

    Raises:
        ApiFailure: It is not.
    """
    from google.cloud.artifactregistry_v1.types import repository  # noqa: PLC0415 - only builds need them

    name = function.build_config.docker_repository
    parent, _, repository_id = name.partition("/repositories/")
    caller = agent(world, project_of(function.name))
    registry = "google.devtools.artifactregistry.v1.ArtifactRegistry/"
    try:
        asked = repository.GetRepositoryRequest.pb()(name=name)
        perform(world, Call(f"{registry}GetRepository", mutating=False, caller=caller), asked)
    except ApiFailure as failure:
        if failure.code != "NOT_FOUND" or repository_id != REPOSITORY:
            raise
        wanted = repository.CreateRepositoryRequest.pb()(parent=parent, repository_id=repository_id)
        wanted.repository.format_ = repository.Repository.Format.DOCKER
        perform(world, Call(f"{registry}CreateRepository", mutating=True, caller=caller), wanted)
