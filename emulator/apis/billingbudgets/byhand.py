"""What somebody says was spent: `/_emulator/spend`. Light to import: no message of Google's."""

from dataclasses import asdict
from typing import Any

from emulator.apis.billingbudgets import bill, metering
from emulator.apis.cloudbilling import accounts
from emulator.core.world import PROJECT, World

_MOST = 10**12


def spend(world: World, raw: dict[str, Any]) -> dict[str, Any]:
    """Put a line on the bill, as of now; returns it.

    Raises:
        ValueError: The amount is no number or beyond 10^12, the labels are none, or nobody pays for the project.
    """
    unknown = sorted(raw.keys() - {"amount", "project", "labels"})
    if unknown:
        raise ValueError(f"there is no {', '.join(map(repr, unknown))}: amount, project, labels")
    amount, project = accounts.decimal(raw.get("amount")), str(raw.get("project") or PROJECT)
    if abs(amount) > _MOST:
        raise ValueError(f"'amount' is beyond {_MOST}: nobody spends that, and no notice could tell of it")
    labels = raw.get("labels") or {}
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise ValueError("'labels' must be texts by name")
    account = accounts.account_of(world, world.project_id(project) or project)
    if not account:
        raise ValueError(f"nobody pays for project {project!r}")
    now = world.clock.now().isoformat()
    line = bill.Line(account, world.project_id(project) or project, str(amount), now, now, labels)
    bill.add(world, line)
    return asdict(line) | {"currency": accounts.currency(world, account)}


def shown(world: World) -> list[dict[str, Any]]:
    """Every line, with its currency, oldest first in each account."""
    metering.look(world)
    return [asdict(line) | {"currency": accounts.currency(world, line.account)} for line in bill.lines(world)]
