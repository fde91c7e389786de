"""`mlservice status`: show services as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli.console import data, out, say
from reconciler.cli.names import NamesOrAll
from reconciler.cli.options import Form, Local, Project, State
from reconciler.cli.planning import Target, working

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.core.inventory import Key
    from reconciler.engine.session import Session
    from reconciler.engine.status import ServiceStatus, Statuses

app = typer.Typer(add_completion=False)

InRegion = Annotated[str | None, typer.Option("--region", help="Only services in this region.", show_default=False)]


@app.command()
def status(
    names: NamesOrAll = None,
    *,
    region: InRegion = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    output: Annotated[Form, typer.Option("--output", "-o", help="Form of the output.")] = Form.TEXT,
) -> int:
    """Show services as they are; without a name all of them, a line each. Exits with 1 when one needs a person.

    That is one that does not work, one that everyone may call though its spec keeps it private, one whose trainings
    failed so often in a row that none starts any more, and one that the last pass of the job could not make what its
    spec wants. Of one that is named: address, conditions, traffic, revisions and trainings, too;
    what it costs by its spec, if mlservice.yaml has it here or a pass of the job read it, and with the use of the last
    seven days.
    """
    from reconciler.engine.status import read_status  # noqa: PLC0415 - late, for start-up

    with working(Target(project, local, state)) as session:
        found = read_status(session, names or [], region)
        _show(session, found, output, named=bool(names), costs=_costs(session, found) if names else {})
    return 0 if found.well else 1


def _costs(session: Session, found: Statuses) -> Mapping[Key, Mapping[str, Any]]:
    """Say what the services that were named cost, by the specs beside us and as they are used."""
    from reconciler.cli.prices import prefer_kept, say_trouble  # noqa: PLC0415 - late, for start-up
    from reconciler.cli.services import beside  # noqa: PLC0415 - late, for start-up
    from reconciler.engine.spending import read_spending  # noqa: PLC0415 - late, for start-up

    say_trouble(prefer_kept())
    return {key: each.to_json() for key, each in read_spending(session, found.services, beside()).items()}


def _show(
    session: Session, found: Statuses, output: Form, *, named: bool, costs: Mapping[Key, Mapping[str, Any]]
) -> None:
    for why in found.unreadable:
        say(why.message, "red")
        say(f"  hint: {why.hint}", "dim")
    if output is Form.JSON:
        rows: list[Any] = [_row(service, costs) for service in found.services]
        data(rows)
        for problem in found.oversight.problems if found.oversight else ():
            say(f"the job: {problem}", "red")
        return
    from reconciler.render.fleet import render_fleet  # noqa: PLC0415 - late, for start-up
    from reconciler.render.status import render_status  # noqa: PLC0415 - late, for start-up

    now = session.clock.now()
    if named:
        for service in found.services:
            out(render_status(_row(service, costs), now=now))
    elif found.services or (found.oversight and found.oversight.problems):
        out(render_fleet([service.to_json() for service in found.services], _job(found), now=now))
    elif not found.unreadable:
        out("no services: nothing was applied in this project")


def _row(service: ServiceStatus, costs: Mapping[Key, Mapping[str, Any]]) -> dict[str, Any]:
    """Give a service as plain data; what it costs only where that was asked."""
    key = (service.inventory.region, service.inventory.service)
    return service.to_json() | ({"cost": costs[key]} if key in costs else {})


def _job(found: Statuses) -> dict[str, Any]:
    job = found.oversight
    if job is None or not job.name:
        return {"name": "", "lastPass": "", "paused": False, "problems": []}
    return {"name": job.name, "lastPass": job.last, "paused": job.paused, "problems": list(job.problems)}
