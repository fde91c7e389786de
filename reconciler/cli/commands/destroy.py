"""`mlservice destroy`: delete services and everything of theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from reconciler.cli.commands.apply import AllowDestroy, Form, How, confirm_and_apply
from reconciler.cli.names import Names
from reconciler.cli.options import Local, LockTimeout, Output, Project, Region, State, Yes
from reconciler.cli.planning import Target, working
from reconciler.core import errors

if TYPE_CHECKING:
    from reconciler.core.inventory import Inventory, Key

app = typer.Typer(add_completion=False)


@app.command()
def destroy(
    names: Names,
    *,
    region: Region = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    yes: Yes = False,
    allow_destroy: AllowDestroy = False,
    lock_timeout: LockTimeout = "0s",
    output: Form = Output.TEXT,
) -> int:
    """Delete everything the inventory lists for the services; no spec is needed. Nothing of anybody else's goes."""
    from reconciler.engine.inventory_store import InventoryStore  # noqa: PLC0415 - late, for start-up
    from reconciler.engine.planning import plan_destroy  # noqa: PLC0415 - late, for start-up

    with working(Target(project, local, state)) as session:
        inventories = InventoryStore(session).read_all()
        keys = [_key(name, region, inventories) for name in names]
        planned = plan_destroy(session, keys)
        how = How(yes, allow_destroy, lock_timeout, output, lambda: plan_destroy(session, keys))
        return confirm_and_apply(session, planned, how)


def _key(name: str, region: str | None, inventories: dict[Key, Inventory]) -> Key:
    found = [key for key in inventories if key[1] == name and region in {None, key[0]}]
    if len(found) == 1:
        return found[0]
    if found:
        where = ", ".join(key[0] for key in found)
        raise errors.UsageError(f"'{name}' is in several regions: {where}", hint="add --region")
    known = ", ".join(sorted(key[1] for key in inventories)) or "none"
    raise errors.UsageError(f"there is nothing of '{name}' to destroy", hint=f"services applied here: {known}")
