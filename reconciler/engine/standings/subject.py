"""One service as a pass knew it, put into the form that is kept. Pure: what was read comes in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from reconciler.core.address import Address
from reconciler.core.inventory import Inventory, Key
from reconciler.core.rollout.record import read
from reconciler.core.standings import money, moving, training
from reconciler.core.standings.trail import after
from reconciler.core.standings.versions import told_versions
from reconciler.core.standings.words import moment, name, text, word
from reconciler.cost.usage import usage_of
from reconciler.engine.oversight import Standing
from reconciler.engine.status import ServiceStatus, openings
from reconciler.kinds.run_service.record import annotations_of
from schemas.kept.standings import MOST_PENDING
from schemas.redaction import redacted_data
from schemas.sections.management import Mode

if TYPE_CHECKING:
    from reconciler.core.kind import Kinds
    from reconciler.core.objects import Observed
    from reconciler.core.planned import Planned
    from reconciler.engine.ledger import Service
    from reconciler.kinds.run_service.rollouts import Going
    from schemas import LoadedService

DONE, REPORTED = "done", "reported"
_MOST_NEEDS, _MOST_CONDITIONS, _MOST_LABELS = 30, 30, 64
_OWNERS = ("owner", "team")
"""Labels, and annotations, that say whose a service is."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is known of one service.

    Args:
        loaded: Its spec.
        told: What became of it.
        planned: The plan that it was in; None where none could be made.
        open: What is there of what must not be: who is let in.
        seen: Its Cloud Run service as it is now; None where it is not there, or may not be looked at.
        decided: What was decided of its rollout; None where versions go out in one write, or nothing was planned.
        going: The same as it is now, after what was done.
        monitoring: As `schemas.kept.measured.Monitoring`; None for nothing.
        retraining: As `schemas.kept.training.Retraining`; None for nothing.
        signals: As `schemas.kept.standings.Signals`; None for nothing.
    """

    loaded: LoadedService
    told: Service
    planned: Planned | None = None
    open: Mapping[Address, Observed[Any]] = field(default_factory=dict)
    seen: Observed[Any] | None = None
    decided: Going | None = None
    going: Going | None = None
    monitoring: Mapping[str, Any] | None = None
    retraining: Mapping[str, Any] | None = None
    signals: Mapping[str, Any] | None = None

    @property
    def key(self) -> Key:
        """Its region and name."""
        return self.loaded.region, self.loaded.name


@dataclass(frozen=True, slots=True)
class About:
    """What all services of a pass have in common.

    Args:
        kinds: The kinds we know.
        project: Project id.
        environment: Of the specs; empty for none.
        commit: Of the specs; empty for none.
        now: The time.
        by_hand: A person looks, and no job is there to change anything.
    """

    kinds: Kinds
    project: str
    environment: str
    commit: str
    now: datetime
    by_hand: bool = False


def told(subject: Subject, before: Mapping[str, Any], about: About) -> dict[str, Any]:
    """Tell of a service, as `schemas.kept.standings.ServiceStanding`.

    Args:
        subject: What is known.
        before: What was kept of it last; empty for nothing.
        about: What all have in common.
    """
    head = {
        **_head(subject, about),
        "state": name(subject.told.state),
        "pending": redacted_data([each for each in subject.told.changes if each["outcome"] != DONE][:MOST_PENDING]),
    }
    if subject.planned is None:  # the rest is as the last pass that could look found it
        alarm = text(_standing(subject, about).alarm)
        needs = told_needs([(subject.told.state, alarm)] if alarm else [])
        return {**before, **head, **needs, "problem": text("; ".join(subject.told.problems))}
    trail, gone = _trail(subject, before.get("trail") or (), about)
    status = _status(subject, about)
    rollout = moving.told_rollout(subject.going.rollout, subject.going.step) if subject.going else None
    book = subject.planned.books.get(subject.key)
    budget = money.told_budget(book, about.now, _made(subject.seen)) if book else None
    retraining = {**subject.retraining, "waits": name(status.waits)} if subject.retraining else None
    found = {
        **head,
        "url": word(subject.seen.output.get("uri")) if subject.seen else "",
        "asked": name(status.asked),
        "serving": name(status.serving),
        "problem": text(status.problem),
        "conditions": list(_conditions(subject.seen))[:_MOST_CONDITIONS],
        "checked": moment(about.now),
        "changed": moment(_changed(subject, status.inventory, about.now)),
        "versions": versions_of(subject.seen),
        "rollout": rollout,
        "trail": trail,
        "monitoring": subject.monitoring,
        "retraining": retraining,
        "signals": subject.signals,
        "cost": _cost(subject),
        "budget": budget,
        "leftOut": int(before.get("leftOut") or 0) + gone,
    }
    return {**found, **told_needs(_needs(subject, found, status, about))}


def _head(subject: Subject, about: About) -> dict[str, Any]:
    metadata, spec = subject.loaded.service.metadata, subject.loaded.service.spec
    said = {**metadata.annotations, **metadata.labels}
    labels = redacted_data({str(key): str(value) for key, value in metadata.labels.items()})
    return {
        "name": subject.loaded.name,
        "region": subject.loaded.region,
        "project": name(about.project),
        "environment": name(subject.loaded.environment or about.environment),
        "owner": word(next((said[each] for each in _OWNERS if said.get(each)), "")),
        "labels": {name(key): word(value) for key, value in [*labels.items()][:_MOST_LABELS]},
        "commit": name(about.commit),
        "protocol": name(spec.runtime.protocols[0]) if spec.model is not None and spec.image is None else "",
    }


def _standing(subject: Subject, about: About) -> Standing:
    """Give what the pass says of it. What a look only tells of is no job's report: `_needs` has its words."""
    state = "ok" if about.by_hand and subject.told.state == REPORTED else subject.told.state
    return Standing(subject.loaded.name, state, problems=tuple(subject.told.problems))


