"""How containers are started, asked and ordered.

Source:
    run v2 `Container`, `Probe`, `ContainerPort`;
    https://docs.cloud.google.com/run/docs/configuring/jobs/healthchecks:
    a start takes 10 minutes at most, 30 with a GPU.
"""

import re
from collections.abc import Iterator, Mapping

from schemas.checks.environment import reference, variables_of
from schemas.checks.finding import Finding, repeated, warning
from schemas.checks.image import reference as image_reference
from schemas.instance import Instance, main_name
from schemas.refusal import shown
from schemas.sections.container import Container, Probe
from schemas.sections.image import Image
from schemas.sections.resources import Resources
from schemas.sections.runtime import Runtime
from schemas.sections.sidecars import Sidecar
from schemas.units import duration_text

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_HEADER, _BREAKS = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"), re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_HEALTH = re.compile(r"/[^\s]*|grpc(:[\w.]+)?|tcp")
_MOST_START_S, _MOST_START_GPU_S = 600, 1800
_MOST_OF_EACH = 240
_OF_THE_IMAGE = {
    "command": "command",
    "args": "args",
    "working_dir": "workingDir",
    "port": "port",
    "health": "health",
    "startup_s": "startup",
    "startup_probe": "startupProbe",
    "liveness_probe": "livenessProbe",
    "readiness_probe": "readinessProbe",
}


def bundled(image: Image | None, container: Container) -> Iterator[Finding]:
    """The bundled server is started and asked as it must be."""
    for attribute, key in _OF_THE_IMAGE.items() if image is None else ():
        if attribute in container.model_fields_set:
            hint = "it is for an `image` of your own; how long the model may load is `runtime.startup.deadline`"
            yield Finding(f"container.{key}", "bundled-server", "the bundled server has its own", hint, at_key=True)


def health(container: Container, runtime: Runtime) -> Iterator[Finding]:
    """The short forms say what a probe says."""
    said = container.health
    if said is not None and not _HEALTH.fullmatch(said):
        hint = "write a path that begins with /, or grpc, grpc:<service>, or tcp"
        yield Finding("container.health", "health", f"{shown(said)} is no way to ask", hint)
    for short, long in (("health", "startup_probe"), ("health", "liveness_probe"), ("startup_s", "startup_probe")):
        if getattr(container, short) is not None and getattr(container, long) is not None:
            summary = f"it says what container.{_OF_THE_IMAGE[short]} says"
            yield Finding(f"container.{_OF_THE_IMAGE[long]}", "health", summary, "leave one of both out", at_key=True)
    if runtime.startup.model_fields_set and (container.startup_s is not None or container.startup_probe is not None):
        summary = "how long a start may take is said twice"
        yield Finding("runtime.startup.deadline", "health", summary, "leave it to the `container` section", at_key=True)


def probes(container: Container, sidecars: dict[str, Sidecar], resources: Resources) -> Iterator[Finding]:
    """One way to ask, within the time that Cloud Run gives."""
    most_s = _most_start_s(resources, sidecars)
    places: list[tuple[str, Container | Sidecar]] = [("container", container)]
    places += [(f"sidecars.{name}", sidecar) for name, sidecar in sidecars.items()]
    for path, each in places:
        if each.startup_probe:
            yield from _probe(f"{path}.startupProbe", each.startup_probe, most_each=_MOST_OF_EACH)
            yield from _start(f"{path}.startupProbe", each.startup_probe, most_s)
        if each.liveness_probe:
            yield from _probe(f"{path}.livenessProbe", each.liveness_probe)
            yield from _patience(f"{path}.livenessProbe", each.liveness_probe)
            if each.liveness_probe.tcp_socket:
                hint = "ask by httpGet or grpc: a process that hangs takes connections still"
                yield Finding(f"{path}.livenessProbe.tcpSocket", "probe", "liveness is not asked by TCP", hint)
        if each.readiness_probe:
            yield from _probe(f"{path}.readinessProbe", each.readiness_probe)


def start(
    container: Container, runtime: Runtime, resources: Resources, sidecars: dict[str, Sidecar]
) -> Iterator[Finding]:
    """A start takes no longer than Cloud Run waits."""
    most_s = _most_start_s(resources, sidecars)
    for path, said in (
        ("container.startup", container.startup_s),
        ("runtime.startup.deadline", runtime.startup.deadline_s),
    ):
        if said is not None and said > most_s:
            summary = f"{duration_text(said * 1000)} is above {duration_text(most_s * 1000)}"
            hint = "with a GPU Cloud Run waits 30m" if most_s == _MOST_START_S else "the longest that Cloud Run waits"
            yield Finding(path, "startup", summary, hint)


