"""Which APIs a project has enabled: on the emulator all that are emulated, always.

gcloud asks before it deploys a function. Source: `google.api.serviceusage.v1.ServiceUsage`.
"""

from typing import Any

from google.cloud.service_usage_v1.types import resources, serviceusage

from emulator.core.api import Api, Call, Registry
from emulator.core.failures import ApiFailure
from emulator.core.paging import page
from emulator.core.resources import fits, refuse_query
from emulator.core.world import World

API = Api("serviceusage")
SERVICE = "google.api.serviceusage.v1.ServiceUsage/"
Service = resources.Service.pb()
ENABLED = resources.State.ENABLED
NOT_FOUND = "Not found or permission denied for service(s): {name}."


def described(world: World, project: str, host: str) -> Any:
    """An API as it is in a project.

    Raises:
        ApiFailure: NOT_FOUND: it is not emulated.
    """
    if not world.part(Registry).serves(host):
        raise ApiFailure("NOT_FOUND", NOT_FOUND.format(name=host))
    number = world.project_number(project)
    service = Service(name=f"projects/{number}/services/{host}", parent=f"projects/{number}", state=ENABLED)
    service.config.name = host
    return service


@API.method(SERVICE + "GetService")
def get_service(world: World, request: Any, _: Call) -> Any:
    """One API."""
    if not fits("projects/*/services/*", request.name):
        raise ApiFailure("INVALID_ARGUMENT", f"Invalid resource name {request.name!r}.")
    _, project, _, host = request.name.split("/")
    return described(world, project, host)


@API.method(SERVICE + "ListServices")
def list_services(world: World, request: Any, _: Call) -> Any:
    """All that are emulated."""
    if not fits("projects/*", request.parent):
        raise ApiFailure("INVALID_ARGUMENT", f"Invalid resource name {request.parent!r}.")
    if request.filter != "state:ENABLED":
        refuse_query(request, ("filter",))
    project = request.parent.removeprefix("projects/")
    found = [described(world, project, host) for host in world.part(Registry).hosts()]
    shown, token = page(found, request.page_size, request.page_token)
    return serviceusage.ListServicesResponse.pb()(services=shown, next_page_token=token)


@API.method(SERVICE + "EnableService")
def enable_service(world: World, request: Any, call: Call) -> Any:
    """It is enabled already, and so is the operation at its end."""
    service = get_service(world, request, call)
    answer = serviceusage.EnableServiceResponse.pb()(service=service)
    metadata = resources.OperationMetadata.pb()(resource_names=[service.name])
    return world.operations.start("", metadata, lambda: answer)
