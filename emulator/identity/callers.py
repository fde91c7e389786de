"""Who calls, as the header `authorization` says."""

from emulator.core.world import DEVELOPER, World
from emulator.identity.tokens import Tokens


def caller_of(world: World, authorization: str) -> str:
    """E-mail of the caller: the account of the emulator's own access token, else the developer."""
    token = authorization.removeprefix("Bearer ").strip()
    claims = world.part(Tokens).read(token) if token else None
    return str(claims["email"]) if claims and "email" in claims else DEVELOPER