def _most_start_s(resources: Resources, sidecars: Mapping[str, Sidecar]) -> int:
    has_gpu = Instance.of(resources, sidecars).gpu is not None
    return _MOST_START_GPU_S if has_gpu else _MOST_START_S


def _probe(path: str, probe: Probe, *, most_each: int = 3600) -> Iterator[Finding]:
    ways = {"httpGet": probe.http_get, "tcpSocket": probe.tcp_socket, "grpc": probe.grpc}
    given = [way for way, said in ways.items() if said is not None]
    if len(given) != 1:
        summary = f"{len(given)} ways to ask: {', '.join(given)}" if given else "it does not say how to ask"
        yield Finding(path, "probe", summary, "give exactly one of httpGet, tcpSocket, grpc", at_key=True)
    if probe.http_get and not probe.http_get.path.startswith("/"):
        yield Finding(f"{path}.httpGet.path", "probe", f"{shown(probe.http_get.path)} does not begin with /")
    for name, said in (probe.http_get.headers if probe.http_get else {}).items():
        if not _HEADER.fullmatch(name) or _BREAKS.search(said):
            hint = "a name of letters, digits and -; a value on one line"
            yield Finding(f"{path}.httpGet.headers.{name}", "probe", f"{shown(name)} is no header", hint, at_key=True)
    if probe.timeout_s > probe.period_s:
        summary = (
            f"{duration_text(probe.timeout_s * 1000)} is above the period ({duration_text(probe.period_s * 1000)})"
        )
        yield Finding(f"{path}.timeout", "probe", summary, "one try ends before the next begins")
    for key, value in (("initialDelay", probe.initial_delay_s), ("period", probe.period_s)):
        if value > most_each:
            summary = f"{duration_text(value * 1000)} is above {duration_text(most_each * 1000)}"
            yield Finding(
                f"{path}.{key}", "probe", summary, "more tries are how a start gets more time: failureThreshold"
            )


def _start(path: str, probe: Probe, most_s: int) -> Iterator[Finding]:
    whole = probe.period_s * probe.failure_threshold
    if probe.failure_threshold > _MOST_OF_EACH:
        summary = f"{probe.failure_threshold} tries are above {_MOST_OF_EACH}"
        yield Finding(f"{path}.failureThreshold", "startup", summary, "a longer period needs fewer")
    elif whole > most_s:
        summary = f"{probe.failure_threshold} tries every {duration_text(probe.period_s * 1000)} are more than "
        summary += duration_text(most_s * 1000)
        hint = "with a GPU Cloud Run waits 30m" if most_s == _MOST_START_S else "the longest that Cloud Run waits"
        yield Finding(f"{path}.failureThreshold", "startup", summary, hint)


_QUICK_S = 60


def _patience(path: str, probe: Probe) -> Iterator[Finding]:
    if probe.period_s * probe.failure_threshold < _QUICK_S:
        span = duration_text(probe.period_s * probe.failure_threshold * 1000)
        summary = f"an instance that does not answer for {span} is replaced"
        hint = "a busy model answers late: give it a minute at least (period times failureThreshold)"
        yield warning(path, "liveness", summary, hint)


def order(container: Container, sidecars: dict[str, Sidecar]) -> Iterator[Finding]:
    """Names are names, and what waits for others can start some time."""
    waits = {name: each.depends_on for name, each in sidecars.items()}
    for name in sidecars:
        if not _NAME.fullmatch(name):
            hint = "lower-case letters, digits and -, up to 63"
            yield Finding(
                f"sidecars.{name}", "container-name", f"{shown(name)} is no container's name", hint, at_key=True
            )
    if container.name is not None and not _NAME.fullmatch(container.name):
        hint = "lower-case letters, digits and -, up to 63"
        yield Finding("container.name", "container-name", f"{shown(container.name)} is no container's name", hint)
    if container.name in sidecars:
        yield Finding("container.name", "container-name", f"{shown(container.name)} is a sidecar's name as well")
    main = main_name(container.name, sidecars)
    waits[main] = container.depends_on
    for name, others in waits.items():
        path = "container.dependsOn" if name == main else f"sidecars.{name}.dependsOn"
        for index, other in enumerate(others):
            if other not in waits or not other:
                known = ", ".join(sorted(each for each in waits if each and each != name)) or "there is no other"
                hint = f"there are: {known}" if waits.keys() - {name, ""} else "name the other one: container.name"
                yield Finding(f"{path}[{index}]", "depends-on", f"there is no container {shown(other)}", hint)
        for index, other in repeated(others):
            yield Finding(f"{path}[{index}]", "depends-on", f"{shown(other)} stands there twice")
        if name in _after(name, waits):
            yield Finding(path, "depends-on", "it waits for itself, by way of others", "one of them must start first")


