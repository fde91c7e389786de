"""Pools and their providers: create, get, list, update, delete, undelete, and the operations of all these.

A write is done when its operation is first answered, which is never called done before it is read.

Source: https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools and `.providers`.
Providers of a deleted pool are deleted with it: cloud.google.com/iam/docs/manage-workload-identity-pools-providers.
"""

import json
import re
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulator.apis.workload_identity import fields, kept
from emulator.apis.workload_identity.kept import Resource
from emulator.core.failures import ApiFailure
from emulator.core.paging import Order, page
from emulator.core.permissions import Demand, Table
from emulator.core.world import World
from emulator.identity.enforcement import enforcement
from emulator.wire.dispatch import guarded, is_mutating
from emulator.wire.rest_server import call_of, in_thread, refusal

SERVICE = "google.iam.v1.WorkloadIdentityPools/"
"""As its methods are counted: Google publishes no service of them."""
OPERATIONS = "iam.workload_identity.operation"
PATH = re.compile(
    r"/v1/(?P<parent>projects/(?P<project>[^/]+)/locations/global)/workloadIdentityPools(/(?P<pool>[^/:]+)"
    r"(?P<providers>/providers(/(?P<provider>[^/:]+))?)?)?(/operations/(?P<operation>[^/:]+)|:(?P<verb>undelete))?"
)
PAGE_DEFAULT, PAGE_MOST = 50, 100
BY_NAME = Order(lambda found: (found["name"],))
VERBS = ["GET", "POST", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request is about.

    Attributes:
        method: `CreateWorkloadIdentityPool`.
        noun: `WorkloadIdentityPool` or `WorkloadIdentityPoolProvider`.
        collection: Its collection, with the project's number.
        name: The one in it; empty for all of them.
        operation: Its operation; empty for none.
        query: Parameters.
        body: As it came.
    """

    method: str
    noun: str
    collection: str
    name: str
    operation: str
    query: dict[str, str]
    body: bytes

    @property
    def of_pools(self) -> bool:
        """Whether it is about pools."""
        return self.noun == "WorkloadIdentityPool"

    @property
    def permission(self) -> str:
        """What it takes, as refusals write it."""
        verb = "get" if self.operation else self.method.removesuffix("s").removesuffix(self.noun).lower()
        return f"iam.{self.noun[0].lower()}{self.noun[1:]}s.{verb}"

    @property
    def target(self) -> str:
        """What the permission is needed on: the resource, or what it is to be in."""
        return self.name or self.collection.rpartition("/")[0]


def routes(world: World) -> list[Route]:
    """All of them are one: the path says which."""
    pool = ThreadPoolExecutor(4, thread_name_prefix="workload-identity")

    async def answer(request: Request) -> Response:
        asked = read(world, request.method, request.url.path, dict(request.query_params), await request.body())
        if asked is None:
            return refusal(ApiFailure("NOT_FOUND", f"The requested URL {request.url.path} was not found."))
        method = SERVICE + ("GetOperation" if asked.operation else asked.method)
        call, gone = call_of(world, request, method, mutating=is_mutating(method))

        def work() -> Response:
            try:
                return JSONResponse(guarded(world, call, lambda: done(world, call.caller, asked)))
            except ApiFailure as failure:
                return refusal(failure)

        return await in_thread(request, pool, gone, work)

    path = "/v1/projects/{project}/locations/{location}/workloadIdentityPools{rest:path}"
    return [Route(path, answer, methods=VERBS)]


def read(world: World, verb: str, path: str, query: dict[str, str], body: bytes) -> Asked | None:
    """What a request is about, or None: nothing that there is."""
    found = PATH.fullmatch(path)
    if found is None:
        return None
    number = world.project_number(world.project_id(found["project"]) or found["project"])
    collection, one = f"projects/{number}/locations/global/workloadIdentityPools", found["pool"]
    if found["providers"]:
        collection, one = f"{collection}/{found['pool']}/providers", found["provider"]
    noun = "WorkloadIdentityPoolProvider" if found["providers"] else "WorkloadIdentityPool"
    method = method_of(noun, verb, one=bool(one), undelete=bool(found["verb"]))
    if method is None or (found["operation"] and verb != "GET"):
        return None
    return Asked(method, noun, collection, f"{collection}/{one}" if one else "", found["operation"] or "", query, body)


def method_of(noun: str, verb: str, *, one: bool, undelete: bool) -> str | None:
    """The method of a path and an HTTP method; None where there is none."""
    if undelete:
        return f"Undelete{noun}" if one and verb == "POST" else None
    if one:
        word = {"GET": "Get", "PATCH": "Update", "DELETE": "Delete"}.get(verb)
        return f"{word}{noun}" if word else None
    return {"GET": f"List{noun}s", "POST": f"Create{noun}"}.get(verb)


def done(world: World, caller: str, asked: Asked) -> dict[str, Any]:
    """The answer.

    Raises:
        ApiFailure: Of the method, or PERMISSION_DENIED.
    """
    allow(world, caller, asked)
    if asked.operation:
        return finished(world, asked)
    if asked.method.startswith("List"):
        return listed(world, asked)
    if asked.method.startswith("Get"):
        return kept.get(world, asked.name)
    with world.store.transaction():
        resource = WRITES[asked.method.removesuffix(asked.noun)](world, asked)
        kept.save(world, resource)
    return started(world, resource)


def allow(world: World, caller: str, asked: Asked) -> None:
    """Let a caller pass who may.

    Raises:
        ApiFailure: PERMISSION_DENIED.
    """
    if enforcement(world).spares(caller):
        return
    from emulator.identity import access, refusals  # noqa: PLC0415 - import Google's messages

    # Roles have `iam.googleapis.com/workloadIdentityPools.get` for what refusals call `iam.workloadIdentityPools.get`.
    target = access.Target(access.stored_name(world, asked.target), asked.target, service="iam.googleapis.com")
    granted = asked.permission.replace("iam.", "iam.googleapis.com/", 1)
    verdict = access.may(world, caller, granted, target)
    if not verdict.granted:
        text = (
            f"Permission '{asked.permission}' denied on resource '//iam.googleapis.com/{asked.target}' (or it may not"
        )
        details = [refusals.about(Table(service="iam.googleapis.com"), Demand(asked.permission), asked.target)]
        raise ApiFailure("PERMISSION_DENIED", f"{text} exist).{refusals.excuse(verdict)}", details)


def listed(world: World, asked: Asked) -> dict[str, Any]:
    """A page of a collection; deleted ones only where they are asked for.

    Raises:
        ApiFailure: INVALID_ARGUMENT for a token of somebody else's.
    """
    if not asked.of_pools:
        kept.get(world, asked.collection.rpartition("/")[0])
    every = [each for each in kept.below(world, asked.collection) if each["state"] == "ACTIVE" or deleted_too(asked)]
    size = asked.query.get("pageSize", "0") or "0"
    if not size.isdigit():
        raise fields.invalid("Invalid page size.")
    of = f"{asked.collection}?{deleted_too(asked)}"
    token = asked.query.get("pageToken", "")
    shown, more = page(every, int(size), token, BY_NAME, default=PAGE_DEFAULT, most=PAGE_MOST, of=of)
    field = f"{asked.noun[0].lower()}{asked.noun[1:]}s"
    return {field: shown, **({"nextPageToken": more} if more else {})}


def deleted_too(asked: Asked) -> bool:
    """Whether deleted ones are asked for as well."""
    return asked.query.get("showDeleted", "").lower() == "true"


def create(world: World, asked: Asked) -> Resource:
    """A new one. A name that was deleted is free after thirty days only."""
    new = asked.query.get(f"{asked.noun[0].lower()}{asked.noun[1:]}Id", "")
    if not new:
        raise fields.invalid(f"The request must have the id of the {asked.noun}.")
    resource = fields.sent(asked.body, known(asked))
    if asked.of_pools:
        fields.check_pool(resource, new)
    else:
        active(kept.get(world, asked.collection.rpartition("/")[0]))
        fields.check_provider(resource, new)
    name = f"{asked.collection}/{new}"
    if kept.find(world, name) is not None:
        raise ApiFailure("ALREADY_EXISTS", "Requested entity already exists")
    return {"name": name, "state": "ACTIVE", **resource}


def update(world: World, asked: Asked) -> Resource:
    """The masked fields."""
    found = active(kept.get(world, asked.name))
    change = fields.sent(asked.body, known(asked))
    changed = fields.masked(found, change, asked.query.get("updateMask", ""), known(asked))
    if asked.of_pools:
        fields.check_pool(changed)
    else:
        fields.check_provider(changed)
    return changed


def delete(world: World, asked: Asked) -> Resource:
    """No token is given for it any more; it can be brought back for thirty days. A pool's providers go with it."""
    found = active(kept.get(world, asked.name))
    if asked.of_pools:
        for provider in kept.below(world, f"{asked.name}/providers"):
            if provider["state"] == "ACTIVE":
                kept.save(world, kept.mark_deleted(world, provider))
    return kept.mark_deleted(world, found)


def undelete(world: World, asked: Asked) -> Resource:
    """Bring one back; the providers of a pool each by itself."""
    found = kept.get(world, asked.name)
    if found["state"] == "ACTIVE":
        raise ApiFailure("FAILED_PRECONDITION", "The resource is not deleted.")
    return kept.mark_active(found)


def active(resource: Resource) -> Resource:
    """A resource that is not deleted.

    Raises:
        ApiFailure: FAILED_PRECONDITION.
    """
    if resource["state"] != "ACTIVE":
        raise ApiFailure("FAILED_PRECONDITION", "The resource is deleted.")
    return resource


def known(asked: Asked) -> frozenset[str]:
    """The fields that a resource has."""
    return fields.POOL if asked.of_pools else fields.PROVIDER


WRITES: dict[str, Callable[[World, Asked], Resource]] = {
    "Create": create,
    "Update": update,
    "Delete": delete,
    "Undelete": undelete,
}


def started(world: World, resource: Resource) -> dict[str, Any]:
    """The operation of a write, as it is first answered."""
    name = f"{resource['name']}/operations/{uuid.uuid4().hex}"
    world.store.put(OPERATIONS, name, json.dumps(resource).encode())
    return {"name": name}


def finished(world: World, asked: Asked) -> dict[str, Any]:
    """An operation when it is read.

    Raises:
        ApiFailure: NOT_FOUND.
    """
    name = f"{asked.name}/operations/{asked.operation}"
    body = world.store.get(OPERATIONS, name)
    if body is None:
        raise ApiFailure("NOT_FOUND", "Requested entity was not found.")
    return {"name": name, "done": True, "response": json.loads(body)}
