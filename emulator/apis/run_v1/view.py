"""Resources of version 2 as version 1 shows them.

Source:
    Recordings run_service/v1-list, run_revision/v1-list, run_job/v1-list, run_job/gcloud-crud.
"""

import re
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from emulator.apis.run.names import missing, parts, short
from emulator.apis.run.stored import EXECUTIONS, JOBS, REVISIONS, SERVICES, TASKS
from emulator.apis.run.writes import OPERATION
from emulator.apis.run_v1 import annotations as fields
from emulator.apis.run_v1.annotations import OWNED, REVISION, SERVICE, TEMPLATE
from emulator.apis.run_v1.containers import (
    THROTTLED,
    container_annotations,
    cpu_is_idle,
    has_default_probe,
    pod,
    processor_annotations,
)
from emulator.apis.run_v1.selectors import chosen
from emulator.core.resources import Collection
from emulator.core.world import World
from emulator.wire.transcoding import to_dict

KNATIVE, RUN = "serving.knative.dev/v1", "run.googleapis.com/v1"
STATUS = {"CONDITION_SUCCEEDED": "True", "CONDITION_FAILED": "False"}
TOP = ("services", "jobs")
"""What is of nothing but its region."""
LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
SEVERITY = {"Active": "Info", "ResourcesAvailable": "Error"}
Json = dict[str, Any]


def one(world: World, plural: str, *, project: str, region: str, name: str) -> Json:
    """One resource.

    Raises:
        ApiFailure: NOT_FOUND, in the words of version 2 (recording run_job/gcloud-crud).
    """
    return KINDS[plural][1](world, to_dict(looked_for(world, plural, project=project, region=region, name=name)))


def looked_for(world: World, plural: str, *, project: str, region: str, name: str) -> Any:
    """What version 2 has; only services and jobs of one region are found there by what version 1 calls them.

    Raises:
        ApiFailure: NOT_FOUND.
    """
    if plural in TOP and region != "-":
        full = f"{place(world, project=project, region=region)}/{plural}/{name}"
        there = [found for found in [KINDS[plural][0].find(world, full)] if found is not None and is_there(found)]
    else:
        there = [found for found in stored(world, plural, project, region) if short(found.name) == name]
    if not there:
        raise missing(plural.removesuffix("s").upper(), f"projects/{project}/locations/{region}/{plural}/{name}")
    return there[0]


def full_name(world: World, plural: str, *, project: str, region: str, name: str) -> str:
    """The name in version 2: there, revisions and executions have the names of what they are of, too.

    Raises:
        ApiFailure: NOT_FOUND.
    """
    if plural in TOP:
        return f"{place(world, project=project, region=region)}/{plural}/{name}"
    return str(looked_for(world, plural, project=project, region=region, name=name).name)


def place(world: World, *, project: str, region: str) -> str:
    """Project, by its id, and region."""
    return f"projects/{world.project_id(project) or project}/locations/{region}"


def many(world: World, plural: str, *, project: str, region: str, selector: str) -> Json:
    """All resources of a kind whose labels fit a selector.

    Raises:
        ApiFailure: INVALID_ARGUMENT: the selector cannot be read.
    """
    shown = [KINDS[plural][1](world, to_dict(message)) for message in stored(world, plural, project, region)]
    found = [each for each in shown if chosen(selector, each["metadata"]["labels"])]
    kind = f"{plural.capitalize().removesuffix('s')}List"
    answer: Json = {"apiVersion": KNATIVE if plural in ("services", "revisions") else RUN, "kind": kind}
    return answer | ({"items": found} if found else {})


def stored(world: World, plural: str, project: str, region: str) -> list[Any]:
    """What version 2 has, of one region or of every one (`-`)."""
    where = place(world, project=project, region=region)
    messages = KINDS[plural][0].all(world, where.removesuffix("-") if region == "-" else f"{where}/")
    return [message for message in messages if is_there(message)]


def is_there(message: Any) -> bool:
    """Whether version 1 shows it: version 2 keeps for a while what was deleted."""
    return not message.HasField("delete_time")


