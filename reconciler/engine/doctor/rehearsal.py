"""What a plan says, and what Cloud Run itself says of the services in it, asked to check and to write nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.core import errors
from reconciler.core.checkup import Answer, Check
from reconciler.core.facts import Facts
from reconciler.core.membership import KIND as MEMBERSHIP
from reconciler.core.membership import Membership
from reconciler.core.plan import Action, Change
from reconciler.core.planned import Planned, compose
from reconciler.core.record import revive
from reconciler.core.reference import refs
from reconciler.engine.doctor.case import Case, Checks, unknown
from reconciler.engine.inventory_store import InventoryStore
from schemas import LoadedService

_ACCOUNT = "serviceAccount:"
WAITS = "Cloud Run can be asked once the account that the service runs as is there"


def planned(
    case: Case, services: Sequence[LoadedService], facts: Sequence[Facts]
) -> tuple[Planned | None, list[Check]]:
    """Make the plan of those services that everything is known of, and say what keeps it from being made."""
    session = case.session
    try:
        everything = InventoryStore(session).read_all()
        made = compose(
            session.kinds,
            services,
            facts,
            everything,
            session.observe,
            project=session.connection.project,
            now=session.clock.now(),
        )
    except errors.PlansRefused as refused:
        return None, [Check("plan", Answer.FAIL, f"{each.message}{_hint(each)}") for each in refused.problems]
    except errors.SeveralErrors as several:
        return None, [unknown("plan", each) for each in several.errors]
    except errors.ReconcilerError as error:
        return None, [unknown("plan", error)]
    return made, []


def _hint(error: errors.ReconcilerError) -> str:
    return f"; {error.hint}" if error.hint else ""


def looks(case: Case, made: Planned) -> Iterator[tuple[str, Checks]]:
    """Give a check for each service that Cloud Run would be asked to make or to change."""
    primary = case.session.kinds.primary.name
    for change in made.plan.changes:
        if change.address.kind == primary and change.action in {Action.CREATE, Action.UPDATE}:
            yield "cloud-run", _rehearsed(case, made, change)


def _rehearsed(case: Case, made: Planned, change: Change) -> Checks:
    loaded = next((s for s in case.services if s.service.name == change.address.name), None)
    where = str(loaded.where("metadata.name")) if loaded else ""

    def look() -> Iterator[Check]:
        kind = case.session.kinds.primary
        fields = revive(kind.fields, change.desired or {})
        if waits := sorted({str(ref.address) for ref in refs(fields)}):
            line = f"{change.address.name} can be checked by Cloud Run once {', '.join(waits)} is there"
            yield Check("cloud-run", Answer.UNKNOWN, line, services=change.services)
            return
        try:
            case.session.client(kind).rehearse(change.address, fields, made.seen.get(change.address), change.changes)
        except errors.InvalidRequest as error:
            yield Check("cloud-run", Answer.FAIL, error.message, services=change.services, where=where)
        except errors.NotReadyYet:  # Google's words name the account: without them all that wait are one line
            yield Check("cloud-run", Answer.UNKNOWN, WAITS, services=change.services)
        except errors.QuotaExhausted as error:
            yield Check(
                "cloud-run", Answer.FAIL, f"{error.message}{_hint(error)}", services=change.services, where=where
            )
        else:
            yield Check("cloud-run", Answer.OK, f"Cloud Run would take {change.address.name}", services=change.services)

    return look


def grants(made: Planned) -> Iterator[Check]:
    """Say what the accounts of services that run already may not do, although their specs need it."""
    running = {change.address.name for change in made.plan.changes if _runs(change)}
    for change in made.plan.changes:
        if change.address.kind != MEMBERSHIP or change.action is not Action.CREATE:
            continue
        there = Membership.of(change.address)
        if there.member.startswith(_ACCOUNT) and running & set(change.services):
            who, on = there.member.removeprefix(_ACCOUNT), f"{there.on} {there.name}".strip().replace("_", " ")
            line = f"{who} has no {there.role} on {on}: the next apply grants it"
            yield Check("service-permissions", Answer.WARN, line, services=change.services)


def _runs(change: Change) -> bool:
    return change.address.kind == "run_service" and change.observed is not None
