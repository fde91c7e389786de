"""From a live Cloud Run service to the spec that describes it: the YAML alone makes the same service elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from reconciler.core.membership import EVERYONE
from reconciler.core.naming import HASH_LABEL, MANAGED_BY
from reconciler.core.objects import Described
from reconciler.core.rollout.position import CANDIDATE, STABLE
from reconciler.core.rollout.record import on_its_way
from reconciler.kinds.iam_member import IamMemberClient
from reconciler.kinds.run_service import container as containers
from reconciler.kinds.run_service.fields import SERVICE, TEMPLATE
from reconciler.kinds.run_service.quantities import is_whole_mib, memory_mib
from reconciler.kinds.run_service.record import RunService, TrafficShare
from reconciler.kinds.run_service.template import (
    ANSWERS_ENV,
    LOG_ENV,
    LOG_RATE_ENV,
    SHADOW_ENV,
    SHADOW_PERCENT_ENV,
    plain,
)
from reconciler.kinds.run_service.volumes import FOLDER, folder_of
from reconciler.kinds.run_service.wanted import INVOKER
from schemas.cloud_run import FREE, REFUSED
from schemas.names import service_account_id
from schemas.units import duration_text, memory_text

if TYPE_CHECKING:
    from reconciler.core.objects import Observed
    from reconciler.gcp.connection import Connection

_OURS = ("goog-", "mlservice-")
_GENERATIONS = {"EXECUTION_ENVIRONMENT_GEN1": "Gen1", "EXECUTION_ENVIRONMENT_GEN2": "Gen2"}
_EGRESS = {"PRIVATE_RANGES_ONLY": "PrivateRangesOnly", "ALL_TRAFFIC": "AllTraffic"}
_REVOKED = {"PREVENT_NEW": "PreventNew", "SHUTDOWN": "Shutdown"}
_DEFAULT_MODE = 0o444
_OF_SECTIONS = frozenset({ANSWERS_ENV, LOG_ENV, LOG_RATE_ENV, SHADOW_ENV, SHADOW_PERCENT_ENV})
"""Variables that other sections of a spec make."""
_KEPT = {"template.revision", "client", "clientVersion", "etag"}
"""Refused fields of which nothing is lost: they are of one write."""


def describe(connection: Connection, seen: Observed[RunService]) -> Described:
    """Say in the spec's words what a live service is, and what those words cannot say."""
    return described(seen, IamMemberClient(connection).members(seen.address, INVOKER))


def described(seen: Observed[RunService], members: list[str]) -> Described:
    """Say it of a service that these members may call."""
    fields = seen.fields
    theirs = {key: value for key, value in fields.labels.items() if not key.startswith(_OURS) and key != MANAGED_BY}
    metadata: dict[str, Any] = {"labels": theirs}
    metadata |= {"description": fields.service["description"], "annotations": _below(fields.service, "annotations")}
    spec = {name: said for name, said in _spec(fields, seen.address.location, members) if said not in ({}, None)}
    if seen.mark == seen.address.name and _is_of(seen.address.name, fields.service_account):
        del spec["access"]["serviceAccount"]  # named, it would be somebody else's: its roles, and it itself, would go
    return Described({name: said for name, said in metadata.items() if said}, spec, tuple(_unsaid(seen.live)))


def _is_of(name: str, email: str) -> bool:
    """Tell whether an account is the one that a service of ours gets."""
    return email.startswith(f"{service_account_id(name, 'run')}@")


