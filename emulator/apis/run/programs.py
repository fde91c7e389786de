"""From a template's containers to programs that can be started.

What an image is, is settled at deployment and written down (`run.program`): a revision keeps its content when the tag
moves on, and starts again after a restart. Secrets are read at each instance start (constraints.md 2.4).
"""

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from emulator.apis.run import engine, translating
from emulator.apis.run.containers import PROBES
from emulator.apis.run.mounts.places import Mount, mounted
from emulator.apis.run.mounts.volumes import Holder, hold
from emulator.apis.run.names import parts, short
from emulator.apis.run.quantities import cpu_millis, memory_bytes
from emulator.apis.run.secrets import secret_value
from emulator.apis.run.stand_ins import stand_in
from emulator.apis.run.stored import REVISIONS
from emulator.core.callbacks import resolve
from emulator.core.world import World
from emulator.images import Images, NotAnImageError, bundled
from emulator.processes.model import (
    CannotStartError,
    Container,
    Identity,
    Outcome,
    Place,
    Probe,
    Program,
    Revision,
    Size,
    default_startup_probe,
)

KIND = "run.program"
OVER = "emulator.apis.storage.folders.mounting:over"
"""Told when an instance is over that had volumes."""
NO_PROXY = ("NO_PROXY", "no_proxy")
"""Both are read, by one library this and by another that."""
HERE = ("127.0.0.1", "localhost")
CONTAINER_MISSING = "CONTAINER_MISSING"
PATH = os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"])


