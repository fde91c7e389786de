"""Who may see or change budgets: who may on the billing account, or, of one project's budgets, on that project.

Source: https://cloud.google.com/billing/docs/how-to/budgets#budget-permissions.
"""

from collections.abc import Sequence
from typing import Any

from emulator.core.api import Call
from emulator.core.world import World
from emulator.wire.dispatch import allow, has

SERVICES = "google.cloud.billing.budgets.v1."
SEE, CHANGE = "billing.resourcebudgets.read", "billing.resourcebudgets.write"


def require(world: World, call: Call, permission: str, account: str, *filters: Any) -> None:
    """Let a caller pass.

    Args:
        world: Where.
        call: Whose.
        permission: On the account: `billing.budgets.get`.
        account: Its name.
        filters: Of the budget, before and after the call; a list has the one that it asks for.

    Raises:
        ApiFailure: PERMISSION_DENIED.
    """
    instead = SEE if permission.endswith((".get", ".list")) else CHANGE
    projects = {name for each in filters for name in (only_project(each.projects) or "",)}
    if len(projects) == 1 and all(projects) and on_project(world, call.caller, instead, *projects):
        return
    allow(world, call.caller, permission, account, SERVICES)


def only_project(projects: Sequence[str]) -> str | None:
    """The one project of a filter; None for none or several."""
    return projects[0] if len(projects) == 1 else None


def on_project(world: World, caller: str, permission: str, project: str) -> bool:
    """Whether a caller may see or change the budgets of a project."""
    return all(has(world, caller, each, project) for each in (permission, "resourcemanager.projects.get"))
