"""What was counted in several test processes, as one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Counts:
    """Processor seconds.

    Attributes:
        tests: Of each test, by its id.
        modules: Of collecting each module, by its path from the root; nothing where that imported a library.
        slow: Tests that are marked so, where they stand or by their folder.
        shared: Of what belongs to no module, in all processes together.
        processes: How many there were.
    """

    tests: Mapping[str, float]
    modules: Mapping[str, float]
    slow: frozenset[str]
    shared: float
    processes: int

    def costs(self) -> dict[str, float | None]:
        """Give what each module costs without its slow tests; none where all are slow."""
        fast: dict[str, float] = defaultdict(float)
        for test in self.tests.keys() - self.slow:
            fast[test.partition("::")[0]] += self.tests[test]
        return {
            module: round(fast[module] + collecting, 1) if module in fast else None
            for module, collecting in self.modules.items()
        }


def merged(told: Iterable[Mapping[str, Any]]) -> Counts:
    """Make one of several.

    Each process collected all modules, and that costs each of them the same.
    """
    tests: dict[str, float] = defaultdict(float)
    modules: dict[str, float] = {}
    slow: set[str] = set()
    shared, processes = 0.0, 0
    for each in told:
        processes += 1
        shared += each["shared"]
        slow |= set(each["slow"])
        for test, cost in each["tests"].items():
            tests[test] += cost
        for module, cost in each["modules"].items():
            modules[module] = min(cost, modules.get(module, cost))
    return Counts(tests, modules, frozenset(slow), shared, processes)
