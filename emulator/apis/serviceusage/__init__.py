"""Which APIs a project has enabled: on the emulator all that are emulated, until somebody disables one.

gcloud asks before it deploys a function. A call to a disabled API is refused as Google's front end refuses it.
Source: `google.api.serviceusage.v1.ServiceUsage`.
"""

from collections.abc import Iterable
from typing import Any

from google.cloud.service_usage_v1.types import resources, serviceusage

from emulator.apis.artifactregistry import repositories, scanning
from emulator.core.api import Api, Call, Registry
from emulator.core.failures import ApiFailure
from emulator.core.paging import page_of
from emulator.core.resources import fits, refuse_query
from emulator.core.world import World
from emulator.wire import switched_off

API = Api("serviceusage")
SERVICE = "google.api.serviceusage.v1.ServiceUsage/"
Service = resources.Service.pb()
NOT_FOUND = "Not found or permission denied for service(s): {name}."
HTTP_ONLY = ("containerscanning.googleapis.com", "iamcredentials.googleapis.com", "storage.googleapis.com")
"""Emulated APIs without a table of their own."""
STATES = {"": "", "state:ENABLED": "ENABLED", "state:DISABLED": "DISABLED"}
MOST_AT_ONCE = 30
"""Names of one BatchGetServices; twenty of BatchEnableServices."""
MOST_ENABLED = 20


def hosts(world: World) -> list[str]:
    """The APIs that there are, sorted."""
    return sorted({*world.part(Registry).hosts(), *HTTP_ONLY})


def described(world: World, project: str, host: str) -> Any:
    """An API as it is in a project.

    Raises:
        ApiFailure: NOT_FOUND: it is not emulated.
    """
    if host not in HTTP_ONLY and not world.part(Registry).serves(host):
        raise ApiFailure("NOT_FOUND", NOT_FOUND.format(name=host))
    number = world.project_number(project)
    off = switched_off.is_off(world, world.project_id(project) or project, host)
    state = resources.State.DISABLED if off else resources.State.ENABLED
    service = Service(name=f"projects/{number}/services/{host}", parent=f"projects/{number}", state=state)
    service.config.name = host
    return service


def named(name: str) -> tuple[str, str]:
    """Project and host in a service's name.

    Raises:
        ApiFailure: It is none.
    """
    if not fits("projects/*/services/*", name):
        raise ApiFailure("INVALID_ARGUMENT", f"Invalid resource name {name!r}.")
    _, project, _, host = name.split("/")
    return project, host


def parent_of(request: Any) -> str:
    """The project that a request is about.

    Raises:
        ApiFailure: It names none.
    """
    if not fits("projects/*", request.parent):
        raise ApiFailure("INVALID_ARGUMENT", f"Invalid resource name {request.parent!r}.")
    return str(request.parent.removeprefix("projects/"))


@API.method(SERVICE + "GetService")
def get_service(world: World, request: Any, _: Call) -> Any:
    """One API."""
    return described(world, *named(request.name))


@API.method(SERVICE + "BatchGetServices")
def batch_get_services(world: World, request: Any, _: Call) -> Any:
    """Several at once, in the order of their names."""
    parent_of(request)
    if len(request.names) > MOST_AT_ONCE:
        raise ApiFailure("INVALID_ARGUMENT", f"At most {MOST_AT_ONCE} services can be read at once.")
    found = [described(world, *named(name)) for name in request.names]
    return serviceusage.BatchGetServicesResponse.pb()(services=found)


@API.method(SERVICE + "ListServices")
def list_services(world: World, request: Any, _: Call) -> Any:
    """All that are emulated, or those in one state."""
    project = parent_of(request)
    if request.filter not in STATES:
        refuse_query(request, ("filter",))
    found = [described(world, project, host) for host in hosts(world)]
    wanted = STATES[request.filter]
    kept = [each for each in found if wanted in ("", resources.State(each.state).name)]
    shown, token = page_of(request, kept)
    return serviceusage.ListServicesResponse.pb()(services=shown, next_page_token=token)


@API.method(SERVICE + "EnableService")
def enable_service(world: World, request: Any, _: Call) -> Any:
    """Switch it on."""
    [service] = switched(world, [request.name], on=True)
    return done(world, [service], serviceusage.EnableServiceResponse.pb()(service=service))


@API.method(SERVICE + "DisableService")
def disable_service(world: World, request: Any, _: Call) -> Any:
    """Switch it off. Which others depend on it the emulator does not know, so it never refuses."""
    [service] = switched(world, [request.name], on=False)
    return done(world, [service], serviceusage.DisableServiceResponse.pb()(service=service))


@API.method(SERVICE + "BatchEnableServices")
def batch_enable_services(world: World, request: Any, _: Call) -> Any:
    """Switch several on: all of them, or none."""
    if len(request.service_ids) > MOST_ENABLED:
        raise ApiFailure("INVALID_ARGUMENT", f"At most {MOST_ENABLED} services can be enabled at once.")
    parent_of(request)
    services = switched(world, [f"{request.parent}/services/{host}" for host in request.service_ids], on=True)
    return done(world, services, serviceusage.BatchEnableServicesResponse.pb()(services=services))


def switched(world: World, names: Iterable[str], *, on: bool) -> list[Any]:
    """Switch APIs, all of which there are, and show them."""
    pairs = [named(name) for name in names]
    for project, host in pairs:
        described(world, project, host)
    for project, host in pairs:
        name = world.project_id(project) or project
        switched_off.switch(world, name, host, on=on)
        if host == scanning.HOST:
            repositories.scanning_switched(world, name)
    return [described(world, project, host) for project, host in pairs]


def done(world: World, services: Iterable[Any], answer: Any) -> Any:
    """The operation, at whose end there is the answer."""
    metadata = resources.OperationMetadata.pb()(resource_names=[service.name for service in services])
    return world.operations.start("", metadata, lambda: answer)
