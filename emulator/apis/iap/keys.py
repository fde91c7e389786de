"""`/iap/verify/public_key` and `public_key-jwk`: the keys that www.gstatic.com shows to everybody.

Light to import: it is there from the emulator's start.
"""

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulator.core.api import Api
from emulator.core.world import World

if TYPE_CHECKING:
    from emulator.apis.iap.assertions import Assertions

API = Api("iap-keys")


def routes(world: World) -> list[Route]:
    """Both forms. Source: https://cloud.google.com/iap/docs/signed-headers-howto."""

    async def keys(_: Request) -> Response:
        return JSONResponse(_of(world).keys())

    async def jwks(_: Request) -> Response:
        return JSONResponse(_of(world).jwks())

    return [
        Route("/iap/verify/public_key", keys, methods=["GET"]),
        Route("/iap/verify/public_key-jwk", jwks, methods=["GET"]),
    ]


def _of(world: World) -> "Assertions":
    from emulator.apis.iap.assertions import assertions  # noqa: PLC0415 - few clouds have a service behind IAP

    return assertions(world)


API.routes.append(routes)
