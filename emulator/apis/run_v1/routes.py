"""The paths of version 1, which gcloud asks for. Everything is done by version 2, and shown as version 1 does.

Source:
    Requests of gcloud 528 and the paths of its own client of version 1; recordings run_service/v1-list,
    run_revision/v1-list, run_job/v1-list, run_job/gcloud-crud. The region of a call stands in front of the host, as in
    `europe-west4-run.googleapis.com`.
"""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulator.core.api import Api, Call
from emulator.core.failures import ApiFailure
from emulator.core.json_text import read_json
from emulator.core.world import World
from emulator.wire.dispatch import allow, guarded
from emulator.wire.rest_server import call_of, in_thread, refusal

API = Api("run-v1")
METHOD = "google.cloud.run.v1."
REGION = re.compile(r"([a-z]+-[a-z]+\d+)-")
KNATIVE, RUN = "/apis/serving.knative.dev/v1/namespaces/{project}", "/apis/run.googleapis.com/v1/namespaces/{project}"
BY_LOCATION = "/v1/projects/{project}/locations/{region}"
WORKERS = 32
"""Each may wait for an operation, half a minute."""
READS, WRITES = ["GET"], ["POST"]
KINDS = {
    "services": ((KNATIVE, BY_LOCATION), (*READS, "POST"), (*READS, "PUT", "DELETE")),
    "revisions": ((KNATIVE, BY_LOCATION), READS, (*READS, "DELETE")),
    "jobs": ((RUN,), (*READS, "POST"), (*READS, "PUT", "DELETE")),
    "executions": ((RUN,), READS, (*READS, "DELETE")),
    "tasks": ((RUN,), READS, READS),
}
"""By plural: where it is found, and what may be done to all and to one."""
VERBS = {"GET": "Get", "POST": "Create", "PUT": "Replace", "DELETE": "Delete"}


class Plain(StringConvertor):
    """A name without a verb behind a colon: `NAME:getIamPolicy` is the table's."""

    regex = "[^/:]+"


register_url_convertor("plain", Plain())


@dataclass(frozen=True, slots=True)
class Asked:
    """One request.

    Attributes:
        plural: Of what.
        name: Of which; empty: all, or one to be made.
        action: Behind the colon: `run`, `cancel`, `wait`.
        verb: GET, POST, PUT or DELETE.
        place: Project and region (`-`: every one).
        query: Behind the question mark.
        path: Before it.
        body: What was sent.
        regional: Whether the host names the region.
    """

    plural: str
    name: str
    action: str
    verb: str
    place: dict[str, str]
    query: dict[str, str]
    path: str
    body: bytes
    regional: bool

    @property
    def parent(self) -> str:
        """The name of the place, in version 2."""
        return "projects/{project}/locations/{region}".format(**self.place)

    def sent(self) -> dict[str, Any]:
        """The body.

        Raises:
            ApiFailure: INVALID_ARGUMENT.
        """
        try:
            found = read_json(self.body or b"{}")
        except ValueError as error:
            raise ApiFailure("INVALID_ARGUMENT", f"Invalid JSON payload received. {error}") from error
        if not isinstance(found, dict) or not isinstance(found.get("metadata") or {}, dict):
            raise ApiFailure("INVALID_ARGUMENT", "Invalid JSON payload received. The root is not an object.")
        return found


def routes(world: World) -> list[Route]:
    """All paths that are answered."""
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="run-v1")

    def one(path: str, plural: str, verbs: Any, action: str = "") -> Route:
        return Route(path, endpoint(world, pool, plural, action), methods=[*verbs])

    shown = [
        one(f"{RUN}/jobs/{{name:plain}}:run", "jobs", WRITES, "run"),
        one(f"{RUN}/executions/{{name:plain}}:cancel", "executions", WRITES, "cancel"),
        one(f"{BY_LOCATION}/operations/{{name:plain}}:wait", "operations", WRITES, "wait"),
    ]
    for plural, (roots, for_all, for_one) in KINDS.items():
        for root in roots:
            shown.append(one(f"{root}/{plural}", plural, for_all))
            shown.append(one(f"{root}/{plural}/{{name:plain}}", plural, for_one))
    return shown


