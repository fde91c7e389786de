"""Standings in the state bucket: a pass reads the last ones once, and writes its own once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.inventory import Key
from reconciler.engine.kept_standings import STANDINGS, document_of, oldest_first, services_of, standing_of
from reconciler.engine.oversight import UNSEEN
from reconciler.engine.standings.making import Making, head, next_passes
from reconciler.engine.standings.signals import Answers, read_answers
from schemas import LoadedOperator, LoadedService
from schemas.kept import KeptError, Standings

if TYPE_CHECKING:
    from reconciler.engine.passes import Pass
    from reconciler.engine.pool import Task
    from reconciler.engine.reports import Reports
    from reconciler.engine.session import Session
    from reconciler.engine.shard import Shard
    from schemas import Loaded

_UNREAD = "not looked at: no spec of it could be read; mend what the pass could not read"


@dataclass(frozen=True, slots=True)
class Last:
    """What was kept last.

    Args:
        services: By region and name; those that are damaged are left out.
        trouble: Why it cannot be read; empty where it can, or there is none.
    """

    services: Mapping[Key, Mapping[str, Any]] = field(default_factory=dict)
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Begun:
    """What is read while a pass plans, so that it takes no time of its own.

    Args:
        last: What was kept last.
        answers: How services answered of late.
    """

    last: Task[Last]
    answers: Task[Answers]


def begin(session: Session, reports: Reports, shard: Shard) -> Begun:
    """Start reading.

    Args:
        session: The run's means.
        reports: Of the operator.
        shard: Which one it is.
    """
    return Begun(session.pool.submit(read_last, reports, shard), session.pool.submit(read_answers, session))


def read_last(reports: Reports, shard: Shard) -> Last:
    """Read what was kept of a shard's services last: of all shards where there were other ones.

    Args:
        reports: Of the operator.
        shard: Which one it is.

    Raises:
        ApiError: The bucket cannot be read.
    """
    said = reports.document(document_of(shard.index))
    last = _last([said] if said is not None else [])
    if last.trouble or (said and _shards(said) == shard.count):
        return last
    return _last(reports.documents(STANDINGS))  # services moved from one to another, with what is known of them


def _shards(said: Mapping[str, Any]) -> int:
    """Give how many shards there were; 0 where a document does not say."""
    shard = said.get("shard")
    count = shard.get("count") if isinstance(shard, Mapping) else 0
    return count if isinstance(count, int) else 0


def _last(documents: Iterable[Mapping[str, Any]]) -> Last:
    services: dict[Key, Mapping[str, Any]] = {}
    trouble = ""
    for said in oldest_first(documents):
        try:
            told = services_of(said)
        except KeptError as error:
            trouble = f"what was known of services before cannot be read: {error}"
            continue
        services |= {key: found.to_json() for key, each in told.items() if (found := standing_of(each))}
    return Last(services, trouble)


def keep_standings(
    made: Pass,
    documents: Sequence[Loaded],
    reports: Reports,
    shard: Shard,
    begun: Begun,
    *,
    program: str = "",
    broken: bool = False,
) -> list[str]:
    """Keep what a pass knew of the services of its shard.

    Args:
        made: What it did.
        documents: Services of the shard, and operators: when the next pass is due stands in its own document.
        reports: Of the operator.
        shard: Which one it is.
        begun: What was read meanwhile.
        program: Version of this program.
        broken: Some specs could not be read: of what has none now it is kept what was known.

    Returns:
        What could not be looked at, in sentences.

    Raises:
        ApiError: They could not be written.
    """
    services = [each for each in documents if isinstance(each, LoadedService)]
    operators = [each for each in documents if isinstance(each, LoadedOperator)]
    troubles: list[str] = []
    try:
        last = begun.last.result()
    except errors.ReconcilerError as error:
        last = Last(trouble=f"what was known of services before cannot be read: {error.message}")
    troubles += [last.trouble] if last.trouble else []
    making = Making(
        made.session,
        services,
        made.plans,
        made.told,
        last.services,
        begun.answers.result(),
        made.orders.environment,
        troubles=troubles,
    )
    told = making.services()
    if broken:
        told += _unread(last.services, {(each["region"], each["name"]) for each in told}, shard)
    document = {
        "format": Standings.form(),
        **head(made.session, operator=reports.operator, program=program, troubles=making.troubles),
        "shard": {"index": shard.index, "count": shard.count},
        "next": _next(made, operators, reports.operator),
        "services": told,
    }
    reports.keep(document_of(shard.index), document, large=True)
    return making.troubles


def _unread(before: Mapping[Key, Mapping[str, Any]], there: Collection[Key], shard: Shard) -> list[dict[str, Any]]:
    """Give what was known of services that no spec is of now: it may be the one that cannot be read."""
    found = []
    for key, each in sorted(before.items()):
        if key not in there and shard.takes(*key):
            needs = {"needsYou": [_UNREAD], "needs": [{"kind": UNSEEN, "why": _UNREAD}]}
            found.append({**each, **needs, "state": UNSEEN})
    return found


def _next(made: Pass, operators: Sequence[LoadedOperator], operator: str) -> list[str]:
    own = next((each.operator.spec for each in operators if each.operator.name == operator), None)
    return next_passes(own.schedule, own.time_zone, made.session.clock.now()) if own and not own.paused else []
