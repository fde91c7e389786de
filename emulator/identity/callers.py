"""Who calls, as the header `authorization` says."""

from collections.abc import Mapping
from typing import Any

from emulator.core.world import DEVELOPER, World
from emulator.identity.tokens import Tokens

FEDERATED = "principal://"


def caller_of(world: World, authorization: str) -> str:
    """E-mail of the caller: the account of the emulator's own access token, else the developer.

    A caller whom another issuer vouches for has no e-mail: all the names that policies know him by stand for him, one a
    line, his own first.
    """
    token = authorization.removeprefix("Bearer ").strip()
    claims = world.part(Tokens).read(token) if token else None
    return named(claims or {}) or DEVELOPER


def named(claims: Mapping[str, Any]) -> str:
    """Whose an access token is, by its claims; nothing: nobody's."""
    return "\n".join(claims["members"]) if "members" in claims else str(claims.get("email", ""))


def is_federated(caller: str) -> bool:
    """Whether another issuer vouches for a caller."""
    return caller.startswith(FEDERATED)


def shown(caller: str) -> str:
    """A caller as answers name him."""
    return caller.partition("\n")[0]
