"""Which modules fit into `make check`: decided by what was measured, before any of them is imported."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

MEASURED = Path(__file__).with_name("measured.json")
BUDGET_S = 60.0
"""Processor seconds that the modules of `make check` may cost together, beside what every run costs: 90 s of two cores
less the static checks (45 s where mypy knows nothing yet) and, in each test process, imports and a daemon."""
LARGEST_S = 5.0
"""No module costs more, be it the only one of its topic."""


def measured(path: Path = MEASURED) -> dict[str, float]:
    """Give the seconds of each module, by its path from the root; of one whose tests are all slow, no end of them."""
    return {module: math.inf if cost is None else cost for module, cost in json.loads(path.read_text()).items()}


def left_out(costs: Mapping[str, float], budget_s: float = BUDGET_S) -> frozenset[str]:
    """Give the modules that `--quick` has no time for.

    The cheapest of each topic first, so that none is without a test; then whatever is cheapest. A module that was never
    measured is not in `costs`, hence never left out: what is new is tested.

    Args:
        costs: Seconds of each module, by its path from the root.
        budget_s: What those that stay may cost together.
    """
    spent, without = 0.0, set()
    for module in _in_turn(costs):
        if costs[module] > LARGEST_S or spent + costs[module] > budget_s:
            without.add(module)
        else:
            spent += costs[module]
    return frozenset(without)


def _in_turn(costs: Mapping[str, float]) -> Iterator[str]:
    cheapest_first = sorted(costs, key=lambda module: (costs[module], module))
    first: dict[Path, str] = {}
    for module in cheapest_first:
        first.setdefault(Path(module).parent, module)
    yield from first.values()
    yield from (module for module in cheapest_first if first[Path(module).parent] != module)
