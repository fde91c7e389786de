"""What a spec says of its container, its sidecars and its mounts, in the one form in which records compare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from reconciler.kinds.run_service import fields, volumes
from reconciler.kinds.run_service.container import DEFAULT_PORT, probe, without_blanks
from reconciler.kinds.run_service.template import LIVE_PATH, READY_PATH
from reconciler.lookups.image_digest import sidecar_image_of
from reconciler.lookups.secret_version import version_of
from schemas.instance import ONE_CPU_MILLIS, Instance, main_name
from schemas.sections.access import Authentication
from schemas.sections.environment import SecretRef
from schemas.sections.resources import ScalingMode

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from schemas import MLService
    from schemas.sections.container import Probe
    from schemas.sections.mounts import Mount
    from schemas.sections.network import Network
    from schemas.sections.sidecars import Sidecar
    from schemas.service import Spec

_GENERATIONS = {"Gen1": "EXECUTION_ENVIRONMENT_GEN1", "Gen2": "EXECUTION_ENVIRONMENT_GEN2"}
_EGRESS = {"PrivateRangesOnly": "PRIVATE_RANGES_ONLY", "AllTraffic": "ALL_TRAFFIC"}
_REVOKED = {"PreventNew": "PREVENT_NEW", "Shutdown": "SHUTDOWN"}
_PERIOD_S, _PATIENCE_S = 10, 5
_LIVENESS: Mapping[str, Any] = {"periodSeconds": 30, "timeoutSeconds": 10, "failureThreshold": 4}
"""Patience of the short form: an instance that is merely busy must not be replaced."""
_OUR_LIVENESS: Mapping[str, Any] = {"periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 3}


def container_of(spec: Spec) -> dict[str, Any]:
    """Give what a spec says of the container that takes requests; of the bundled server all that it needs."""
    said, ours = spec.container, spec.image is None or spec.model is not None
    port = said.port.container_port if said.port else DEFAULT_PORT
    found: dict[str, Any] = {
        key: list(getattr(said, name))
        for name, key in (("command", "command"), ("args", "args"), ("depends_on", "dependsOn"))
        if name in said.model_fields_set
    }
    found |= {key: text for key, text in (("name", said.name), ("workingDir", said.working_dir)) if text is not None}
    if name := main_name(said.name, spec.sidecars):
        found["name"] = name
    if said.port or ours:
        found |= {"port": port, "protocol": str(said.port.protocol) if said.port else "http1"}
    found |= {key: probe(asked, port) for key, asked in _probes(spec, ours=ours).items()}
    return found | dict(_cpu(spec, ours=ours))


def _cpu(spec: Spec, *, ours: bool) -> Iterator[tuple[str, bool]]:
    """Say when there is CPU: with a GPU always, with less than one vCPU in requests only, else as the spec says."""
    resources, instance = spec.resources, Instance.of(spec.resources, spec.sidecars)
    if instance.gpu is not None:
        yield "cpuIdle", False
    elif resources.cpu_idle is not None:
        yield "cpuIdle", resources.cpu_idle
    elif ours or instance.cpu_millis < ONE_CPU_MILLIS:
        yield "cpuIdle", True
    if ours or resources.startup_cpu_boost is not None:
        yield "startupCpuBoost", resources.startup_cpu_boost is not False


def _probes(spec: Spec, *, ours: bool) -> dict[str, dict[str, Any]]:
    said, startup = spec.container, spec.runtime.startup
    deadline_s = int(said.startup_s or startup.deadline_s)
    found: dict[str, dict[str, Any]] = {}
    if ours:
        found["startupProbe"] = {"httpGet": {"path": READY_PATH}, **tries(deadline_s)}
        found["livenessProbe"] = {"httpGet": {"path": LIVE_PATH}, **_OUR_LIVENESS}
    elif said.health is not None or said.startup_s is not None or startup.model_fields_set:
        found["startupProbe"] = {**(_asked(said.health) if said.health else {"tcpSocket": {}}), **tries(deadline_s)}
    if said.health not in {None, "tcp"}:
        found["livenessProbe"] = {**_asked(str(said.health)), **_LIVENESS}
    found |= dict(_long(said))
    return found


def startup_s(spec: Spec) -> int | None:
    """Give the seconds that a start of the container that takes requests may take; None where nobody says it."""
    ours = spec.image is None or spec.model is not None
    asked = _probes(spec, ours=ours).get("startupProbe")
    return asked["periodSeconds"] * asked["failureThreshold"] if asked else None


def _asked(health: str) -> dict[str, Any]:
    if health.startswith("/"):
        return {"httpGet": {"path": health}}
    way, _, service = health.partition(":")
    return {"tcpSocket": {}} if way == "tcp" else {"grpc": {"service": service}}


def tries(deadline_s: int) -> dict[str, int]:
    """Spread a deadline over tries."""
    period = min(_PERIOD_S, deadline_s)
    return {
        "periodSeconds": period,
        "failureThreshold": max(1, deadline_s // period),
        "timeoutSeconds": min(_PATIENCE_S, period),
    }


def _long(said: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, key in (
        ("startup_probe", "startupProbe"),
        ("liveness_probe", "livenessProbe"),
        ("readiness_probe", "readinessProbe"),
    ):
        asked: Probe | None = getattr(said, name)
        if asked is not None:
            yield key, _probe(asked)


def _probe(said: Probe) -> dict[str, Any]:
    ways: dict[str, Any] = {}
    if said.http_get:
        ways["httpGet"] = {
            "path": said.http_get.path,
            "port": said.http_get.port,
            "httpHeaders": dict(said.http_get.headers),
        }
    if said.tcp_socket:
        ways["tcpSocket"] = {"port": said.tcp_socket.port}
    if said.grpc:
        ways["grpc"] = {"port": said.grpc.port, "service": said.grpc.service}
    return {
        **ways,
        "initialDelaySeconds": said.initial_delay_s,
        "timeoutSeconds": said.timeout_s,
        "periodSeconds": said.period_s,
        "failureThreshold": said.failure_threshold,
    }


def mounts_of(service: MLService, facts: Facts) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Give what is mounted in the container that takes requests, and in each sidecar, by path."""
    spec = service.spec
    main = {path: _mount(each, facts) for path, each in spec.mounts.items()}
    beside = {
        name: {path: _mount(mount, facts) for path, mount in each.mounts.items()}
        for name, each in spec.sidecars.items()
    }
    volumes.with_names_where_shared([main, *beside.values()])
    return main, beside


