"""Standings without a job: the same documents, made in memory of what is there now, for whoever looks from a laptop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.inventory import Key
from reconciler.core.orders import Orders
from reconciler.core.standings.words import moment, name, text, word
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.passes import Pass
from reconciler.engine.standings.making import Making, head
from reconciler.engine.standings.signals import read_answers
from reconciler.engine.standings.subject import told_needs, versions_of
from reconciler.engine.status import ServiceStatus, Statuses, read_status
from schemas import LoadedService
from schemas.kept import Standings
from schemas.operator import is_operators

if TYPE_CHECKING:
    from reconciler.core.plan import Change
    from reconciler.engine.passes import Planner
    from reconciler.engine.session import Session
    from schemas import Loaded


class _Silence:
    """Keeps nothing of what a pass tells: a look tells by what it gives."""

    def write(self, severity: str, message: str, **keys: Any) -> None:
        """Leave it."""

    def change(self, change: Change, what: str, seconds: float) -> None:
        """Leave it."""


def standings_now(
    session: Session,
    documents: Sequence[Loaded],
    plan: Planner,
    *,
    before: Standings | None = None,
    environment: str = "",
    program: str = "",
) -> Standings:
    """Look at services as they are, and change nothing.

    Of those with a spec it is what a pass that only reports would keep; of others that were applied, what is there.

    Args:
        session: The run's means.
        documents: Specs beside us; those of operators are left out.
        plan: Makes the plan of some documents.
        before: What was given last, for decisions about rollouts since; None for nothing.
        environment: Of the specs; empty for none.
        program: Version of this program.

    Raises:
        ApiError: Inventories cannot be read.
    """
    services = [each for each in documents if isinstance(each, LoadedService)]
    made = Pass(session, Orders(), plan, _Silence(), dry_run=True)
    made.run(services)
    known = {(each.region, each.name): each.to_json() for each in before.services} if before else {}
    answers = read_answers(session) if made.plans else None
    making = Making(session, services, made.plans, made.told, known, answers, environment, by_hand=True)
    told = making.services()
    told += _others(session, {(each.region, each.name) for each in services}, making.troubles)
    document = {
        "format": Standings.form(),
        **head(session, operator="", program=program, troubles=making.troubles),
        "shard": {"index": 0, "count": 1},
        "services": sorted(told, key=lambda each: (each["region"], each["name"])),
    }
    return Standings.read(document)


def _others(session: Session, wanted: set[Key], troubles: list[str]) -> list[dict[str, Any]]:
    """Tell of services that were applied and whose spec is not here, as far as that goes without one."""
    try:
        everything = InventoryStore(session).read_all()
        troubles += [text(each.message) for each in everything.broken.values()]
        others = {key[1] for key in everything if key not in wanted and not is_operators(key[1])}
        readable = sorted(each for each in others if not everything.broken_of(each))
        found = read_status(session, readable) if readable else Statuses(())
    except errors.ReconcilerError as error:
        troubles.append(text(f"services without a spec here were not looked at: {error.message}"))
        return []
    return [
        _told(session, each) for each in found.services if (each.inventory.region, each.inventory.service) not in wanted
    ]


def _told(session: Session, status: ServiceStatus) -> dict[str, Any]:
    inventory, seen = status.inventory, status.service
    return {
        "name": name(inventory.service),
        "region": name(inventory.region),
        "project": name(session.connection.project),
        "url": word(seen.output["uri"]) if seen else "",
        "asked": name(status.asked),
        "serving": name(status.serving),
        **told_needs((name(sort), text(why)) for sort, why in status.needed),
        "problem": text(status.problem),
        "checked": moment(status.checked),
        "changed": moment(inventory.changed),
        "versions": versions_of(seen),
    }
