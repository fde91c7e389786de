"""Containers of version 2 as version 1 shows them, and those of version 1 in version 2.

Source:
    Recordings run_service/v1-list and run_revision/v1-list; cloud.google.com/run/docs/reference/rest/v1/Container for
    what they do not have.
"""

import json
from collections.abc import Sequence
from typing import Any

from emulator.apis.run_v1 import volumes
from emulator.apis.run_v1.annotations import RUN
from emulator.apis.run_v1.fields import only

Json = dict[str, Any]
DEFAULT_PROBE_S = 240
THROTTLED, BOOSTED, AFTER = f"{RUN}cpu-throttling", f"{RUN}startup-cpu-boost", f"{RUN}container-dependencies"
ACCELERATOR = f"{RUN}accelerator"
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
SAME = ("name", "image", "command", "args", "ports", "workingDir", *PROBES)
"""Fields of a container that both versions write alike."""
PROBE = (
    "initialDelaySeconds", "timeoutSeconds", "periodSeconds", "failureThreshold", "httpGet", "tcpSocket", "grpc",
)  # fmt: skip
ACTIONS = {"httpGet": ("path", "httpHeaders", "port"), "tcpSocket": ("port",), "grpc": ("port", "service")}


def pod(found: Json, *, whole_seconds: bool) -> Json:
    """What revisions and tasks have in common. A job writes its timeout as a string."""
    timeout = found.get("timeout", "").removesuffix("s")
    hidden = volumes.database_volumes(found)
    accelerator = found.get("nodeSelector", {}).get("accelerator")
    shown = {
        "timeoutSeconds": (int(float(timeout)) if whole_seconds else timeout) if timeout else None,
        "serviceAccountName": found.get("serviceAccount"),
        "containers": [container(each, hidden) for each in found.get("containers", [])],
        "volumes": [volumes.shown(each) for each in found.get("volumes", []) if each["name"] not in hidden],
        "nodeSelector": {ACCELERATOR: accelerator} if accelerator else None,
    }
    return {key: value for key, value in shown.items() if value}


def container(found: Json, hidden: set[str]) -> Json:
    """A container, without its mounts of volumes that are hidden."""
    shown = {key: found[key] for key in SAME if found.get(key)}
    mounts = [each for each in found.get("volumeMounts", []) if each["name"] not in hidden]
    if mounts:
        shown["volumeMounts"] = mounts
    if found.get("env"):
        shown["env"] = [variable(each) for each in found["env"]]
    if "limits" in found.get("resources", {}):
        shown["resources"] = {"limits": found["resources"]["limits"]}
    return shown


def variable(found: Json) -> Json:
    """An environment variable."""
    secret = found.get("valueSource", {}).get("secretKeyRef")
    if secret is None:
        return found
    reference = {"name": volumes.alias(secret["secret"]), "key": secret.get("version", "latest")}
    return {"name": found["name"], "valueFrom": {"secretKeyRef": reference}}


def first(found: Json) -> Json:
    """The container that takes the requests."""
    containers = found.get("containers") or [{}]
    return dict(next((each for each in containers if each.get("ports")), containers[0]))


def cpu_is_idle(found: Json) -> bool:
    """Whether there is no processor time between requests."""
    return bool(first(found).get("resources", {}).get("cpuIdle"))


def has_default_probe(found: Json) -> bool:
    """Whether nobody asked for a startup probe (kinds.md 3.1 has the default one)."""
    probe = first(found).get("startupProbe", {})
    return "tcpSocket" in probe and probe.get("timeoutSeconds") == DEFAULT_PROBE_S


def container_annotations(found: Json) -> dict[str, str]:
    """What version 1 says of all containers together: databases, secrets of elsewhere, which waits for which."""
    after = {each["name"]: each["dependsOn"] for each in found.get("containers", []) if each.get("dependsOn")}
    shown = {AFTER: json.dumps(after)} if after else {}
    return shown | volumes.databases(found) | volumes.aliases(found)


def processor_annotations(found: Json) -> dict[str, str]:
    """What the processor of a revision does at the start and between requests; what is usual is not shown."""
    resources = first(found).get("resources", {})
    boosted = {BOOSTED: "true"} if resources.get("startupCpuBoost") else {}
    return boosted | ({THROTTLED: "false"} if resources and not cpu_is_idle(found) else {})