def _mount(said: Mount, facts: Facts) -> dict[str, Any]:
    found: dict[str, Any] = {}
    reads_only = said.read_only is not False
    if said.bucket:
        bucket, folder = bucket_of(said)
        options = [*([f"only-dir={folder}"] if folder else []), *said.mount_options]
        found["gcs"] = volumes.content("gcs", {"bucket": bucket, "readOnly": reads_only, "mountOptions": options})
    elif said.memory_mib is not None:
        found["emptyDir"] = {"sizeMib": said.memory_mib} if said.memory_mib else {}
    elif said.secret:
        found["secret"] = _secret(said, facts)
    elif said.nfs:
        server, _, path_there = said.nfs.rpartition(":") if said.nfs.startswith("[") else said.nfs.partition(":")
        found["nfs"] = {"server": server, "path": path_there, "readOnly": reads_only}
    else:
        found["cloudSqlInstance"] = {"instances": sorted(said.cloud_sql)}
    if said.volume:
        found["volume"] = said.volume
    return {**found, "subPath": said.sub_path} if said.sub_path else found


def bucket_of(said: Mount) -> tuple[str, str]:
    """Give the bucket of a mount, and the folder in it without a slash at its end; empty for the whole bucket."""
    bucket, _, folder = (said.bucket or "").removeprefix("gs://").partition("/")
    return bucket, folder.rstrip("/")


def _secret(said: Mount, facts: Facts) -> dict[str, Any]:
    items = {file: version_of(reference, facts) for file, reference in secrets_of(said).items()} if said.items else {}
    mode = int(said.default_mode, 8) if said.default_mode else 0o444
    return {"secret": said.secret, "defaultMode": mode, **({"items": items} if items else {})}


def secrets_of(said: Mount) -> dict[str, SecretRef]:
    """Give the versions of a mounted secret that a spec names, by file: pinned, but for `latest`, which moves.

    Files of a volume follow the newest version by themselves; a variable does so at a start only.
    """
    return {
        file: SecretRef(
            secret=said.secret or "", version=version, pin=version != "latest" if said.pin is None else said.pin
        )
        for file, version in said.items.items()
    }


