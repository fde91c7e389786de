"""The paths of version 1 that gcloud reads: services, revisions and jobs, one or all, of one region or of every one.

Source:
    Requests of gcloud 528; recordings run_service/v1-list, run_revision/v1-list, run_job/v1-list. The region of a
    call stands in front of the host, as in `europe-west4-run.googleapis.com`.
"""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulator.core.api import Api
from emulator.core.failures import ApiFailure
from emulator.core.world import World
from emulator.wire.dispatch import allow, guarded
from emulator.wire.rest_server import call_of, in_thread, refusal

API = Api("run-v1")
METHOD = "google.cloud.run.v1."
REGION = re.compile(r"([a-z]+-[a-z]+\d+)-")
KNATIVE, JOBS = "/apis/serving.knative.dev/v1/namespaces/{project}", "/apis/run.googleapis.com/v1/namespaces/{project}"
BY_LOCATION = "/v1/projects/{project}/locations/{region}"
WORKERS = 4


class Plain(StringConvertor):
    """A name without a verb behind a colon: `NAME:getIamPolicy` is the table's."""

    regex = "[^/:]+"


register_url_convertor("plain", Plain())


def routes(world: World) -> list[Route]:
    """Lists and single resources, to be read: writes are those of version 2."""
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="run-v1")
    shown = []
    for plural, roots in (
        ("services", (KNATIVE, BY_LOCATION)),
        ("revisions", (KNATIVE, BY_LOCATION)),
        ("jobs", (JOBS,)),
    ):
        for root in roots:
            shown.append(Route(f"{root}/{plural}", endpoint(world, pool, plural), methods=["GET"]))
            shown.append(Route(f"{root}/{plural}/{{name:plain}}", endpoint(world, pool, plural), methods=["GET"]))
    return shown


API.routes.append(routes)


def endpoint(world: World, pool: ThreadPoolExecutor, plural: str) -> Callable[[Request], Any]:
    """What answers for one kind of resource."""

    async def answer(request: Request) -> Response:
        verb = "Get" if "name" in request.path_params else "List"
        kind = plural.capitalize()
        name = f"{METHOD}{kind}/{verb}{kind.removesuffix('s') if verb == 'Get' else kind}"
        call, gone = call_of(world, request, name, mutating=False)

        def work() -> Response:
            try:
                return JSONResponse(guarded(world, call, lambda: read(world, call.caller, plural, request)))
            except ApiFailure as failure:
                return refusal(failure)

        return await in_thread(request, pool, gone, work)

    return answer


def read(world: World, caller: str, plural: str, request: Request) -> dict[str, Any]:
    """The resource, or the list, that a request names.

    Raises:
        ApiFailure: The caller may not read it; it is not there.
    """
    from emulator.apis.run_v1 import view  # noqa: PLC0415 - imports Google's messages

    found = REGION.match(request.headers.get("host", ""))
    region = request.path_params.get("region") or (found[1] if found else "-")
    chosen = {"project": request.path_params["project"], "region": region}
    place, name = "projects/{project}/locations/{region}".format(**chosen), request.path_params.get("name")
    wanted = f"run.{plural}.{'get' if name else 'list'}"
    allow(world, caller, wanted, f"{place}/{plural}/{name}" if name else place, "google.cloud.run.v2.")
    if "name" in request.path_params:
        return view.one(world, plural, name=request.path_params["name"], **chosen)
    listed = view.many(world, plural, selector=request.query_params.get("labelSelector", ""), **chosen)
    # gcloud needs `metadata` of a region's host for its next page; the recordings of the global host do not have it.
    # All there is comes in one page.
    return listed | ({"metadata": {"selfLink": request.url.path}} if found else {})