def _status(subject: Subject, about: About) -> ServiceStatus:
    """Give what `mlservice status` would say of it, of what the pass read."""
    planned = subject.planned
    inventory = planned.inventories.get(subject.key) if planned else None
    inventory = inventory or Inventory(service=subject.key[1], region=subject.key[0])
    closed = {each["address"] for each in subject.told.changes if each["outcome"] == DONE}
    there = {address: each for address, each in subject.open.items() if str(address) not in closed}
    if subject.seen:
        there[Address(about.kinds.primary.name, *subject.key)] = subject.seen
    return ServiceStatus(
        inventory,
        subject.seen,
        (),
        about.now.isoformat(timespec="seconds"),
        tuple(openings(about.kinds, inventory, there)),
        standing=_standing(subject, about),
    )


def _conditions(seen: Observed[Any] | None) -> Iterator[str]:
    for each in seen.output.get("conditions", ()) if seen else ():
        said = "; ".join(filter(None, (each["reason"], each["message"])))
        yield text(f"{each['type']}: {each['state'].lower()}{f': {said}' if said else ''}")


def _changed(subject: Subject, inventory: Inventory, now: datetime) -> object:
    done = any(each["outcome"] == DONE for each in subject.told.changes)
    return now if done else inventory.changed


def versions_of(seen: Observed[Any] | None) -> list[dict[str, Any]]:
    """Give the revisions of a Cloud Run service, as `schemas.kept.standings.Version`.

    Args:
        seen: What is there; None for nothing.
    """
    if seen is None:
        return []
    runs = seen.output["runs"]
    tags = {share.version: share.tag for share in seen.fields.traffic if share.tag}
    rejected = read(annotations_of(seen.fields.service)).rejected
    whys = {each.version: each.why for each in rejected if not each.cleared}
    return told_versions(runs.revisions, runs.serving, tags, whys)


def _trail(subject: Subject, trail: Sequence[Mapping[str, Any]], about: About) -> tuple[list[Mapping[str, Any]], int]:
    """Add this pass's decision."""
    if subject.decided is None:
        return [*trail], 0
    undone = _undone(subject, about) if subject.decided.step.writes else ""
    return after(trail, moving.decision(subject.decided.rollout, subject.decided.step, about.now, undone=undone))


def _undone(subject: Subject, about: About) -> str:
    """Say why the service was not written; nothing where it was."""
    address = str(Address(about.kinds.primary.name, *subject.key))
    mine = [each for each in subject.told.changes if each["address"] == address]
    if any(each["outcome"] == DONE for each in mine):
        return ""
    if mine:
        return ": ".join(filter(None, (mine[-1]["outcome"], mine[-1]["error"])))
    return "; ".join(subject.told.problems) or "nothing was written"


def _made(seen: Observed[Any] | None) -> datetime | None:
    """Give when the service was made."""
    found = seen.output.get("made") if seen is not None and not seen.hidden else None
    return found if isinstance(found, datetime) else None


def _cost(subject: Subject) -> dict[str, Any] | None:
    planned = subject.planned
    cost = planned.plan.costs.get(subject.loaded.name) if planned else None
    if cost is None:
        return None
    usage = usage_of(subject.loaded.service.spec)
    return money.told_cost(cost, Decimal(usage.requests_per_second), Decimal(usage.rows_per_request))


def _needs(subject: Subject, found: Mapping[str, Any], status: ServiceStatus, about: About) -> Iterator[moving.Need]:
    """Say everything that a person has to see to, what is worst first."""
    service = subject.loaded.name
    for sort, said in status.needed:
        yield name(sort), text(said)
    if about.by_hand and subject.told.state == REPORTED:
        yield REPORTED, "it differs from its spec: mlservice plan, then mlservice apply"
    if subject.loaded.management.mode is not Mode.OBSERVE and found["rollout"]:
        yield from moving.needs(service, found["rollout"])
    if found["retraining"]:
        yield from training.needs(service, found["retraining"], about.now)
    if found["monitoring"]:
        yield from _drifting(subject, found["monitoring"])
    if found["budget"]:
        yield from money.needs(service, found["budget"])


def told_needs(needs: Iterable[moving.Need]) -> dict[str, Any]:
    """Give what a person has to see to once each, with and without their sorts.

    Args:
        needs: Each with its sort.
    """
    once = [*dict.fromkeys(needs)][:_MOST_NEEDS]
    return {"needsYou": [said for _, said in once], "needs": [{"kind": sort, "why": said} for sort, said in once]}


def _drifting(subject: Subject, monitoring: Mapping[str, Any]) -> Iterator[moving.Need]:
    """Name breaches that start no training."""
    spec = subject.loaded.service.spec
    triggers = [trigger.when for trigger in spec.triggers] if spec.retraining else []
    answered = {str(sort).lower() for when in triggers for sort in when.breach}
    by_the_clock = any(when.schedule for when in triggers)
    for each in monitoring["comparisons"]:
        if each.get("since") and each["which"] not in answered and not by_the_clock:
            said = (
                f"{each['which']} is a breach since {each['since']}, and no trigger trains because of it: "
                f"mlservice monitor {subject.loaded.name}"
            )
            yield "drift", text(said)
