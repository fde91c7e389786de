"""The part of a Cloud Run service that revisions are made of, between our record and Google's message.

Source:
    Defaults that the server fills in: `google.cloud.run.v2` of google-cloud-run 0.16.2, and kinds.md 3.1.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from reconciler.core.naming import ATTEMPT_LABEL, MODEL_ENV, VERSION_LABEL
from reconciler.gcp.light import types_module
from reconciler.kinds.run_service.record import DEFAULT_PORT, RunService, StartupProbe

RUNTIME_ENV = "MLSERVICE_RUNTIME"
ANSWERS_ENV = "MLSERVICE_EVENTS_TOPIC"
LOG_ENV, LOG_RATE_ENV = "MLSERVICE_PREDICTION_LOG", "MLSERVICE_PREDICTION_LOG_RATE"
READY_PATH = "/health/ready"
LIVE_PATH = "/health/live"

_GPU = "nvidia.com/gpu"
_UNITS = {"Ki": 1 / 1024, "Mi": 1, "Gi": 1024, "K": 1e3 / 2**20, "k": 1e3 / 2**20, "M": 1e6 / 2**20, "G": 1e9 / 2**20}
_PERIOD_S = 10
_DEFAULT_TIMEOUT_S = 300
_DEFAULT_MAX_INSTANCES = 100
_DEFAULT_CONCURRENCY = 80


def startup_probe(deadline_s: int, *, http: bool) -> StartupProbe:
    """Spread a deadline over tries.

    Source:
        cloud.google.com/run/docs/configuring/healthchecks: attempts times period is at most 240 s.
    """
    period = min(_PERIOD_S, deadline_s)
    return StartupProbe(READY_PATH if http else "", period, max(1, deadline_s // period), min(5, period))


def read_template(template: Any) -> dict[str, Any]:
    """Read the fields of `RunService` that live in a template."""
    container = _serving(template) or types_module("google.cloud.run_v2", "k8s_min").Container()
    plain_env = {e.name: e.value for e in container.env if not e.value_source.secret_key_ref.secret}
    limits = dict(container.resources.limits)
    return {
        "image": container.image,
        "model": (model := _parsed(plain_env.pop(MODEL_ENV, ""))),
        "columns": columns(model),
        "runtime": _parsed(plain_env.pop(RUNTIME_ENV, "")),
        "version": template.labels.get(VERSION_LABEL, ""),
        "attempt": template.labels.get(ATTEMPT_LABEL, ""),
        "env": plain_env,
        "secrets": {
            e.name: f"{e.value_source.secret_key_ref.secret}:{e.value_source.secret_key_ref.version}"
            for e in container.env
            if e.value_source.secret_key_ref.secret
        },
        "port": container.ports[0].container_port if container.ports else DEFAULT_PORT,
        "cpu_millis": cpu_millis(limits.get("cpu", "1")),
        "memory_mib": memory_mib(limits.get("memory", "512Mi")),
        # Once `resources` is set, an unset cpuIdle means instance-based billing (kinds.md 3.1).
        "cpu_always": not container.resources.cpu_idle,
        "startup_boost": container.resources.startup_cpu_boost,
        "gpu": template.node_selector.accelerator if limits.get(_GPU) else "",
        "gpu_zonal_redundancy": bool(limits.get(_GPU)) and not template.gpu_zonal_redundancy_disabled,
        "concurrency": template.max_instance_request_concurrency or _DEFAULT_CONCURRENCY,
        "timeout_s": int(template.timeout.total_seconds()) if template.timeout else _DEFAULT_TIMEOUT_S,
        "max_instances": template.scaling.max_instance_count or _DEFAULT_MAX_INSTANCES,
        "startup": _read_probe(container.startup_probe),
        "liveness": _read_liveness(container.liveness_probe),
        "service_account": template.service_account,
    }


def write_template(template: Any, want: RunService, *, gone: frozenset[str] = frozenset()) -> None:
    """Write our fields into a template and leave every other field as it is.

    Args:
        template: Message to change.
        want: Our record.
        gone: Environment variables of ours that are to go.
    """
    types = types_module("google.cloud.run_v2", "k8s_min")
    # A name chosen for the revision before would collide with it (kinds.md: "template.revision is a trap").
    template.revision = ""
    template.service_account = want.service_account
    template.timeout = {"seconds": want.timeout_s}
    template.max_instance_request_concurrency = want.concurrency
    template.scaling.max_instance_count = want.max_instances
    _write_label(template, VERSION_LABEL, want.version)
    _write_label(template, ATTEMPT_LABEL, want.attempt or "")
    _write_gpu(template, want)
    if not template.containers:
        template.containers = [types.Container()]
    container = _serving(template)
    container.image = want.image
    _write_port(types, container, want)
    container.env = _env(types, container.env, want, gone)
    container.resources.limits = {**dict(container.resources.limits), **_limits(want)}
    if not want.gpu:
        container.resources.limits.pop(_GPU, None)
    container.resources.cpu_idle = not want.cpu_always
    container.resources.startup_cpu_boost = want.startup_boost
    if _read_probe(container.startup_probe) != want.startup:
        container.startup_probe = _write_probe(types, want)
    if _read_liveness(container.liveness_probe) != want.liveness:
        container.liveness_probe = _write_liveness(types, want)


def _write_port(types: Any, container: Any, want: RunService) -> None:
    """Write the port, here and in probes that ask at the port of before."""
    before = container.ports[0].container_port if container.ports else DEFAULT_PORT
    # `h2c` is how somebody asks for HTTP/2 to the container: the spec has no word for it, so it stays.
    name = container.ports[0].name if container.ports else "http1"
    container.ports = [types.ContainerPort(name=name, container_port=want.port)]
    for probe in (container.startup_probe, container.liveness_probe):
        for way in ("http_get", "tcp_socket", "grpc"):
            if way in probe and getattr(probe, way).port == before:
                getattr(probe, way).port = want.port


def _serving(template: Any) -> Any:
    """Give the container that takes requests: of several, the one with a port. None when there is none yet.

    Source:
        `Container.ports` of google-cloud-run 0.16.2: of several containers exactly one has a port.
    """
    containers = list(template.containers)
    return next((each for each in containers if each.ports), containers[0] if containers else None)


def _write_label(template: Any, key: str, value: str) -> None:
    if value:
        template.labels[key] = value
    else:
        template.labels.pop(key, None)


def _write_gpu(template: Any, want: RunService) -> None:
    template.node_selector.accelerator = want.gpu
    template.gpu_zonal_redundancy_disabled = bool(want.gpu) and not want.gpu_zonal_redundancy


def _limits(want: RunService) -> dict[str, str]:
    cpu = f"{want.cpu_millis}m" if want.cpu_millis % 1000 else str(want.cpu_millis // 1000)
    limits = {"cpu": cpu, "memory": f"{want.memory_mib}Mi"}
    return {**limits, _GPU: "1"} if want.gpu else limits


def _env(types: Any, live: Any, want: RunService, gone: frozenset[str]) -> list[Any]:
    entries = {e.name: e for e in live if e.name not in gone}
    for name, section in ((MODEL_ENV, want.model), (RUNTIME_ENV, want.runtime)):
        entries.pop(name, None)
        if section:
            entries[name] = types.EnvVar(name=name, value=_written(section))
    for name, value in want.env.items():
        entries[name] = types.EnvVar(name=name, value=value)
    for name, reference in want.secrets.items():
        secret, _, version = reference.rpartition(":")
        key = types.SecretKeySelector(secret=secret, version=version)
        entries[name] = types.EnvVar(name=name, value_source=types.EnvVarSource(secret_key_ref=key))
    return [entries[name] for name in sorted(entries)]


def _written(section: Mapping[str, Any]) -> str:
    # Order is meaning here: features are the model's columns, in the order of the spec.
    return json.dumps(section, separators=(",", ":"))


def _parsed(text: str) -> Mapping[str, Any]:
    if not text:
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        # Someone wrote over it by hand; shown as it is, and put right by the next apply.
        return {"": text}
    return found if isinstance(found, dict) else {"": text}


def columns(model: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the model's columns in order. Maps compare without order, and this order decides what is predicted."""
    features = model.get("features")
    return tuple(features) if isinstance(features, Mapping) else ()


