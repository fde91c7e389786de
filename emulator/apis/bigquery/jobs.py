"""Jobs: made, run in threads, looked at, stopped, listed.

Source: reference/rest/v2/Job, jobs/insert, get, list, cancel, delete; cloud.google.com/bigquery/docs/managing-jobs.
"""

from __future__ import annotations

import importlib
import json
import logging
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.apis.bigquery import access, errors, names, records
from emulator.apis.bigquery.wire import Call, Reply, page
from emulator.apis.bigquery.work import Task
from emulator.identity.callers import shown

if TYPE_CHECKING:
    from emulator.core.world import World

log = logging.getLogger(__name__)

JOB = "bigquery.job"
SORTS = {"query": "queries", "load": "loads", "extract": "extracts", "copy": "copies"}
"""The part of a configuration that says what a job is -> the module that runs such."""
WORKERS = 16
AT_ONCE_S = 0.5
"""For so long a new job is waited for: most are over by then, and need no second look."""
PAGE_MOST = 1000
STATES = {"pending": "PENDING", "running": "RUNNING", "done": "DONE"}


@dataclass(eq=False)
class Running:
    """The jobs that run, and the threads they run in."""

    tasks: dict[str, Task] = field(default_factory=dict)
    pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(WORKERS, thread_name_prefix="bigquery-job")
    )


def running(world: World) -> Running:
    """The jobs that run in a cloud."""
    return world.part(Running, Running)


def insert(call: Call) -> Reply:
    """Begin a job."""
    return Reply(begin(call, call.json())[0])


def begin(call: Call, wanted: dict[str, Any], files: list[str] | None = None) -> tuple[dict[str, Any], Task]:
    """Begin a job; returns its resource after a moment, and the task.

    Args:
        call: Who asks, and in which project.
        wanted: A `Job`.
        files: Uploaded files that it loads; gone when it is over.

    Raises:
        BigQueryError: It is none, or its id is taken; of a dry run: what the job would have failed with.
    """
    task = task_of(call, wanted, files or [])
    reference = wanted.get("jobReference") or {}
    job_id = str(reference.get("jobId") or f"job_{uuid.uuid4().hex}")
    if not names.JOB.fullmatch(job_id):
        raise errors.invalid(f'Invalid job ID "{job_id}".', "jobReference.jobId")
    location = str(reference.get("location") or "US")
    resource = fresh(call, wanted, task, job_id, location)
    if task.dry:
        return looked_at(task, resource), task
    key, found = f"{call.project}/{job_id}", running(call.world)
    with call.world.store.transaction():
        if call.world.store.get(JOB, key) is not None:
            raise errors.duplicate("Job", f"{call.project}:{location}.{job_id}")
        found.tasks[key] = task  # before anybody sees the job: one that runs nowhere is taken for lost
        call.world.store.put(JOB, key, json.dumps(resource).encode())
    found.pool.submit(run, task, key)
    task.done.wait(AT_ONCE_S)
    return read(call.world, key), task


def task_of(call: Call, wanted: dict[str, Any], files: list[str]) -> Task:
    """What is to be done.

    Raises:
        BigQueryError: The configuration has none of the four parts, or several.
    """
    configuration = wanted.get("configuration")
    found = [sort for sort in SORTS if isinstance(configuration, dict) and isinstance(configuration.get(sort), dict)]
    if not isinstance(configuration, dict) or len(found) != 1:
        raise errors.required("Job configuration must contain exactly one job-specific configuration object")
    names.check_labels(configuration.get("labels"))
    dry = bool(configuration.get("dryRun"))
    return Task(call.world, call.caller, call.project, configuration[found[0]], found[0], files, dry=dry)


def fresh(call: Call, wanted: dict[str, Any], task: Task, job_id: str, location: str) -> dict[str, Any]:
    """A job that has just begun."""
    now = records.millis(call.world.clock.now())
    where = f"https://bigquery.googleapis.com/bigquery/v2/projects/{call.project}/jobs/{job_id}?location={location}"
    return {
        "kind": "bigquery#job",
        "etag": records.new_etag(),
        "id": f"{call.project}:{location}.{job_id}",
        "selfLink": where,
        "user_email": shown(call.caller),
        "configuration": wanted["configuration"] | {"jobType": task.sort.upper()},
        "jobReference": {"projectId": call.project, "jobId": job_id, "location": location},
        "statistics": {"creationTime": now, "startTime": now},
        "status": {"state": "RUNNING"},
        "principal_subject": access.member_of(access.entry_of(call.caller), call.project),
    }


def looked_at(task: Task, resource: dict[str, Any]) -> dict[str, Any]:
    """A job that is not to be run: what it would read."""
    if task.sort == "query":
        runner(task)(task)
    said = {"creationTime": resource["statistics"]["creationTime"]} | task.statistics
    reference = {key: value for key, value in resource["jobReference"].items() if key != "jobId"}
    return resource | {"jobReference": reference, "statistics": said, "status": {"state": "DONE"}}


def runner(task: Task) -> Any:
    """What runs jobs of a sort."""
    return importlib.import_module(f"emulator.apis.bigquery.{SORTS[task.sort]}").run


