"""What a spec wants where nothing may be asked: what only Google can tell is taken as it usually is. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.core.facts import Facts
from reconciler.core.graph.drawing import Found
from reconciler.core.wants import Wants

if TYPE_CHECKING:
    from reconciler.core.kind import Kinds
    from schemas import LoadedService

BUCKET = "{}-mlservice"
"""Name of the state bucket where nobody says another one."""


def assumed(kinds: Kinds, loaded: LoadedService, project: str) -> Facts:
    """Answer what a spec must know with what usually is.

    Args:
        kinds: The kinds we know.
        loaded: The spec.
        project: Id of the project, or what stands for it.
    """
    given = Facts(project, BUCKET.format(project))
    answers: dict[tuple[str, str], Any] = {}
    for lookup in kinds.lookups:
        for question in lookup.asks(loaded, given):
            if (answer := lookup.assumed(question)) is not None:
                answers[lookup.name, question.key] = answer
    return Facts(project, given.bucket, answers=answers)


def found_offline(kinds: Kinds, loaded: LoadedService, project: str) -> Found:
    """Give what a spec wants, and nothing of what is there.

    Raises:
        PlansRefused: It contradicts itself.
    """
    wants = Wants.of(kinds, [loaded], [assumed(kinds, loaded, project)])
    return Found(wants.made, tuple(wants.used))
