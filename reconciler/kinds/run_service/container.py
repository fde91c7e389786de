"""Containers as plain data in Cloud Run's own words, in one form: what a spec says, and what is there, compare by it.

In that form every field that we manage is there, whatever the server leaves out or fills in; ports of probes are told
only where they are not the container's own.

Source:
    Defaults: `Probe` and `Container` of google-cloud-run 0.16.2; kinds.md 3.1 of what the server fills in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from reconciler.kinds.run_service.fields import assign, snake
from reconciler.kinds.run_service.quantities import cpu_millis, memory_mib, write_limits

Plain = Mapping[str, Any]

DEFAULT_PORT = 8080
GPU = "nvidia.com/gpu"
DEFAULTS: Plain = {
    "name": "",
    "command": [],
    "args": [],
    "workingDir": "",
    "dependsOn": [],
    "port": DEFAULT_PORT,
    "protocol": "http1",
    "startupProbe": {},
    "livenessProbe": {},
    "readinessProbe": {},
    "cpuIdle": True,
    "startupCpuBoost": True,
}
"""What the container that takes requests has in a new service of which nothing is said.

CPU only in requests, and more of it while starting, are what a person gets from the console and from gcloud; the API
alone would bill by instance. No startup probe is Google's own: one connection within 240 s.
"""
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
_LISTS = ("command", "args", "dependsOn")
_TEXTS = ("name", "workingDir")
_GOOGLES_OWN = {
    "tcpSocket": {},
    "timeoutSeconds": 240,
    "periodSeconds": 240,
    "failureThreshold": 1,
}
_PACE = {"timeoutSeconds": 1, "periodSeconds": 10, "failureThreshold": 3}


def serving(containers: list[dict[str, Any]]) -> int:
    """Give which container takes requests: of several, the one with a port; -1 where there is none.

    Source:
        `Container.ports` of google-cloud-run 0.16.2: of several containers exactly one has a port.
    """
    places = [index for index, each in enumerate(containers) if each.get("ports")]
    return places[0] if places else 0 if containers else -1


def main_of(containers: list[dict[str, Any]], name: str, image: str, sidecars: Collection[str]) -> int:
    """Give which container is to take requests: by what a spec says, where a hand gave the port to another one.

    Args:
        containers: A message's JSON.
        name: That it is to have; empty for any.
        image: That it is to run.
        sidecars: Names of the containers that are to be beside it.

    Returns:
        Its place; -1 where it is to be made.
    """
    here = serving(containers)
    names = [each.get("name", "") for each in containers]
    if here < 0 or (len(containers) == 1 and names[here] not in sidecars):
        return here
    if names[here] in sidecars:
        left = [place for place, each in enumerate(names) if each not in sidecars]
        return next((place for place in left if names[place] == name), left[0] if left else -1)
    running = [place for place, each in enumerate(containers) if _program(each.get("image", "")) == _program(image)]
    moved = len(running) == 1 and names[running[0]] not in sidecars
    return running[0] if moved else here


def _program(image: str) -> str:
    """Give an image without its version."""
    place, _, last = image.partition("@")[0].rpartition("/")
    return f"{place}/{last.partition(':')[0]}"


def read(container: Plain) -> dict[str, Any]:
    """Read the container that takes requests from a message's JSON."""
    ports = container.get("ports") or [{}]
    port = ports[0].get("containerPort", DEFAULT_PORT)
    return {
        **_common(container, port),
        "name": container.get("name", ""),
        "port": port,
        "protocol": ports[0].get("name") or "http1",
    }


def _common(container: Plain, port: int) -> dict[str, Any]:
    resources = container.get("resources", {})
    return {
        "command": list(container.get("command", ())),
        "args": list(container.get("args", ())),
        "workingDir": container.get("workingDir", ""),
        "dependsOn": list(container.get("dependsOn", ())),
        **{name: probe(container.get(name), port) for name in PROBES},
        # Once `resources` is set, an unset cpuIdle means instance-based billing (kinds.md 3.1).
        "cpuIdle": bool(resources.get("cpuIdle", not resources)),
        "startupCpuBoost": bool(resources.get("startupCpuBoost", False)),
    }


def probe(said: Plain | None, port: int) -> dict[str, Any]:
    """Give a probe in its one form; empty for none, and for the one that Google fills in.

    Args:
        said: As a message's JSON, or as `said.py` writes it.
        port: The container's own; 0 for a container without one.
    """
    if not said:
        return {}
    ways = {way: dict(said[way]) for way in ("httpGet", "tcpSocket", "grpc") if way in said} or {"tcpSocket": {}}
    for way, asked in ways.items():
        if asked.get("port") in {None, 0, port}:
            asked.pop("port", None)
        if way == "httpGet":
            asked["path"] = asked.get("path") or "/"
            headers = asked.pop("httpHeaders", None)
            if headers:
                asked["httpHeaders"] = _headers(headers)
        if way == "grpc" and not asked.get("service"):
            asked.pop("service", None)
    found = {**ways, **{name: int(said.get(name) or least) for name, least in _PACE.items()}}
    if said.get("initialDelaySeconds"):
        found["initialDelaySeconds"] = int(said["initialDelaySeconds"])
    return {} if found == _GOOGLES_OWN else found


