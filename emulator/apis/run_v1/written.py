"""Services, jobs and overrides as a caller of version 1 writes them, in version 2.

Source:
    cloud.google.com/run/docs/reference/rest/v1/namespaces.services and namespaces.jobs; requests of gcloud 528;
    recording run_job/gcloud-crud.
"""

from collections.abc import Callable
from typing import Any

from emulator.apis.run_v1 import annotations as fields
from emulator.apis.run_v1 import containers
from emulator.apis.run_v1.annotations import OWNED, REVISION, RUN, SERVICE, TEMPLATE
from emulator.apis.run_v1.fields import only
from emulator.core.failures import ApiFailure

Json = dict[str, Any]
KNATIVE_VERSION, RUN_VERSION = "serving.knative.dev/v1", "run.googleapis.com/v1"
META = (
    "name", "namespace", "labels", "annotations", "resourceVersion", "generation", "uid", "selfLink",
    "creationTimestamp", "ownerReferences", "finalizers", "deletionTimestamp",
)  # fmt: skip
"""Of these, names, labels, annotations and the version are read; Cloud Run writes the rest and takes it back unread."""
LOCATION, UPDATED, PROBE_TYPE = (
    "cloud.googleapis.com/location", f"{RUN}lastUpdatedTime", f"{RUN}startupProbeType",
)  # fmt: skip
SYSTEM_LABELS = {LOCATION, UPDATED, PROBE_TYPE}
NEWEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
NAMED = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"


def understood(read: Callable[[], Json]) -> Json:
    """What a request says, where it can be read at all.

    Raises:
        ApiFailure: INVALID_ARGUMENT: a list where an object belongs, a word where a number does.
    """
    try:
        return read()
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ApiFailure("INVALID_ARGUMENT", f"Invalid JSON payload received. {error}") from error


def owned(found: Json, kind: str, version: str, table: tuple[fields.Annotation, ...]) -> Json:
    """What services and jobs have in common: labels, annotations, fields that are annotations in version 1.

    Raises:
        ApiFailure: It is no such thing, or says something that is not emulated.
    """
    only(found, kind, ("apiVersion", "kind", "metadata", "spec", "status"))
    if (found.get("apiVersion", version), found.get("kind", kind)) != (version, kind):
        raise ApiFailure("INVALID_ARGUMENT", f"apiVersion and kind must be '{version}' and '{kind}'")
    about = found["metadata"]
    only(about, "metadata", META)
    sent = dict(about.get("annotations") or {})
    told = {"client": sent.get(f"{RUN}client-name", ""), "clientVersion": sent.get(f"{RUN}client-version", "")}
    wanted = fields.taken(table, sent) | {key: text for key, text in told.items() if text}
    return wanted | {"labels": labels(about), "annotations": fields.rest(sent, "metadata.annotations")}


def labels(about: Json) -> dict[str, str]:
    """The user's own labels."""
    sent = {key: text for key, text in (about.get("labels") or {}).items() if key not in SYSTEM_LABELS}
    return fields.rest(sent, "metadata.labels")


def service(found: Json) -> Json:
    """A service, in version 2."""
    wanted = owned(found, "Service", KNATIVE_VERSION, SERVICE)
    only(found["spec"], "spec", ("template", "traffic"))
    traffic = [target(each, f"spec.traffic[{index}]") for index, each in enumerate(found["spec"].get("traffic") or [])]
    return wanted | {"template": template(found["spec"].get("template") or {}), "traffic": traffic}


def template(found: Json) -> Json:
    """The template of a service's revisions."""
    only(found, "spec.template", ("metadata", "spec"))
    about, spec = found.get("metadata") or {}, found.get("spec") or {}
    only(about, "spec.template.metadata", META)
    only(
        spec,
        "spec.template.spec",
        ("containerConcurrency", "containers", "nodeSelector", "serviceAccountName", "timeoutSeconds", "volumes"),
    )
    sent = dict(about.get("annotations") or {})
    wanted = fields.taken(REVISION, sent) | containers.read(spec, "spec.template.spec", sent, throttled=True)
    wanted |= {"labels": labels(about), "annotations": fields.rest(sent, "spec.template.metadata.annotations")}
    if about.get("name"):
        wanted["revision"] = about["name"]
    if spec.get("containerConcurrency"):
        wanted["maxInstanceRequestConcurrency"] = spec["containerConcurrency"]
    return wanted


def target(found: Json, where: str) -> Json:
    """A share of the traffic. Its address, which the status has, may be sent back."""
    only(found, where, ("revisionName", "percent", "latestRevision", "tag", "url"))
    newest = bool(found.get("latestRevision"))
    if newest == bool(found.get("revisionName")):
        raise ApiFailure("INVALID_ARGUMENT", f"{where}: exactly one of latestRevision and revisionName must be set")
    which = {"type": NEWEST} if newest else {"type": NAMED, "revision": found["revisionName"]}
    return which | {key: found[key] for key in ("percent", "tag") if found.get(key)}


def job(found: Json) -> Json:
    """A job, in version 2."""
    wanted = owned(found, "Job", RUN_VERSION, OWNED)
    only(found["spec"], "spec", ("template",))
    execution = found["spec"].get("template") or {}
    only(execution, "spec.template", ("metadata", "spec"))
    about, spec = execution.get("metadata") or {}, execution.get("spec") or {}
    only(about, "spec.template.metadata", META)
    only(spec, "spec.template.spec", ("parallelism", "taskCount", "template"))
    sent = dict(about.get("annotations") or {})
    task = task_template(spec.get("template") or {}, sent)
    made = {"labels": labels(about), "annotations": fields.rest(sent, "spec.template.metadata.annotations")}
    made |= {key: spec[key] for key in ("parallelism", "taskCount") if spec.get(key)}
    return wanted | {"template": made | {"template": task}}


def task_template(found: Json, sent: dict[str, str]) -> Json:
    """The template of a job's tasks; its annotations stand at the execution."""
    only(found, "spec.template.spec.template", ("spec",))
    spec, where = found.get("spec") or {}, "spec.template.spec.template.spec"
    only(spec, where, ("containers", "maxRetries", "nodeSelector", "serviceAccountName", "timeoutSeconds", "volumes"))
    wanted = fields.taken(TEMPLATE, sent) | containers.read(spec, where, sent, throttled=False)
    return wanted | ({"maxRetries": spec["maxRetries"]} if spec.get("maxRetries") is not None else {})


def overrides(found: Json) -> Json:
    """What one execution does otherwise than its job says."""
    only(found, "RunJobRequest", ("overrides",))
    sent = found.get("overrides") or {}
    only(sent, "overrides", ("containerOverrides", "taskCount", "timeoutSeconds"))
    wanted: Json = {"containerOverrides": []}
    for index, each in enumerate(sent.get("containerOverrides") or []):
        where = f"overrides.containerOverrides[{index}]"
        only(each, where, ("args", "clearArgs", "env", "name"))
        made = {key: each[key] for key in ("args", "clearArgs", "name") if each.get(key)}
        env = [containers.variable_read(one, f"{where}.env", {}) for one in each.get("env") or []]
        wanted["containerOverrides"].append(made | {"env": env})
    if sent.get("taskCount"):
        wanted["taskCount"] = sent["taskCount"]
    return wanted | ({"timeout": f"{sent['timeoutSeconds']}s"} if sent.get("timeoutSeconds") else {})