def run(task: Task, key: str) -> None:
    """Run a job to its end, and write down how it went."""
    failure: dict[str, Any] | None = None
    try:
        runner(task)(task)
    except errors.BigQueryError as error:
        failure = error.proto()
    except ModuleNotFoundError as missing:
        failure = errors.without(missing).proto()
    except Exception:
        log.exception("bigquery job failed", extra={"job": key})
        # Not Google's `internalError`: clients would run the job again, for ten minutes.
        failure = {"reason": "notImplemented", "message": "the emulator failed to run this job: see its log"}
    try:
        write_end(task, key, failure)
    finally:
        for path in task.files:
            Path(path).unlink(missing_ok=True)
        running(task.world).tasks.pop(key, None)
        task.done.set()


def write_end(task: Task, key: str, failure: dict[str, Any] | None) -> None:
    """A job that is over."""
    with task.world.store.transaction():
        body = task.world.store.get(JOB, key)
        if body is None:  # the cloud was emptied meanwhile
            return
        resource = json.loads(body)
        resource["configuration"][task.sort] = task.configuration
        put_statistics(task, resource)
        told = [*([failure] if failure else []), *task.errors]
        resource["status"] = (
            {"state": "DONE"} | ({"errorResult": failure} if failure else {}) | ({"errors": told} if told else {})
        )
        task.world.store.put(JOB, key, json.dumps(resource).encode())


def put_statistics(task: Task, resource: dict[str, Any]) -> None:
    """What a job says of itself: of all jobs, and of its sort."""
    said = dict(task.statistics)
    common: dict[str, Any] = {key: said.pop(key) for key in ("totalBytesProcessed", "query") if key in said}
    if task.sort != "query":
        common[task.sort] = said
    resource["statistics"] |= common | {"endTime": records.millis(task.world.clock.now()), "totalSlotMs": "1"}


def read(world: World, key: str) -> dict[str, Any]:
    """A job as it is kept. One that runs nowhere was interrupted by the emulator's end.

    Raises:
        BigQueryError: 404.
    """
    body = world.store.get(JOB, key)
    if body is None:
        project, _, job_id = key.partition("/")
        raise errors.not_found("Job", f"{project}:{job_id}")
    found: dict[str, Any] = json.loads(body)
    if found["status"]["state"] != "DONE" and key not in running(world).tasks:
        found = json.loads(world.store.get(JOB, key) or body)
        if found["status"]["state"] != "DONE":
            lost = {
                "reason": "backendError",
                "message": "Error encountered during job execution. Retrying may solve the problem.",
            }
            found["status"] = {"state": "DONE", "errorResult": lost, "errors": [lost]}
            world.store.put(JOB, key, json.dumps(found).encode())
    return found


def found(call: Call, permission: str) -> dict[str, Any]:
    """The job that a call names: the caller's own, or one that he may see.

    Raises:
        BigQueryError: 403 or 404.
    """
    resource = read(call.world, f"{call.project}/{call.path['job']}")
    if resource["user_email"] != shown(call.caller):
        access.require(call.world, call.caller, permission, call.project)
    return resource


def get(call: Call) -> Reply:
    """One job."""
    return Reply(found(call, "bigquery.jobs.get"))


def cancel(call: Call) -> Reply:
    """Stop a job that still runs."""
    resource = found(call, "bigquery.jobs.update")
    key = f"{call.project}/{call.path['job']}"
    task = running(call.world).tasks.get(key)
    if task is not None:
        task.cancel()
        task.done.wait(AT_ONCE_S)
        resource = read(call.world, key)
    return Reply({"kind": "bigquery#jobCancelResponse", "job": resource})


def delete(call: Call) -> Reply:
    """Forget a job."""
    resource = read(call.world, f"{call.project}/{call.path['job']}")
    if resource["status"]["state"] != "DONE":
        raise errors.invalid(f"Cannot delete a job that is running: {resource['id']}")
    call.world.store.delete(JOB, f"{call.project}/{call.path['job']}")
    return Reply(status=204)


def list_(call: Call) -> Reply:
    """The caller's jobs, or everybody's, the last first."""
    everybody = call.flag("allUsers")
    if everybody:
        access.require(call.world, call.caller, "bigquery.jobs.listAll", call.project)
    state = STATES.get(call.query.get("stateFilter", ""))
    least, most = call.whole_number("minCreationTime", 0), call.whole_number("maxCreationTime", 10**17)
    every = (read(call.world, name) for name in call.world.store.names(JOB) if name.startswith(f"{call.project}/"))
    wanted = [
        each
        for each in every
        if (everybody or each["user_email"] == shown(call.caller))
        and (state is None or each["status"]["state"] == state)
        and least <= int(each["statistics"]["creationTime"]) <= most
    ]
    wanted.sort(key=lambda each: (-int(each["statistics"]["creationTime"]), each["id"]))
    named = [
        (f"{10**17 - int(each['statistics']['creationTime'])} {each['id']}", listed(call, each)) for each in wanted
    ]
    items, token = page(call, named, PAGE_MOST)
    answer: dict[str, Any] = {"kind": "bigquery#jobList", "etag": records.new_etag(), "jobs": items}
    return Reply(answer | ({"nextPageToken": token} if token else {}))


def listed(call: Call, resource: dict[str, Any]) -> dict[str, Any]:
    """A job as a list shows it."""
    full = call.query.get("projection") == "full"
    left = {key: value for key, value in resource.items() if full or key not in ("configuration", "etag", "selfLink")}
    failed = resource["status"].get("errorResult")
    return left | {"state": resource["status"]["state"]} | ({"errorResult": failed} if failed else {})
