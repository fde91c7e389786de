"""Orphans in the state bucket, since when each is one, and how they go: as `mlservice destroy` would do it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.exits import FAILED
from reconciler.core.orphans import PROTECTED, Obstacle, Orphan, in_turn, too_many, why_stays
from reconciler.core.told import told_change
from reconciler.engine.apply import Outcome
from reconciler.engine.passes import Pass, deletes_of
from reconciler.engine.planning import plan_destroy
from reconciler.engine.waiting import apply_when_free
from schemas import MLServiceError
from schemas.sections.management import Deletion

if TYPE_CHECKING:
    from reconciler.core.inventory import Inventories, Key
    from reconciler.core.planned import Planned
    from reconciler.engine.reports import Reports

FORMAT = "mlservice/orphans/v1"
_NAME = "orphans.json"
_IN_VAIN = 5
"""How many more are tried than may go: one that is too large for the limits must not be in the way of all others."""


@dataclass(frozen=True, slots=True)
class Orphanage:
    """Since when services are orphans. One shard keeps the book, whichever has the services.

    Args:
        reports: Of the operator.
        environments: Gives the environment that this operator applied a service with; None where it never did. Asked
            about those that have just become orphans.
    """

    reports: Reports
    environments: Callable[[Sequence[Key]], Mapping[Key, str]] = lambda _: {}

    def look(self, keys: Sequence[Key], everything: Inventories, now: datetime) -> list[Orphan]:
        """Give the orphans, and remember those that are new. What is wanted again is forgotten.

        Args:
            keys: Services that no spec wants.
            everything: Inventories of the project.
            now: The time.
        """
        generation = self.reports.generation(_NAME)
        known = _read(self.reports.document(_NAME), now) if generation else {}
        same = {key: one for key in keys if (one := known.get(key)) and one.serial == everything[key].serial}
        new = [key for key in keys if key not in same]
        had = self.environments(new) if new else {}
        found = same | {key: Orphan(*key, now, everything[key].serial, had.get(key)) for key in new}
        if found != known:
            self._keep(found, generation)
        guarded = {key for key in keys if everything[key].deletion == Deletion.PROTECT}
        return [replace(each, protected=key in guarded) for key, each in sorted(found.items())]

    def clear(self) -> None:
        """Forget every orphan: it is not known any more whether they are."""
        generation = self.reports.generation(_NAME)
        if generation and _read(self.reports.document(_NAME), self.reports.session.clock.now()):
            self._keep({}, generation)

    def _keep(self, found: Mapping[Key, Orphan], generation: int) -> None:
        services = {f"{region}/{name}": _said(each) for (region, name), each in sorted(found.items())}
        self.reports.keep(_NAME, {"format": FORMAT, "services": services}, generation=generation)


def _said(orphan: Orphan) -> dict[str, Any]:
    since = orphan.since.isoformat(timespec="seconds")
    return {"since": since, "serial": orphan.serial, "environment": orphan.environment}


def _read(document: Mapping[str, Any] | None, now: datetime) -> dict[Key, Orphan]:
    """Read the book. Of one that cannot be read nothing is assumed: each service is an orphan from now on."""
    found = {}
    services = document.get("services") if document and document.get("format") == FORMAT else None
    for name, said in services.items() if isinstance(services, dict) else ():
        try:
            region, _, service = name.partition("/")
            environment = None if said["environment"] is None else str(said["environment"])
            written = datetime.fromisoformat(said["since"])
            if written.tzinfo is None:  # of some clock, nobody knows which
                continue
            since = written.astimezone(UTC)
            found[region, service] = Orphan(region, service, min(since, now), int(said["serial"]), environment)
        except (LookupError, TypeError, ValueError, OverflowError):
            continue
    return found


def settle(made: Pass, orphans: Sequence[Orphan], *, obstacle: Obstacle | None = None) -> list[dict[str, Any]]:
    """Let those go that may, the oldest first, and say of each what became of it.

    Args:
        made: The pass: its orders and limits hold for this as well.
        orphans: All of them.
        obstacle: Why none may go in this pass; None for nothing.
    """
    rule, now = made.orders.orphans, made.session.clock.now()
    told: list[dict[str, Any]] = []
    gone = tried = 0
    for orphan in in_turn(orphans):
        why = why_stays(orphan, rule, now, environment=made.orders.environment, obstacle=obstacle)
        if not why and (gone >= rule.most or tried >= rule.most + _IN_VAIN):
            why = Obstacle(f"{rule.most} go in one pass at most (orphans.most)")
        tried += not why
        told.append(_settled(made, orphan, why))
        gone += told[-1]["state"] != "orphaned"
    return sorted(told, key=lambda each: (each["region"], each["name"]))


def _settled(made: Pass, orphan: Orphan, stays: Obstacle | None) -> dict[str, Any]:
    told = {"region": orphan.region, "name": orphan.name, "since": orphan.since.isoformat(timespec="seconds")}
    if stays:
        return told | _stayed(stays)
    became = _gone(made, orphan)
    severity = {"failed": "ERROR", "pruned": "NOTICE"}.get(became["state"], "WARNING")
    about = {"service": orphan.name, "region": orphan.region, "reason": became["reason"]}
    made.log.write(severity, f"orphan {became['state']}", **about)
    return told | became


def _stayed(why: Obstacle, changes: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    return _became("orphaned", why.why, changes) | {"goes": not why.lasts}


def _became(state: str, reason: str, changes: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    return {"state": state, "reason": reason, "changes": [*changes]}


def _gone(made: Pass, orphan: Orphan) -> dict[str, Any]:
    """Delete everything of one orphan under its lock; what its last spec protects stays, and so does all of it."""
    planned = None
    try:
        planned = plan_destroy(made.session, [orphan.key])
        if why := _refused(made, planned):
            return _stayed(why, [told_change(change, "left") for change in planned.plan.pending])
        report = apply_when_free(made.session, planned, progress=made.log.change)
    except (errors.Locked, errors.StalePlan) as error:
        return _stayed(Obstacle(str(error)))  # the next pass tries again
    except MLServiceError as error:
        made.deleted += len(deletes_of(planned.plan)) if planned else 0  # which of them were done is not told
        made.codes.add(FAILED)
        return _became("failed", str(error))
    done = [result.change for result in report.results if result.outcome is Outcome.DONE]
    made.changed += len(done)
    made.deleted += sum(change.destroys for change in done)
    made.codes.add(report.exit_code)
    changes = [told_change(result.change, str(result.outcome)) for result in report.results]
    if report.failed:
        errors_said = "; ".join(f"{each.change.address}: {each.error}" for each in report.failed)
        return _became("failed", errors_said, changes)
    return _became("pruned", f"no spec wanted it since {orphan.since:%Y-%m-%d %H:%M} UTC", changes)


def _refused(made: Pass, planned: Planned) -> Obstacle | None:
    if planned.plan.protected:
        return Obstacle(PROTECTED, lasts=True)
    return too_many(len(deletes_of(planned.plan)), made.deleted, made.orders.deletes)
