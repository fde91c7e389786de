"""What runs left behind: it is found, and taken away."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from traceback import extract_tb

from google.api_core import exceptions, retry
from google.auth.exceptions import GoogleAuthError

from reconciler.core.errors import ReconcilerError
from tests.conformance.target.connection import Target
from tests.conformance.target.journal import ABANDONED_AFTER, began
from tests.conformance.target.sort import Seen, Sort
from tests.conformance.target.sorts import SORTS

_AGAIN = retry.Retry(
    predicate=retry.if_exception_type(
        exceptions.Aborted, exceptions.Conflict, exceptions.TooManyRequests, exceptions.ServiceUnavailable
    ),
    initial=0.5,
    maximum=10.0,
    timeout=180.0,
)
"""What is still being made cannot be deleted yet."""
REFUSALS = (exceptions.GoogleAPIError, GoogleAuthError, ReconcilerError, OSError)
"""What a look ends with where the target or the way to it is the reason; anything else is told as a mistake of ours."""


def may_go(here: Collection[str], now: datetime) -> Callable[[Seen], bool]:
    """Tell what may be taken away: of runs that have a journal here, and what an old run's label is on.

    Args:
        here: Runs that are gone and have a journal on this machine.
        now: What is much older than this is no run's that may be at work.
    """

    def may(seen: Seen) -> bool:
        old = seen.labelled and now - began(seen.run) > ABANDONED_AFTER
        return bool(seen.run) and (seen.run in here or old)

    return may


@dataclass
class Search:
    """What was found.

    Args:
        going: By sort, what is to go.
        doubtful: What has an old run's name, and neither a label nor a journal here.
        left: What may have been left where it could not be looked for, with the reason.
        unseen: What the project does not show: an API that is off, or that the caller may not ask.
    """

    going: dict[Sort, list[str]] = field(default_factory=dict)
    doubtful: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """What is to go, a line each."""
        return [f"{sort.name} {name}" for sort, names in self.going.items() for name in names]


def search(
    target: Target,
    may: Callable[[Seen], bool],
    noted: Mapping[str, set[str]],
    now: datetime,
    sorts: Sequence[Sort] = SORTS,
) -> Search:
    """Find what was noted, and what is there by name or label.

    Args:
        target: The project.
        may: Whether something that is there may go.
        noted: Names by sort, from journals.
        now: What has an older run's name is told where it may not go.
        sorts: What is looked for.
    """
    found = Search()
    for sort in sorts:
        names = dict.fromkeys(name for name in sorted(noted.get(sort.name, ())) if not name.endswith("?"))
        try:
            for seen in sort.find(target):
                if may(seen):
                    names[seen.name] = None
                elif seen.run and seen.name not in names and now - began(seen.run) > ABANDONED_AFTER:
                    found.doubtful.append(f"{sort.name} {seen.name}")
        except (exceptions.Forbidden, exceptions.NotFound) as error:
            known = found.left if noted.get(sort.name) else found.unseen
            known.append(f"{sort.name}: cannot be listed: {error}")
        except REFUSALS as error:  # one sort that cannot be listed never keeps the others
            found.left.append(f"{sort.name}: cannot be listed: {error}")
        except Exception as error:  # noqa: BLE001 - a mistake of ours in one sort leaves nothing else in the project
            found.left.append(f"{sort.name}: not all looked for, by a mistake of ours: {_told(error)}")
        found.going[sort] = list(names)
    return found


def _told(error: Exception) -> str:
    """Say what was raised and where: the line to mend."""
    where = extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"


def take_away(target: Target, found: Search) -> tuple[list[str], list[str]]:
    """Take away what was found; what went, and what could not be taken away, with the reason."""
    gone: list[str] = []
    left = list(found.left)
    for sort, names in found.going.items():
        for name in names:
            _take(target, sort, name, gone, left)
    return gone, left


def _take(target: Target, sort: Sort, name: str, gone: list[str], left: list[str]) -> None:
    try:
        _AGAIN(sort.remove)(target, name)
    except exceptions.NotFound:
        return
    except Exception as error:  # noqa: BLE001 - one that stays never keeps the others
        left.append(f"{sort.name} {name}: {error}")
    else:
        gone.append(f"{sort.name} {name}")
