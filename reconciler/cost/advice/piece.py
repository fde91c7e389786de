"""Pieces of advice, and those that are not given, each with why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from reconciler.cost.amounts import Amounts
from reconciler.cost.shape import Instances

Value = str | int | None
GPU, CPU, MEMORY = "resources.gpu", "resources.cpu", "resources.memory"
LEAST, MOST, CONCURRENCY = "scaling.minInstances", "scaling.maxInstances", "scaling.concurrency"


@dataclass(frozen=True, slots=True)
class Edit:
    """One line of the spec.

    Args:
        path: Below `spec`.
        before: As it is, written or left out; None for none.
        after: What is to be written; None: the key goes.
    """

    path: str
    before: Value
    after: Value

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {"path": self.path, "from": self.before, "to": self.after}


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of advice. Those of a service hold one after the other, in their order.

    Args:
        about: `gpu`, `size`, `concurrency`, `minInstances` or `maxInstances`.
        edits: What to write.
        evidence: Numbers that were measured, in words.
        saving: US dollars a month: what it costs before, less what it costs then, both as it was used.
        risk: What may come of it.
        spends: It costs more, and that is the point: less fails.
    """

    about: str
    edits: tuple[Edit, ...]
    evidence: tuple[str, ...]
    saving: Amounts
    risk: str
    spends: bool = False

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            "about": self.about,
            "edits": [each.to_json() for each in self.edits],
            "evidence": list(self.evidence),
            "saving": self.saving.shown(),
            "risk": self.risk,
            "spends": self.spends,
        }


@dataclass(frozen=True, slots=True)
class Kept:
    """What is left as it is, and why."""

    about: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {"about": self.about, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Advice:
    """All that is said of one service.

    Args:
        pieces: In the order in which they are worked out.
        kept: What is left as it is.
        now: US dollars a month, as it was used.
        then: The same, with all pieces followed.
        instances: As they would be.
    """

    pieces: tuple[Piece, ...]
    kept: tuple[Kept, ...]
    now: Amounts
    then: Amounts
    instances: Instances

    @property
    def values(self) -> Mapping[str, Value]:
        """Give what is to be written, by path; of a line that several pieces change, what the last one says."""
        found: dict[str, Edit] = {}
        for edit in (edit for piece in self.pieces for edit in piece.edits):
            before = found.pop(edit.path, edit)
            found[edit.path] = replace(edit, before=before.before)
        # Without its GPU a service has other sizes where the spec says none: they are written, though they stay.
        sizes = "resources." if GPU in found else ""
        return {
            path: edit.after
            for path, edit in found.items()
            if edit.before != edit.after or (sizes and path.startswith(sizes))
        }

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            "pieces": [each.to_json() for each in self.pieces],
            "kept": [each.to_json() for each in self.kept],
            "now": self.now.shown(),
            "then": self.then.shown(),
        }