def _spec(fields: RunService, region: str, members: list[str]) -> Iterator[tuple[str, Any]]:
    yield "region", region
    yield "image", _image(fields.image)
    if fields.model:
        yield "model", _model(fields)
    yield "runtime", _runtime(fields)
    yield "env", {name: value for name, value in fields.env.items() if name not in _OF_SECTIONS}
    yield "secrets", {name: _secret(reference) for name, reference in fields.secrets.items()}
    yield "container", _container(fields)
    yield "mounts", {path: _mount(mount) for path, mount in fields.mounts.items()}
    yield "sidecars", {name: _sidecar(said, fields) for name, said in fields.sidecars.items()}
    yield "resources", _resources(fields)
    yield "scaling", _scaling(fields)
    yield "access", _access(fields, members)
    yield "network", _network(fields.template["vpcAccess"])
    yield "execution", _execution(fields.template)
    yield "protection", _protection(fields)
    yield "revision", _revision(fields.template)
    yield "cloudRun", _free(fields)
    if any(share != TrafficShare("latest", 100) for share in fields.traffic):
        yield "rollout", {"strategy": "Manual"}
        shares = [_share(share) for share in fields.traffic]
        yield "traffic", [share for share in shares if share["percent"] or "tag" in share]
    yield "management", {"adopt": "IfIdentical"}


def _image(uri: str) -> dict[str, Any]:
    return {"uri": uri} if "@sha256:" in uri else {"uri": uri, "resolve": "Tag"}


def _model(fields: RunService) -> dict[str, Any]:
    # What an alias names is looked up at each plan: a spec that says the version, too, would contradict itself.
    resolved = {"version"} if "alias" in fields.model else set()
    return {name: value for name, value in fields.model.items() if name not in resolved}


def _secret(reference: str) -> dict[str, Any]:
    secret, _, version = reference.rpartition(":")
    found = {"secret": secret, "version": version}
    # Pinned, `latest` would be a number: a change, and a new revision of a service that is only taken over.
    return found if (version.isascii() and version.isdigit()) else {**found, "pin": False}


def _runtime(fields: RunService) -> dict[str, Any]:
    return {**fields.runtime, "timeout": f"{fields.timeout_s}s"}


def _container(fields: RunService) -> dict[str, Any]:
    said = fields.container
    found = {name: said[name] for name in ("name", "command", "args", "workingDir", "dependsOn")}
    if (said["port"], said["protocol"]) != (containers.DEFAULT_PORT, "http1"):
        found["port"] = {"containerPort": said["port"], "protocol": said["protocol"]}
        if said["protocol"] == "http1":
            found["port"] = said["port"]
    if not fields.model:  # what is made of the bundled server is asked as it must be
        found |= {name: _probe(said[name]) for name in containers.PROBES}
    return {name: value for name, value in found.items() if value not in ("", [], {})}


def _probe(said: Mapping[str, Any]) -> dict[str, Any]:
    """Say a probe in full: in short, it would be ours."""
    if not said:
        return {}
    ways: dict[str, Any] = {}
    for way in ("httpGet", "tcpSocket", "grpc"):
        if way in said:
            ways[way] = {{"httpHeaders": "headers"}.get(key, key): value for key, value in said[way].items()}
    return {
        **ways,
        **({"initialDelay": _span(said["initialDelaySeconds"])} if said.get("initialDelaySeconds") else {}),
        "period": _span(said["periodSeconds"]),
        "timeout": _span(said["timeoutSeconds"]),
        "failureThreshold": said["failureThreshold"],
    }


def _span(seconds: int) -> str:
    return duration_text(seconds * 1000)


def _mount(said: Mapping[str, Any]) -> Any:
    found: dict[str, Any] = {}
    if "gcs" in said:
        found |= _bucket(said["gcs"])
    elif "emptyDir" in said:
        found["memory"] = memory_text(said["emptyDir"].get("sizeMib", 0))
    elif "secret" in said:
        found |= {"secret": said["secret"]["secret"], "items": said["secret"].get("items", {})}
        versions = found["items"].values()
        if any(not version.isdigit() and version != "latest" for version in versions):
            found["pin"] = False
        mode = said["secret"]["defaultMode"]
        found |= {"defaultMode": f"{mode:04o}"} if mode != _DEFAULT_MODE else {}
    elif "nfs" in said:
        found |= {"nfs": f"{said['nfs']['server']}:{said['nfs']['path']}", "readOnly": said["nfs"]["readOnly"]}
    else:
        found["cloudSql"] = said.get("cloudSqlInstance", {}).get("instances", [])
    found |= {name: said[name] for name in ("volume", "subPath") if name in said}
    found = {name: value for name, value in found.items() if value not in ({}, [])}
    return found["bucket"] if found.keys() == {"bucket"} else found


