"""Standings of services: gathered from what a pass read, and from few reads more, however many services there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.decide import asked_of
from reconciler.core.due import moments, zone_of
from reconciler.core.inventory import Key
from reconciler.core.membership import KIND as MEMBER
from reconciler.core.membership import any_role
from reconciler.core.standings.fitting import LARGEST, fitted
from reconciler.core.standings.words import moment, name, text
from reconciler.engine.standings.jobs import Measured, read_jobs
from reconciler.engine.standings.measured import News, monitoring
from reconciler.engine.standings.signals import Answers
from reconciler.engine.standings.subject import DONE, About, Subject, told
from reconciler.engine.standings.trained import Trained, read_trained
from reconciler.engine.status import RETRAINS, closed_of
from reconciler.kinds.run_service.refining import rollout_of
from schemas.cron import CronError, parse_cron
from schemas.kept.standings import MOST_SERVICES, ServiceStanding

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from reconciler.core.objects import Observed
    from reconciler.core.planned import Planned
    from reconciler.engine.ledger import Service
    from reconciler.engine.session import Session
    from reconciler.kinds.run_service.rollouts import Going
    from schemas import LoadedService

_MOST_WARNINGS = 100
_LOOKED_AHEAD = timedelta(days=40)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _View:
    """What one plan observed, found quickly for each of its services.

    Args:
        shown: What may be looked at.
        members: Those of it that are members of policies, by whom they let in where.
    """

    shown: Mapping[Address, Observed[Any]]
    members: Mapping[Address, Sequence[Address]]

    @classmethod
    def of(cls, planned: Planned) -> _View:
        """Look at a plan once."""
        shown = {address: each for address, each in planned.seen.items() if not each.hidden}
        members: dict[Address, list[Address]] = {}
        for address in shown:
            if address.kind == MEMBER:
                members.setdefault(any_role(address), []).append(address)
        return cls(shown, members)

    def open_at(self, closed: Iterable[Address]) -> dict[Address, Observed[Any]]:
        """Give what is there of what must not be."""
        return {address: self.shown[address] for each in closed for address in self.members.get(each, ())}


@dataclass(slots=True)
class Making:
    """Makes the standings of some services.

    Args:
        session: The run's means.
        documents: Services.
        plans: The plan that each was in, by name; none of those that could not be planned.
        told: What became of each, by name.
        before: What was kept of services last.
        answers: How services answered of late; None where nobody looked.
        environment: Of the specs; empty for none.
        by_hand: A person looks, and no job is there to change anything.
        troubles: What could not be looked at, in sentences.
    """

    session: Session
    documents: Sequence[LoadedService]
    plans: Mapping[str, Planned]
    told: Mapping[str, Service]
    before: Mapping[Key, Mapping[str, Any]] = field(default_factory=dict)
    answers: Answers | None = None
    environment: str = ""
    by_hand: bool = False
    troubles: list[str] = field(default_factory=list)

    def services(self) -> list[dict[str, Any]]:
        """Give them, within what all of them may take. What cannot be told of one hides no other."""
        known = [each for each in self.documents if each.name in self.told]
        now = self._now_seen(known)
        views = {id(planned): _View.of(planned) for planned in self.plans.values()}
        trained = self._trying("retraining", Trained(), partial(self._trained, known))
        jobs = self._trying("monitoring", dict[Key, Measured](), partial(self._jobs, known, views))
        stamp, connection = self.session.stamp, self.session.connection
        about = About(
            self.session.kinds,
            connection.project,
            self.environment,
            stamp.commit,
            self.session.clock.now(),
            self.by_hand,
        )
        found = []
        for loaded in known:
            subject = partial(self._subject, loaded, now, trained, jobs, views)
            if (standing := self._one(loaded, subject, about)) is not None:
                found.append(standing)
        ordered = sorted(found, key=lambda each: (each["region"], each["name"]))
        if (beyond := len(ordered) - MOST_SERVICES) > 0:
            self.troubles.append(
                f"{beyond} services are not here: {MOST_SERVICES} of one shard are kept; more shards help"
            )
        return [dict(each) for each in fitted(ordered[:MOST_SERVICES], LARGEST)]

    def _one(self, loaded: LoadedService, subject: Callable[[], Subject], about: About) -> dict[str, Any] | None:
        """Give one service, within its bounds; None where it cannot be told."""
        before = self.before.get((loaded.region, loaded.name), {})
        try:
            return ServiceStanding.model_validate(told(subject(), before, about)).to_json()
        except errors.ReconcilerError as error:
            why = error.message
        except (ValidationError, LookupError, TypeError, ValueError, AttributeError) as error:
            why = f"this is a bug in mlservice: {type(error).__name__}"
        self.troubles.append(text(f"what is known of {loaded.name} cannot be told: {why}"))
        return None

    def _trying(self, what: str, nothing: T, call: Callable[[], T]) -> T:
        try:
            return call()
        except errors.ReconcilerError as error:
            self.troubles.append(text(f"{what} was not looked at: {error.message}"))
            return nothing

    def _primary(self, loaded: LoadedService) -> Address:
        return Address(self.session.kinds.primary.name, loaded.region, loaded.name)

    def _now_seen(self, known: Sequence[LoadedService]) -> dict[str, Observed[Any] | None]:
        """Give each Cloud Run service as it is now: what this pass wrote is read again, all at once."""
        changed = {
            each.name: self._primary(each)
            for each in known
            if any(change["outcome"] == DONE for change in self.told[each.name].changes)
        }
        fresh = (
            self._trying(
                "what was changed",
                dict[Address, Any](),
                lambda: dict(self.session.observe(dict.fromkeys(changed.values(), ""))),
            )
            if changed
            else {}
        )
        return {each.name: self._seen(each, fresh) for each in known}

    def _seen(self, loaded: LoadedService, fresh: Mapping[Address, Observed[Any]]) -> Observed[Any] | None:
        address, planned = self._primary(loaded), self.plans.get(loaded.name)
        seen = fresh.get(address) or (planned.seen.get(address) if planned else None)
        return None if seen is None or seen.hidden else seen

    def _trained(self, known: Iterable[LoadedService]) -> Trained:
        keys = [
            (each.region, each.name)
            for each in known
            if (planned := self.plans.get(each.name)) is not None
            and any(address.kind == RETRAINS for address in planned.inventories[each.region, each.name].entries)
        ]
        return read_trained(self.session, keys, self.before)

    def _jobs(self, known: Iterable[LoadedService], views: Mapping[int, _View]) -> dict[Key, Measured]:
        services = {
            (each.region, each.name): (planned.inventories[each.region, each.name], views[id(planned)].shown)
            for each in known
            if (planned := self.plans.get(each.name)) is not None
        }
        return read_jobs(self.session, services, self.before)

    def _subject(
        self,
        loaded: LoadedService,
        seen: Mapping[str, Observed[Any] | None],
        trained: Trained,
        jobs: Mapping[Key, Measured],
        views: Mapping[int, _View],
    ) -> Subject:
        key, planned, here = (loaded.region, loaded.name), self.plans.get(loaded.name), seen[loaded.name]
        before = planned.seen.get(self._primary(loaded)) if planned else None
        decided = self._going(loaded, planned, before)
        going = decided if here is before else self._going(loaded, planned, here)
        now = self.session.clock.now()
        return Subject(
            loaded,
            self.told[loaded.name],
            planned,
            views[id(planned)].open_at(closed_of(self.session.kinds, planned.inventories[key])) if planned else {},
            here,
            decided,
            going,
            monitoring(self.before.get(key, {}).get("monitoring"), _news(key, trained, jobs), now),
            trained.retraining.get(key),
            self.answers.of(key, _slo(loaded)) if self.answers and here else None,
        )

    def _going(self, loaded: LoadedService, planned: Planned | None, seen: Observed[Any] | None) -> Going | None:
        """Give where a rollout is and what is next, as a plan decides it."""
        address = self._primary(loaded)
        want = planned.wants.get(address) if planned else None
        if planned is None or want is None or seen is None or seen.hidden:
            return None
        asked = asked_of(self.session.kinds.primary, want, seen, planned.owners[address])
        return rollout_of(asked, seen)


def _slo(loaded: LoadedService) -> Any:
    monitored = loaded.service.spec.monitoring
    return monitored.slo if monitored is not None else None


def _news(key: Key, trained: Trained, jobs: Mapping[Key, Measured]) -> News:
    windows, source = trained.windows.get(key, (None, ""))
    measured = jobs.get(key, Measured())
    problem = "; ".join(filter(None, (trained.problems.get(key, ""), measured.problem)))
    return News(windows, source, measured.jobs, measured.wanted, problem)


def next_passes(schedule: str, zone: str, now: datetime) -> list[str]:
    """Give when the next two passes are due; none where nobody can tell.

    Args:
        schedule: Cron.
        zone: Its time zone.
        now: The time.
    """
    try:
        coming = moments(parse_cron(schedule), zone_of(zone), now, now + _LOOKED_AHEAD)
        found = [each for each, _ in zip(coming, range(2), strict=False)]
    except (CronError, OverflowError, errors.UsageError):
        return []
    return [said for each in found if (said := moment(each))]


def head(session: Session, *, operator: str, program: str, troubles: Sequence[str]) -> dict[str, Any]:
    """Give what a document begins with.

    Args:
        session: The run's means.
        operator: Its name; empty where a person looks.
        program: Version of this program.
        troubles: What could not be looked at.
    """
    return {
        "operator": name(operator),
        "project": name(session.connection.project),
        "program": name(program),
        "run": name(session.run_id),
        "at": moment(session.clock.now()),
        "warnings": [text(each) for each in troubles][:_MOST_WARNINGS],
    }
