"""`/token`, `/tokeninfo`, `/oauth2/v3/certs`: what oauth2.googleapis.com and www.googleapis.com do for accounts.

Source: https://developers.google.com/identity/protocols/oauth2/service-account; error words as google-auth shows them.
"""

from typing import Any
from urllib.parse import parse_qsl

import jwt
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulator.core.world import EMULATOR_ACCOUNT, PROJECT, World
from emulator.identity.tokens import KEY_ID, LIFETIME_S, Tokens

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def routes(world: World) -> list[Route]:
    """Where assertions become tokens, and where keys that check tokens are."""

    async def token(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("latin-1")))
        if form.get("grant_type") != GRANT:
            return refused("unsupported_grant_type", f"only {GRANT} is supported")
        assertion = form.get("assertion", "")
        claims = world.part(Tokens).read(assertion)
        if claims is None or "iss" not in claims:
            return refused("invalid_grant", "Invalid JWT Signature.")
        key_id = str(jwt.get_unverified_header(assertion).get("kid", ""))
        if not await run_in_threadpool(may_have_tokens, world, str(claims["iss"]), key_id):
            return refused("invalid_grant", "Invalid grant: account not found")
        return JSONResponse(granted(world, claims))

    async def certs(_: Request) -> Response:
        return JSONResponse(world.part(Tokens).jwks())

    async def about(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("latin-1"))) | dict(request.query_params)
        claims = world.part(Tokens).read(form.get("access_token", ""))
        return refused("invalid_token", "Invalid Value") if claims is None else JSONResponse(token_info(claims))

    return [
        Route("/token", token, methods=["POST"]),
        Route("/tokeninfo", about, methods=["GET", "POST"]),
        Route("/oauth2/v3/certs", certs, methods=["GET"]),
    ]


def token_info(claims: dict[str, Any]) -> dict[str, str]:
    """Whose an access token is, and until when."""
    told = {name: str(claims.get(name, "")) for name in ("email", "sub", "exp", "scope")}
    return told | {"azp": told["sub"], "email_verified": "true", "access_type": "online"}


def may_have_tokens(world: World, email: str, key_id: str) -> bool:
    """Whether an account exists, is enabled, and has the key; the key of `credentials.json` is the emulator's own."""
    from emulator.identity import accounts  # noqa: PLC0415 - imports its messages

    accounts.ensure_defaults(world, accounts.project_of(email) or PROJECT)
    account = accounts.find(world, email)
    if account is None or account.disabled:
        return False
    own = email == EMULATOR_ACCOUNT and key_id == KEY_ID
    return own or world.store.get(accounts.KEYS, f"{account.name}/keys/{key_id}") is not None


def granted(world: World, claims: dict[str, Any]) -> dict[str, Any]:
    """An identity token when the assertion names a target audience, else an access token."""
    email = str(claims["iss"])
    if "target_audience" in claims:
        return {"id_token": world.part(Tokens).id_token(email, str(claims["target_audience"]))}
    access = world.part(Tokens).access_token(email, str(claims.get("scope", "")))
    return {"access_token": access, "expires_in": LIFETIME_S, "token_type": "Bearer"}


def refused(error: str, description: str) -> Response:
    """An OAuth2 error."""
    return JSONResponse({"error": error, "error_description": description}, 400)