def _bucket(said: Mapping[str, Any]) -> dict[str, Any]:
    """Say a bucket with its folder."""
    options = said.get("mountOptions", ())
    folder = folder_of(options)
    found: dict[str, Any] = {"bucket": f"gs://{said['bucket']}" + (f"/{folder}" if folder else "")}
    if not said["readOnly"]:
        found["readOnly"] = False
    rest = [each for each in options if not each.startswith(FOLDER)]
    return {**found, "mountOptions": rest} if rest else found


def _sidecar(said: Mapping[str, Any], fields: RunService) -> dict[str, Any]:
    found: dict[str, Any] = {"image": _image(said["image"])}
    found |= {name: said[name] for name in ("command", "args", "workingDir", "dependsOn", "env") if name in said}
    if "secrets" in said:
        found["secrets"] = {name: _secret(reference) for name, reference in said["secrets"].items()}
    found |= {"cpu": said["cpuMillis"] / 1000, "memory": f"{said['memoryMib']}Mi"}
    if said.get("gpu"):
        found["gpu"] = {"type": fields.gpu, "zonalRedundancy": fields.gpu_zonal_redundancy}
    if said["cpuIdle"] != fields.container["cpuIdle"]:
        found["cpuIdle"] = said["cpuIdle"]
    if said["startupCpuBoost"]:
        found["startupCpuBoost"] = True
    found |= {name: _probe(said[name]) for name in containers.PROBES if name in said}
    if "mounts" in said:
        found["mounts"] = {path: _mount(mount) for path, mount in said["mounts"].items()}
    return found


def _resources(fields: RunService) -> dict[str, Any]:
    found: dict[str, Any] = {"cpu": fields.cpu_millis / 1000, "memory": f"{fields.memory_mib}Mi"}
    used_beside = any(each.get("gpu") for each in fields.sidecars.values())
    if fields.gpu and not used_beside:
        found["gpu"] = {"type": fields.gpu, "zonalRedundancy": fields.gpu_zonal_redundancy}
    if not fields.container["cpuIdle"] and not fields.gpu:
        found["cpuIdle"] = False
    if not fields.container["startupCpuBoost"]:
        found["startupCpuBoost"] = False
    return found


def _scaling(fields: RunService) -> dict[str, Any]:
    found: dict[str, Any] = {
        "minInstances": fields.min_instances,
        "maxInstances": fields.max_instances,
        "concurrency": fields.concurrency,
    }
    if fields.service_max:
        found["serviceMaxInstances"] = fields.service_max
    if fields.template["minInstanceCount"]:
        found["revisionMinInstances"] = fields.template["minInstanceCount"]
    if fields.service["scalingMode"] == "MANUAL":
        del found["minInstances"]
        found |= {"mode": "Manual", "instances": fields.service["manualInstanceCount"] or 0}
    return found


def _access(fields: RunService, members: list[str]) -> dict[str, Any]:
    how = "Off" if not fields.invoker_check else "Public" if EVERYONE in members else "IAM"
    access: dict[str, Any] = {"ingress": fields.ingress, "authentication": how}
    if fields.service["iapEnabled"]:
        access |= {"authentication": "IAP"} if how == "IAM" else {"iap": True}
    invokers = [m for m in members if m != EVERYONE]
    if invokers and fields.invoker_check:
        access["invokers"] = invokers
    if fields.service["customAudiences"]:
        access["customAudiences"] = fields.service["customAudiences"]
    if fields.service["defaultUriDisabled"]:
        access["defaultUri"] = False
    return access | {"serviceAccount": fields.service_account}


def _network(said: Mapping[str, Any]) -> dict[str, Any]:
    return {**said, "egress": _EGRESS.get(said["egress"], said["egress"])} if said else {}


def _execution(said: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: True for name in ("sessionAffinity", "healthCheckDisabled") if said[name]}
    generation = _GENERATIONS.get(said["executionEnvironment"])
    return {"environment": generation, **found} if generation else found


