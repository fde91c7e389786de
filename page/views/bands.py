"""Spans in which a chart of a rollout says less than it seems to: too little was seen, or a freeze held. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest

from page.documents import Data

SPARSE, FROZEN = "sparse", "frozen"
_TOO_LITTLE = frozenset({"NotEnoughData", "MetricsMissing"})


def frozen(trail: Sequence[Data]) -> list[Data]:
    """Give when a freeze held traffic where it was.

    Args:
        trail: Decisions about a rollout, the newest last.
    """
    return _spans(FROZEN, trail, lambda told: bool(told["wait"] == "Frozen"))


def sparse(gate: str, trail: Sequence[Data]) -> list[Data]:
    """Give when a gate had seen too little to say anything.

    Args:
        gate: Its name.
        trail: Decisions about a rollout, the newest last.
    """

    def is_sparse(told: Data) -> bool:
        return any(each["gate"] == gate and each["verdict"] in _TOO_LITTLE for each in told["gates"])

    return _spans(SPARSE, trail, is_sparse)


def _spans(kind: str, trail: Iterable[Data], is_one: Callable[[Data], bool]) -> list[Data]:
    """Join decisions that follow each other; what was decided holds until the next one."""
    found: list[Data] = []
    steps = [*trail]
    joins = False
    for told, after in zip_longest(steps, steps[1:]):
        holds = is_one(told)
        if holds:
            until = after["since"] if after else told["until"]
            if joins:
                found[-1]["until"] = until
            else:
                found.append({"kind": kind, "since": told["since"], "until": until})
        joins = holds
    return found
