"""`/_emulator/vulnerabilities`: let something become known of packages, or of one image. Google has nothing like it."""

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from emulator.core.api import Api
from emulator.core.failures import ApiFailure
from emulator.core.world import World
from emulator.images import Images
from emulator.wire.rest_server import refusal

API = Api("containeranalysis-host")


def plant(world: World, raw: Any) -> dict[str, Any]:
    """Plant one, and say in how many images it is found already.

    Raises:
        ApiFailure: It is none, or there is no such image.
    """
    from emulator.apis.containeranalysis import database, scanning  # noqa: PLC0415 - imports its messages

    if not isinstance(raw, dict):
        raise ApiFailure("INVALID_ARGUMENT", "a vulnerability is an object")
    if reference := raw.get("image", ""):
        image = world.part(Images).resolve(str(reference))
        if image is None:
            raise ApiFailure("NOT_FOUND", f"there is no image {reference!r}")
        raw = raw | {"image": image.name}
    try:
        advisory = database.Advisory.parse(raw)
    except (ValueError, TypeError) as error:
        raise ApiFailure("INVALID_ARGUMENT", str(error)) from error
    return {"cve": advisory.cve, "found": scanning.plant(world, advisory)}


def control_routes(world: World) -> list[BaseRoute]:
    """The one route."""

    async def post(request: Request) -> Response:
        try:
            return JSONResponse(await run_in_threadpool(plant, world, await request.json()))
        except ValueError:
            return refusal(ApiFailure("INVALID_ARGUMENT", "the body must be JSON"))
        except ApiFailure as failure:
            return refusal(failure)

    return [Route("/_emulator/vulnerabilities", post, methods=["POST"])]


API.routes.append(control_routes)
