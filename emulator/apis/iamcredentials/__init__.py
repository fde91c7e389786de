"""Tokens of an account for somebody who may act as it: `generateAccessToken`, which writes nothing.

Light to import: it is there from the emulator's start. Signing and identity tokens of others are not emulated.
Source: https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulator.core.api import Api
from emulator.core.failures import ApiFailure
from emulator.core.world import World
from emulator.identity.tokens import LIFETIME_S, Tokens
from emulator.wire.dispatch import allow, guarded
from emulator.wire.rest_server import call_of, in_thread, refusal

API = Api("iamcredentials")
METHOD = "google.iam.credentials.v1.IAMCredentials/GenerateAccessToken"
PERMISSION = "iam.serviceAccounts.getAccessToken"
DOOR = "google.iam.admin.v1."
"""Whose words a refusal has: the permission is IAM's."""


def routes(world: World) -> list[Route]:
    """`POST /v1/projects/-/serviceAccounts/EMAIL:generateAccessToken`."""
    pool = ThreadPoolExecutor(2, thread_name_prefix="iamcredentials")

    async def answer(request: Request) -> Response:
        call, gone = call_of(world, request, METHOD, mutating=False)
        email = request.path_params["email"]

        def work() -> Response:
            try:
                return JSONResponse(guarded(world, call, lambda: token_for(world, call.caller, email)))
            except ApiFailure as failure:
                return refusal(failure)

        return await in_thread(request, pool, gone, work)

    return [Route("/v1/projects/-/serviceAccounts/{email}:generateAccessToken", answer, methods=["POST"])]


API.routes.append(routes)


def token_for(world: World, caller: str, email: str) -> dict[str, str]:
    """A token of an account.

    Raises:
        ApiFailure: PERMISSION_DENIED; NOT_FOUND: there is no such account that is enabled.
    """
    from emulator.identity import access, accounts  # noqa: PLC0415 - import Google's messages

    name = access.account_name(world, email)
    allow(world, caller, PERMISSION, name, DOOR)
    account = accounts.find(world, email)
    if account is None or account.disabled:
        raise ApiFailure("NOT_FOUND", f"Unknown service account: {email}")
    until = datetime.now(UTC) + timedelta(seconds=LIFETIME_S)
    token = world.part(Tokens).access_token(email)
    return {"accessToken": token, "expireTime": until.isoformat(timespec="seconds").replace("+00:00", "Z")}
