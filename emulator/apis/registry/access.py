"""IAM for the registry: what `permissions.toml` demands, on the repository."""

from functools import cache
from pathlib import Path

from emulator.apis.registry.errors import RegistryError
from emulator.apis.registry.wire import Call
from emulator.core import permissions
from emulator.core.failures import ApiFailure
from emulator.core.permissions import Demand
from emulator.identity.enforcement import enforcement

READ = "artifactregistry.repositories.downloadArtifacts"


@cache
def table() -> permissions.Table:
    """What the registry says about permissions."""
    return permissions.read(Path(__file__).parent)


def check(call: Call, method: str) -> None:
    """Check what a method needs.

    Raises:
        RegistryError: 403.
    """
    for demand in table().methods[method]:
        require(call, demand.permission, call.image.repository)


def require(call: Call, permission: str, repository: str) -> None:
    """Let a caller pass who has a permission on a repository.

    Raises:
        RegistryError: 403.
    """
    if enforcement(call.world).spares(call.caller):
        return
    from emulator.identity import access, refusals  # noqa: PLC0415 - the developer's calls need nothing of it

    sort = "artifactregistry.googleapis.com/Repository"
    target = access.Target(access.stored_name(call.world, repository), repository, sort, table().service)
    try:
        refusals.require(call.world, call.caller, (table(), Demand(permission)), target, repository)
    except ApiFailure as failure:
        raise RegistryError(403, "DENIED", failure.message) from failure


def may_read(call: Call, repository: str) -> bool:
    """Whether the caller may read another repository."""
    try:
        require(call, READ, repository)
    except RegistryError:
        return False
    return True