def read(found: Json, where: str, sent: dict[str, str], *, throttled: bool) -> Json:
    """Containers, volumes, account and accelerator of a template of version 1, in version 2.

    Args:
        found: `spec` of a revision or of a task.
        where: Its place in the request.
        sent: The template's annotations; those that are about containers are taken out.
        throttled: Whether the annotation about the processor counts: it does for services.

    Raises:
        ApiFailure: UNIMPLEMENTED.
    """
    secrets = volumes.explained(sent.pop(volumes.SECRETS, ""))
    databases = [each for each in sent.pop(volumes.CLOUD_SQL, "").split(",") if each]
    after = json.loads(sent.pop(AFTER, "") or "{}")
    sized = {"cpuIdle": sent.pop(THROTTLED, "true").lower() != "false"} if throttled else {}
    boosted = sent.pop(BOOSTED, "").lower() == "true"
    containers = [
        container_read(each, f"{where}.containers[{index}]", secrets)
        for index, each in enumerate(found.get("containers") or [])
    ]
    for each in containers:
        if sized:
            each["resources"] = each.get("resources", {}) | sized
        if each.get("name") in after:
            each["dependsOn"] = after[each["name"]]
    if boosted and containers:
        ingress = next((each for each in containers if each.get("ports")), containers[0])
        ingress["resources"] = ingress.get("resources", {}) | {"startupCpuBoost": True}
    mounted = [
        volumes.read(each, f"{where}.volumes[{index}]", secrets)
        for index, each in enumerate(found.get("volumes") or [])
    ]
    wanted: Json = {"containers": containers, "volumes": [*mounted, *of_databases(databases, containers)]}
    selector = found.get("nodeSelector") or {}
    only(selector, f"{where}.nodeSelector", (ACCELERATOR,))
    if selector.get(ACCELERATOR):
        wanted["nodeSelector"] = {"accelerator": selector[ACCELERATOR]}
    if found.get("serviceAccountName"):
        wanted["serviceAccount"] = found["serviceAccountName"]
    if found.get("timeoutSeconds"):
        wanted["timeout"] = f"{int(found['timeoutSeconds'])}s"
    return wanted


def of_databases(instances: Sequence[str], containers: Sequence[Json]) -> list[Json]:
    """The volume of Cloud SQL instances, which every container mounts: version 1 names none."""
    if not instances:
        return []
    for each in containers:
        mount = {"name": volumes.SQL_VOLUME, "mountPath": volumes.SQL_FOLDER}
        each["volumeMounts"] = [*each.get("volumeMounts", []), mount]
    return [{"name": volumes.SQL_VOLUME, "cloudSqlInstance": {"instances": list(instances)}}]


def container_read(found: Json, where: str, secrets: dict[str, str]) -> Json:
    """A container."""
    only(found, where, (*SAME, "env", "resources", "volumeMounts"))
    wanted = {key: found[key] for key in SAME if found.get(key)}
    for name in PROBES:
        if name in wanted:
            check_probe(wanted[name], f"{where}.{name}")
            wanted[name] = {key: value for key, value in wanted[name].items() if key in PROBE}
    if found.get("volumeMounts"):
        for index, each in enumerate(found["volumeMounts"]):
            only(each, f"{where}.volumeMounts[{index}]", ("name", "mountPath", "subPath"))
        wanted["volumeMounts"] = found["volumeMounts"]
    if found.get("env"):
        wanted["env"] = [
            variable_read(each, f"{where}.env[{index}]", secrets) for index, each in enumerate(found["env"])
        ]
    resources = found.get("resources") or {}
    only(resources, f"{where}.resources", ("limits",))
    if resources.get("limits"):
        wanted["resources"] = {"limits": resources["limits"]}
    return wanted


def check_probe(found: Json, where: str) -> None:
    """Refuse what version 2 does not have of a probe; one success is what it always asks for."""
    only({key: value for key, value in found.items() if (key, value) != ("successThreshold", 1)}, where, PROBE)
    for name, fields in ACTIONS.items():
        only(found.get(name) or {}, f"{where}.{name}", fields)


def variable_read(found: Json, where: str, secrets: dict[str, str]) -> Json:
    """An environment variable."""
    only(found, where, ("name", "value", "valueFrom"))
    reference = (found.get("valueFrom") or {}).get("secretKeyRef")
    only(found.get("valueFrom") or {}, f"{where}.valueFrom", ("secretKeyRef",))
    if reference is None:
        return {"name": found.get("name", ""), "value": found.get("value", "")}
    only(reference, f"{where}.valueFrom.secretKeyRef", ("name", "key"))
    called = reference.get("name", "")
    wanted = {"secret": secrets.get(called, called), "version": reference.get("key", "")}
    return {"name": found.get("name", ""), "valueSource": {"secretKeyRef": wanted}}
