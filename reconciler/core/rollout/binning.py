"""Bins of predictions, fixed by what the stable version answered: tenths of numbers, or classes. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

TENTHS = 10
MOST_CLASSES = 30
"""So many classes have a bin each: those that are answered most. What else is answered is one bin together."""


@dataclass(frozen=True, slots=True)
class Binning:
    """How predictions are told apart.

    Args:
        edges: Of numbers: what is at most the first is in the first bin, and so on; rising.
        classes: Of anything else: as text, a bin each.
    """

    edges: tuple[float, ...] = ()
    classes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many bins there are, one of them for what is in none other."""
        return len(self.classes) + 1 if self.classes else len(self.edges) + 2

    def place(self, value: Any) -> int:
        """Give the bin of a prediction."""
        if self.classes:
            text = as_class(value)
            return self.classes.index(text) if text in self.classes else len(self.classes)
        return bisect_left(self.edges, float(value)) if is_number(value) else self.size - 1

    def counts(self, values: Iterable[Any]) -> tuple[int, ...]:
        """Count predictions by bin."""
        found = [0] * self.size
        for value in values:
            found[self.place(value)] += 1
        return tuple(found)


def binning_of(values: Sequence[Any]) -> Binning:
    """Fix bins by what the stable version answered.

    Args:
        values: Its predictions, at least one.
    """
    if values and all(map(is_number, values)):
        ranked = sorted(float(each) for each in values)
        places = (max(0, len(ranked) * tenth // TENTHS - 1) for tenth in range(1, TENTHS))
        return Binning(edges=edges_of(ranked[place] for place in places))
    most = Counter(map(as_class, values)).most_common(MOST_CLASSES)
    return Binning(classes=tuple(sorted(name for name, _ in most)))


def edges_of(values: Iterable[float]) -> tuple[float, ...]:
    """Give the edges between bins: each once, however many predictions are equal."""
    return tuple(sorted(set(values)))


def is_number(value: Any) -> bool:
    """Tell a number from a class; true and false are classes."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def as_class(value: Any) -> str:
    """Write a class as the prediction log has it, truth in small letters."""
    return str(value).lower() if isinstance(value, bool) else str(value)
