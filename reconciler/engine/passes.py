"""One pass of the job: plan, mend, tell. What is wrong with one service stops no other.

Services are planned together, since that is as few calls as possible. Where something is wrong with one of them, its
half is planned apart, and so on, until it stands alone.
"""

from __future__ import annotations

import traceback
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.exits import BLOCKED, FAILED, PARTLY
from reconciler.core.inventory import Key
from reconciler.core.orders import Orders
from reconciler.core.own import left_paused, may_change
from reconciler.core.plan import Change, Plan
from reconciler.core.planned import Planned
from reconciler.core.scanning.scans import Scans
from reconciler.core.told import told_change
from reconciler.engine.apply import Outcome, Report, Result
from reconciler.engine.canary import Canary
from reconciler.engine.clock import by_the_wall
from reconciler.engine.inventory_store import locked
from reconciler.engine.ledger import Service
from reconciler.engine.session import Session
from reconciler.engine.waiting import apply_when_free, taken_over
from schemas import Loaded, LoadedOperator, MLServiceError, SpecError

_OF_ONE = (SpecError, errors.PlansRefused, errors.UnreadableInventory, errors.Locked, errors.StalePlan, errors.LockLost)
"""What is wrong with single services; anything else would be wrong with each half as well."""
_SAID, _TRACE = 300, 4000
"""Characters of a fault of ours, and of where it was, at most."""
HELD = "this version would change what the one before it, with the same specs, would not"
PAUSED = "its schedule is paused, and stays so: no pass starts by itself until mlservice operator resume"
PROCEED = "look at the plan, then: mlservice operator proceed"


class Log(Protocol):
    """Where a pass tells what it does."""

    def write(self, severity: str, message: str, **keys: Any) -> None:
        """Write one line."""

    def change(self, change: Change, what: str, seconds: float) -> None:
        """Write a line of a change that ended."""


class Planner(Protocol):
    """Makes plans."""

    def __call__(self, documents: Sequence[Loaded], *, beside: Sequence[Loaded] = ()) -> Planned:
        """Plan some documents; of those beside them only what an operator must be able to do for them counts."""


