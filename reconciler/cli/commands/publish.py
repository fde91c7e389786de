"""`mlservice publish`: put specs where the job reads them, as one bundle that is seen whole or not at all."""

from __future__ import annotations

import os
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.console import out, say
from reconciler.cli.options import Environment, Local, Paths, Project, State, spec_paths
from reconciler.cli.origin import Origin
from reconciler.cli.planning import Target, load_specs, working
from reconciler.core import errors

if TYPE_CHECKING:
    from reconciler.engine.session import Session
    from schemas import Specs

app = typer.Typer(add_completion=False)


@app.command()
def publish(
    paths: Paths = None,
    *,
    to: Annotated[
        str | None,
        typer.Option("--to", help="gs://BUCKET/FOLDER. Left out: where the operator of these specs reads."),
    ] = None,
    environment: Environment = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    allow_older: Annotated[
        bool, typer.Option("--allow-older", help="Replace a bundle that was written later, or cannot be read.")
    ] = False,
) -> int:
    """Check specs and put them where the job reads them: what CI runs after a merge.

    The bundle is named by its content and switched to in one step, with commit, author and the address of the CI run. A
    bundle older than the one that is there is refused, so that a CI job that runs again rolls nothing back.
    """
    from reconciler.core.bundle import pack  # noqa: PLC0415 - late, for start-up
    from reconciler.engine.bundles import Bundles, digested  # noqa: PLC0415 - late, for start-up

    target = Target(project, local, state, environment)
    specs = load_specs(spec_paths(paths), target)
    refuse_what_stays_here(specs)
    files = files_of(specs)
    archive, origin = pack(files), Origin.of(Path(next(iter(spec_paths(paths)))))
    if origin.uncommitted:
        say("note: there are changes that no commit has", "yellow")
    with working(target, specs) as session:
        place = to or place_of(specs, session)
        now = session.clock.now().astimezone(UTC).isoformat(timespec="seconds")
        pointer = digested(
            archive,
            written=origin.written or now,
            published=now,
            commit=origin.commit,
            author=origin.author,
            run=origin.run,
            older=allow_older,
            documents=tuple(sorted(each.name for each in specs.documents)),
        )
        bundles = Bundles(session.connection, place)
        if not session.connection.state.there:
            session.connection.state.make()
        changed = bundles.publish(archive, pointer)
    count = len(specs.documents)
    what = f"{count} document{'' if count == 1 else 's'}, bundle {pointer.digest[:12]}"
    out(f"published {what} to {place}" if changed else f"{place} has it already: {what}")
    return 0


def place_of(specs: Specs, session: Session) -> str:
    """Give where the operator of these specs reads.

    Raises:
        UsageError: There is no operator among them, or it reads no bundle.
    """
    from reconciler.kinds.run_job import bundle_of  # noqa: PLC0415 - late, for start-up

    for loaded in specs.operators:
        if place := bundle_of(loaded.operator, session.connection.bucket):
            return place
    raise errors.UsageError("no operator among these specs says where to publish", hint="--to gs://BUCKET/FOLDER")


def files_of(specs: Specs) -> dict[str, bytes]:
    """Read the files that documents stand in, by their path below the folder that holds them all."""
    found = sorted({loaded.file.resolve() for loaded in specs.documents})
    above = Path(os.path.commonpath([path.parent for path in found]))
    return {path.relative_to(above).as_posix(): path.read_bytes() for path in found}


def refuse_what_stays_here(specs: Specs) -> None:
    """Refuse specs that name a folder of this machine: the job has other folders.

    Raises:
        SpecError: Each with its place.
    """
    from schemas import Problem, SpecError  # noqa: PLC0415 - late, for start-up

    hint = "upload it (gcloud storage cp) and name the gs:// folder: the job cannot read this machine's"
    problems = [
        Problem(loaded.where("spec.model.uri"), f"'{model.uri}' is a folder of this machine", hint)
        for loaded in specs.services
        if (model := loaded.service.spec.model) and model.uri and not model.uri.startswith("gs://")
    ]
    if problems:
        raise SpecError(problems)