def sidecars_of(service: MLService, facts: Facts, mounts: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Give each sidecar whole."""
    idle = dict(_cpu(service.spec, ours=True))["cpuIdle"]
    return {
        name: _sidecar(each, facts, mounts[name], idle=idle, image=sidecar_image_of(each, facts))
        for name, each in service.spec.sidecars.items()
    }


def _sidecar(said: Sidecar, facts: Facts, mounts: dict[str, Any], *, idle: bool, image: str) -> dict[str, Any]:
    return without_blanks(
        {
            "command": list(said.command),
            "args": list(said.args),
            "workingDir": said.working_dir,
            "dependsOn": list(said.depends_on),
            **{key: probe(asked, 0) for key, asked in _long(said)},
            "cpuIdle": idle if said.cpu_idle is None else said.cpu_idle,
            "startupCpuBoost": said.startup_cpu_boost,
            "image": image,
            "env": dict(said.env),
            "secrets": {name: f"{ref.secret}:{version_of(ref, facts)}" for name, ref in said.secrets.items()},
            "cpuMillis": said.cpu_millis,
            "memoryMib": said.memory_mib,
            "mounts": mounts,
            **({"gpu": 1} if said.gpu else {}),
        }
    )


def template_of(spec: Spec) -> dict[str, Any]:
    """Give what a spec says of a revision besides."""
    said = spec.execution
    found: dict[str, Any] = dict(fields.free(spec.cloud_run)[1])
    if said.environment:
        found["executionEnvironment"] = _GENERATIONS[said.environment]
    for name, key in (("session_affinity", "sessionAffinity"), ("health_check_disabled", "healthCheckDisabled")):
        if name in said.model_fields_set:
            found[key] = getattr(said, name)
    if spec.network:
        found["vpcAccess"] = _network(spec.network)
    if "revision_min_instances" in spec.scaling.model_fields_set:
        found["minInstanceCount"] = spec.scaling.revision_min_instances
    found |= _key(spec)
    found |= {f"labels.{key}": value for key, value in spec.revision.labels.items()}
    found |= {f"annotations.{key}": value for key, value in spec.revision.annotations.items()}
    return fields.formed(fields.TEMPLATE, found)


def _network(said: Network) -> dict[str, Any]:
    direct = {"network": said.network, "subnetwork": said.subnetwork, "tags": list(said.tags)}
    interface = {name: value for name, value in direct.items() if value}
    ways = {"connector": said.connector} if said.connector else {"networkInterfaces": [interface]}
    return {**ways, "egress": _EGRESS[said.egress]}


def _key(spec: Spec) -> dict[str, Any]:
    said = spec.protection
    if said is None or said.encryption_key is None:
        return {}
    return {
        "encryptionKey": said.encryption_key,
        "encryptionKeyRevocationAction": _REVOKED[said.on_revocation] if said.on_revocation else "",
        "encryptionKeyShutdownDuration": f"{said.shutdown_after_s or 0}s",
    }


def service_of(service: MLService) -> dict[str, Any]:
    """Give what a spec says of the service besides, which makes no revision."""
    spec, found = service.spec, fields.free(service.spec.cloud_run)[0]
    if service.metadata.description is not None:
        found["description"] = service.metadata.description
    found |= {f"annotations.{key}": value for key, value in service.metadata.annotations.items()}
    policy = spec.protection.binary_authorization if spec.protection else None
    if policy is not None:
        found["binaryAuthorization"] = {"useDefault": True} if policy == "Default" else {"policy": policy}
    if "custom_audiences" in spec.access.model_fields_set:
        found["customAudiences"] = list(spec.access.custom_audiences)
    if "default_uri" in spec.access.model_fields_set:
        found["defaultUriDisabled"] = not spec.access.default_uri
    if spec.access.iap is not None or "authentication" in spec.access.model_fields_set:
        found["iapEnabled"] = bool(spec.access.iap) or spec.access.authentication is Authentication.IAP
    if "mode" in spec.scaling.model_fields_set:
        manual = spec.scaling.mode is ScalingMode.MANUAL
        found["scalingMode"] = "MANUAL" if manual else "AUTOMATIC"
        found["manualInstanceCount"] = (spec.scaling.instances or 0) if manual else 0
    return fields.formed(fields.SERVICE, found)