def metadata(world: World, found: Json, group: str, plural: str, annotations: Json) -> Json:
    """Name, number of the project, labels and annotations."""
    place, name = parts(found["name"]), short(found["name"])
    number = world.project_number(place["projects"])
    system = operation_id(world, found) | client(found)
    return {
        "name": name,
        "namespace": number,
        "selfLink": f"/apis/{group}/namespaces/{number}/{plural}/{name}",
        "uid": found.get("uid", ""),
        "resourceVersion": version(found.get("etag", "")),
        "generation": int(found.get("generation", 1)),
        "creationTimestamp": found.get("createTime", ""),
        "labels": found.get("labels", {}) | {"cloud.googleapis.com/location": place["locations"]},
        "annotations": found.get("annotations", {}) | system | annotations,
    }


def version(etag: str) -> str:
    """An etag as version 1 writes it."""
    return re.sub(r"\W", "", etag)


def operation_id(world: World, found: Json) -> Json:
    """The operation of the newest write; gcloud waits for it."""
    operation = world.store.get(OPERATION, found["name"])
    made_up = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{found.get('uid')}/{found.get('generation')}"))
    return {"run.googleapis.com/operation-id": short(operation.decode()) if operation else made_up}


def client(found: Json) -> Json:
    """Which client wrote a resource."""
    names = {"client": "client-name", "clientVersion": "client-version"}
    return {f"run.googleapis.com/{name}": found[field] for field, name in names.items() if field in found}


def condition(found: Json) -> Json:
    """A condition; the severity of one that decides is not shown."""
    reason = next((found[key] for key in ("reason", "revisionReason", "executionReason") if key in found), None)
    shown = {
        "type": found.get("type", "Ready"),
        "status": STATUS.get(found.get("state", ""), "Unknown"),
        "reason": "".join(word.capitalize() for word in reason.split("_")) if reason else None,
        "message": found.get("message"),
        "severity": found["severity"].capitalize() if "severity" in found else None,
        "lastTransitionTime": found.get("lastTransitionTime"),
    }
    return {key: value for key, value in shown.items() if value is not None}


def conditions(found: Json) -> list[Json]:
    """The deciding condition first, then the others by name: the configuration's before the route's."""
    deciding = [found["terminalCondition"]] if "terminalCondition" in found else []
    return sorted(map(condition, (*deciding, *found.get("conditions", []))), key=rank)


def rank(shown: Json) -> tuple[bool, str]:
    """Where a condition stands in its list."""
    return shown["type"] != "Ready", shown["type"]


def service(world: World, found: Json) -> Json:
    """A service, with the annotations that version 2 has as fields."""
    annotations = {
        "serving.knative.dev/creator": found.get("creator", ""),
        "serving.knative.dev/lastModifier": found.get("lastModifier", ""),
    } | fields.shown(SERVICE, found)
    annotations["run.googleapis.com/ingress-status"] = annotations.get("run.googleapis.com/ingress", "all")
    return {
        "apiVersion": KNATIVE,
        "kind": "Service",
        "metadata": metadata(world, found, KNATIVE, "services", annotations),
        "spec": {"template": template(found), "traffic": [target(each) for each in found.get("traffic", [])]},
        "status": service_status(found),
    }


def service_status(found: Json) -> Json:
    """How a service fares: conditions, revisions, addresses; what is empty is left out."""
    ready = short(found.get("latestReadyRevision", ""))
    shown = {
        "observedGeneration": int(found.get("observedGeneration", 0)),
        "conditions": conditions(found),
        "latestReadyRevisionName": ready,
        "latestCreatedRevisionName": short(found.get("latestCreatedRevision", "")),
        "traffic": [target(each, latest=ready) for each in found.get("trafficStatuses", [])],
        "url": found.get("uri"),
        "address": {"url": found["uri"]} if "uri" in found else None,
    }
    return {key: value for key, value in shown.items() if value}


def target(found: Json, *, latest: str = "") -> Json:
    """A share of the traffic; in the status the latest revision is named."""
    newest = found.get("type") == LATEST
    shown = {
        "revisionName": found.get("revision") or (latest if newest else None),
        "percent": found.get("percent"),
        "latestRevision": newest or None,
        "tag": found.get("tag"),
        "url": found.get("uri"),
    }
    return {key: value for key, value in shown.items() if value}