@dataclass(slots=True)
class Pass:
    """One pass over documents.

    Args:
        session: The run's means.
        orders: What it may do.
        plan: Makes the plan of some documents.
        log: Where it tells.
        dry_run: Report, change nothing.
        canary: Holds what another version would not have done.
        told: What became of each service, by name.
        plans: The last plan that each service was in, by name.
    """

    session: Session
    orders: Orders
    plan: Planner
    log: Log
    dry_run: bool = False
    canary: Canary = field(default_factory=Canary)
    told: dict[str, Service] = field(default_factory=dict)
    codes: set[int] = field(default_factory=set)
    changed: int = 0
    deleted: int = 0
    warnings: list[str] = field(default_factory=list)
    whole: Planned | None = None
    plans: dict[str, Planned] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0 done, 1 failed, 3 blocked, 4 partly applied."""
        return next((code for code in (BLOCKED, PARTLY, FAILED) if code in self.codes), max(self.codes, default=0))

    @property
    def changes_nothing(self) -> bool:
        """Tell whether differences are only told of."""
        return self.dry_run or not self.orders.correct or self.frozen

    @property
    def frozen(self) -> bool:
        """Tell whether it is a time in which nothing is to be changed.

        Raises:
            UsageError: The orders name a time zone that is not known here. Nothing is changed then, either.
        """
        orders = self.orders
        return bool(orders.freeze) and orders.frozen(by_the_wall(self.session.clock.now(), orders.time_zone))

    def run(self, documents: Sequence[Loaded], own: LoadedOperator | None = None) -> None:
        """Reconcile services together, each alone where that does not work.

        Args:
            documents: Services.
            own: The operator itself, where these are all services: then one plan is enough for both.
        """
        for loaded in documents:
            self.told.setdefault(loaded.name, Service(loaded.region))
        if not documents:
            return
        try:
            self._reconcile(documents, own)
        except _OF_ONE as error:
            if not self._apart(documents, own):
                self._refuse(documents[0], error)
        except MLServiceError as error:
            if own:  # it may be the operator's own objects that cannot be looked at: then `run_own` says so
                self.run(documents)
                return
            self.log.write("ERROR", "pass failed", error=str(error), hint=getattr(error, "hint", ""))
            self.codes.add(int(getattr(error, "exit_code", FAILED)))
            for loaded in documents:
                self._note(loaded.name, "failed", str(error))
        except Exception as error:  # noqa: BLE001 - a fault of ours, which what one service has brings out
            if not self._apart(documents, own):
                self._break(documents[0], error)

    def _apart(self, documents: Sequence[Loaded], own: LoadedOperator | None) -> bool:
        """Try what does not work together in parts; False where it is one alone."""
        half = len(documents) // 2
        if own:
            self.run(documents)
        elif half:
            self.run(documents[:half])
            self.run(documents[half:])
        return bool(own or half)

    def _break(self, loaded: Loaded, error: Exception) -> None:
        """Leave one alone that this program cannot deal with, and say where in it."""
        text = f"this is a bug in mlservice: {type(error).__name__}: {' '.join(str(error).split())[:_SAID]}"
        trace = traceback.format_exc()[-_TRACE:]
        self.log.write("ERROR", "service left alone", service=loaded.name, error=text, trace=trace)
        self._note(loaded.name, "failed", text)
        self.codes.add(FAILED)

    def _reconcile(self, documents: Sequence[Loaded], own: LoadedOperator | None) -> None:
        planned = self.plan([*documents, own] if own else documents)
        if own:
            self.whole = planned
            planned = _without(planned, own)
        self.plans |= dict.fromkeys(planned.plan.services, planned)
        self.log.write("INFO", "plan made", **counts(planned.plan))
        self._price(planned.plan)
        held = self.canary.holds(planned)
        if locks := {} if held or self.changes_nothing else self._locked(planned):
            self._leave_locked(documents, planned, locks)
            return
        self._tell(planned.plan)
        if held:
            self._hold_back(documents, planned.plan, held)
        elif planned.plan.protected:
            self._block(documents, planned, planned.plan.protected, "it would destroy what the spec protects")
        elif over := planned.plan.over_limit:
            self._leave_alone(documents, planned, {name: [cost.blocked] for name, cost in over.items()})
        elif unclean := planned.plan.unclean:
            waiting = frozenset(name for name, said in unclean.items() if said.only_waits)
            self._leave_alone(documents, planned, {name: said.closed for name, said in unclean.items()}, waiting)
        elif self._too_many(planned.plan):
            many = f"it would delete more than {self.orders.deletes} objects in one pass"
            self._block(documents, planned, deletes_of(planned.plan), many)
        elif self.changes_nothing:
            self._leave(planned)
        else:
            self._apply(planned)

    def _price(self, plan: Plan) -> None:
        """Keep what each service costs for the report."""
        for name, cost in plan.costs.items():
            if name in self.told:
                self.told[name].cost = cost.amounts

    def _locked(self, planned: Planned) -> dict[str, errors.Locked]:
        """Name the services with something to do that another run is at work on."""
        now, busy = self.session.clock.now(), {name for change in planned.plan.pending for name in change.services}
        return {
            key[1]: locked(inventory, inventory.lock)
            for key, inventory in planned.inventories.items()
            if key[1] in busy and inventory.lock and not inventory.lock.expired(now)
        }

    def _leave_locked(self, documents: Sequence[Loaded], planned: Planned, locks: Mapping[str, errors.Locked]) -> None:
        """Leave services to the run that holds them, all at once: finding them one by one takes many plans."""
        self.canary.leave(planned, names=locks)
        for loaded in documents:
            if loaded.name in locks:
                self._refuse(loaded, locks[loaded.name])
        self.run([loaded for loaded in documents if loaded.name not in locks])

    def _tell(self, plan: Plan) -> None:
        """Name every difference. Access that contradicts a spec is an error where it is left, else a warning."""
        left, pending = self.changes_nothing, {change.address for change in plan.pending}
        for change in plan.changes:
            about = {"address": str(change.address), "action": str(change.action)}
            fields = [c.path for c in change.changes]
            if change.contradicts:
                stays = left or change.address not in pending
                why = change.problem or change.reason
                severity = "ERROR" if stays else "WARNING"
                self.log.write(severity, "access contradicts the spec", **about, reason=why, fields=fields)
                self.codes.add(FAILED if stays else 0)
            elif change.address in pending:
                self.log.write("NOTICE", "difference found", **about, reason=change.reason, fields=fields)
        busy = {name for change in plan.pending for name in change.services}
        for name, said in plan.scans.items():
            self._tell_scans(name, said, changes=name in busy)

    def _tell_scans(self, name: str, said: Scans, *, changes: bool) -> None:
        """Tell what scans say of what serves. It goes on serving: an outage is no remedy for a vulnerability.

        What is no alarm is told where something changes, and not pass after pass of what stays: a plan has it.
        """
        for why in said.serving:
            self.log.write("ERROR", f"what serves is vulnerable: {why}", service=name)
            self._note(name, "vulnerable", why)
            self.codes.add(FAILED)
        for why in (*said.warnings, *said.unsure) if changes else ():
            self.log.write("WARNING", f"images: {why}", service=name)

    def _too_many(self, plan: Plan) -> bool:
        most = self.orders.deletes
        return most is not None and self.deleted + len(deletes_of(plan)) > most

    def _block(self, documents: Sequence[Loaded], planned: Planned, changes: Sequence[Change], why: str) -> None:
        """Leave the services that this is about alone, and go on with the others."""
        self.log.write("ERROR", f"blocked: {why}", addresses=[str(change.address) for change in changes])
        self.codes.add(BLOCKED)
        names = {name for change in changes for name in change.services}
        self.canary.leave(planned, names=names)
        for name in sorted(names):
            self._note(name, "blocked", why)
            self.told[name].changes += [told_change(change, "blocked") for change in changes if name in change.services]
        self.run([loaded for loaded in documents if loaded.name not in names])

    def _leave_alone(
        self,
        documents: Sequence[Loaded],
        planned: Planned,
        whys: Mapping[str, Sequence[str]],
        waiting: Collection[str] = (),
    ) -> None:
        """Leave services alone that their own specs block, each for its reasons, and go on with the others.

        Args:
            documents: What is reconciled.
            planned: Its plan.
            whys: Reasons by service.
            waiting: Those of them for which only time is missing: the job comes again.
        """
        self.canary.leave(planned, names=whys)
        for name, many in whys.items():
            state, severity = ("waiting", "WARNING") if name in waiting else ("blocked", "ERROR")
            if state == "blocked" or not self.orders.name:
                self.codes.add(BLOCKED)
            for why in many:
                self.log.write(severity, f"{state}: {why}", service=name)
                self._note(name, state, why)
            mine = [change for change in planned.plan.pending if name in change.services]
            self.told[name].changes += [
                told_change(change, "left" if name in waiting else "blocked") for change in mine
            ]
        self.run([loaded for loaded in documents if loaded.name not in whys])

    def _hold_back(self, documents: Sequence[Loaded], plan: Plan, held: Mapping[Address, str]) -> None:
        """Leave services alone of which this version would change what the one before it would not."""
        changes = [change for change in plan.pending if change.address in held]
        names = {name for change in changes for name in change.services}
        for name in sorted(names):
            self._keep_back(name, [change for change in changes if name in change.services], held)
        self.run([loaded for loaded in documents if loaded.name not in names])

    def _keep_back(self, name: str, changes: Sequence[Change], held: Mapping[Address, str]) -> None:
        self.codes.add(BLOCKED)
        whys = {str(change.address): held[change.address] for change in changes}
        self.log.write("ERROR", f"{name} is held: {HELD}", reasons=whys, hint=PROCEED)
        self._note(name, "held", f"{HELD}: {'; '.join(f'{a}: {why}' for a, why in whys.items())} ({PROCEED})")
        self.told[name].changes += [told_change(change, "held") for change in changes]

    def _leave(self, planned: Planned, whole: Planned | None = None) -> None:
        frozen = self.frozen
        self.canary.leave(whole or planned)
        for change in planned.plan.pending:
            for name in change.services:
                self._note(name, "frozen" if frozen else "reported")
                self.told[name].changes.append(told_change(change, "left"))

    def _apply(self, planned: Planned, whole: Planned | None = None) -> None:
        """Carry a plan out; `whole` is what it is a part of."""
        self.canary.leave(whole or planned)  # in case that it is interrupted, or the service locked
        taken_over(self.session, planned, lambda text: self.log.write("WARNING", text))
        try:
            report = apply_when_free(self.session, planned, progress=self.log.change)
        except (errors.Locked, errors.StalePlan):
            raise  # before anything was done
        except Exception:
            self.deleted += len(deletes_of(planned.plan))  # which of them were done is not told
            raise
        self.canary.leave(whole or planned, report)
        self.changed += sum(result.outcome is Outcome.DONE for result in report.results)
        self.codes.add(report.exit_code)
        self._record(report, planned)

    def _record(self, report: Report, planned: Planned) -> None:
        for result in report.results:
            self.deleted += result.outcome is Outcome.DONE and _deletes_something(result.change)
            for name in result.change.services:
                self.told[name].changes.append(_result(result))
                self._note(name, "changed" if result.outcome is Outcome.DONE else "failed")
        for result in report.failed:
            self.log.write("ERROR", "change failed", address=str(result.change.address), error=str(result.error))
        for address, why in report.unwell.items():
            self.log.write("ERROR", "not working", address=str(address), error=why)
            for change in planned.plan.changes:
                if change.address == address:
                    for name in change.services:
                        self._note(name, "failed", f"{address} does not work: {why}")

    def _refuse(self, loaded: Loaded, error: MLServiceError) -> None:
        if isinstance(error, SpecError):
            for problem in error.problems:
                self.log.write("ERROR", "spec refused", problem=str(problem), hint=problem.hint)
        else:
            why = {"error": str(error), "hint": getattr(error, "hint", "")}
            severity = "WARNING" if isinstance(error, errors.Locked) else "ERROR"
            self.log.write(severity, "service left alone", service=loaded.name, **why)
        locked = isinstance(error, errors.Locked)
        self._note(loaded.name, "locked" if locked else "refused", str(error))
        if not locked or not self.orders.name:  # the job comes again
            self.codes.add(int(getattr(error, "exit_code", FAILED)))

    def _note(self, name: str, state: str, problem: str = "") -> None:
        """Keep the worse of two states."""
        self.told[name].note(state, problem)

    def run_own(self, operator: LoadedOperator, services: Sequence[Loaded]) -> None:
        """Bring the operator itself to what its document says, as far as it may.

        Args:
            operator: Its document.
            services: All services, whatever the shard: the roles that it needs follow from them.
        """
        self.told.setdefault(operator.name, Service(operator.region))
        try:
            whole = (self.whole or self.plan([operator], beside=services)).only(operator)
            planned = left_paused(whole)
            if planned is not whole:
                self.warn(PAUSED)
            if new := self.canary.holds(planned):
                changes = [change for change in planned.plan.pending if change.address in new]
                self._keep_back(operator.name, changes, new)
                return
            held = [change for change in planned.plan.pending if not may_change(change, self.orders)]
            self._hold(operator, held)
            rest = tuple(change for change in planned.plan.changes if change not in held)
            mine = replace(planned, plan=replace(planned.plan, changes=rest))
            self._tell(mine.plan)
            if self.changes_nothing:
                self._leave(mine, planned)
            else:
                self._apply(mine, planned)
        except errors.Locked as error:
            self._refuse(operator, error)
        except MLServiceError as error:
            why = {"error": str(error), "hint": getattr(error, "hint", "")}
            self.log.write("ERROR", "the operator itself was not looked at", **why)
            self._note(operator.name, "failed", str(error))
            self.codes.add(FAILED)

    def warn(self, text: str) -> None:
        """Tell of what stops nothing, in the log and in the report."""
        self.log.write("WARNING", text)
        self.warnings.append(text)

    def _hold(self, operator: LoadedOperator, held: Sequence[Change]) -> None:
        if not held:
            return
        why = "a person has to do this: mlservice install"
        addresses = [str(change.address) for change in held]
        self.log.write("WARNING", f"the operator may not change this itself; {why}", addresses=addresses)
        self._note(operator.name, "needs a person", f"{why} ({', '.join(addresses)})")
        self.told[operator.name].changes += [told_change(change, "held") for change in held]


def _without(planned: Planned, loaded: Loaded) -> Planned:
    """Give a plan without the part that is one document's alone."""
    changes = tuple(change for change in planned.plan.changes if set(change.services) != {loaded.name})
    services = tuple(name for name in planned.plan.services if name != loaded.name)
    inventories = {key: each for key, each in planned.inventories.items() if key[1] != loaded.name}
    plan = replace(planned.plan, changes=changes, services=services)
    return replace(planned, plan=plan, inventories=inventories)


def deletes_of(plan: Plan) -> list[Change]:
    """Give the pending changes that take an object away, but for access that must not be."""
    return [change for change in plan.pending if _deletes_something(change)]


def _deletes_something(change: Change) -> bool:
    return change.destroys and not change.contradicts


def _result(result: Result) -> dict[str, Any]:
    return told_change(result.change, str(result.outcome), seconds=result.seconds, error=str(result.error or ""))


def counts(plan: Plan) -> dict[str, Any]:
    """Give how many services and changes a plan has."""
    return {"services": len(plan.services), **{name: count for name, count in plan.counts().items() if count}}


def orphans(inventories: Iterable[Key], documents: Iterable[Loaded]) -> list[Key]:
    """Name the services that were applied once and that no document wants any more. They stay as they are."""
    wanted = {(loaded.region, loaded.name) for loaded in documents}
    return sorted(set(inventories) - wanted)