def told_apart(container: Container, sidecars: dict[str, Sidecar]) -> Iterator[Finding]:
    """A sidecar may have the name that the container which takes requests has by default."""
    if container.name is None and "server" in sidecars:
        main = main_name(None, sidecars)
        summary = f'the container that takes requests has no name: it is called "{main}"'
        yield warning("sidecars.server", "container-name", summary, "name both: container.name")


def known_to_have_started(container: Container, sidecars: dict[str, Sidecar]) -> Iterator[Finding]:
    """Whoever is waited for has a startup probe."""
    waits = {"container": container.depends_on} | {f"sidecars.{name}": s.depends_on for name, s in sidecars.items()}
    for path, others in waits.items():
        for index, other in enumerate(others):
            if other in sidecars and sidecars[other].startup_probe is None:
                summary = f"{shown(other)} has no startup probe: nothing tells when it has started"
                place = f"{path}.dependsOn[{index}]"
                yield warning(place, "depends-on", summary, f"give sidecars.{other}.startupProbe")


def _after(name: str, waits: Mapping[str, tuple[str, ...]]) -> set[str]:
    """Everything that must have started before."""
    found: set[str] = set()
    waiting = list(waits.get(name, ()))
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting += waits.get(each, ())
    return found


def sidecar_variables(sidecars: dict[str, Sidecar]) -> Iterator[Finding]:
    """One variable has one value, and secrets are named as such."""
    for name, each in sidecars.items():
        for variable, said in each.secrets.items():
            yield from reference(f"sidecars.{name}.secrets.{variable}", said)
            if variable in each.env:
                summary = f"{shown(variable)} stands in env as well"
                yield Finding(f"sidecars.{name}.secrets.{variable}", "env-clash", summary, at_key=True)
        yield from variables_of(f"sidecars.{name}.env", each.env, may=frozenset({"PORT"}))
        yield from image_reference(f"sidecars.{name}.image.uri", each.image.uri)


def accelerators(resources: Resources, sidecars: dict[str, Sidecar]) -> Iterator[Finding]:
    """An instance has one GPU, and one container uses it."""
    users = [f"sidecars.{name}.gpu" for name, each in sidecars.items() if each.gpu]
    first = ["resources.gpu"] if resources.gpu else []
    for path in [*first, *users][1:]:
        yield Finding(path, "gpu", "another container has the GPU of the instance", "an instance has one", at_key=True)


_LARGEST_ARGUMENTS = 128 * 1024


def arguments(container: Container, sidecars: dict[str, Sidecar]) -> Iterator[Finding]:
    """Arguments that a process can be started with."""
    places: list[tuple[str, Container | Sidecar]] = [("container", container)]
    places += [(f"sidecars.{name}", sidecar) for name, sidecar in sidecars.items()]
    for path, each in places:
        for key, texts in (("command", each.command), ("args", each.args)):
            for index, text in enumerate(texts):
                if "\x00" in text:
                    yield Finding(f"{path}.{key}[{index}]", "arguments", "an argument has no NUL", "take it out")
        if sum(len(text.encode()) for text in (*each.command, *each.args)) > _LARGEST_ARGUMENTS:
            yield Finding(f"{path}.args", "arguments", "they are more than 128 KiB", "put it into a file of the image")


def port(container: Container) -> Iterator[Finding]:
    """An argument that names a port names the one that Cloud Run asks at."""
    here = container.port.container_port if container.port else 8080
    listed = list(container.args)
    for index, said in enumerate(listed):
        name, given, value = said.partition("=")
        if name not in {"--port", "--http-port", "--http_port"}:
            continue
        value, place = (value, index) if given else (listed[index + 1] if index + 1 < len(listed) else "", index + 1)
        if value.isdigit() and int(value) != here:
            summary = f"the container listens at {value}, and Cloud Run asks at {here}"
            yield warning(f"container.args[{place}]", "port", summary, f"say container.port: {value}")
