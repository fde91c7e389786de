"""Who may sign in: policies of what IAP protects. Inherited from the project, as its name says.

Source: https://cloud.google.com/iap/docs/reference/rest/v1/V1/setIamPolicy.
"""

from emulator.apis.iap.names import service_of
from emulator.apis.run.stored import SERVICES
from emulator.core.api import Api, Policies
from emulator.core.failures import ApiFailure
from emulator.core.resources import by_id
from emulator.core.world import World

API = Api("iap")


def policy_key(world: World, resource: str) -> str:
    """A policy is kept by the project's id.

    Raises:
        ApiFailure: NOT_FOUND: there is no such service. UNIMPLEMENTED: it is none of Cloud Run's.
    """
    found = by_id(world, resource)
    service = service_of(found)
    if service is None:
        raise ApiFailure("UNIMPLEMENTED", f"The emulator knows services of Cloud Run behind IAP, not {resource!r}.")
    if SERVICES.find(world, service) is None:
        raise ApiFailure("NOT_FOUND", "Requested entity was not found.")
    return found


API.policies.append(Policies("projects/*/iap_web/*/services/*", policy_key))
