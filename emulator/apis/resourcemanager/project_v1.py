"""A project as version 1 of the API shows it: gcloud asks for its number before it deploys a function.

Light to import: it is there from the emulator's start.
Source: `projects.get` of cloudresourcemanager v1.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulator.core.api import Api
from emulator.core.world import World

API = Api("resourcemanager-v1")


def routes(world: World) -> list[Route]:
    """`GET /v1/projects/P`, by id or number."""

    async def get(request: Request) -> Response:
        asked = request.path_params["project"]
        project = world.project_id(asked)
        if project is None:
            error = {"code": 403, "message": f"Project '{asked}' not found or permission denied."}
            return JSONResponse({"error": error | {"status": "PERMISSION_DENIED"}}, 403)
        found = {"projectId": project, "projectNumber": world.project_number(project), "name": project}
        return JSONResponse(found | {"lifecycleState": "ACTIVE"})

    return [Route("/v1/projects/{project:str}", get, methods=["GET"])]


API.routes.append(routes)
