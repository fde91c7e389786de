"""The rows of queries: `jobs.query`, which waits for them, and `jobs.getQueryResults`, page by page.

Source: reference/rest/v2/jobs/query and getQueryResults.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from emulator.apis.bigquery import access, errors, jobs, records, schema
from emulator.apis.bigquery.names import Ref
from emulator.apis.bigquery.tabledata import page_of
from emulator.apis.bigquery.wire import Call, Reply

if TYPE_CHECKING:
    from emulator.apis.bigquery.work import Task

WAIT_MS, WAIT_MOST_MS = 10_000, 200_000
REMEMBERED_MS = 15 * 60_000
"""For how long a `requestId` is known again. Source: reference/rest/v2/jobs/query."""
COPIED = ("query", "defaultDataset", "queryParameters", "parameterMode", "maximumBytesBilled", "useLegacySql",
          "useQueryCache", "createSession", "connectionProperties", "destinationEncryptionConfiguration")  # fmt: skip
CODES = {
    "accessDenied": 403, "notFound": 404, "duplicate": 409, "notImplemented": 501, "internalError": 500,
    "backendError": 503, "conditionNotMet": 412, "rateLimitExceeded": 403,
}  # fmt: skip
"""HTTP status of the reason with which a job failed; else 400. Source: docs/error-messages."""


def query(call: Call) -> Reply:
    """Run a query and answer its first page."""
    wanted = call.json()
    given = {key: wanted[key] for key in COPIED if key in wanted}
    configuration: dict[str, Any] = {"query": given, "dryRun": bool(wanted.get("dryRun"))}
    if wanted.get("labels"):
        configuration["labels"] = wanted["labels"]
    job = {"configuration": configuration, "jobReference": {"location": wanted.get("location")}}
    resource, task = begun(call, job, str(wanted.get("requestId") or ""))
    if task is not None and task.dry:
        said = resource["statistics"]
        answer = {"kind": "bigquery#queryResponse", "jobReference": resource["jobReference"], "jobComplete": True}
        about = {"schema": said["query"].get("schema"), "totalBytesProcessed": said["totalBytesProcessed"]}
        return Reply(answer | about | {"cacheHit": False})
    if task is not None:
        timeout = wanted.get("timeoutMs")
        task.done.wait(min(WAIT_MS if timeout is None else int(timeout), WAIT_MOST_MS) / 1000)
    asked = {key: str(wanted[key]) for key in ("maxResults",) if wanted.get(key) is not None}
    formatted = (wanted.get("formatOptions") or {}).get("useInt64Timestamp")
    asked["formatOptions.useInt64Timestamp"] = str(bool(formatted))
    page = Call(call.world, call.path, asked, call.headers, call.body, call.base_url, call.caller)
    job_id = resource["jobReference"]["jobId"]
    return Reply({"kind": "bigquery#queryResponse"} | shown(page, jobs.read(call.world, f"{call.project}/{job_id}")))


def begun(call: Call, job: dict[str, Any], request_id: str) -> tuple[dict[str, Any], Task | None]:
    """Begin a query; the job, and its task if it still runs, of the same request that came a moment ago.

    Source: reference/rest/v2/jobs/query, `requestId`: a client that got no answer asks again, and rows are added once.
    """
    if not request_id or job["configuration"]["dryRun"]:
        return jobs.begin(call, job)
    said = json.dumps([call.caller, call.project, request_id, job], sort_keys=True)
    job_id = f"job_{hashlib.sha256(said.encode()).hexdigest()}"
    try:
        return jobs.begin(call, job | {"jobReference": job["jobReference"] | {"jobId": job_id}})
    except errors.BigQueryError as error:
        if error.reason != "duplicate":
            raise
    key = f"{call.project}/{job_id}"
    there = jobs.read(call.world, key)
    age_ms = int(records.millis(call.world.clock.now())) - int(there["statistics"]["creationTime"])
    return jobs.begin(call, job) if age_ms > REMEMBERED_MS else (there, jobs.running(call.world).tasks.get(key))


def get(call: Call) -> Reply:
    """A page of a query's rows, once it is done."""
    resource = jobs.found(call, "bigquery.jobs.get")
    task = jobs.running(call.world).tasks.get(f"{call.project}/{call.path['job']}")
    if task is not None:
        task.done.wait(min(call.whole_number("timeoutMs", WAIT_MS), WAIT_MOST_MS) / 1000)
        resource = jobs.read(call.world, f"{call.project}/{call.path['job']}")
    return Reply({"kind": "bigquery#getQueryResultsResponse"} | shown(call, resource))


def shown(call: Call, resource: dict[str, Any]) -> dict[str, Any]:
    """What a query has come to.

    Raises:
        BigQueryError: It failed, or is none.
    """
    answer = {"etag": resource["etag"], "jobReference": resource["jobReference"]}
    if resource["status"]["state"] != "DONE":
        return answer | {"jobComplete": False}
    failed = resource["status"].get("errorResult")
    if failed:
        code = CODES.get(failed["reason"], 400)
        raise errors.BigQueryError(code, failed["reason"], failed["message"], location=failed.get("location", ""))
    if "query" not in resource["configuration"]:
        raise errors.invalid("Cannot list the rows of a job that is no query.")
    said = resource["statistics"]
    answer |= {"jobComplete": True, "cacheHit": False, "totalBytesProcessed": said.get("totalBytesProcessed", "0")}
    if "numDmlAffectedRows" in said["query"]:
        answer["numDmlAffectedRows"] = said["query"]["numDmlAffectedRows"]
    return answer | rows_of(call, resource)


def rows_of(call: Call, resource: dict[str, Any]) -> dict[str, Any]:
    """The columns and a page of the rows; a statement that is no SELECT has none."""
    columns = resource["statistics"]["query"].get("schema")
    if columns is None:
        return {"totalRows": "0", "schema": {"fields": []}}
    ref = Ref.of(resource["configuration"]["query"]["destinationTable"], call.project)
    access.on_table(call.world, call.caller, "bigquery.tables.getData", ref)  # others may have written there since
    table = records.find_table(call.world, ref)
    total = int(resource["statistics"]["query"].get("outputRows", 0))
    page, token = page_of(call, table.rows, schema.read(columns), total)
    answer: dict[str, Any] = {"schema": columns, "totalRows": str(total)}
    return answer | ({"rows": page} if page else {}) | ({"pageToken": token} if token else {})
