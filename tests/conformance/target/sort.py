"""A sort of object that runs make, and one that is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.conformance.target.connection import Target
from tests.conformance.target.journal import LABEL, is_run, run_in


@dataclass(frozen=True)
class Seen:
    """Something that is there.

    Args:
        name: Its resource name.
        run: The run that it is of by its name or label; empty for what is nobody's of ours.
        labelled: Whether its label says so: a name alone is no proof where no journal has the run.
    """

    name: str
    run: str
    labelled: bool = False


Found = Iterator[Seen]


@dataclass(frozen=True)
class Sort:
    """A sort of object.

    Args:
        name: In journals.
        made_by: The request that makes one: a method's full name, or a verb and a path in which `*` is one segment.
        called: Its resource name, of the request's fields and parameters; it ends with `?` where the server names it.
        find: Give those that are there.
        remove: Take one away; waits until it is gone.
    """

    name: str
    made_by: str
    called: str
    find: Callable[[Target], Found]
    remove: Callable[[Target, str], Any]


def seen_as(name: str, labels: Mapping[str, str]) -> Seen:
    """The run by label or, where there is none, by name; a label of any other form is somebody else's."""
    said, named = str(labels.get(LABEL, "")), run_in(name)
    if not said:
        return Seen(name, named)
    ours = is_run(said) and named in {"", said}
    return Seen(name, said if ours else "", labelled=ours)
