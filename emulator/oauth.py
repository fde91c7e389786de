"""`/token` and `/oauth2/v3/certs`: what oauth2.googleapis.com and www.googleapis.com do for service accounts.

Source: https://developers.google.com/identity/protocols/oauth2/service-account; error words as google-auth shows them.
"""

from typing import Any
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulator.tokens import LIFETIME_S
from emulator.world import PROJECT, World

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def routes(world: World) -> list[Route]:
    """The two routes."""

    async def token(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("latin-1")))
        if form.get("grant_type") != GRANT:
            return refused("unsupported_grant_type", f"only {GRANT} is supported")
        claims = world.tokens.read(form.get("assertion", ""))
        if claims is None or "iss" not in claims:
            return refused("invalid_grant", "Invalid JWT Signature.")
        if not await run_in_threadpool(is_enabled, world, str(claims["iss"])):
            return refused("invalid_grant", "Invalid grant: account not found")
        return JSONResponse(granted(world, claims))

    async def certs(_: Request) -> Response:
        return JSONResponse(world.tokens.jwks())

    return [Route("/token", token, methods=["POST"]), Route("/oauth2/v3/certs", certs, methods=["GET"])]


def is_enabled(world: World, email: str) -> bool:
    """Whether an account exists and may get tokens."""
    from emulator import accounts  # noqa: PLC0415 - imports its messages

    accounts.ensure_defaults(world, accounts.project_of(email) or PROJECT)
    account = accounts.find(world, email)
    return account is not None and not account.disabled


def granted(world: World, claims: dict[str, Any]) -> dict[str, Any]:
    """An identity token when the assertion names a target audience, else an access token."""
    email = str(claims["iss"])
    if "target_audience" in claims:
        return {"id_token": world.tokens.id_token(email, str(claims["target_audience"]))}
    access = world.tokens.access_token(email, str(claims.get("scope", "")))
    return {"access_token": access, "expires_in": LIFETIME_S, "token_type": "Bearer"}


def refused(error: str, description: str) -> Response:
    """An OAuth2 error."""
    return JSONResponse({"error": error, "error_description": description}, 400)
