"""Services: what objectives are of. Their ids are the caller's to choose.

Source: comments of `ServiceMonitoringService`; words of refusals are in the style of the API's others.
"""

import re
import uuid
from typing import Any

from google.cloud.monitoring_v3.types import service

from emulator.apis.monitoring.channels import DISPLAY_NAME_MOST, invalid
from emulator.apis.monitoring.descriptors import API
from emulator.apis.monitoring.promised import OBJECTIVES, SERVICES
from emulator.apis.standard import Update, standard
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.resources import by_id, check_labels, fits
from emulator.core.world import World

SERVICE = "google.monitoring.v3.ServiceMonitoringService/"
Service = service.Service.pb()
ID = re.compile(r"[a-z0-9-]+")


@API.method(SERVICE + "CreateService")
def create(world: World, request: Any, _: Call) -> Any:
    """A service, under an id of the caller's or of ours."""
    parent = by_id(world, request.parent)
    if not fits("projects/*", parent):
        raise invalid("parent", request.parent, "must be projects/[PROJECT_ID_OR_NUMBER]")
    chosen = request.service_id or uuid.uuid4().hex[:22]
    if not ID.fullmatch(chosen):
        raise invalid("service_id", chosen, "must match the pattern [a-z0-9\\-]+")
    made = Service()
    made.CopyFrom(request.service)
    made.name = f"{parent}/services/{chosen}"
    settle(world, made)
    SERVICES.insert(world, made)
    return made


def settle(_: World, message: Any) -> None:
    """Refuse what is no service.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    check_labels(message.user_labels.items())
    if len(message.display_name) > DISPLAY_NAME_MOST:
        raise invalid("service.display_name", message.display_name, f"at most {DISPLAY_NAME_MOST} characters.")
    if message.WhichOneof("identifier") is None and not message.HasField("basic_service"):
        raise ApiFailure("INVALID_ARGUMENT", "Request was missing field service.identifier.")


def deleted(world: World, found: Any) -> None:
    """One that has objectives stays: that is guessed, and makes whoever deletes both do it in order.

    Raises:
        ApiFailure: FAILED_PRECONDITION.
    """
    if OBJECTIVES.below(world, found.name):
        raise ApiFailure("FAILED_PRECONDITION", f"Service {found.name} has service level objectives.")


standard(API, SERVICE, "Service", SERVICES, update=Update(settle=settle), deleted=deleted)
