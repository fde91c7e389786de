"""The conditions a caller may put on a read or a write, all of them, decided in one place.

Source:
    cloud.google.com/storage/docs/request-preconditions. Generation 0 stands for "there is no live object". On a
    read, an unmet `…NotMatch` is 304; every other unmet condition is 412.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator.apis.storage import errors

if TYPE_CHECKING:
    from emulator.apis.storage.wire import Call


@dataclass(frozen=True, slots=True)
class Conditions:
    """The numbers a call named; None is "no such condition"."""

    generation: int | None = None
    not_generation: int | None = None
    metageneration: int | None = None
    not_metageneration: int | None = None

    def check(self, resource: dict[str, Any] | None, *, reading: bool = False) -> None:
        """Compare with the live object or bucket; None is "there is none".

        Raises:
            StorageError: 412, or 304 for a read.
        """
        generation = int(resource["generation"]) if resource else 0
        metageneration = int(resource["metageneration"]) if resource else 0
        if self.generation is not None and self.generation != generation:
            raise errors.precondition()
        if self.metageneration is not None and self.metageneration != metageneration:
            raise errors.precondition()
        same = self.not_generation == generation or self.not_metageneration == metageneration
        if same:
            raise errors.not_modified() if reading else errors.precondition()


def of_call(call: Call, *, source: bool = False) -> Conditions:
    """The conditions in the query; `source` reads the ones on the source of a copy.

    Raises:
        StorageError: 400, a condition is no whole number.
    """
    prefix = "ifSource" if source else "if"
    return Conditions(
        call.whole_number(f"{prefix}GenerationMatch"),
        call.whole_number(f"{prefix}GenerationNotMatch"),
        call.whole_number(f"{prefix}MetagenerationMatch"),
        call.whole_number(f"{prefix}MetagenerationNotMatch"),
    )
