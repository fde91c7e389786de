"""`mlservice reconcile`: one pass over a folder, a bundle or a clone, as the scheduled Cloud Run job runs it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.options import Environment, Local, Paths, Project, State, spec_paths
from reconciler.cli.planning import Target, plan_documents, working

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.core.bundle import Pointer
    from reconciler.core.orders import Orders
    from reconciler.engine.entries import Circumstances
    from reconciler.engine.job import Job
    from reconciler.engine.session import Session
    from reconciler.hosts.repository import Repository

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
    from reconciler.engine.log import Log  # noqa: PLC0415 - late, for start-up
    from reconciler.hosts.repository import Repository  # noqa: PLC0415 - late, for start-up
    from schemas import MLServiceError  # noqa: PLC0415 - late, for start-up

    started = time.monotonic()
    try:
        orders = Orders.read(os.environ.get(ORDERS_ENV, ""))
        target = Target(project, local, state, environment or orders.environment or None)
        job = partial(_job, target=target, orders=orders, dry_run=dry_run, started=started)
        if bundle or git:
            repository = Repository(git, branch, folder) if git else None
            with working(target, quiet=True) as session:
                made = job(session)
                with made.telling():
                    return _of_published(made, bundle or "", repository, allow_older=allow_older)
        return _of_files(job, spec_paths(paths), target, named=bool(orders.name))
    except MLServiceError as error:
        Log("").write("ERROR", "pass failed", error=str(error), hint=getattr(error, "hint", ""))
        return int(getattr(error, "exit_code", 1))


def _of_published(job: Job, bundle: str, repository: Repository | None, *, allow_older: bool) -> int:
    """Take the specs of a bundle, or clone them."""
    from reconciler.cli.sources import from_bundle, from_repository  # noqa: PLC0415 - late, for start-up
    from reconciler.engine.bundles import Bundles  # noqa: PLC0415 - late, for start-up

    before = job.before
    if repository:
        job.source = {"kind": "git", "place": str(repository)}
        return job.of_fetched(from_repository(job.session, repository, before, allow_older=allow_older))
    job.bundles = Bundles(job.session.connection, bundle)
    job.source = {"kind": "bundle", "place": job.bundles.place}
    return job.of_fetched(from_bundle(job.bundles, before, allow_older=allow_older))


def _of_files(job: Callable[[Session], Job], paths: Sequence[Path], target: Target, *, named: bool) -> int:
    """Take specs from where they lie."""
    from reconciler.engine.job import load_telling  # noqa: PLC0415 - late, for start-up

    specs, problems = load_telling(paths, target.environment)
    if not specs.documents and not named:
        return 1
    with working(target, specs, quiet=True) as session:
        made = job(session)
        made.digest = _digest_of(paths) if named else ""
        made.source = {"kind": "folder", "place": " ".join(map(str, paths))}
        with made.telling():
            return made.of(specs, problems)


def _job(session: Session, *, target: Target, orders: Orders, dry_run: bool, started: float) -> Job:
    from reconciler.cli.origin import Origin  # noqa: PLC0415 - late, for start-up
    from reconciler.cli.remembering import by_operator, by_somebody  # noqa: PLC0415 - late, for start-up
    from reconciler.cli.version import version_line  # noqa: PLC0415 - late, for start-up
    from reconciler.engine.job import Job  # noqa: PLC0415 - late, for start-up
    from reconciler.engine.log import Log  # noqa: PLC0415 - late, for start-up
    from reconciler.engine.shard import Shard  # noqa: PLC0415 - late, for start-up

    def about(began: datetime, pointer: Pointer | None) -> Circumstances:
        if orders.name:
            return by_operator(session, began, orders, pointer)
        return by_somebody(session, began, target.environment or "", Origin.of(None))

    return Job(
        session,
        partial(plan_documents, session, bundled=orders.runtime_image, log=Log(""), tries=not dry_run),
        orders,
        Shard.ours(),
        target.environment,
        version_line(),
        dry_run=dry_run,
        about=about,
        started=started,
    )


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