def template(found: Json) -> Json:
    """The template of a service; version 1 keeps scaling and client among its annotations."""
    wanted = found.get("template", {})
    annotations = wanted.get("annotations", {}) | client(found) | template_annotations(wanted)
    about: Json = {"annotations": annotations}
    about |= {"labels": wanted["labels"]} if "labels" in wanted else {}
    about |= {"name": wanted["revision"]} if "revision" in wanted else {}
    return {"metadata": about, "spec": revision_spec(wanted)}


def template_annotations(wanted: Json) -> dict[str, str]:
    """What version 1 says of a revision in annotations."""
    return fields.shown(REVISION, wanted) | processor_annotations(wanted) | container_annotations(wanted)


def revision_spec(wanted: Json) -> Json:
    """Concurrency and containers of a revision."""
    shown = {"containerConcurrency": wanted.get("maxInstanceRequestConcurrency")}
    return {key: value for key, value in shown.items() if value} | pod(wanted, whole_seconds=True)


def revision(world: World, found: Json) -> Json:
    """A revision; it belongs to the configuration that has its service's name."""
    return {
        "apiVersion": KNATIVE,
        "kind": "Revision",
        "metadata": revision_metadata(world, found),
        "spec": revision_spec(found),
        "status": {
            "observedGeneration": int(found.get("observedGeneration", 1)),
            "conditions": [with_severity(each) for each in conditions(found)],
            "logUrl": log_url(found),
            "imageDigest": found.get("containers", [{}])[0].get("image", ""),
        },
    }


def log_url(found: Json) -> str:
    """Where the console would show the logs, with its filter (recording run_revision/v1-list)."""
    owner = short(found["name"].partition("/revisions/")[0])
    terms = {"type": "cloud_run_revision", "labels.service_name": owner, "labels.revision_name": short(found["name"])}
    chosen = quote("\n".join(f'resource.{key}="{value}"' for key, value in terms.items()), safe="")
    return f"{found.get('logUri', '')}&advancedFilter={chosen}"


def revision_metadata(world: World, found: Json) -> Json:
    """Name of a revision, and whose it is."""
    name = found["name"].partition("/revisions/")[0]
    owner, message = short(name), SERVICES.find(world, name)
    parent = to_dict(message) if message is not None else {}
    throttled = {THROTTLED: str(cpu_is_idle(found)).lower(), "serving.knative.dev/creator": found.get("creator", "")}
    annotations = template_annotations(found) | throttled
    about = metadata(world, found, KNATIVE, "revisions", client(parent) | annotations)
    about["labels"] |= {
        "serving.knative.dev/route": owner,
        "serving.knative.dev/configuration": owner,
        "serving.knative.dev/configurationGeneration": about["name"].removeprefix(f"{owner}-")[:5].lstrip("0"),
        "serving.knative.dev/service": owner,
        "serving.knative.dev/serviceUid": parent.get("uid", ""),
        "run.googleapis.com/startupProbeType": "Default" if has_default_probe(found) else "Custom",
    }
    configuration = {"apiVersion": KNATIVE, "kind": "Configuration", "name": owner}
    uid = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{parent.get('uid')}/configuration"))
    about["ownerReferences"] = [configuration | {"uid": uid, "controller": True, "blockOwnerDeletion": True}]
    return about


def with_severity(shown: Json) -> Json:
    """How much a condition of a revision matters (recording run_revision/v1-list)."""
    weight = SEVERITY.get(shown["type"])
    return {**shown, "severity": weight} if weight else shown


def job(world: World, found: Json) -> Json:
    """A job; its executions are not part of it."""
    annotations = {
        "run.googleapis.com/creator": found.get("creator", ""),
        "run.googleapis.com/lastModifier": found.get("lastModifier", ""),
    } | fields.shown(OWNED, found)
    about = metadata(world, found, RUN, "jobs", annotations)
    about["labels"] |= {"run.googleapis.com/lastUpdatedTime": found.get("updateTime", "")}
    execution = found.get("template", {})
    task = execution.get("template", {})
    annotations = execution.get("annotations", {}) | client(found) | task_annotations(task)
    labels = {"labels": execution["labels"]} if "labels" in execution else {}
    counts = {key: execution[key] for key in ("taskCount", "parallelism") if key in execution}
    return {
        "apiVersion": RUN,
        "kind": "Job",
        "metadata": about,
        "spec": {
            "template": {
                "metadata": {"annotations": annotations} | labels,
                "spec": counts | {"template": {"spec": task_spec(task)}},
            }
        },
        "status": job_status(found),
    }