def _protection(fields: RunService) -> dict[str, Any]:
    said, found = fields.template, {}
    if said["encryptionKey"]:
        found["encryptionKey"] = said["encryptionKey"]
    if said["encryptionKeyRevocationAction"] in _REVOKED:
        found["onRevocation"] = _REVOKED[said["encryptionKeyRevocationAction"]]
    if said["encryptionKeyShutdownDuration"]:
        found["shutdownAfter"] = said["encryptionKeyShutdownDuration"]
    if policy := fields.service["binaryAuthorization"]:
        found["binaryAuthorization"] = "Default" if policy.get("useDefault") else policy.get("policy", "")
    return found


def _revision(said: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: _below(said, name) for name in ("labels", "annotations")}
    found["labels"].pop(HASH_LABEL, None)
    return {name: value for name, value in found.items() if value}


def _below(said: Mapping[str, Any], name: str) -> dict[str, str]:
    """Give the keys of a map that are not Google's own."""
    found = {key.removeprefix(f"{name}."): value for key, value in said.items() if key.startswith(f"{name}.")}
    theirs = (".googleapis.com/", ".knative.dev/", "mlservice.dev/")
    return {key: value for key, value in found.items() if not any(name in key for name in theirs)}


def _free(fields: RunService) -> dict[str, Any]:
    """Say what has no word, where it is not what a new service has."""
    found: dict[str, Any] = {}
    for path, field in FREE.items():
        parts = path.split(".")
        key = parts[1] if field.template else path
        value = (fields.template if field.template else fields.service)[key]
        if value != (TEMPLATE if field.template else SERVICE)[key].blank:
            part = found
            for step in parts[:-1]:
                part = part.setdefault(step, {})
            part[parts[-1]] = value
    return found


def _share(share: TrafficShare) -> dict[str, Any]:
    found = {"version": share.version, "percent": share.percent}
    return {**found, "tag": share.tag} if share.tag and share.tag not in {CANDIDATE, STABLE} else found


def _unsaid(live: Any) -> Iterator[str]:
    """Name what the spec has no words for: it is left as found."""
    said = plain(live)
    for path, why in REFUSED.items():
        if path not in _KEPT and _has(said, path.split(".")):
            yield f"{path} is left as found: {why}"
    if on_its_way(live.annotations):
        yield "a rollout was on its way: its split is written as strategy Manual"
    names = [each.get("name", "") for each in said.get("template", {}).get("containers", ())]
    if len(names) > 1 and not all(names):
        yield "a container has no name: as a sidecar it is called by its place, and gets that name with the next change"
    yield from _rounded(said.get("template", {}))
    for volume in said.get("template", {}).get("volumes", ()):
        if any("mode" in item for item in volume.get("secret", {}).get("items", ())):
            yield f"modes of single files of volume {volume['name']} have no words in the spec; they are left as found"
        options = [each for each in volume.get("gcs", {}).get("mountOptions", ()) if each.startswith(FOLDER)]
        if len({*options}) > 1:
            yield f"volume {volume['name']} says {', '.join(options)}: the last is written, since it is what counts"


def _rounded(template: Mapping[str, Any]) -> Iterator[str]:
    """Name the memory that the spec has no words for: it is written in MiB."""
    sizes = [
        (
            f"memory of container {each.get('name') or index + 1}",
            each.get("resources", {}).get("limits", {}).get("memory"),
        )
        for index, each in enumerate(template.get("containers", ()))
    ]
    sizes += [
        (f"sizeLimit of volume {each['name']}", each.get("emptyDir", {}).get("sizeLimit"))
        for each in template.get("volumes", ())
    ]
    for what, size in sizes:
        if size and not is_whole_mib(size):
            yield f"{what} is {size}, which is written as {memory_mib(size)}Mi; it is left as found until that changes"


def _has(said: Any, parts: list[str]) -> bool:
    if not parts:
        return bool(said)
    if isinstance(said, list):
        return any(_has(each, parts) for each in said)
    return isinstance(said, Mapping) and _has(said.get(parts[0]), parts[1:])