@dataclass(frozen=True, slots=True)
class Source:
    """Where a container's program comes from: an image's folder and command, or an engine's image.

    Attributes:
        image: As the template names it.
        digest: `sha256:…`.
        engine: Path of the container engine, or empty.
        stands_in: It is another image's; a command of the template is not in it, and becomes arguments.
        told: It is of an image that is there by itself, and opens no path that it is not told.
    """

    image: str
    digest: str
    folder: str = ""
    command: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    engine: str = ""
    stands_in: bool = False
    told: bool = False

    @property
    def pinned(self) -> str:
        """The image by digest, as revisions show it."""
        if self.stands_in and "@" in self.image:
            return self.image
        name = self.image.partition("@")[0]
        head, _, last = name.rpartition("/")
        name = f"{head}/{last.partition(':')[0]}".lstrip("/")
        return f"{name}@{self.digest}" if self.digest else self.image


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose container it is, and what Cloud Run itself sets in its environment.

    Attributes:
        project: Its id.
        environment: What Cloud Run sets.
        account: E-mail of its service account.
        volumes: Those of the template, by name.
    """

    project: str
    environment: Mapping[str, str]
    account: str = ""
    volumes: Mapping[str, Any] = field(default_factory=dict)


def find_sources(world: World, containers: Sequence[Any]) -> tuple[list[Source], Outcome]:
    """Resolve the images of all containers; the first one that is not there decides the outcome."""
    found: list[Source] = []
    for container in containers:
        source = find_source(world, container.image)
        if isinstance(source, Outcome):
            return found, source
        found.append(source)
    return found, Outcome()


def find_source(world: World, image: str) -> Source | Outcome:
    """Find an image: what stands in for it, else in the emulated registry, else with an engine, if that may have it."""
    other = stand_in(world.store, image)
    resolved = world.part(Images).resolve(other or image)
    if resolved is not None:
        try:
            found = world.part(Images).ready(resolved)
        except NotAnImageError as error:
            return Outcome(CONTAINER_MISSING, f"Image '{image}' cannot be started: {error}.")
        env, folder = tuple(found.env.items()), str(found.folder)
        told = resolved.package.startswith(bundled.PROJECTS)
        return Source(image, resolved.digest, folder, found.command, env, stands_in=other is not None, told=told)
    if other is not None:
        return Outcome(CONTAINER_MISSING, f"Image '{other}', which stands in for '{image}', not found.")
    missing = f"Image '{image}' not found."
    if engine.is_ours(world, image):
        return Outcome(CONTAINER_MISSING, missing)
    path = engine.engine()
    if path is None:
        hint = "It is not in the emulator's registry, and there is no docker or podman here. "
        hint += "Another image can play one that needs a GPU: mlservice emulator stand-in IMAGE"
        return Outcome(CONTAINER_MISSING, f"{missing} {hint}")
    digest = engine.pull(path, image)
    return Outcome(CONTAINER_MISSING, missing) if digest is None else Source(image, digest, engine=path)


def save_sources(world: World, name: str, sources: Sequence[Source]) -> None:
    """Write down what a revision or execution runs."""
    body = [{field: getattr(source, field) for field in Source.__dataclass_fields__} for source in sources]
    world.store.put(KIND, name, json.dumps(body).encode())


def load_sources(world: World, name: str) -> list[Source]:
    """Read what a revision or execution runs.

    Raises:
        CannotStartError: It is not known.
    """
    body = world.store.get(KIND, name)
    if body is None:
        raise CannotStartError(CONTAINER_MISSING, f"'{short(name)}' was deleted.")
    return [
        Source(**each | {"command": tuple(each["command"]), "env": tuple(tuple(pair) for pair in each["env"])})
        for each in json.loads(body)
    ]


def containers(
    world: World, name: str, template: Any, sources: Sequence[Source], environment: Mapping[str, str]
) -> tuple[Container, ...]:
    """Describe a template's containers to the data plane.

    Args:
        world: Where.
        name: Full name of the revision or execution.
        template: `Revision` or `TaskTemplate`: containers and service account.
        sources: One per container.
        environment: What Cloud Run itself sets, which wins over everything.
    """
    made = []
    found = parts(name)
    project = found["projects"]
    volumes = {volume.name: volume for volume in template.volumes}
    owner = Owner(project, environment, template.service_account, volumes)
    identity = Identity(project, world.project_number(project), found["locations"], template.service_account)
    for index, (container, source) in enumerate(zip(template.containers, sources, strict=True)):
        make = partial(program, world, owner, container, source)
        over = partial(resolve(OVER), world) if container.volume_mounts else None
        made.append(
            replace(described(container, f"{container.name or f'container-{index}'}", identity, make), over=over)
        )
    return tuple(made)


def describe(world: World, name: str) -> Revision:
    """Tell the data plane what a revision is.

    Raises:
        CannotStartError: It is not there any more.
    """
    sources = load_sources(world, name)
    revision = REVISIONS.get(world, name)
    own = {
        "K_SERVICE": parts(name)["services"],
        "K_REVISION": short(name),
        "K_CONFIGURATION": parts(name)["services"],
    }
    return Revision(
        name,
        containers(world, name, revision, sources, own),
        concurrency=revision.max_instance_request_concurrency,
        max_instances=revision.scaling.max_instance_count,
        timeout_s=revision.timeout.ToTimedelta().total_seconds(),
        size=size_of(revision),
        h2c=any(port.name == "h2c" for container in revision.containers for port in container.ports),
        affinity=revision.session_affinity,
        watched=not any(source.engine for source in sources),
    )


def size_of(revision: Any) -> Size:
    """Tell what an instance of a revision has, as it is billed."""
    limits = [container.resources.limits for container in revision.containers]
    return Size(
        cpu=sum(cpu_millis(each["cpu"], "cpu") for each in limits if "cpu" in each) / 1000,
        memory_gib=sum(memory_bytes(each["memory"], "memory") for each in limits if "memory" in each) / 2**30,
        gpu=revision.node_selector.accelerator,
        always=not any(container.resources.cpu_idle for container in revision.containers),
        labels=tuple(sorted(revision.labels.items())),
    )


def described(container: Any, name: str, identity: Identity, make: Callable[[Place], Program]) -> Container:
    """Describe one container; its program is made anew each time one starts."""
    startup = probe(container.startup_probe) if container.HasField("startup_probe") else None
    return Container(
        name,
        identity,
        make,
        port=container.ports[0].container_port if container.ports else None,
        startup=startup,
        startup_is_default=startup is None or startup == default_startup_probe(startup.port),
        liveness=probe(container.liveness_probe) if container.HasField("liveness_probe") else None,
        readiness=probe(container.readiness_probe) if container.HasField("readiness_probe") else None,
        after=tuple(container.depends_on),
    )


def probe(message: Any) -> Probe:
    """Translate a probe; numbers of a job's probe that were left out have Cloud Run's defaults."""
    numbers = {
        "initial_delay_s": message.initial_delay_seconds,
        "period_s": message.period_seconds or 10,
        "timeout_s": message.timeout_seconds or 1,
        "failure_threshold": message.failure_threshold or 3,
    }
    chosen = message.WhichOneof("probe_type")
    if chosen == "http_get":
        headers = tuple((header.name, header.value) for header in message.http_get.http_headers)
        return Probe("http", message.http_get.port, message.http_get.path or "/", headers=headers, **numbers)
    if chosen == "grpc":
        return Probe("grpc", message.grpc.port, service=message.grpc.service, **numbers)
    return Probe("tcp", message.tcp_socket.port, **numbers)


def program(world: World, owner: Owner, container: Any, source: Source, place: Place) -> Program:
    """Make the program of one container of one instance.

    Raises:
        CannotStartError: A secret or a bucket cannot be read, or a volume is of a sort that the emulator lacks.
    """
    mounts, notes = mounts_of(world, owner, container, place)
    env = {
        "PATH": PATH,
        "LANG": "C.UTF-8",
        "HOST": "127.0.0.1",
        **emulated(world, owner.project, place),
    }
    own = dict(source.env) | {each.name: value_of(world, each, owner.project) for each in container.env}
    moved = {declared: real for declared, real in place.ports.items() if declared != real}
    given = [*container.command, *container.args]
    words = translating.arguments(given, moved)
    env |= translating.variables(own, moved)
    notes += tuple(translating.left(given, own, moved, () if container.ports else probed(container)))
    env |= {**owner.environment, **dict.fromkeys(NO_PROXY, without_proxy(env))}
    if container.ports:
        env["PORT"] = str(place.port)
    if source.engine:
        split = len(container.command)
        line = engine.command(source.engine, source.image, env, (words[:split], words[split:]), mounts)
        return Program(tuple(line), engine.folder(), {"PATH": os.environ.get("PATH", PATH)}, notes)
    folder = Path(source.folder)
    if source.stands_in:
        return mounted(Program((*source.command, *words), folder, env, notes), mounts, told=source.told)
    command = words if container.command else (*source.command, *words)
    started = Program(command, folder / container.working_dir.lstrip("/"), env, notes)
    return mounted(started, mounts, told=source.told)


def probed(container: Any) -> frozenset[int]:
    """Give the ports that a container's probes name."""
    probes = (getattr(container, name) for name in PROBES if container.HasField(name))
    return frozenset(filter(None, (probe(each).port for each in probes)))