API.routes.append(routes)


def endpoint(world: World, pool: ThreadPoolExecutor, plural: str, action: str) -> Callable[[Request], Any]:
    """What answers for one kind of resource."""

    async def answer(request: Request) -> Response:
        asked = read(request, plural, action, await request.body())
        kind = plural.capitalize()
        verb = "List" if not asked.name and asked.verb == "GET" else action.capitalize() or VERBS[asked.verb]
        name = f"{METHOD}{kind}/{verb}{kind if verb == 'List' else kind.removesuffix('s')}"
        call, gone = call_of(world, request, name, mutating=asked.verb != "GET")

        def work() -> Response:
            try:
                return JSONResponse(answered(world, call, asked))
            except ApiFailure as failure:
                return refusal(failure)

        return await in_thread(request, pool, gone, work)

    return answer


def read(request: Request, plural: str, action: str, body: bytes) -> Asked:
    """What a request asks for."""
    found = REGION.match(request.headers.get("host", ""))
    path = request.path_params
    region = path.get("region") or (found[1] if found else "-")
    return Asked(
        plural=plural,
        name=path.get("name", ""),
        action=action,
        verb="GET" if request.method == "HEAD" else request.method,
        place={"project": path["project"], "region": region},
        query=dict(request.query_params),
        path=request.url.path,
        body=body,
        regional=found is not None,
    )


def answered(world: World, call: Call, asked: Asked) -> dict[str, Any]:
    """The answer.

    Raises:
        ApiFailure: The caller may not, it is not there, or version 2 refuses.
    """
    if asked.verb == "GET":
        return guarded(world, call, lambda: looked_at(world, call.caller, asked))
    if asked.place["region"] == "-":
        raise ApiFailure("INVALID_ARGUMENT", "a write needs the region's own host, as in 'europe-west1-run.…'")
    return done(world, call, asked)


def looked_at(world: World, caller: str, asked: Asked) -> dict[str, Any]:
    """The resource, or the list, that a request names.

    Raises:
        ApiFailure: The caller may not read it; it is not there.
    """
    from emulator.apis.run_v1 import view  # noqa: PLC0415 - imports Google's messages

    wanted = f"run.{asked.plural}.{'get' if asked.name else 'list'}"
    resource = f"{asked.parent}/{asked.plural}/{asked.name}" if asked.name else asked.parent
    allow(world, caller, wanted, resource, "google.cloud.run.v2.")
    if asked.name:
        return view.one(world, asked.plural, name=asked.name, **asked.place)
    listed = view.many(world, asked.plural, selector=asked.query.get("labelSelector", ""), **asked.place)
    # gcloud needs `metadata` of a region's host for its next page; the recordings of the global host do not have it.
    # All there is comes in one page.
    return listed | ({"metadata": {"selfLink": asked.path}} if asked.regional else {})


def done(world: World, call: Call, asked: Asked) -> dict[str, Any]:
    """Carry out a write, as the calls of version 2 that it stands for: those are counted, and meet faults.

    Raises:
        ApiFailure: The refusal of version 2.
    """
    from emulator.apis.run_v1 import view, writes  # noqa: PLC0415 - imports Google's messages

    dry_run = asked.query.get("dryRun", "") == "all"
    if asked.action == "wait":
        return writes.wait(world, call, f"{asked.parent}/operations/{asked.name}", asked.sent())
    place = view.place(world, **asked.place)
    if asked.verb == "POST" and not asked.name:
        return writes.create(world, call, asked.plural, place, asked.sent(), dry_run=dry_run)
    name = view.full_name(world, asked.plural, name=asked.name, **asked.place)
    if asked.action == "run":
        return writes.run(world, call, name, asked.sent())
    if asked.action == "cancel":
        return writes.cancel(world, call, name, asked.place)
    if asked.verb == "PUT":
        return writes.replace_whole(world, call, asked.plural, name, asked.sent(), dry_run=dry_run)
    return writes.delete(world, call, asked.plural, name, dry_run=dry_run)
