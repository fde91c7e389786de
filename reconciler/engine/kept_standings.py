"""What passes kept of services: one reader, for commands and for the pass that comes next.

Whoever may write there may write anything, and a shard that there is no more leaves its document behind. So what is
damaged hides nothing else, and of a service that several documents tell of the newest counts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from reconciler.core import errors
from reconciler.core.rollout.forecast import clock
from reconciler.core.standings.moving import SORTS, Need
from reconciler.core.standings.words import moment
from reconciler.engine.reports import Reports
from schemas.kept import KeptError, Standings
from schemas.kept.standings import ServiceStanding

if TYPE_CHECKING:
    from reconciler.core.inventory import Key
    from reconciler.engine.session import Session

STANDINGS = "standings/"
"""Where standings lie below an operator's folder of the state bucket."""

Told = Mapping[str, Any]


def document_of(shard: int) -> str:
    """Give the name of a shard's document.

    Args:
        shard: Which.
    """
    return f"{STANDINGS}{shard}.json"


def services_of(said: object) -> dict[Key, Told]:
    """Give what a document holds of each service, unchecked: of many a reader may want few (`standing_of`).

    Args:
        said: The document, as JSON gave it.

    Raises:
        KeptError: It is none, or a newer version of this program wrote it.
    """
    told = Standings.current(said).get("services")
    many = [each for each in told if isinstance(each, Mapping)] if isinstance(told, list) else []
    return {(str(each.get("region")), str(each.get("name"))): each for each in many}


def standing_of(told: Told) -> ServiceStanding | None:
    """Give one service; None where what is told of it is damaged.

    Args:
        told: As `services_of` gives it.
    """
    try:
        return ServiceStanding.model_validate(told)
    except ValidationError:
        return None


def oldest_first(documents: Iterable[Told]) -> list[Told]:
    """Sort documents by when they were written: who reads them one after the other ends with the newest.

    Args:
        documents: As JSON gave them.
    """
    return sorted(documents, key=_written)


def _written(document: Told) -> float:
    at = moment(document.get("at"))
    return datetime.fromisoformat(at).timestamp() if at else 0.0


@dataclass(frozen=True, slots=True)
class Decided:
    """Decisions about a rollout.

    Args:
        trail: As `schemas.kept.moving.Decision`, the newest first.
        unreadable: Why they cannot be read; empty where they can, or there are none.
    """

    trail: tuple[Told, ...] = ()
    unreadable: str = ""


def read_decided(reports: Reports, shard: int, key: Key, *, last: int) -> Decided:
    """Read the last decisions about a service's rollout.

    Args:
        reports: Of the operator.
        shard: The one that has the service.
        key: Its region and name.
        last: How many.

    Raises:
        ApiError: The bucket cannot be read.
    """
    name = document_of(shard)
    said = reports.document(name)
    if said is None:
        return Decided()
    where = f"cannot read {name} of the operator {reports.operator}"
    try:
        told = services_of(said).get(key)
    except KeptError as error:
        return Decided(unreadable=f"{where}: {error}")
    if told is None:
        return Decided()
    standing = standing_of(told)
    if standing is None:
        return Decided(unreadable=f"{where}: what it says of {key[1]} is damaged")
    trail = [decision.to_json() for decision in standing.trail]
    return Decided(tuple(trail[: -last - 1 : -1]))


def read_waiting(session: Session, operator: str, keys: Collection[Key]) -> dict[Key, tuple[Need, ...]]:
    """Read what people have to see to about rollouts. What cannot be read is left out: the page tells of that.

    As many reads as the job has shards.

    Args:
        session: The run.
        operator: Name of the operator; empty for none.
        keys: Of which services.
    """
    if not operator or not keys:
        return {}
    try:
        documents = Reports(session, operator).documents(STANDINGS)
    except errors.ReconcilerError:
        return {}
    told: dict[Key, Told] = {}
    for said in oldest_first(documents):
        try:
            found = services_of(said)
        except KeptError:
            continue
        told |= {key: found[key] for key in keys if key in found}
    now = session.clock.now()
    standings = {key: standing_of(each) for key, each in told.items()}
    return {key: tuple(_waiting(each, now)) for key, each in standings.items() if each}


def _waiting(service: ServiceStanding, now: datetime) -> Iterator[Need]:
    at = f" (as of {clock(datetime.fromisoformat(service.checked).astimezone(UTC), now)})" if service.checked else ""
    return ((need.kind, f"{need.why}{at}") for need in service.needs if need.kind in SORTS)