def _headers(headers: Any) -> dict[str, str]:
    if isinstance(headers, Mapping):
        return dict(headers)
    return {each.get("name", ""): each.get("value", "") for each in headers}


def probe_message(said: Plain, port: int) -> dict[str, Any] | None:
    """Give a probe as a message's JSON, with its port; None for none."""
    if not said:
        return None
    found = dict(said)
    for way in ("httpGet", "tcpSocket", "grpc"):
        if way in found:
            asked = {"port": port, **found[way]}
            if headers := asked.get("httpHeaders"):
                asked["httpHeaders"] = [{"name": name, "value": value} for name, value in headers.items()]
            found[way] = {name: value for name, value in asked.items() if not (name == "port" and not value)}
    return found


def read_sidecar(container: Plain, mounts: Plain) -> dict[str, Any]:
    """Read a container beside it: as a whole, since it is one value.

    Args:
        container: A message's JSON.
        mounts: What is mounted, by path, in its one form.
    """
    limits = container.get("resources", {}).get("limits", {})
    found = {
        **_common(container, 0),
        "image": container.get("image", ""),
        "env": {e["name"]: e.get("value", "") for e in container.get("env", ()) if not _secret(e)},
        "secrets": {e["name"]: _secret(e) for e in container.get("env", ()) if _secret(e)},
        "cpuMillis": cpu_millis(limits.get("cpu", "1")),
        "memoryMib": memory_mib(limits.get("memory", "512Mi")),
        "mounts": dict(mounts),
        **({"gpu": 1} if limits.get(GPU) else {}),
    }
    return without_blanks(found)


def without_blanks(sidecar: Plain) -> dict[str, Any]:
    """Leave out what is empty: plans show a sidecar whole."""
    return {name: value for name, value in sidecar.items() if value not in ("", [], {}, None)}


def _secret(variable: Plain) -> str:
    reference = variable.get("valueSource", {}).get("secretKeyRef", {})
    return f"{reference['secret']}:{reference.get('version', '')}" if reference.get("secret") else ""


def write(message: Any, values: Plain, gone: Iterable[str] = ()) -> None:
    """Write fields of the container that takes requests, and leave the others as they are.

    Args:
        message: Protocol buffer of the container.
        values: By key, in their one form.
        gone: Keys that are to have what a new service has.
    """
    wanted = {**{key: DEFAULTS[key] for key in gone}, **values}
    before = message.ports[0].container_port if message.ports else DEFAULT_PORT
    port = wanted.get("port", before)
    if "port" in wanted or "protocol" in wanted:
        name = wanted.get("protocol", message.ports[0].name if message.ports else "")
        assign(message, "ports", [{"name": name or DEFAULTS["protocol"], "containerPort": port}])
    if port != before:
        _follow(message, before, port)
    for key in PROBES:
        if key in wanted:
            assign(message, key, probe_message(wanted[key], port))
    _write_plain(message, wanted)


def _follow(message: Any, before: int, port: int) -> None:
    """Let probes that ask at the port of before ask at the port."""
    for each in (message.startup_probe, message.liveness_probe, message.readiness_probe):
        for way in ("http_get", "tcp_socket", "grpc"):
            if each.HasField(way) and getattr(each, way).port == before:
                getattr(each, way).port = port


def _write_plain(message: Any, wanted: Plain) -> None:
    for key in (*_TEXTS, *_LISTS):
        if key in wanted:
            assign(message, key, wanted[key] or None)
    for key in ("cpuIdle", "startupCpuBoost"):
        if key in wanted:
            setattr(message.resources, snake(key), wanted[key])


def write_sidecar(message: Any, name: str, said: Plain) -> None:
    """Write a sidecar, but for its mounts; what we do not manage of it stays.

    Args:
        message: Protocol buffer of the container.
        name: Its name.
        said: In its one form.
    """
    message.name, message.image = name, said["image"]
    _write_plain(message, {**{key: [] for key in _LISTS}, "workingDir": "", **said})
    for key in PROBES:
        assign(message, key, probe_message(said.get(key, {}), 0))
    assign(message, "env", env_message(said.get("env", {}), said.get("secrets", {})))
    write_limits(message.resources.limits, said["cpuMillis"], said["memoryMib"])
    message.resources.limits.pop(GPU, None)
    if said.get("gpu"):
        message.resources.limits[GPU] = "1"


def env_message(env: Mapping[str, str], secrets: Mapping[str, str]) -> list[dict[str, Any]]:
    """Give variables as a message's JSON, sorted by name."""
    entries: dict[str, dict[str, Any]] = {name: {"name": name, "value": value} for name, value in env.items()}
    for name, reference in secrets.items():
        secret, _, version = reference.rpartition(":")
        key = {"secret": secret, "version": version}
        entries[name] = {"name": name, "valueSource": {"secretKeyRef": key}}
    return [entries[name] for name in sorted(entries)]
