"""What of a bill a budget counts."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from emulator.apis.billingbudgets.bill import Line, lines
from emulator.apis.billingbudgets.periods import period
from emulator.core.resources import by_id
from emulator.core.world import World


def spent(world: World, budget: Any, now: datetime) -> tuple[Decimal, datetime]:
    """What a budget counts in the present period, and when that began."""
    begin, end = period(budget.budget_filter, now)
    account = budget.name.partition("/budgets/")[0]
    found = counted(world, budget.budget_filter, lines(world, account))
    return sum((line.within(begin, end) for line in found), Decimal(0)), begin


def counted(world: World, budget_filter: Any, found: Iterable[Line]) -> Iterator[Line]:
    """The lines that a filter lets through: of its projects, and with its label."""
    projects = {by_id(world, name).partition("/")[2] for name in budget_filter.projects}
    wanted = {key: values[0] for key, values in budget_filter.labels.items()}
    for line in found:
        if (not projects or line.project in projects) and wanted.items() <= dict(line.labels).items():
            yield line
