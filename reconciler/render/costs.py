"""What the services of a plan cost, in the few lines that a plan has for it."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.cost import Cost, together
from reconciler.core.plan import Plan

_MOST = 5


def costs(plan: Plan) -> Iterator[tuple[str, Cost]]:
    """Give whose costs a plan says: services that change, a few of them, and all of them together.

    Args:
        plan: The plan.
    """
    if len(plan.costs) == 1:
        yield from plan.costs.items()
        return
    busy = {name for change in plan.changes if change.acts for name in change.services}
    shown = sorted(name for name in plan.costs if name in busy)
    yield from ((name, plan.costs[name]) for name in shown[:_MOST])
    if plan.costs:
        more = f", {len(shown) - _MOST} more that change among them" if len(shown) > _MOST else ""
        yield f"all {len(plan.costs)} services{more}", together(plan.costs.values())
