"""Whether what a plan starts fits into quotas of Cloud Run. Nothing is read where it starts nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from reconciler.core import errors, quota
from reconciler.core.brought import starts
from reconciler.core.plan import Action, Note
from reconciler.core.planned import Planned
from reconciler.core.quota import Draw
from reconciler.engine.session import Session
from reconciler.gcp.quotas import limits_of
from schemas import Loaded


def with_quotas(session: Session, documents: Sequence[Loaded], planned: Planned) -> Planned:
    """Give a plan with notes on what does not fit, or may not, with numbers.

    That they cannot be read is no obstacle, and nothing to wait for: what is beyond a new project's is told then.

    Args:
        session: The run's means.
        documents: What is planned.
        planned: The plan.
    """
    draws = tuple(_draws(session, planned))
    busy = {draw.region for draw in draws if draw.starts}
    draws = tuple(draw for draw in draws if draw.region in busy)
    if not draws:
        return planned
    limits: quota.Limits = {}
    why = ""
    try:
        limits = limits_of(session.connection, quota.pools(draws), once=True)
    except errors.ReconcilerError as error:
        why = error.message
    where = {loaded.name: str(loaded.where("spec.scaling.maxInstances")) for loaded in documents}
    notes = (Note(service, text, where.get(service, "")) for service, text in quota.notes(draws, limits, why))
    return replace(planned, plan=replace(planned.plan, notes=(*planned.plan.notes, *notes)))


def _draws(session: Session, planned: Planned) -> Iterator[Draw]:
    observing = set(planned.plan.observing)
    for change in planned.plan.changes:
        kind = session.kinds.of_address(change.address)
        if kind.claims is None or change.desired is None or observing.issuperset(change.services):
            continue
        claims = kind.claims(change.desired, planned.seen.get(change.address))
        anew = change.writes and change.action is not Action.DELETE and starts(kind, change)
        yield Draw(change.services[0], change.address.location, claims, starts=anew)