def mounts_of(world: World, owner: Owner, container: Any, place: Place) -> tuple[list[Mount], tuple[str, ...]]:
    """Have a container's volumes ready; gives where they are to be found, and what is to be said about them.

    Raises:
        CannotStartError: One cannot be had.
    """
    mounts: list[Mount] = []
    notes: list[str] = []
    holder = Holder(world, owner.project, owner.account, place.scratch, place.note)
    for mount in container.volume_mounts:
        held = hold(holder, owner.volumes[mount.name])
        folder = held.folder / mount.sub_path
        folder.mkdir(parents=True, exist_ok=True)
        mounts.append(Mount(mount.mount_path, folder, held.read_only))
        notes += held.notes
    return mounts, tuple(notes)


def emulated(world: World, project: str, place: Place) -> dict[str, str]:
    """Point Google's clients in the container at the emulator, as the revision's own service account."""
    return {
        "GOOGLE_CLOUD_PROJECT": project,
        "GCE_METADATA_HOST": place.metadata_host,
        "GCE_METADATA_IP": place.metadata_host,
        "STORAGE_EMULATOR_HOST": world.http_url,
        "BIGQUERY_EMULATOR_HOST": world.http_url,
        "PUBSUB_EMULATOR_HOST": world.grpc_target,
        "RUN_APP_EMULATOR_HOST": place.named_host,
        "MLSERVICE_EMULATOR": world.http_url,
        "MLSERVICE_EMULATOR_GRPC": world.grpc_target,
    }


def without_proxy(env: Mapping[str, str]) -> str:
    """Say which hosts are reached without a proxy: those that the container's own variables name, and this machine.

    In Google Cloud its APIs and the metadata server lie elsewhere. Here they are on this machine, and a proxy that a
    spec names, or docker's own configuration, would be asked for them.
    """
    named = [host.strip() for name in NO_PROXY for host in env.get(name, "").split(",")]
    return ",".join(dict.fromkeys([*filter(None, named), *HERE]))


def value_of(world: World, variable: Any, project: str) -> str:
    """Read a variable's value, from its secret where it names one."""
    if variable.HasField("value_source"):
        reference = variable.value_source.secret_key_ref
        return secret_value(world, project, reference.secret, reference.version or "latest")
    return str(variable.value)
