"""Containers, volumes and scaling of version 2 as version 1 shows them.

Source:
    Recordings run_service/v1-list and run_revision/v1-list; cloud.google.com/run/docs/reference/rest/v1/Container for
    what they do not have.
"""

from typing import Any

Json = dict[str, Any]
DEFAULT_PROBE_S = 240


def pod(found: Json, *, whole_seconds: bool) -> Json:
    """What revisions and tasks have in common. A job writes its timeout as a string."""
    timeout = found.get("timeout", "").removesuffix("s")
    shown = {
        "timeoutSeconds": (int(timeout) if whole_seconds else timeout) if timeout else None,
        "serviceAccountName": found.get("serviceAccount"),
        "containers": [container(each) for each in found.get("containers", [])],
        "volumes": [volume(each) for each in found.get("volumes", [])],
    }
    return {key: value for key, value in shown.items() if value}


def container(found: Json) -> Json:
    """A container."""
    same = ("name", "image", "command", "args", "ports", "volumeMounts", "workingDir", "startupProbe", "livenessProbe")
    shown = {key: found[key] for key in same if found.get(key)}
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
    reference = {"name": secret["secret"].rpartition("/")[2], "key": secret.get("version", "latest")}
    return {"name": found["name"], "valueFrom": {"secretKeyRef": reference}}


def volume(found: Json) -> Json:
    """A volume; secrets have another form, the rest are alike."""
    secret = found.get("secret")
    if secret is None:
        return found
    items = [{"key": each.get("version", "latest"), "path": each["path"]} for each in secret.get("items", [])]
    name = secret["secret"].rpartition("/")[2]
    return {"name": found["name"], "secret": {"secretName": name} | ({"items": items} if items else {})}


def first(found: Json) -> Json:
    """The container that takes the requests."""
    containers = found.get("containers") or [{}]
    return dict(containers[0])


def cpu_is_idle(found: Json) -> bool:
    """Whether there is no processor time between requests."""
    return bool(first(found).get("resources", {}).get("cpuIdle"))


def has_default_probe(found: Json) -> bool:
    """Whether nobody asked for a startup probe (kinds.md 3.1 has the default one)."""
    probe = first(found).get("startupProbe", {})
    return "tcpSocket" in probe and probe.get("timeoutSeconds") == DEFAULT_PROBE_S


def scale_annotations(found: Json) -> Json:
    """How far a revision scales, and what its processor does between requests."""
    scaling, resources = found.get("scaling", {}), first(found).get("resources", {})
    shown = {
        "autoscaling.knative.dev/maxScale": scaling.get("maxInstanceCount"),
        "autoscaling.knative.dev/minScale": scaling.get("minInstanceCount"),
        "run.googleapis.com/startup-cpu-boost": "true" if resources.get("startupCpuBoost") else None,
        "run.googleapis.com/cpu-throttling": "false" if resources and not cpu_is_idle(found) else None,
    }
    return {key: str(value) for key, value in shown.items() if value is not None}
