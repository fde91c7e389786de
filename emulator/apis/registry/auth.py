"""Who calls the registry: tokens, and where they come from.

As at Google every request needs one, and a request without is told where to get it. Without credentials that gives a
token, too: at Google one that may read what is public, here the developer's, as everywhere in the emulator.

Source: https://cloud.google.com/artifact-registry/docs/docker/authentication (`oauth2accesstoken`, `_json_key`,
    `_json_key_base64`); https://distribution.github.io/distribution/spec/auth/token/.
"""

import base64
import binascii
import json
from typing import Any

from emulator.apis.registry.errors import RegistryError
from emulator.apis.registry.wire import Reply, document
from emulator.core.world import DEVELOPER, World
from emulator.identity.callers import named
from emulator.identity.oauth import may_have_tokens
from emulator.identity.tokens import LIFETIME_S, Tokens

TOKEN_USERS = ("oauth2accesstoken", "_dcgcloud_token")
"""The password is an access token; gcloud's credential helper uses the second name."""
KEY_USERS = ("_json_key", "_json_key_base64")


def unauthorized(why: str) -> RegistryError:
    """Nobody we know."""
    return RegistryError(401, "UNAUTHORIZED", f"authentication required: {why}")


def challenge(host: str, scope: str) -> dict[str, str]:
    """Where to get a token, as a header."""
    asked = f',scope="{scope}"' if scope else ""
    return {"WWW-Authenticate": f'Bearer realm="http://{host}/v2/token",service="{host}"{asked}'}


def token(world: World, authorization: str) -> Reply:
    """A token for whose credentials these are; without any, the developer's."""
    email = basic(world, authorization.partition(" ")[2]) if authorization else DEVELOPER
    made = world.part(Tokens).access_token(email)
    return document({"token": made, "access_token": made, "expires_in": LIFETIME_S})


def caller(world: World, authorization: str) -> str:
    """E-mail of who sends a request.

    Raises:
        RegistryError: 401.
    """
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return of_token(world, text.strip())
    if scheme.lower() == "basic":
        return basic(world, text)
    raise unauthorized("Unauthenticated request. Unauthenticated requests do not have a permission on any repository")


def of_token(world: World, text: str) -> str:
    """Whose access token it is.

    Raises:
        RegistryError: Not one of this emulator's, or it has expired.
    """
    claims = world.part(Tokens).read(text)
    if claims is None or claims.get("typ") != "access":
        raise unauthorized("the token is not one of this emulator's, or it has expired")
    return named(claims)


def basic(world: World, text: str) -> str:
    """Whose user and password these are.

    Raises:
        RegistryError: Nobody's.
    """
    try:
        user, _, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise unauthorized("the credentials are not readable") from None
    if user in TOKEN_USERS:
        return of_token(world, password)
    if user in KEY_USERS:
        return of_key(world, password if user == "_json_key" else _decoded(password))
    raise unauthorized(f"the user is one of {', '.join((*TOKEN_USERS, *KEY_USERS))}")


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise unauthorized("the key is not readable") from None


def of_key(world: World, text: str) -> str:
    """Whose key file it is.

    Raises:
        RegistryError: Not one that this emulator gave, or its account is gone or disabled.
    """
    try:
        found: dict[str, Any] = json.loads(text)
        email, key_id, key = (str(found[name]) for name in ("client_email", "private_key_id", "private_key"))
    except (ValueError, KeyError, TypeError):
        raise unauthorized("the key is not a service account's key file") from None
    if key != world.part(Tokens).private_key_pem or not may_have_tokens(world, email, key_id):
        raise unauthorized("the key is not one of this emulator's")
    return email
