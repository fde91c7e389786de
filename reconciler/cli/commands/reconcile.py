"""`mlservice reconcile`: one pass over a folder or a bundle, as the scheduled Cloud Run job runs it."""

from __future__ import annotations

import os
import time
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
    from reconciler.engine.job import Log  # noqa: PLC0415 - late, for start-up
    from schemas import MLServiceError  # noqa: PLC0415 - late, for start-up

    started = time.monotonic()
    try:
        orders = Orders.read(os.environ.get(ORDERS_ENV, ""))
        target = Target(project, local, state, environment or orders.environment or None)
        if bundle:
            return _of_bundle(bundle, target, orders, dry_run=dry_run, started=started)
        return _of_files(spec_paths(paths), target, orders, dry_run=dry_run, started=started)
    except MLServiceError as error:
        Log("").write("ERROR", "pass failed", error=str(error), hint=getattr(error, "hint", ""))
        return int(getattr(error, "exit_code", 1))


def _of_bundle(place: str, target: Target, orders: Orders, *, dry_run: bool, started: float) -> int:
    with working(target, quiet=True) as session:
        return _job(session, target, orders, dry_run=dry_run, started=started).of_bundle(place, target.environment)


def _of_files(paths: list[Path], target: Target, orders: Orders, *, dry_run: bool, started: float) -> int:
    from reconciler.engine.job import load_telling  # noqa: PLC0415 - late, for start-up

    specs, problems = load_telling(paths, target.environment)
    if not specs.documents and not orders.name:
        return 1
    with working(target, specs, quiet=True) as session:
        return _job(session, target, orders, dry_run=dry_run, started=started).of(specs, problems)


def _job(session: Session, target: Target, orders: Orders, *, dry_run: bool, started: float) -> Job:
    from reconciler.cli.origin import Origin  # noqa: PLC0415 - late, for start-up
    from reconciler.cli.remembering import by_operator, by_somebody  # noqa: PLC0415 - late, for start-up
    from reconciler.engine.job import Job, Shard  # noqa: PLC0415 - late, for start-up

    def about(began: datetime, pointer: Pointer | None) -> Circumstances:
        if orders.name:
            return by_operator(session, began, orders, pointer)
        return by_somebody(session, began, target.environment or "", Origin.of(None))

    plan = partial(plan_documents, session, bundled=orders.runtime_image)
    return Job(session, plan, orders, Shard.ours(), dry_run=dry_run, about=about, started=started)