def task_annotations(task: Json) -> dict[str, str]:
    """What version 1 says of tasks in annotations."""
    return fields.shown(TEMPLATE, task) | container_annotations(task)


def task_spec(task: Json) -> Json:
    """Containers and retries of a task."""
    return pod(task, whole_seconds=False) | {"maxRetries": task.get("maxRetries", 0)}


def job_status(found: Json) -> Json:
    """How a job fares, and its newest execution."""
    newest = found.get("latestCreatedExecution", {})
    times = {"createTime": "creationTimestamp", "completionTime": "completionTimestamp"}
    reference = {name: newest[name] for name in ("name", "completionStatus") if name in newest}
    reference |= {shown: newest[name] for name, shown in times.items() if name in newest}
    shown = {
        "observedGeneration": int(found.get("observedGeneration", 0)),
        "conditions": conditions(found),
        "executionCount": found.get("executionCount"),
        "latestCreatedExecution": reference,
    }
    return {key: value for key, value in shown.items() if value}


def execution(world: World, found: Json) -> Json:
    """An execution of a job."""
    task = found.get("template", {})
    annotations = {"run.googleapis.com/creator": found.get("creator", "")} | task_annotations(task)
    about = metadata(world, found, RUN, "executions", annotations)
    about["labels"] |= {"run.googleapis.com/job": found.get("job", "")}
    counts = {key: found[key] for key in ("taskCount", "parallelism") if key in found}
    same = (
        "startTime", "completionTime", "runningCount", "succeededCount", "failedCount", "cancelledCount",
        "retriedCount", "logUri",
    )  # fmt: skip
    return {
        "apiVersion": RUN,
        "kind": "Execution",
        "metadata": about,
        "spec": counts | {"template": {"spec": task_spec(task)}},
        "status": run_status(found, same),
    }


def task(world: World, found: Json) -> Json:
    """A task of an execution."""
    about = metadata(world, found, RUN, "tasks", task_annotations(found))
    about["labels"] |= {
        "run.googleapis.com/job": found.get("job", ""),
        "run.googleapis.com/execution": found.get("execution", ""),
        "run.googleapis.com/runningState": running_state(found),
    }
    same = ("startTime", "completionTime", "index", "retried", "lastAttemptResult", "logUri")
    return {
        "apiVersion": RUN,
        "kind": "Task",
        "metadata": about,
        "spec": task_spec(found),
        "status": {"index": 0} | run_status(found, same),
    }


def run_status(found: Json, same: tuple[str, ...]) -> Json:
    """How an execution or a task fares. Version 2 says by a time that it has started, version 1 by a condition."""
    ended = [condition(each) for each in found.get("conditions", [])]
    begun = {"type": "Started", "status": "True" if "startTime" in found else "Unknown"}
    if "startTime" not in found and "completionTime" in found:
        begun = {**ended[0], "type": "Started"}
    shown = {key: found[key] for key in same if key in found}
    return {"observedGeneration": 1, "conditions": [*ended, begun]} | shown


def running_state(found: Json) -> str:
    """In one word, how far a task is (gcloud 528 lists tasks by it)."""
    if "completionTime" not in found:
        return "Running" if "startTime" in found else "Pending"
    ended = found.get("conditions", [{}])[0]
    if ended.get("executionReason") in ("CANCELLED", "CANCELLING"):
        return "Cancelled"
    return "Succeeded" if ended.get("state") == "CONDITION_SUCCEEDED" else "Failed"


KINDS: dict[str, tuple[Collection, Callable[[World, Json], Json]]] = {
    "services": (SERVICES, service),
    "revisions": (REVISIONS, revision),
    "jobs": (JOBS, job),
    "executions": (EXECUTIONS, execution),
    "tasks": (TASKS, task),
}
"""By plural: where version 2 keeps them, and how version 1 shows one."""
