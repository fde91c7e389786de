"""Reading what is written of images: one list for several of a project, all in parallel; a bad one spoils no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from reconciler.core import errors
from reconciler.core.scanning.findings import Unreadable
from reconciler.core.scanning.places import Place
from reconciler.engine.session import Session

T = TypeVar("T")


def read_places(
    session: Session, places: Iterable[Place], at_once: int, read: Callable[[str, Sequence[str]], Mapping[str, T]]
) -> dict[str, T]:
    """Read of each place once, by its URI.

    Args:
        session: The run's means.
        places: Of images.
        at_once: So many in one list.
        read: Reads some of a project; what it cannot read, it says of each.
    """
    by_project: dict[str, list[str]] = {}
    for place in sorted(set(places), key=lambda each: each.uri):
        by_project.setdefault(place.project, []).append(place.uri)
    chunks = [
        (project, uris[at : at + at_once])
        for project, uris in by_project.items()
        for at in range(0, len(uris), at_once)
    ]
    answers = session.pool.gather([partial(read, *chunk) for chunk in chunks])
    return {uri: one for answer in answers for uri, one in answer.items()}


def in_halves(
    read: Callable[[Sequence[str]], Mapping[str, T]],
    unreadable: Callable[[errors.ReconcilerError], Unreadable],
    asked: Sequence[str],
) -> dict[str, T | Unreadable]:
    """Read a list. Where Google refuses it, it is one of them, or all are too many: the others are read all the same.

    Args:
        read: Reads some.
        unreadable: Says why it could not, and who has to do what.
        asked: What they are.
    """
    try:
        return {**read(asked)}
    except errors.ReconcilerError as error:
        if isinstance(error, errors.InvalidRequest) and len(asked) > 1:
            half = len(asked) // 2
            return in_halves(read, unreadable, asked[:half]) | in_halves(read, unreadable, asked[half:])
        return dict.fromkeys(asked, unreadable(error))
