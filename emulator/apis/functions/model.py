"""What Cloud Functions keeps: functions, how they are named, and how it answers for a name that is not there.

Source: `google.cloud.functions.v2`; kinds.md section 8.
"""

from typing import Any

from google.cloud.functions_v2.types import functions as messages

from emulator.apis.functions.uploads import AGENT
from emulator.core.api import Api
from emulator.core.failures import ApiFailure
from emulator.core.resources import Collection, by_id, part
from emulator.core.world import World

API = Api("functions")
SERVICE = "google.cloud.functions.v2.FunctionService/"
PLACE = "projects/*/locations/*"

Function = messages.Function.pb()
OperationMetadata = messages.OperationMetadata.pb()
State = messages.Function.State
StageName = messages.Stage.Name
StageState = messages.Stage.State
Severity = messages.StateMessage.Severity
Ingress = messages.ServiceConfig.IngressSettings
GEN_2 = messages.Environment.GEN_2

OUTPUT = ("name", "state", "state_messages", "environment", "url", "update_time", "create_time", "satisfies_pzs")
"""Output only: what a caller sends there changes nothing."""


def missing(name: str) -> ApiFailure:
    """Say that a function is not there, in the words that gcloud's users quote."""
    return ApiFailure("NOT_FOUND", f"Resource '{name}' was not found")


def taken(name: str) -> ApiFailure:
    """Say that a name is taken (firebase/firebase-tools issue 6075)."""
    return ApiFailure("ALREADY_EXISTS", f"Resource '{name}' already exists")


def invalid(text: str) -> ApiFailure:
    """Refuse a value."""
    return ApiFailure("INVALID_ARGUMENT", text)


FUNCTIONS = Collection("functions.function", Function, f"{PLACE}/functions/*", missing, taken, by_id, by_id)


def project_of(name: str) -> str:
    """The project of a function."""
    return part(name, "projects")


def region_of(name: str) -> str:
    """The region of a function."""
    return part(name, "locations")


def place_of(name: str) -> str:
    """`projects/p/locations/l` of a function."""
    return name.rpartition("/functions/")[0]


def short(name: str) -> str:
    """The last part of a name."""
    return name.rpartition("/")[2]


def service_of(name: str) -> str:
    """The Cloud Run service that a function is: its id in lower case, with hyphens (kinds.md section 8)."""
    return f"{place_of(name)}/services/{short(name).lower().replace('_', '-')}"


def agent(world: World, project: str) -> str:
    """Google's own account for functions."""
    return AGENT.format(number=world.project_number(project))


def find_by_service(world: World, service: str) -> Any:
    """The function that a Cloud Run service belongs to, or None: `a_b` and `a-b` would share one."""
    place = service.rpartition("/services/")[0]
    found = FUNCTIONS.all(world, f"{place}/functions/")
    return next((each for each in found if service_of(each.name) == service), None)
