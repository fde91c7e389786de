"""What goes from one object to another: requests, messages, rows. Each kind says it of its own objects. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from reconciler.core.address import Address

if TYPE_CHECKING:
    from reconciler.core.objects import Desired
    from schemas import MLService


class Group(StrEnum):
    """What a kind's objects are for: they are drawn together, in this order."""

    SERVING = "serving"
    MESSAGES = "messages"
    DATA = "data"
    MONITORING = "monitoring"
    TRAINING = "retraining"
    BUDGET = "budget"
    ACCESS = "access"
    OTHER = "other"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True, order=True)
class Outside:
    """An end that no object of ours is: callers, a bucket, a person's mailbox.

    Args:
        sort: What it is, in words.
        name: Which; what a spec or a live object says, so any text. Empty where there is one of the sort.
    """

    sort: str
    name: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Each:
    """Every object of a kind that the service has, for ends whose names another kind makes.

    Args:
        kind: Name of the kind.
    """

    kind: str


End = Address | Outside | Each


@dataclass(frozen=True, slots=True)
class Flow:
    """Something goes from one end to the other.

    Args:
        source: Where from.
        target: Where to.
        what: What goes, in a word or two.
    """

    source: End
    target: End
    what: str


Flows = Callable[["Desired[Any]", "MLService", str], Iterator[Flow]]
"""Tells, of a wanted object, the spec and the project, what goes to it and from it; pure."""


def nothing_flows(want: Desired[Any], service: MLService, project: str) -> Iterator[Flow]:
    """Know of nothing that goes through an object."""
    del want, service, project
    yield from ()
