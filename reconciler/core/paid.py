"""What of a kind's objects is paid for. Each kind says it of its own, and no list says it of several. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconciler.core.diff import FieldChange
    from reconciler.cost.shape import Shape


@dataclass(frozen=True, slots=True)
class Fields:
    """Tells whether a changed field is one of some, a part of one, or what one is a part of.

    Args:
        paths: In the record, such as `keep_last` or `target.window`.
        begins: Of those, what cost nothing where it was not there, since it is priced by another object that is made.
    """

    paths: frozenset[str] = frozenset()
    begins: frozenset[str] = frozenset()

    def __call__(self, change: FieldChange) -> bool:
        """Tell it of one change."""
        if change.before is None and change.path in self.begins:
            return False
        return any(_within(change.path, path) for path in self.paths)


@dataclass(frozen=True, slots=True)
class Told:
    """Tells whether a part of a field that is a text of JSON is another one; what cannot be read is as it is written.

    Args:
        path: Of the field.
        part: Gives the part of what the text says.
    """

    path: str
    part: Callable[[Any], Any]

    @property
    def paths(self) -> frozenset[str]:
        """Give the field as `Fields` does."""
        return frozenset({self.path})

    def __call__(self, change: FieldChange) -> bool:
        """Tell it of one change."""
        return change.path == self.path and self._of(change.before) != self._of(change.after)

    def _of(self, written: Any) -> Any:
        try:
            return self.part(json.loads(written))
        except (TypeError, ValueError, LookupError, AttributeError, RecursionError):
            return written


def fields(*paths: str, begins: frozenset[str] = frozenset()) -> Fields:
    """Say which fields; none for no field.

    Args:
        paths: In the record.
        begins: Of those, what cost nothing where it was not there.
    """
    return Fields(frozenset(paths), begins)


def as_the_spec_says(shape: Shape, record: Mapping[str, Any]) -> Shape:
    """Price by the spec, whatever the record says."""
    del record
    return shape


def as_it_is(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give a record of which no budget holds anything back."""
    return record


def part_by_part(wanted: Mapping[str, Any], observed: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give a live record whose parts are each compared with the wanted one of the same name."""
    del wanted
    return observed


@dataclass(frozen=True, slots=True)
class Paid:
    """What an estimate knows of a kind's objects.

    Args:
        alters: Changed fields by which they cost another amount, and nobody knows what they cost before. What `sized`
            reads is not among it: that is priced as it is live.
        fires: Changed fields by which trainings begin at other times, or not as often.
        fires_by_itself: One that is made or deleted does that, too.
        counted: Part of the shape that counts them; empty for none.
        without: Parts of the shape, as they are where there is none of them. Whose deletion lowers an estimate by what
            nobody knows: the spec has no numbers of it any more.
        sized: Gives a shape with sizes as a plain record says them, wanted or live.
        released: Gives such a record as it is without what a spent budget holds back: that ends by itself.
        facing: Gives a live record, from the wanted one and from it, with each part under the name that the wanted one
            takes its place by.
    """

    alters: Fields | Told = Fields()
    fires: Fields | Told = Fields()
    fires_by_itself: bool = False
    counted: str = ""
    without: Mapping[str, Any] = field(default_factory=dict)
    sized: Callable[[Shape, Mapping[str, Any]], Shape] = as_the_spec_says
    released: Callable[[Mapping[str, Any]], Mapping[str, Any]] = as_it_is
    facing: Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]] = part_by_part


NOTHING = Paid()
"""Of a kind whose objects cost nothing, or only what is used of them and another kind's price has in it."""


def _within(changed: str, priced: str) -> bool:
    """Tell whether one path is the other, a part of it, or what it is a part of."""
    return changed == priced or changed.startswith((f"{priced}.", f"{priced}[")) or priced.startswith(f"{changed}.")
