"""Models against protocols: the library's own answer, or a refusal that says why. Anything else is wrong."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.runtime.truth import boosters, estimators, graphs, programs
from tests.runtime.truth.case import MODELS
from tests.runtime.truth.doors import DOORS, House, Said, flat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.runtime.truth.case import Case, Row

__all__ = ["MODELS", "SITUATIONS", "Verdict", "judged"]

_ = boosters, estimators, graphs, programs  # each puts its models into the table
SITUATIONS = ("one", "batch", "null", "unknown", "extremes")
REFUSED = frozenset({400, 413, 422})
SAME = {"rtol": 1e-5, "atol": 1e-7}
EXTREMES: dict[str, list[Any]] = {
    "number": [0, -0.0, 1e-320, 2.0**53 + 2, 3.4e38, -3.4e38, 1e39, 1e300, -1e300, 1.7976931348623157e308],
    "integer": [0, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 2**64 - 1, 10**30],
    "boolean": [True, False],
    "string": ["", " ", "Zürich ✓", "x" * 5000, "\x00", "fast fast"],
    "category": ["", "RED", "red "],
}


@dataclass
class Verdict:
    """What became of a model's requests: how many of each sort, by situation and door, and what was wrong."""

    counts: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def of(self, situation: str) -> Counter[str]:
        """Add up the doors."""
        return sum((found for (name, _), found in self.counts.items() if name == situation), Counter())


def judged(name: str, folder: Path, *, every: bool = True) -> Verdict:
    """Make a model, and ask it through every door in every situation; of extremes all, or those of one feature."""
    verdict = Verdict()
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):  # of libraries, about such numbers
        case = MODELS[name](folder)
        house = House(case, folder)
        for situation, rows in asked(case, house, every=every):
            wanted = own(case, rows)
            for door, ask in DOORS.items():
                outcome, why = judge(ask(house, rows), wanted)
                verdict.counts.setdefault((situation, door), Counter())[outcome] += 1
                if outcome == "wrong":
                    verdict.wrong.append(f"{name}, {situation}, {door}: {_short(rows)}: {why}")
        house.close()
    return verdict


def asked(case: Case, house: House, *, every: bool) -> Iterator[tuple[str, list[Row]]]:
    """Give the requests of each situation."""
    first = case.rows[0]
    yield "one", [first]
    yield "batch", case.rows
    for name in house.features:
        yield "null", [{**first, name: None}]
    yield "null", [dict.fromkeys(first)]
    for name, feature in house.features.items():
        if feature.type in {"category", "string"}:
            yield "unknown", [{**first, name: "never seen"}, first]
        for value in EXTREMES[feature.type] if every or name == next(reversed(house.features)) else ():
            yield "extremes", [{**first, name: value}, first]
    yield "unknown", [{**first, "colour": 1.0}]


def own(case: Case, rows: list[Row]) -> list[Any] | None:
    """Give the library's answer, flat; None where it has none."""
    if rows[0].keys() != case.rows[0].keys():
        return None
    try:
        found = np.asarray(case.answer(rows))
    except Exception:  # noqa: BLE001 - libraries raise what they like, and then the server has to refuse
        return None
    return flat(found.tolist())


def judge(said: Said | None, wanted: list[Any] | None) -> tuple[str, str]:
    """Say what an answer is worth, and why it is wrong."""
    if said is None:
        return "cannot be said", ""
    if said.status in REFUSED and said.reason:
        return "refused", ""
    if said.status != 200:
        return "wrong", f"{said.status} {said.reason}"
    if wanted is None:
        return "wrong", f"answered {_short(said.values)}, the library has no answer"
    return ("equal", "") if _equal(said.values, wanted) else ("wrong", f"{_short(said.values)}, not {_short(wanted)}")


def _equal(found: list[Any], wanted: list[Any]) -> bool:
    return len(found) == len(wanted) and all(map(_same, found, wanted))


def _same(found: Any, wanted: Any) -> bool:
    """Compare two values; what JSON has no word for is null in it."""
    if isinstance(wanted, float) and not math.isfinite(wanted):
        return found is None or (isinstance(found, float) and not math.isfinite(found))
    if isinstance(wanted, float):
        return isinstance(found, (int, float)) and bool(np.isclose(found, wanted, **SAME))
    return bool(found == wanted)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 100 else f"{text[:100]}..."
