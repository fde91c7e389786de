"""Writes of version 1: each is a call of version 2, with its checks, permissions, counts and faults.

Source:
    cloud.google.com/run/docs/reference/rest/v1; requests of gcloud 528; recording run_job/gcloud-crud.
"""

from dataclasses import replace
from typing import Any

from google.protobuf import json_format

from emulator.apis.run.names import missing, short
from emulator.apis.run.stored import JOBS, SERVICES
from emulator.apis.run.writes import CONFLICT
from emulator.apis.run_v1 import view, written
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.resources import Collection
from emulator.core.world import World
from emulator.wire.dispatch import perform
from emulator.wire.table import load, message_class
from emulator.wire.transcoding import to_dict

Json = dict[str, Any]
METHOD = "google.cloud.run.v2."
WAIT = "google.longrunning.Operations/WaitOperation"
SINGULAR = {"services": "Service", "jobs": "Job", "revisions": "Revision", "executions": "Execution"}
READ = {"services": written.service, "jobs": written.job}
COLLECTIONS: dict[str, Collection] = {"services": SERVICES, "jobs": JOBS}


def asked(world: World, call: Call, verb: str, plural: str, fields: Json) -> Any:
    """Make a call of version 2.

    Raises:
        ApiFailure: Its refusal; INVALID_ARGUMENT for a value of the wrong sort.
    """
    name = f"{METHOD}{plural.capitalize()}/{verb}"
    return perform(world, replace(call, method=name, mutating=True), filled(name, fields))


def filled(method: str, fields: Json) -> Any:
    """The request of a method.

    Raises:
        ApiFailure: INVALID_ARGUMENT for a value of the wrong sort.
    """
    request = message_class(load()[method].request_path)()
    try:
        json_format.ParseDict(fields, request)
    except json_format.ParseError as error:
        raise ApiFailure("INVALID_ARGUMENT", f"Invalid JSON payload received. {error}") from error
    return request


def create(world: World, call: Call, plural: str, place: str, sent: Json, *, dry_run: bool) -> Json:
    """Create a service or a job.

    Raises:
        ApiFailure: The refusal of version 2, or of what version 1 says that is not emulated.
    """
    singular = SINGULAR[plural]
    name = str((sent.get("metadata") or {}).get("name", ""))
    wanted = written.understood(lambda: READ[plural](sent))
    fields = {"parent": place, singular.lower(): wanted, f"{singular.lower()}Id": name, "validateOnly": dry_run}
    operation = asked(world, call, f"Create{singular}", plural, fields)
    return shown(world, plural, f"{place}/{plural}/{name}", operation, dry_run=dry_run)


def replace_whole(world: World, call: Call, plural: str, name: str, sent: Json, *, dry_run: bool) -> Json:
    """Replace a service or a job; where the caller says which version it read, only that one.

    Raises:
        ApiFailure: ABORTED: somebody else has written meanwhile; else as `create`.
    """
    singular = SINGULAR[plural]
    wanted = written.understood(lambda: READ[plural](sent))
    found = current(world, plural, name, str(sent["metadata"].get("resourceVersion") or ""))
    wanted |= {"name": name, "etag": found.etag if sent["metadata"].get("resourceVersion") else ""}
    wanted |= {"launchStage": found.launch_stage}  # of which version 1 says nothing
    fields = {singular.lower(): wanted, "validateOnly": dry_run}
    operation = asked(world, call, f"Update{singular}", plural, fields)
    return shown(world, plural, name, operation, dry_run=dry_run)


def current(world: World, plural: str, name: str, version: str) -> Any:
    """What is to be replaced, of the version that the caller has read; version 2 compares once more when it writes.

    Raises:
        ApiFailure: NOT_FOUND, ABORTED.
    """
    found = COLLECTIONS[plural].find(world, name)
    if found is None:
        raise missing(SINGULAR[plural].upper(), name)
    if version and version != view.version(found.etag):
        text = CONFLICT.format(name=short(name), sent=version, current=view.version(found.etag))
        raise ApiFailure("ABORTED", text)
    return found


def shown(world: World, plural: str, name: str, operation: Any, *, dry_run: bool) -> Json:
    """What was written, as it was then. Of a dry run, what would have been.

    A new one says nothing yet of how it fares (recording run_job/gcloud-crud).
    """
    if dry_run:
        return view.KINDS[plural][1](world, to_dict(operation)["response"])
    then = to_dict(operation)["metadata"]
    then["uid"] = COLLECTIONS[plural].get(world, name).uid  # an operation shows none
    answer = view.KINDS[plural][1](world, then)
    return answer if "observedGeneration" in then else answer | {"status": {}}


def delete(world: World, call: Call, plural: str, name: str, *, dry_run: bool) -> Json:
    """Delete a service, a job, a revision or an execution; answers as recording run_job/gcloud-crud does."""
    operation = asked(world, call, f"Delete{SINGULAR[plural]}", plural, {"name": name, "validateOnly": dry_run})
    gone = {"group": "v1", "kind": SINGULAR[plural].lower(), "name": short(name)}
    return {"status": "Success", "details": gone, "reason": short(operation.name)}


def run(world: World, call: Call, name: str, sent: Json) -> Json:
    """Start an execution of a job; answers it."""
    wanted = written.understood(lambda: written.overrides(sent))
    operation = asked(world, call, "RunJob", "jobs", {"name": name, "overrides": wanted})
    found = to_dict(operation)["metadata"]
    return view.execution(world, found)


def cancel(world: World, call: Call, name: str, place: dict[str, str]) -> Json:
    """Stop an execution; answers it."""
    asked(world, call, "CancelExecution", "executions", {"name": name})
    return view.one(world, "executions", name=short(name), **place)


def wait(world: World, call: Call, name: str, sent: Json) -> Json:
    """Wait for an operation of version 2; what it answers is shown as version 1 does.

    Raises:
        ApiFailure: NOT_FOUND; INVALID_ARGUMENT for a timeout that is none.
    """
    request = filled(WAIT, {"name": name} | {key: sent[key] for key in ("timeout",) if key in sent})
    found = to_dict(perform(world, replace(call, method=WAIT, mutating=False), request))
    kind = found.get("response", {}).get("@type", "").rpartition(".")[2]
    plural = next((plural for plural, singular in SINGULAR.items() if singular == kind), "")
    if plural:
        answer = {key: value for key, value in found["response"].items() if key != "@type"}
        found["response"] = {"@type": f"type.googleapis.com/{kind}"} | view.KINDS[plural][1](world, answer)
    return {key: value for key, value in found.items() if key != "metadata"}
