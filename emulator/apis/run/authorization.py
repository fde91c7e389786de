"""Whether Binary Authorization lets the containers of a new revision be deployed, where its service asks for that.

Asked when a revision is made, not again later. A word for why it is left aside (`breakglassJustification`) lets all
through. What else may ask for it is not checked: a job's executions, requests that are moved between revisions.

Source: https://cloud.google.com/binary-authorization/docs/run/overview and /using-breakglass-cloud-run.
"""

from collections.abc import Iterable
from typing import Any

from emulator.apis.run.names import parts
from emulator.apis.run.programs import Source
from emulator.apis.run.stored import SERVICES
from emulator.core.world import World
from emulator.processes.model import Outcome

UNAUTHORIZED = "CONTAINER_IMAGE_UNAUTHORIZED"
NOT_CHECKED = "CONTAINER_IMAGE_AUTHORIZATION_CHECK_FAILED"


def check(world: World, revision: Any, sources: Iterable[Source]) -> Outcome:
    """Say whether the images of a revision may be deployed.

    Args:
        world: Where.
        revision: New.
        sources: Of its containers, in order.
    """
    service = SERVICES.find(world, revision.name.partition("/revisions/")[0])
    asked = service.binary_authorization if service is not None else None
    if asked is None or asked.breakglass_justification or not asked.WhichOneof("binauthz_method"):
        return Outcome()
    if asked.policy:
        return Outcome(NOT_CHECKED, f"Policy '{asked.policy}' was not found: the emulator has no platform policies.")
    from emulator.apis.binaryauthorization import admission  # noqa: PLC0415 - few services ask for it

    for each in sources:
        if why := admission.refusal(world, parts(revision.name)["projects"], each.pinned):
            return Outcome(UNAUTHORIZED, f"Container image '{each.image}' is not authorized by policy. {why}")
    return Outcome()
