"""`mlservice reconcile`: one pass over a folder or a bundle, as the scheduled Cloud Run job runs it."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, suppress
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
    from reconciler.cli.sources import Fetched
    from reconciler.core.bundle import Pointer
    from reconciler.core.inventory import Key
    from reconciler.core.orders import Orders
    from reconciler.core.plan import Change
    from reconciler.engine.bundles import Bundles
    from reconciler.engine.canary import Canary
    from reconciler.engine.entries import Circumstances
    from reconciler.engine.passes import Pass
    from reconciler.engine.reports import Reports
    from reconciler.engine.session import Session
    from reconciler.hosts.repository import Repository
    from schemas import Loaded, LoadedOperator, Problem, Specs

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
    git: Annotated[
        str | None, typer.Option("--git", help="Clone the specs from there: https://HOST/REPOSITORY.")
    ] = None,
    branch: Annotated[str, typer.Option("--branch", help="With --git: which branch.")] = "main",
    folder: Annotated[str, typer.Option("--folder", help="With --git: which folder of the repository.")] = ".",
    allow_older: Annotated[
        bool, typer.Option("--allow-older", help="Take specs that are older than those applied last.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report, change nothing.")] = False,
) -> int:
    """One pass: observe, decide, mend, report. Logs are JSON lines in Cloud Logging's form, on stderr.

    What is wrong with one service stops no other. Nothing that destroys what a spec protects is done; nobody is asked.
    Access that contradicts a spec is a WARNING when the pass closes it, and with --dry-run an ERROR and exit code 1.

    In the job that `mlservice install` makes, the pass obeys what the job was told: limits, freeze windows, whether it
    corrects or reports. Of several tasks each takes its share of the services.

    What is cloned is read with the token in MLSERVICE_GIT_TOKEN. Where it cannot be cloned nothing is changed.
    """
    from reconciler.core.orders import ORDERS_ENV, Orders  # noqa: PLC0415 - late, for start-up
    from reconciler.hosts.repository import Repository  # noqa: PLC0415 - late, for start-up
    from schemas import MLServiceError  # noqa: PLC0415 - late, for start-up

    started = time.monotonic()
    try:
        orders = Orders.read(os.environ.get(ORDERS_ENV, ""))
        target = Target(project, local, state, environment or orders.environment or None)
        if bundle or git:
            with working(target, quiet=True) as session:
                run = _Run(session, orders, target, started, dry_run)
                repository = Repository(git, branch, folder) if git else None
                fetched = run.fetch(bundle, repository, allow_older=allow_older)
                return run.of_fetched(fetched)
        specs, problems = _load(spec_paths(paths), target)
        if not specs.documents and not orders.name:
            return 1
        with working(target, specs, quiet=True) as session:
            run = _Run(session, orders, target, started, dry_run)
            run.digest = _digest_of(spec_paths(paths))
            run.source = {"kind": "folder", "place": " ".join(map(str, spec_paths(paths)))}
            return run.of(specs, problems)
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
    digest: str = ""
    source: dict[str, str] = field(default_factory=dict)
    trouble: str = ""
    untold: str = ""
    unheard: str = ""
    some: bool = False
    known: frozenset[Key] | None = None
    bundles: Bundles | None = None

    def fetch(self, bundle: str | None, repository: Repository | None, *, allow_older: bool) -> Fetched:
        """Take the specs of a bundle, or clone them."""
        from reconciler.cli.sources import from_bundle, from_repository  # noqa: PLC0415 - late, for start-up
        from reconciler.engine.bundles import Bundles  # noqa: PLC0415 - late, for start-up

        before = self._reports.applied() if self.orders.name and self.session.connection.state.there else None
        if repository:
            self.source = {"kind": "git", "place": str(repository)}
            return from_repository(self.session, repository, before, allow_older=allow_older)
        self.bundles = Bundles(self.session.connection, bundle or "")
        self.source = {"kind": "bundle", "place": self.bundles.place}
        return from_bundle(self.bundles, before, allow_older=allow_older)

    def of_fetched(self, fetched: Fetched) -> int:
        """Reconcile what was fetched. Where nothing can be used nothing is done, and that is reported."""
        from schemas import Specs  # noqa: PLC0415 - late, for start-up

        self.pointer, self.trouble = fetched.pointer, fetched.trouble
        self.digest = fetched.pointer.digest if fetched.pointer else ""
        if fetched.trouble:
            stays = "the ones before stay" if fetched.files else "nothing is changed"
            log = Log(self.session.run_id)
            log.write("ERROR", f"specs refused; {stays}", error=fetched.trouble, hint=fetched.hint)
        if fetched.trouble and not fetched.files:
            hint = f"; {fetched.hint}" if fetched.hint else ""
            self.trouble = f"no specs could be read, and nothing was done: {fetched.trouble}{hint}"
            return self.of(Specs(()), [])
        with _unpacked(fetched.files):
            return self.of(*_load([Path()], self.target))

    def _beat(self, exit_code: int) -> None:
        """Tell that a pass of the operator's has ended. That this did not work is a warning, and no failed pass."""
        from reconciler.engine.heartbeat import beat  # noqa: PLC0415 - late, for start-up

        if self.orders.name and not self.dry_run:
            orders, shards = self.orders, [self.shard.index]
            self.unheard = beat(self.session, orders.name, orders.region, shards, exit_code)
        if self.unheard:
            Log(self.session.run_id).write("WARNING", self.unheard)

    @property
    def _reports(self) -> Reports:
        from reconciler.engine.reports import Reports  # noqa: PLC0415 - late, for start-up

        return Reports(self.session, self.orders.name)

    def of(self, specs: Specs, problems: Sequence[Problem]) -> int:
        """Reconcile the specs that are ours."""
        from reconciler.engine.passes import Pass  # noqa: PLC0415 - late, for start-up

        log, began = Log(self.session.run_id), self.session.clock.now()
        self.some = bool(specs.documents)
        services = [each for each in specs.services if self.shard.takes(each.region, each.name)]
        own = self._own(specs)
        canary = self._canary([*services, own] if own else services)
        made = Pass(self.session, self.orders, self._plan, log, self.dry_run, canary)
        if canary.blind:
            log.write("ERROR", canary.blind)
        if problems or self.trouble or canary.blind or not specs.documents:
            made.codes.add(1)
        made.run(services, own if self.shard.count == 1 else None)
        if own:
            made.run_own(own, specs.services)
        orphaned = self._orphans(specs, made, broken=bool(problems))
        seconds = round(time.monotonic() - self.started, 3)
        end = {"dryRun": True} if self.dry_run else {"changed": made.changed}
        log.write("INFO", "pass done", **end, seconds=seconds)
        if not self.dry_run:
            self._remember(made, began)
        self._beat(made.exit_code)
        if self.orders.name:
            self._report(made, problems, orphaned, began)
        return made.exit_code

    def _own(self, specs: Specs) -> LoadedOperator | None:
        """Give the operator's own document, to the first shard."""
        wanted = [each for each in specs.operators if self.orders.name in {"", each.operator.name}]
        return wanted[0] if wanted and self.shard.index == 0 else None

    def _canary(self, documents: Sequence[Loaded]) -> Canary:
        """Look what the passes before left of these documents; by hand nothing is compared."""
        from reconciler.cli.version import version_line  # noqa: PLC0415 - late, for start-up
        from reconciler.core.canary import Build  # noqa: PLC0415 - late, for start-up
        from reconciler.engine.canary import Canary  # noqa: PLC0415 - late, for start-up

        if not self.orders.name:
            return Canary()
        build = Build(version_line(), self.orders.image)
        made = Canary(self._reports, build, self.digest, self.orders.environment, self.shard.index)
        made.look_back((each.region, each.name) for each in documents)
        return made

    def _plan(self, documents: Any) -> Any:
        return plan_documents(self.session, documents, bundled=self.orders.runtime_image)

    def _orphans(self, specs: Specs, made: Pass, *, broken: bool) -> list[dict[str, Any]]:
        """Name the services that no spec wants any more, if that can be told, and let those go that may.

        Args:
            specs: All of them.
            made: What was done, which is reported even if this fails.
            broken: One could not be read: its service would be named as well.
        """
        from schemas import MLServiceError  # noqa: PLC0415 - late, for start-up

        if not self.orders.name or (self.trouble and not specs.documents):
            return []
        try:
            return self._without_some() if broken else self._unwanted(specs, made)
        except MLServiceError as error:
            self.untold = f"it is not known which services no spec wants any more: {error}"
            made.log.write("ERROR", self.untold, hint=getattr(error, "hint", ""))
            made.codes.add(int(getattr(error, "exit_code", 1)))
            return []

    def _without_some(self) -> list[dict[str, Any]]:
        """Name no orphan, and let the time of each begin anew: any of them may be what the broken specs want."""
        from reconciler.engine.orphans import Orphanage  # noqa: PLC0415 - late, for start-up

        if self.shard.index == 0:
            Orphanage(self._reports).clear()
        if self.orders.orphans.prune:
            self.untold = "no orphan is pruned: with specs that cannot be read nobody knows which services they are"
        return []

    def _unwanted(self, specs: Specs, made: Pass) -> list[dict[str, Any]]:
        """Look for orphans, of all shards: the first one keeps the book of them."""
        from reconciler.engine.inventory_store import InventoryStore  # noqa: PLC0415 - late, for start-up
        from reconciler.engine.orphans import Orphanage, settle  # noqa: PLC0415 - late, for start-up
        from reconciler.engine.passes import orphans  # noqa: PLC0415 - late, for start-up
        from schemas.operator import is_operators  # noqa: PLC0415 - late, for start-up

        everything = InventoryStore(self.session).read_all()
        self.known = frozenset([*everything, *((each.region, each.name) for each in specs.documents)])
        if self.shard.index:
            return []
        keys = orphans((key for key in everything if not is_operators(key[1])), specs.services)
        book = Orphanage(self._reports, made.canary.environments)
        found = book.look(keys, everything, self.session.clock.now())
        told = settle(made, found, obstacle=self._obstacle(specs, made)) if found else []
        stay = [f"{each['name']} in {each['region']}" for each in told if each["state"] == "orphaned"]
        if stay:
            made.log.write("WARNING", "no spec wants these any more; they stay", services=stay)
        return told

    def _obstacle(self, specs: Specs, made: Pass) -> str:
        """Say why no service is destroyed in this pass for want of a spec; nothing where that may be."""
        from reconciler.core.orphans import NO_SPECS  # noqa: PLC0415 - late, for start-up

        if not self.orders.orphans.prune:
            return ""  # which is why they stay
        if self.trouble or made.canary.blind:
            return "the specs of this pass are not the current ones" if self.trouble else made.canary.blind
        if not specs.services:
            return NO_SPECS
        if made.changes_nothing:
            frozen = self.orders.frozen(self.session.clock.now())
            return "nothing is changed in a freeze" if frozen else "this pass only reports"
        if made.canary.held or made.canary.observes((each.region, each.name) for each in specs.documents):
            return "the first pass of another version only observes"
        return self._overtaken()

    def _overtaken(self) -> str:
        """Tell whether other specs were published meanwhile: they may want what these do not."""
        if self.bundles is None or self.pointer is None:
            return ""
        now = self.bundles.latest().digest
        return "" if now == self.pointer.digest else "other specs were published meanwhile"

    def _report(self, made: Pass, problems: Sequence[Problem], orphaned: list[dict[str, Any]], began: datetime) -> None:
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
            "build": made.canary.build.to_json(),
            "specs": self.digest,
            "source": self.source,
            "dryRun": self.dry_run,
            "bundle": self.pointer and self.pointer.to_json(),
            "canary": made.canary.to_json(),
            "problems": [*filter(None, (self.trouble, made.canary.blind, self.untold)), *map(str, problems)],
            "warnings": [*filter(None, (self.unheard,))],
            "services": {name: service.to_json() for name, service in sorted(made.told.items())},
            "orphaned": orphaned,
            "changed": made.changed,
            "exitCode": made.exit_code,
        }
        self._reports.write(report)
        if not self.dry_run and self.some:
            made.canary.save(self.known)
        if self.pointer and self.some and self.shard.index == 0 and not self.trouble and not self.dry_run:
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


def _digest_of(paths: Sequence[Path]) -> str:
    """Digest spec files where they lie, as a bundle of them would be."""
    from reconciler.core.bundle import digest_of, pack  # noqa: PLC0415 - late, for start-up
    from schemas import SpecError  # noqa: PLC0415 - late, for start-up
    from schemas.files import read_bytes, spec_files  # noqa: PLC0415 - late, for start-up

    files = {}
    for file in spec_files(paths)[0]:
        with suppress(SpecError):  # it is told of where it is loaded
            files[str(file.path)] = read_bytes(file)
    return digest_of(pack(files))


@contextmanager
def _unpacked(files: Mapping[str, bytes]) -> Iterator[None]:
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
