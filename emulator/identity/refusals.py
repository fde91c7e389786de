"""How IAM refuses: in the words of each API, with the reason that Google's machines read."""

from typing import Any

from google.rpc import error_details_pb2

from emulator.core.failures import ApiFailure
from emulator.core.permissions import Demand, Table
from emulator.core.world import World
from emulator.identity import access
from emulator.identity.callers import shown as shown_caller


def require(world: World, caller: str, demanded: tuple[Table, Demand], target: access.Target, shown: str) -> None:
    """Let a caller pass who has a permission.

    Args:
        world: Where.
        caller: E-mail.
        demanded: The permission, and the table of the API that asks, for its words.
        target: On what.
        shown: What the refusal names: the resource as the caller wrote it, or the account to act as.

    Raises:
        ApiFailure: PERMISSION_DENIED, in the API's words.
    """
    table, demand = demanded
    verdict = access.may(world, caller, demand.permission, target)
    if not verdict.granted:
        words = table.denied_account if demand.account and table.denied_account else table.denied
        text = words.format(permission=demand.permission, resource=shown, caller=shown_caller(caller))
        raise ApiFailure("PERMISSION_DENIED", text + excuse(verdict), [about(table, demand, shown)])


def about(table: Table, demand: Demand, shown: str) -> Any:
    """The machine-readable half (https://cloud.google.com/iam/docs/permission-error-messages)."""
    metadata = {"permission": demand.permission, "resource": shown}
    return error_details_pb2.ErrorInfo(reason="IAM_PERMISSION_DENIED", domain=table.service, metadata=metadata)


def excuse(verdict: access.Verdict) -> str:
    """What Google would not have to say: which conditions are beyond the emulator."""
    return "".join(
        f" The emulator cannot evaluate the condition {condition!r}, so its role counts for nothing here."
        for condition in verdict.unknown
    )


def gap(method: str) -> ApiFailure:
    """The refusal of a method that nobody has named permissions for."""
    text = (
        f"The emulator does not know which permissions {method} needs, so it refuses the method to service accounts."
        " This is a gap of the emulator: the API's permissions.toml has no entry for it."
    )
    return ApiFailure("PERMISSION_DENIED", text)
