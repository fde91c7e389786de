"""One rule after the other, each on what the ones before it leave: so all of their savings add up."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from reconciler.cost.advice.counts import concurrency, least, most
from reconciler.cost.advice.measured import Measured
from reconciler.cost.advice.piece import Advice, Kept
from reconciler.cost.advice.sizes import gpu, size
from reconciler.cost.advice.state import Rule, State, answering_all
from reconciler.cost.measured import as_measured
from reconciler.cost.prices import Prices
from reconciler.cost.shape import Shape
from reconciler.cost.usage import Usage

LEAST_S = 7 * 86_400
"""A week: what is quiet on one day is busy on another."""
RULES: tuple[Rule, ...] = (gpu, size, concurrency, least, most)


def advise(shape: Shape, usage: Usage, measured: Measured, prices: Prices | None = None) -> Advice:
    """Say what of a service is larger, or smaller, than what was measured of it needs.

    Nothing is advised below the most memory that was measured and a quarter, or of which more than 60 % of the CPU was
    used. All but what says that it `spends` saves, as it was used.

    Args:
        shape: What runs; its sizes and numbers are those that the spec says.
        usage: As the spec declares it.
        measured: What was measured.
        prices: Left out, those of this version.
    """
    used = answering_all(shape, _as_used(shape, usage, measured))
    begun = State(shape, used, measured, prices)
    now = begun.found.total
    if measured.span_s < LEAST_S:
        days = Decimal(measured.span_s) / 86_400
        reason = f"too little was measured: {days:.1f} days as large as now, of {LEAST_S // 86_400} that are needed"
        return Advice((), (Kept("all", reason),), now, now, shape.instances)
    state, pieces, kept = begun, [], []
    for rule in RULES:
        step = rule(state)
        if isinstance(step, Kept):
            kept.append(step)
        elif step:
            said, state = step
            pieces.append(said)
    return Advice(tuple(pieces), tuple(kept), now, state.found.total, state.instances)


def _as_used(shape: Shape, usage: Usage, measured: Measured) -> Usage:
    """Give the use as it was measured; of whole instances what is billed is how many there were."""
    used = as_measured(usage, measured.use, shape)
    if used.instances is None and shape.instances.by_instance and measured.mean is not None:
        return replace(used, instances=measured.mean, measured=used.measured | {"instances"})
    return used
