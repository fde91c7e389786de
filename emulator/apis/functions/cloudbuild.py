"""The one thing of Cloud Build that gcloud asks before it deploys a function: which account builds.

Light to import: it is there from the emulator's start. Everything else of Cloud Build is not emulated.
Source: `projects.locations.getDefaultServiceAccount` of cloudbuild v1.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulator.core.api import Api
from emulator.core.world import World

API = Api("cloudbuild")


def routes(world: World) -> list[Route]:
    """`GET /v1/projects/P/locations/L/defaultServiceAccount`."""

    async def get(request: Request) -> Response:
        place = f"projects/{request.path_params['project']}/locations/{request.path_params['location']}"
        account = world.default_service_account(request.path_params["project"])
        email = f"projects/{request.path_params['project']}/serviceAccounts/{account}"
        return JSONResponse({"name": f"{place}/defaultServiceAccount", "serviceAccountEmail": email})

    return [Route("/v1/projects/{project}/locations/{location}/defaultServiceAccount", get, methods=["GET"])]


API.routes.append(routes)
