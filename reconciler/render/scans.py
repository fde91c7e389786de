"""What scans and attestations say beside what blocks, in the lines that a plan has for it."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.plan import Plan


def warnings(plan: Plan) -> Iterator[str]:
    """Say what is wrong with images and stops nothing: of those that would be deployed, and of those that serve.

    Args:
        plan: The plan.
    """
    for name, each in plan.scans.items():
        yield from (f"{name}: {line}" for line in each.warnings)
        yield from (f"{name}: serves, and stays: {line}" for line in (*each.serving, *each.unsure))


def origins(plan: Plan) -> Iterator[str]:
    """Say where the images come from that would be deployed.

    Args:
        plan: The plan.
    """
    for name, each in plan.scans.items():
        yield from (f"{name}: {line}" for line in each.origins)
