"""`mlservice reconcile`: one pass over a folder or a bundle, as the scheduled Cloud Run job runs it."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, chdir, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli.console import in_json
from reconciler.cli.options import Environment, Local, Paths, Project, State, spec_paths
from reconciler.cli.planning import Target, plan_documents, working

if TYPE_CHECKING:
    from reconciler.core.bundle import Pointer
    from reconciler.core.orders import Orders
    from reconciler.core.plan import Change
    from reconciler.engine.entries import Circumstances
    from reconciler.engine.passes import Pass
    from reconciler.engine.reports import Reports
    from reconciler.engine.session import Session
    from schemas import LoadedOperator, MLServiceError, Problem, Specs

app = typer.Typer(add_completion=False)


@app.command()
def reconcile(
    paths: Paths = None,
    *,
    environment: Environment = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    bundle: Annotated[
        str | None,
        typer.Option("--bundle", help="Take the specs that were published there: gs://BUCKET/FOLDER."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report, change nothing.")] = False,
) -> int:
    """One pass: observe, decide, mend, report. Logs are JSON lines in Cloud Logging's form, on stderr.

    What is wrong with one service stops no other. Nothing that destroys what a spec protects is done; nobody is asked.
    Access that contradicts a spec is a WARNING when the pass closes it, and with --dry-run an ERROR and exit code 1.

    In the job that `mlservice install` makes, the pass obeys what the job was told: limits, freeze windows, whether it
    corrects or reports. Of several tasks each takes its share of the services.
    """
    from reconciler.core.orders import ORDERS_ENV, Orders  # noqa: PLC0415 - late, for start-up
    from schemas import MLServiceError  # noqa: PLC0415 - late, for start-up

    started = time.monotonic()
    try:
        orders = Orders.read(os.environ.get(ORDERS_ENV, ""))
        target = Target(project, local, state, environment or orders.environment or None)
        if bundle:
            with working(target, quiet=True) as session:
                return _Run(session, orders, target, started, dry_run).of_bundle(bundle)
        specs, problems = _load(spec_paths(paths), target)
        if not specs.documents and not orders.name:
            return 1
        with working(target, specs, quiet=True) as session:
            return _Run(session, orders, target, started, dry_run).of(specs, problems)
    except MLServiceError as error:
        Log("").write("ERROR", "pass failed", error=str(error), hint=getattr(error, "hint", ""))
        return int(getattr(error, "exit_code", 1))


def _load(paths: Sequence[Path], target: Target) -> tuple[Specs, list[Problem]]:
    """Load what can be loaded, and tell what cannot."""
    from schemas import Severity, load_valid  # noqa: PLC0415 - late, for start-up

    specs, found = load_valid([*paths], environment=target.environment)
    problems = [problem for problem in found if problem.severity is Severity.ERROR]
    for problem in problems:
        Log("").write("ERROR", "spec refused", problem=str(problem), hint=problem.hint)
    return specs, problems


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
        from reconciler.core.shards import shard_of  # noqa: PLC0415 - late, for start-up

        return shard_of(region, name, self.count) == self.index


@dataclass(slots=True)
class _Run:
    """One pass, from its specs to its report."""

    session: Session
    orders: Orders
    target: Target
    started: float
    dry_run: bool
    shard: Shard = field(default_factory=Shard.ours)
    pointer: Pointer | None = None
    trouble: str = ""
    untold: str = ""

    def of_bundle(self, place: str) -> int:
        """Take the specs of a bundle: the current one, or, where that cannot be used, the one applied last."""
        from reconciler.engine.bundles import Bundles  # noqa: PLC0415 - late, for start-up
        from schemas import MLServiceError  # noqa: PLC0415 - late, for start-up

        bundles = Bundles(self.session.connection, place)
        with ExitStack() as stack:
            try:
                files, self.pointer = self._files(bundles)
            except MLServiceError as error:
                self._nothing_done(error)
                raise
            stack.enter_context(_unpacked(files))
            return self.of(*_load([Path()], self.target))

    def _nothing_done(self, error: MLServiceError) -> None:
        """Report a pass that got no specs, or people would go on reading of the one before."""
        from reconciler.engine.passes import Pass  # noqa: PLC0415 - late, for start-up
        from schemas import MLServiceError  # noqa: PLC0415 - late, for start-up

        if not self.orders.name:
            return
        hint = getattr(error, "hint", "")
        self.trouble = f"no specs could be read, and nothing was done: {error}{f'; {hint}' if hint else ''}"
        made = Pass(self.session, self.orders, self._plan, Log(self.session.run_id), self.dry_run)
        made.codes.add(int(getattr(error, "exit_code", 1)))
        with suppress(MLServiceError):  # what kept the specs from being read is said in any case
            self._report(made, [], [], self.session.clock.now())

    def _files(self, bundles: Any) -> tuple[dict[str, bytes], Pointer]:
        from reconciler.engine.bundles import BundleRefused, refuse_older  # noqa: PLC0415 - late, for start-up

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
        from reconciler.engine.reports import Reports  # noqa: PLC0415 - late, for start-up

        return Reports(self.session, self.orders.name)

    def of(self, specs: Specs, problems: Sequence[Problem]) -> int:
        """Reconcile the specs that are ours."""
        from reconciler.engine.passes import Pass  # noqa: PLC0415 - late, for start-up

        log, began = Log(self.session.run_id), self.session.clock.now()
        made = Pass(self.session, self.orders, self._plan, log, self.dry_run)
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
        if not self.dry_run:
            self._remember(made, began)
        if self.orders.name:
            self._report(made, problems, orphaned, began)
        return made.exit_code

    def _own(self, specs: Specs) -> LoadedOperator | None:
        """Give the operator's own document, to the first shard."""
        wanted = [each for each in specs.operators if self.orders.name in {"", each.operator.name}]
        return wanted[0] if wanted and self.shard.index == 0 else None

    def _plan(self, documents: Any) -> Any:
        return plan_documents(self.session, documents, bundled=self.orders.runtime_image)

    def _orphans(self, specs: Specs, made: Pass) -> list[dict[str, str]]:
        """Name the services that no spec wants any more, if that can be told; a pass that worked is reported anyway.

        Args:
            specs: All of them: where one could not be read, its service would be named as well.
            made: What was done, which fails if it cannot be told.
        """
        from schemas import MLServiceError  # noqa: PLC0415 - late, for start-up

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
        from reconciler.engine.inventory_store import InventoryStore  # noqa: PLC0415 - late, for start-up
        from reconciler.engine.passes import orphans  # noqa: PLC0415 - late, for start-up
        from schemas.operator import is_operators  # noqa: PLC0415 - late, for start-up

        there = [key for key in InventoryStore(self.session).read_all() if not is_operators(key[1])]
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
        from reconciler.cli.remembering import execution  # noqa: PLC0415 - late, for start-up
        from reconciler.engine.reports import FORMAT  # noqa: PLC0415 - late, for start-up

        report = {
            "format": FORMAT,
            "operator": self.orders.name,
            "project": self.session.connection.project,
            "program": version("mlservice"),
            "execution": execution(),
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
            "changed": made.changed,
            "exitCode": made.exit_code,
        }
        self._reports.write(report)
        if self.pointer and self.shard.index == 0 and not self.trouble and not self.dry_run:
            self._reports.note_applied(replace(self.pointer, older=False))

    def _remember(self, made: Pass, began: datetime) -> None:
        """Write history, before the report that tells the next pass what is news. A pass does not fail for it."""
        from reconciler.engine.entries import of_pass  # noqa: PLC0415 - late, for start-up
        from reconciler.engine.history import History  # noqa: PLC0415 - late, for start-up
        from schemas import MLServiceError  # noqa: PLC0415 - late, for start-up

        by_hand = not self.orders.name
        try:
            before = None if by_hand else self._reports.of_shard(self.shard.index)
            entries = of_pass(made.told, before, self._circumstances(began), alone=by_hand)
            History(self.session).write(entries)
        except MLServiceError as error:
            log = Log(self.session.run_id)
            log.write("WARNING", "history not written", error=str(error), hint=getattr(error, "hint", ""))

    def _circumstances(self, began: datetime) -> Circumstances:
        from reconciler.cli.origin import Origin  # noqa: PLC0415 - late, for start-up
        from reconciler.cli.remembering import by_operator, by_somebody  # noqa: PLC0415 - late, for start-up

        if not self.orders.name:
            return by_somebody(self.session, began, self.target.environment or "", Origin.of(None))
        return by_operator(self.session, began, self.orders, self.pointer)


@contextmanager
def _unpacked(files: dict[str, bytes]) -> Iterator[None]:
    """Work in a folder of the files, so that places read as they do in the repository."""
    with tempfile.TemporaryDirectory(prefix="mlservice-") as folder, chdir(folder):
        for name, content in files.items():
            path = Path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        yield


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