def _read_probe(probe: Any) -> StartupProbe:
    path = (probe.http_get.path or "/") if probe.http_get else ""
    # The server's own default is one TCP try of 240 s (kinds.md 3.1).
    if not probe.period_seconds and not probe.http_get and not probe.failure_threshold:
        return StartupProbe("", 240, 1, 240)
    return StartupProbe(path, probe.period_seconds or 10, probe.failure_threshold or 3, probe.timeout_seconds or 1)


def _write_probe(types: Any, want: RunService) -> Any:
    probe = want.startup
    if probe is None:
        raise ValueError("a record is refined before it is written")
    action = (
        {"http_get": types.HTTPGetAction(path=probe.path, port=want.port)}
        if probe.path
        else {"tcp_socket": types.TCPSocketAction(port=want.port)}
    )
    return types.Probe(
        period_seconds=probe.period_s, failure_threshold=probe.attempts, timeout_seconds=probe.timeout_s, **action
    )


def _read_liveness(probe: Any) -> str:
    return (probe.http_get.path or "/") if probe.http_get else ""


def _write_liveness(types: Any, want: RunService) -> Any:
    """Make a probe with patience: an instance that is merely busy must not be replaced."""
    if not want.liveness:
        return None
    action = types.HTTPGetAction(path=want.liveness, port=want.port)
    return types.Probe(period_seconds=_PERIOD_S, failure_threshold=3, timeout_seconds=5, http_get=action)


def cpu_millis(quantity: str) -> int:
    """Read a Kubernetes CPU quantity: `1`, `0.5` or `1000m`."""
    return int(quantity[:-1]) if quantity.endswith("m") else round(float(quantity) * 1000)


def memory_mib(quantity: str) -> int:
    """Read a Kubernetes memory quantity: `512Mi`, `16Gi`, `1G` or bytes."""
    for unit, factor in _UNITS.items():
        if quantity.endswith(unit):
            return round(float(quantity[: -len(unit)]) * factor)
    return round(float(quantity) / 2**20)
