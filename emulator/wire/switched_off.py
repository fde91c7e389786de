"""Which APIs a project has switched off, and how a call to one of those is refused.

Every emulated API is on in every project until somebody switches it off, but for one that costs for each image that is
pushed: Container Scanning is off until it is switched on. APIs that are spoken over HTTP alone (Cloud
Storage) are never refused for it.

Source: https://cloud.google.com/service-usage/docs/enable-disable; recordings api_error/service-disabled.
"""

import json
from typing import Any

from emulator.core.api import Registry
from emulator.core.failures import ApiFailure
from emulator.core.world import World
from emulator.wire.named import default_field, opened, value_at

KIND = "api.off"
"""In the store: the ids of the projects that have an API off, by its host."""
CONSOLE = "https://console.developers.google.com/apis/api/{host}/overview?project={number}"
REFUSED = (
    "{host} has not been used in project {number} before or it is disabled. Enable it by visiting {url} then retry. If "
    "you enabled this API recently, wait a few minutes for the action to propagate to our systems and retry."
)

OFF_AT_FIRST = frozenset({"containerscanning.googleapis.com"})
"""These are off until somebody switches them on. Nobody calls them: they only let Google do something."""
ON = "api.on"
"""In the store: the ids of the projects that have one of those on, by its host."""


def is_off(world: World, project: str, host: str) -> bool:
    """Whether a project has an API off.

    Args:
        world: Where.
        project: Its id.
        host: Of the API.
    """
    return (project in projects(world, host)) != (host in OFF_AT_FIRST)


def projects(world: World, host: str) -> list[str]:
    """The ids of the projects that have an API as it is not at first: off, or on."""
    body = world.store.get(ON if host in OFF_AT_FIRST else KIND, host)
    return [] if body is None else list(json.loads(body))


def switch(world: World, project: str, host: str, *, on: bool) -> None:
    """Switch an API on or off in a project."""
    with world.store.transaction():
        first = on != (host in OFF_AT_FIRST)
        left = [each for each in projects(world, host) if each != project] + ([] if first else [project])
        world.store.put(ON if host in OFF_AT_FIRST else KIND, host, json.dumps(left).encode())


def check(world: World, method: str, request: Any) -> Any:
    """Let a call pass whose API is on in the project that it names; returns the request, as permissions do.

    Raises:
        ApiFailure: PERMISSION_DENIED with the reason SERVICE_DISABLED.
    """
    host = world.part(Registry).host(method)
    off = projects(world, host) if host else []
    if not off:
        return request
    first, whole = opened(request)
    if first is not None and (project := project_of(world, method, first)) in off:
        raise refusal(world, project, host)
    return whole


def project_of(world: World, method: str, request: Any) -> str:
    """The id of the project that a request names, where its permissions are needed; nothing: it names none."""
    demands = [demand for table in world.part(Registry).permissions(method) for demand in table.methods.get(method, ())]
    told = [list(demand.field) for demand in demands if demand.field and not demand.account]
    for path in (default_field(request.DESCRIPTOR), *told):
        words = value_at(request, path).split("/")
        if words[0] == "projects" and len(words) > 1:
            return world.project_id(words[1]) or words[1]
    return ""


def refusal(world: World, project: str, host: str) -> ApiFailure:
    """What Google's front end says before the API is asked."""
    from google.rpc import error_details_pb2  # noqa: PLC0415 - few worlds have an API off

    number = world.project_number(project)
    url = CONSOLE.format(host=host, number=number)
    metadata = {"service": host, "consumer": f"projects/{number}", "activationUrl": url}
    info = error_details_pb2.ErrorInfo(reason="SERVICE_DISABLED", domain="googleapis.com", metadata=metadata)
    return ApiFailure("PERMISSION_DENIED", REFUSED.format(host=host, number=number, url=url), [info])
