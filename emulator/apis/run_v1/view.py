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
from emulator.apis.run.stored import JOBS, REVISIONS, SERVICES
from emulator.apis.run_v1.containers import cpu_is_idle, has_default_probe, pod, scale_annotations
from emulator.core.resources import Collection
from emulator.core.world import World
from emulator.wire.transcoding import to_dict

KNATIVE, RUN = "serving.knative.dev/v1", "run.googleapis.com/v1"
STATUS = {"CONDITION_SUCCEEDED": "True", "CONDITION_FAILED": "False"}
LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
INGRESS = {
    "INGRESS_TRAFFIC_INTERNAL_ONLY": "internal",
    "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER": "internal-and-cloud-load-balancing",
}
SEVERITY = {"Active": "Info", "ResourcesAvailable": "Error"}
Json = dict[str, Any]


def one(world: World, plural: str, *, project: str, region: str, name: str) -> Json:
    """One resource.

    Raises:
        ApiFailure: NOT_FOUND, in the words of version 2 (recording run_job/gcloud-crud).
    """
    for message in stored(world, plural, project, region):
        if short(message.name) == name:
            return KINDS[plural][1](world, to_dict(message))
    singular = plural.removesuffix("s")
    raise missing(singular.upper(), f"projects/{project}/locations/{region}/{plural}/{name}")


def many(world: World, plural: str, *, project: str, region: str, selector: str) -> Json:
    """All resources of a kind; `selector` is `label=value,…`."""
    terms = [term.partition("=") for term in selector.split(",") if "=" in term]
    wanted = [(key.strip(), value.strip()) for key, _, value in terms]
    shown = [KINDS[plural][1](world, to_dict(message)) for message in stored(world, plural, project, region)]
    found = [each for each in shown if all(each["metadata"]["labels"].get(key) == value for key, value in wanted)]
    kind = f"{plural.capitalize().removesuffix('s')}List"
    answer: Json = {"apiVersion": RUN if plural == "jobs" else KNATIVE, "kind": kind}
    return answer | ({"items": found} if found else {})


def stored(world: World, plural: str, project: str, region: str) -> list[Any]:
    """What version 2 has, of one region or of every one (`-`)."""
    project_id = world.project_id(project) or project
    messages = KINDS[plural][0].all(world, f"projects/{project_id}/locations/{'' if region == '-' else region + '/'}")
    return [message for message in messages if not message.HasField("delete_time")]


def metadata(world: World, found: Json, group: str, plural: str, annotations: Json) -> Json:
    """Name, number of the project, labels and annotations."""
    place, name = parts(found["name"]), short(found["name"])
    number = world.project_number(place["projects"])
    operation = uuid.uuid5(uuid.NAMESPACE_OID, f"{found.get('uid')}/{found.get('generation')}")
    system = {"run.googleapis.com/operation-id": str(operation)} | client(found)
    return {
        "name": name,
        "namespace": number,
        "selfLink": f"/apis/{group}/namespaces/{number}/{plural}/{name}",
        "uid": found.get("uid", ""),
        "resourceVersion": re.sub(r"\W", "", found.get("etag", "")),
        "generation": int(found.get("generation", 1)),
        "creationTimestamp": found.get("createTime", ""),
        "labels": found.get("labels", {}) | {"cloud.googleapis.com/location": place["locations"]},
        "annotations": found.get("annotations", {}) | system | annotations,
    }


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
    ingress = INGRESS.get(found.get("ingress", ""), "all")
    annotations = {
        "serving.knative.dev/creator": found.get("creator", ""),
        "serving.knative.dev/lastModifier": found.get("lastModifier", ""),
        "run.googleapis.com/ingress": ingress,
        "run.googleapis.com/ingress-status": ingress,
    }
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
    annotations = wanted.get("annotations", {}) | client(found) | scale_annotations(wanted)
    about: Json = {"annotations": annotations}
    about |= {"labels": wanted["labels"]} if "labels" in wanted else {}
    about |= {"name": wanted["revision"]} if "revision" in wanted else {}
    return {"metadata": about, "spec": revision_spec(wanted)}


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
    throttled = {"run.googleapis.com/cpu-throttling": str(cpu_is_idle(found)).lower()}
    annotations = scale_annotations(found) | throttled | {"serving.knative.dev/creator": found.get("creator", "")}
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
    }
    about = metadata(world, found, RUN, "jobs", annotations)
    about["labels"] |= {"run.googleapis.com/lastUpdatedTime": found.get("updateTime", "")}
    execution = found.get("template", {})
    task = execution.get("template", {})
    generation = {"run.googleapis.com/execution-environment": "gen2"} if "executionEnvironment" in task else {}
    inner = pod(task, whole_seconds=False) | {"maxRetries": task.get("maxRetries", 0)}
    counts = {key: execution[key] for key in ("taskCount", "parallelism") if key in execution}
    return {
        "apiVersion": RUN,
        "kind": "Job",
        "metadata": about,
        "spec": {
            "template": {
                "metadata": {"annotations": execution.get("annotations", {}) | client(found) | generation},
                "spec": counts | {"template": {"spec": inner}},
            }
        },
        "status": {"observedGeneration": int(found.get("observedGeneration", 0)), "conditions": conditions(found)},
    }


KINDS: dict[str, tuple[Collection, Callable[[World, Json], Json]]] = {
    "services": (SERVICES, service),
    "revisions": (REVISIONS, revision),
    "jobs": (JOBS, job),
}
"""By plural: where version 2 keeps them, and how version 1 shows one."""
