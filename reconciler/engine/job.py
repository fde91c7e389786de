"""The job: one pass, from its specs to its report. What runs it only says where the specs lie."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, chdir, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from reconciler.core.bundle import Pointer
from reconciler.core.orders import Orders
from reconciler.core.plain import in_json
from reconciler.core.plan import Change
from reconciler.core.shards import shard_of
from reconciler.engine.bundles import BundleRefused, Bundles, refuse_older
from reconciler.engine.entries import Circumstances, of_pass
from reconciler.engine.history import History
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.passes import Pass, Planner, orphans
from reconciler.engine.reports import FORMAT, Reports
from reconciler.engine.session import Session
from schemas import LoadedOperator, MLServiceError, Problem, Severity, Specs, load_valid
from schemas.operator import is_operators


@dataclass(frozen=True, slots=True)
class Shard:
    """Which part of the services is ours.

    Args:
        index: From 0.
        count: How many there are.

    Source:
        cloud.google.com/run/docs/container-contract#jobs-env-vars.
    """

    index: int = 0
    count: int = 1

    @classmethod
    def ours(cls) -> Shard:
        """Read what Cloud Run says; alone where it says nothing."""
        said = [os.environ.get(f"CLOUD_RUN_TASK_{name}", "") for name in ("INDEX", "COUNT")]
        index, count = (int(text) if text.isdigit() else 0 for text in said)
        return cls(index, count) if index < count else cls()

    def takes(self, region: str, name: str) -> bool:
        """Tell whether a service is ours."""
        return shard_of(region, name, self.count) == self.index


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
        dry_run: Report, change nothing.
        about: Says by whom and from what a pass that began then was made, for the history.
        started: When, as `time.monotonic` says it.
    """

    session: Session
    plan: Planner
    orders: Orders
    shard: Shard
    dry_run: bool
    about: Callable[[datetime, Pointer | None], Circumstances]
    started: float
    pointer: Pointer | None = None
    trouble: str = ""
    untold: str = ""

    def __post_init__(self) -> None:
        """Take the shard's part of the project's quotas, and the patience of a run that nobody waits for."""
        self.session.connection.throttle.share(self.shard.count, STORM_S)

    def of_bundle(self, place: str, environment: str | None) -> int:
        """Take the specs of a bundle: the current one, or, where that cannot be used, the one applied last."""
        bundles = Bundles(self.session.connection, place)
        with ExitStack() as stack:
            try:
                files, self.pointer = self._files(bundles)
            except MLServiceError as error:
                self._nothing_done(error)
                raise
            stack.enter_context(_unpacked(files))
            return self.of(*load_telling([Path()], environment))

    def _nothing_done(self, error: MLServiceError) -> None:
        """Report a pass that got no specs, or people would go on reading of the one before."""
        if not self.orders.name:
            return
        hint = getattr(error, "hint", "")
        self.trouble = f"no specs could be read, and nothing was done: {error}{f'; {hint}' if hint else ''}"
        made = Pass(self.session, self.orders, self.plan, Log(self.session.run_id), self.dry_run)
        made.codes.add(int(getattr(error, "exit_code", 1)))
        with suppress(MLServiceError):  # what kept the specs from being read is said in any case
            self._report(made, [], [], self.session.clock.now())

    def _files(self, bundles: Bundles) -> tuple[dict[str, bytes], Pointer]:
        before = self._reports.applied() if self.orders.name else None
        try:
            now = bundles.latest()
            refuse_older(now, before, bundles.place)
            return bundles.files(now), now
        except BundleRefused as error:
            if before is None:
                raise
            Log(self.session.run_id).write("ERROR", "bundle refused; the one before stays", error=str(error))
            self.trouble = str(error)
            return bundles.files(before), before

    @property
    def _reports(self) -> Reports:
        return Reports(self.session, self.orders.name)

    def of(self, specs: Specs, problems: Sequence[Problem]) -> int:
        """Reconcile the specs that are ours."""
        log, began = Log(self.session.run_id), self.session.clock.now()
        made = Pass(self.session, self.orders, self.plan, log, self.dry_run)
        if problems or self.trouble or not specs.documents:
            made.codes.add(1)
        services = [each for each in specs.services if self.shard.takes(each.region, each.name)]
        own = self._own(specs)
        made.run(services, own if self.shard.count == 1 else None)
        if own:
            made.run_own(own, specs.services)
        orphaned = [] if problems else self._orphans(specs, made)
        seconds = round(time.monotonic() - self.started, 3)
        end = {"dryRun": True} if self.dry_run else {"changed": made.changed}
        log.write("INFO", "pass done", **end, seconds=seconds)
        throttled = [each for each in self._calls if each["throttled"]]
        if throttled:
            log.write("WARNING", "Google asked for fewer calls, and the pass went slower", apis=throttled)
        if not self.dry_run:
            self._remember(made, began)
        if self.orders.name:
            self._report(made, problems, orphaned, began)
        return made.exit_code

    @property
    def _calls(self) -> list[dict[str, Any]]:
        """What became of the calls so far, by API."""
        counts = sorted(self.session.connection.throttle.counts.items())
        return [{"api": api, **count.to_json()} for api, count in counts]

    def _own(self, specs: Specs) -> LoadedOperator | None:
        """Give the operator's own document, to the first shard."""
        wanted = [each for each in specs.operators if self.orders.name in {"", each.operator.name}]
        return wanted[0] if wanted and self.shard.index == 0 else None

    def _orphans(self, specs: Specs, made: Pass) -> list[dict[str, str]]:
        """Name the services that no spec wants any more, if that can be told; a pass that worked is reported anyway.

        Args:
            specs: All of them: where one could not be read, its service would be named as well.
            made: What was done, which fails if it cannot be told.
        """
        if not self.orders.name:
            return []
        try:
            return self._unwanted(specs)
        except MLServiceError as error:
            self.untold = f"it is not known which services no spec wants any more: {error}"
            Log(self.session.run_id).write("ERROR", self.untold, hint=getattr(error, "hint", ""))
            made.codes.add(int(getattr(error, "exit_code", 1)))
            return []

    def _unwanted(self, specs: Specs) -> list[dict[str, str]]:
        there = [key for key in InventoryStore(self.session).applied() if not is_operators(key[1])]
        found = [
            {"region": region, "name": name}
            for region, name in orphans(there, specs.services)
            if self.shard.takes(region, name)
        ]
        if found:
            names = [f"{each['name']} in {each['region']}" for each in found]
            Log(self.session.run_id).write("WARNING", "no spec wants these any more; they stay", services=names)
        return found

    def _report(self, made: Pass, problems: Sequence[Problem], orphaned: list[dict[str, str]], began: datetime) -> None:
        report = {
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
            "dryRun": self.dry_run,
            "bundle": self.pointer and self.pointer.to_json(),
            "problems": [*filter(None, (self.trouble, self.untold)), *map(str, problems)],
            "services": {name: service.to_json() for name, service in sorted(made.told.items())},
            "orphaned": orphaned,
            "calls": self._calls,
            "changed": made.changed,
            "exitCode": made.exit_code,
        }
        self._reports.write(report)
        if self.pointer and self.shard.index == 0 and not self.trouble and not self.dry_run:
            self._reports.note_applied(replace(self.pointer, older=False))

    def _remember(self, made: Pass, began: datetime) -> None:
        """Write history, before the report that tells the next pass what is news. A pass does not fail for it."""
        by_hand = not self.orders.name
        try:
            before = None if by_hand else self._reports.of_shard(self.shard.index)
            History(self.session).write(of_pass(made.told, before, self.about(began, self.pointer), alone=by_hand))
        except MLServiceError as error:
            log = Log(self.session.run_id)
            log.write("WARNING", "history not written", error=str(error), hint=getattr(error, "hint", ""))


@contextmanager
def _unpacked(files: dict[str, bytes]) -> Iterator[None]:
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
    problems = [problem for problem in found if problem.severity is Severity.ERROR]
    for problem in problems:
        Log("").write("ERROR", "spec refused", problem=str(problem), hint=problem.hint)
    return specs, problems


class Log:
    """Writes structured log lines.

    Args:
        run_id: Bound to every line.

    Source:
        Special fields `severity`, `message` and `time`: cloud.google.com/logging/docs/structured-logging.
    """

    def __init__(self, run_id: str) -> None:
        self._bound = {"run_id": run_id} if run_id else {}

    def write(self, severity: str, message: str, **keys: Any) -> None:
        """Write one line. What looks like a secret in it is hidden."""
        line = {"severity": severity, "message": message, "time": datetime.now(UTC).isoformat(), **self._bound, **keys}
        sys.stderr.write(in_json(line, indent=None) + "\n")
        sys.stderr.flush()

    def change(self, change: Change, what: str, seconds: float) -> None:
        """Write one line per change that ended."""
        if what == "done":
            about = {"address": str(change.address), "action": str(change.action)}
            self.write("INFO", "change applied", **about, seconds=round(seconds, 3))
