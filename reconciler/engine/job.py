"""The job: one pass, from its specs to its report. What runs it only says where the specs lie."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, chdir, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from reconciler.core.bundle import Fetched, Pointer
from reconciler.core.canary import Build
from reconciler.core.exits import FAILED
from reconciler.core.inventory import Key
from reconciler.core.orders import Orders
from reconciler.core.orphans import Circumstances as Around
from reconciler.core.orphans import Obstacle, obstacle_of
from reconciler.core.stamp import Stamp
from reconciler.engine.bundles import Bundles
from reconciler.engine.canary import Canary
from reconciler.engine.entries import Circumstances, of_orphans, of_pass
from reconciler.engine.heartbeat import beat
from reconciler.engine.history import History
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.ladder.climbing import climb
from reconciler.engine.log import Log
from reconciler.engine.orphans import Orphanage, settle
from reconciler.engine.passes import Pass, Planner, orphans
from reconciler.engine.reports import FORMAT, Reports
from reconciler.engine.session import Session
from reconciler.engine.shard import Shard
from reconciler.engine.standings.keeping import Begun, begin, keep_standings
from schemas import Loaded, LoadedOperator, MLServiceError, Problem, Severity, Specs, load_valid
from schemas.operator import is_operators

STORM_S = 1200.0
"""How long a pass makes one call again that Google refuses for its rate: nobody waits for it, and the next one would
meet the same. Less than the half hour that its job may take by default."""


@dataclass(slots=True)
class Job:
    """One pass, from its specs to its report.

    Args:
        session: The run's means.
        plan: Makes the plan of some documents.
        orders: What it may do.
        shard: Which services are its own.
        environment: That specs are loaded with; None for none.
        program: Version of mlservice, with its commit.
        dry_run: Report, change nothing.
        about: Says by whom and from what a pass that began then was made, for the history.
        started: When, as `time.monotonic` says it.
        source: Where the specs come from.
        digest: Of the specs.
        bundles: Where they are published; None for specs that are not.
    """

    session: Session
    plan: Planner
    orders: Orders
    shard: Shard
    environment: str | None
    program: str
    dry_run: bool
    about: Callable[[datetime, Pointer | None], Circumstances]
    started: float
    source: dict[str, str] = field(default_factory=dict)
    digest: str = ""
    bundles: Bundles | None = None
    pointer: Pointer | None = None
    trouble: str = ""
    untold: str = ""
    unheard: str = ""
    unowned: str = ""
    some: bool = False
    known: frozenset[Key] | None = None

    def __post_init__(self) -> None:
        """Take the shard's part of the project's quotas, and the patience of a run that nobody waits for."""
        self.session.connection.throttle.share(self.shard.count, STORM_S)

    @property
    def before(self) -> Pointer | None:
        """What specs were applied last; None for none, and by hand."""
        there = self.orders.name and self.session.connection.state.there
        return self._reports.applied() if there else None

    def of_fetched(self, fetched: Fetched) -> int:
        """Reconcile what was fetched. Where nothing can be used nothing is done, and that is reported."""
        self.pointer, self.trouble = fetched.pointer, fetched.trouble
        self.digest = fetched.pointer.digest if fetched.pointer else ""
        self.session.stamp = Stamp(fetched.pointer.commit) if fetched.pointer else Stamp()
        if fetched.trouble:
            stays = "the ones before stay" if fetched.files else "nothing is changed"
            log = Log(self.session.run_id)
            log.write("ERROR", f"specs refused; {stays}", error=fetched.trouble, hint=fetched.hint)
        if fetched.trouble and not fetched.files:
            return self._of_none(fetched.trouble, fetched.hint)
        with ExitStack() as stack:
            try:
                stack.enter_context(_unpacked(fetched.files))
            except OSError as error:
                why = f"the specs cannot be unpacked: {error.strerror or 'no file system holds them'}"
                Log(self.session.run_id).write("ERROR", "specs refused; nothing is changed", error=why)
                return self._of_none(why, "publish them anew: mlservice publish")
            specs, problems = load_telling([Path()], self.environment)
            return self.of(specs, [*tell(fetched.odd), *problems])

    def _of_none(self, trouble: str, hint: str) -> int:
        """Report a pass that had no specs to work on."""
        self.trouble = f"no specs could be read, and nothing was done: {trouble}{f'; {hint}' if hint else ''}"
        return self.of(Specs(()), [])

    def _beat(self, exit_code: int) -> None:
        """Tell that a pass of the operator's has ended. That this did not work is a warning, and no failed pass."""
        if self.orders.name and not self.dry_run:
            orders, shards = self.orders, [self.shard.index]
            self.unheard = beat(self.session, orders.name, orders.region, shards, exit_code)
        if self.unheard:
            Log(self.session.run_id).write("WARNING", self.unheard)

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Tell of a pass that ends before its end as of one that failed, whatever it is that stops it."""
        try:
            yield
        except Exception:
            self._beat(FAILED)
            raise

    @property
    def _reports(self) -> Reports:
        return Reports(self.session, self.orders.name)

    def of(self, specs: Specs, problems: Sequence[Problem]) -> int:
        """Reconcile the specs that are ours."""
        log, began = Log(self.session.run_id), self.session.clock.now()
        standings = begin(self.session, self._reports, self.shard) if self._keeps_standings(specs) else None
        self.some = bool(specs.documents)
        services = [each for each in specs.services if self.shard.takes(each.region, each.name)]
        own, self.unowned = self._own(specs), self._renamed(specs)
        canary = self._canary([*services, own] if own else services)
        made = Pass(self.session, self.orders, self.plan, log, self.dry_run, canary)
        if self.unowned:
            made.warn(self.unowned)
        if canary.blind:
            log.write("ERROR", canary.blind)
        if problems or self.trouble or canary.blind or not specs.documents:
            made.codes.add(FAILED)
        self._look_at_budgets(made, services)
        made.run(services, own if self.shard.count == 1 else None)
        if own:
            made.run_own(own, specs.services)
        orphaned = self._orphans(specs, made, broken=bool(problems))
        seconds = round(time.monotonic() - self.started, 3)
        end = {"dryRun": True} if self.dry_run else {"changed": made.changed}
        log.write("INFO", "pass done", **end, seconds=seconds)
        throttled = [each for each in self._calls if each["throttled"]]
        if throttled:
            log.write("WARNING", "Google asked for fewer calls, and the pass went slower", apis=throttled)
        if not self.dry_run:
            self._remember(made, orphaned, began)
        if self.orders.name:
            self._report(made, problems, orphaned, began)
        if standings:
            self._keep_standings(made, [*services, *specs.operators], standings, broken=bool(problems))
        return made.exit_code

    def _look_at_budgets(self, made: Pass, services: Sequence[Loaded]) -> None:
        """Decide what budgets do, before plans that follow from it; not where nothing may be changed."""
        try:
            if made.changes_nothing:
                return
        except MLServiceError:
            return  # the orders cannot be followed: the pass says so, and changes nothing
        for text in climb(self.session, services, made.log):
            made.warnings.append(text)

    @property
    def _calls(self) -> list[dict[str, Any]]:
        """What became of the calls so far, by API."""
        counts = sorted(self.session.connection.throttle.counts.items())
        return [{"api": api, **count.to_json()} for api, count in counts]

    def _own(self, specs: Specs) -> LoadedOperator | None:
        """Give the operator's own document, to the first shard."""
        wanted = [each for each in specs.operators if self.orders.name in {"", each.operator.name}]
        return wanted[0] if wanted and self.shard.index == 0 else None

    def _renamed(self, specs: Specs) -> str:
        """Say that there are documents of operators, and none is ours: whoever renamed it meant this one, or not."""
        names = sorted({each.operator.name for each in specs.operators})
        if not self.orders.name or not names or self.orders.name in names:
            return ""
        named = ", ".join(names)
        return (
            f"the specs hold no document of this operator, {self.orders.name}, and one of {named}: that is left aside, "
            f"and no orphan goes; if it was renamed: mlservice uninstall, then mlservice install"
        )

    def _canary(self, documents: Sequence[Loaded]) -> Canary:
        """Look what the passes before left of these documents; by hand nothing is compared."""
        if not self.orders.name:
            return Canary()
        build = Build(self.program, self.orders.image)
        made = Canary(self._reports, build, self.digest, self.orders.environment, self.shard.index)
        made.look_back((each.region, each.name) for each in documents)
        return made

    def _orphans(self, specs: Specs, made: Pass, *, broken: bool) -> list[dict[str, Any]]:
        """Name the services that no spec wants any more, if that can be told, and let those go that may.

        Args:
            specs: All of them.
            made: What was done, which is reported even if this fails.
            broken: One could not be read: its service would be named as well.
        """
        if not self.orders.name or (self.trouble and not specs.documents):
            return []
        try:
            return self._without_some() if broken else self._unwanted(specs, made)
        except MLServiceError as error:
            self.untold = f"it is not known which services no spec wants any more: {error}"
            made.log.write("ERROR", self.untold, hint=getattr(error, "hint", ""))
            made.codes.add(int(getattr(error, "exit_code", FAILED)))
            return []

    def _without_some(self) -> list[dict[str, Any]]:
        """Name no orphan, and let the time of each begin anew: any of them may be what the broken specs want."""
        if self.shard.index == 0:
            Orphanage(self._reports).clear()
        if self.orders.orphans.prune:
            self.untold = "no orphan is pruned: with specs that cannot be read nobody knows which services they are"
        return []

    def _unwanted(self, specs: Specs, made: Pass) -> list[dict[str, Any]]:
        """Look for orphans, of all shards: the first one keeps the book of them."""
        store, wanted = InventoryStore(self.session), ((each.region, each.name) for each in specs.documents)
        if self.shard.index:
            self.known = frozenset([*store.applied(), *wanted])
            return []
        everything = store.read_all()
        self.known = frozenset([*everything, *wanted])
        keys = orphans((key for key in everything if not is_operators(key[1])), specs.services)
        book = Orphanage(self._reports, made.canary.environments)
        found = book.look(keys, everything, self.session.clock.now())
        told = settle(made, found, obstacle=self._obstacle(specs, made)) if found else []
        stay = [f"{each['name']} in {each['region']}" for each in told if each["state"] == "orphaned"]
        if stay:
            made.log.write("WARNING", "no spec wants these any more; they stay", services=stay)
        return told

    def _obstacle(self, specs: Specs, made: Pass) -> Obstacle | None:
        """Say why no service is destroyed in this pass for want of a spec; nothing where that may be."""
        if not self.orders.orphans.prune:
            return None  # which is why they stay
        keys = ((each.region, each.name) for each in specs.documents)
        said = Around(
            services=bool(specs.services),
            ours=not self.unowned,
            current=not self.trouble,
            blind=made.canary.blind,
            corrects=self.orders.correct,
            frozen=made.frozen,
            dry_run=made.dry_run,
            observes=bool(made.canary.held) or made.canary.observes(keys),
        )
        return obstacle_of(said) or self._overtaken()

    def _overtaken(self) -> Obstacle | None:
        """Tell whether other specs were published meanwhile: they may want what these do not."""
        if self.bundles is None or self.pointer is None:
            return None
        now = self.bundles.latest().digest
        return None if now == self.pointer.digest else Obstacle("other specs were published meanwhile")

    def _report(self, made: Pass, problems: Sequence[Problem], orphaned: list[dict[str, Any]], began: datetime) -> None:
        """Write what this pass did, then say that it ended: one that nobody can read of has failed."""
        report = self._told(made, problems, orphaned, began)
        self._reports.write(report)
        if not self.dry_run and self.some:
            made.canary.save(self.known)
        if self.pointer and self.some and self.shard.index == 0 and not self.trouble and not self.dry_run:
            self._reports.note_applied(replace(self.pointer, older=False))
        self._beat(made.exit_code)
        if self.unheard:
            self._reports.write(report | {"warnings": [self.unheard, *report["warnings"]]})

    def _keeps_standings(self, specs: Specs) -> bool:
        """Tell whether what is known of services is kept: without any specs that is nothing."""
        return bool(self.orders.name and specs.documents) and not self.dry_run

    def _keep_standings(self, made: Pass, documents: Sequence[Loaded], begun: Begun, *, broken: bool) -> None:
        """Keep what was known of each service, for people to look at: last of all, and never a reason to fail."""
        log, program = Log(self.session.run_id), version("mlservice")
        try:
            kept = keep_standings(made, documents, self._reports, self.shard, begun, program=program, broken=broken)
            for why in kept:
                log.write("WARNING", "not all is known of services", error=why)
        except MLServiceError as error:
            log.write("WARNING", "standings not written", error=str(error), hint=getattr(error, "hint", ""))
        except Exception as error:  # noqa: BLE001 - a fault of ours must not make a pass that did its work a failed one
            log.write("WARNING", "standings not written: a bug in mlservice", error=f"{type(error).__name__}: {error}")

    def _told(
        self, made: Pass, problems: Sequence[Problem], orphaned: list[dict[str, Any]], began: datetime
    ) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "operator": self.orders.name,
            "project": self.session.connection.project,
            "program": version("mlservice"),
            "execution": os.environ.get("CLOUD_RUN_EXECUTION", ""),
            "run": self.session.run_id,
            "shard": {"index": self.shard.index, "count": self.shard.count},
            "started": began.isoformat(timespec="seconds"),
            "ended": self.session.clock.now().isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - self.started, 3),
            "drift": "Correct" if self.orders.correct else "Report",
            "build": made.canary.build.to_json(),
            "specs": self.digest,
            "source": self.source,
            "dryRun": self.dry_run,
            "bundle": self.pointer and self.pointer.to_json(),
            "canary": made.canary.to_json(),
            "problems": [*filter(None, (self.trouble, made.canary.blind, self.untold)), *map(str, problems)],
            "warnings": made.warnings,
            "services": {name: service.to_json() for name, service in sorted(made.told.items())},
            "orphaned": orphaned,
            "calls": self._calls,
            "changed": made.changed,
            "exitCode": made.exit_code,
        }

    def _remember(self, made: Pass, orphaned: list[dict[str, Any]], began: datetime) -> None:
        """Write history, before the report that tells the next pass what is news. A pass does not fail for it."""
        by_hand = not self.orders.name
        try:
            before = None if by_hand else self._reports.of_shard(self.shard.index)
            about = self.about(began, self.pointer)
            entries = [*of_pass(made.told, before, about, alone=by_hand), *of_orphans(orphaned, before, about)]
            History(self.session).write(entries)
        except MLServiceError as error:
            log = Log(self.session.run_id)
            log.write("WARNING", "history not written", error=str(error), hint=getattr(error, "hint", ""))


@contextmanager
def _unpacked(files: Mapping[str, bytes]) -> Iterator[None]:
    """Work in a folder of the files, so that places read as they do in the repository."""
    with tempfile.TemporaryDirectory(prefix="mlservice-") as folder, chdir(folder):
        for name, content in files.items():
            path = Path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        yield


def load_telling(paths: Sequence[Path], environment: str | None) -> tuple[Specs, list[Problem]]:
    """Load what can be loaded, and tell what cannot."""
    specs, found = load_valid([*paths], environment=environment)
    return specs, tell(problem for problem in found if problem.severity is Severity.ERROR)


def tell(problems: Iterable[Problem]) -> list[Problem]:
    """Write to the log which specs cannot be used, and why; gives them."""
    told = list(problems)
    for problem in told:
        Log("").write("ERROR", "spec refused", problem=str(problem), hint=problem.hint)
    return told
