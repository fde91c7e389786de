"""`mlservice graph`: what a service is made of, and what flows between it."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.commands.ordering import Files
from reconciler.cli.console import data, out, raw
from reconciler.cli.names import no_path, services_in
from reconciler.cli.options import Environment, Local, Project, Region, State, spec_paths
from reconciler.cli.planning import Target, load_specs, plan_documents, working
from reconciler.core import errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.core.graph import Graph
    from schemas import LoadedService, Specs

app = typer.Typer(add_completion=False)

NO_PROJECT = "PROJECT_ID"
"""Stands for the project where none is named and nothing may be asked."""


class Shape(StrEnum):
    """Forms of a graph."""

    TEXT = "text"
    MERMAID = "mermaid"
    SVG = "svg"
    JSON = "json"


Name = Annotated[
    str | None,
    typer.Argument(
        help="Service, as in metadata.name. Left out: the only one of the file.",
        autocompletion=services_in,
        callback=no_path,
        show_default=False,
    ),
]
Live = Annotated[bool, typer.Option("--live", help="Look at the project: what is missing, differs or does not work.")]
Access = Annotated[
    bool,
    typer.Option(
        "--access",
        help="Also accounts, and who may do what with which role by the spec; roles on the project are not drawn.",
    ),
]


@app.command()
def graph(
    name: Name = None,
    *,
    file: Files = None,
    environment: Environment = None,
    region: Region = None,
    access: Access = False,
    live: Live = False,
    project: Project = None,
    local: Local = False,
    state: State = None,
    output: Annotated[Shape, typer.Option("--output", "-o", help="Form of the output.")] = Shape.TEXT,
) -> int:
    """Show the resources of a service and what flows between them, from its spec.

    Requests, messages, rows, models, events: from where to where, with what is outside. What is needed and nothing
    flows along is shown as needed. Nothing is asked of anybody: what only Google can tell, such as which version an
    alias names, is shown by what the spec calls it. With --live each is looked up as a plan does it, and shown with how
    it stands. Nothing is changed. SVG and Mermaid go into a page, a README or a pull request.
    """
    if (local or state) and not live:
        raise typer.BadParameter("--local and --state are for --live")
    target = Target(project, local, state, environment)
    specs = load_specs(spec_paths(file), target)
    loaded = _chosen(specs.services, name, region)
    _show(_live(loaded, specs, target, access=access) if live else _offline(loaded, target, access=access), output)
    return 0


def _chosen(services: Sequence[LoadedService], name: str | None, region: str | None) -> LoadedService:
    """Find the service that is meant.

    Raises:
        UsageError: There is none, or there are several.
    """
    named = [each for each in services if name in {None, each.name} and region in {None, each.region}]
    if len(named) == 1:
        return named[0]
    known = ", ".join(sorted(f"{each.name} in {each.region}" for each in services)) or "none"
    if not named:
        what = f"a service '{name}'" if name else "a service"
        raise errors.UsageError(
            f"there is not {what}{f' in {region}' if region else ''}", hint=f"services there: {known}"
        )
    raise errors.UsageError("there are several services", hint=f"name one, and its --region: {known}")


def _offline(loaded: LoadedService, target: Target, *, access: bool) -> Graph:
    from reconciler.core.graph import graph_of  # noqa: PLC0415 - late, for start-up
    from reconciler.core.graph.offline import found_offline  # noqa: PLC0415 - late, for start-up
    from reconciler.kinds import KINDS  # noqa: PLC0415 - late, for start-up

    project = target.project or loaded.project or os.environ.get("GOOGLE_CLOUD_PROJECT") or NO_PROJECT
    return graph_of(KINDS, loaded, project, found_offline(KINDS, loaded, project), access=access)


def _live(loaded: LoadedService, specs: Specs, target: Target, *, access: bool) -> Graph:
    from reconciler.core.graph import graph_of  # noqa: PLC0415 - late, for start-up
    from reconciler.core.graph.drawing import Found  # noqa: PLC0415 - late, for start-up

    with working(target, specs) as session:
        planned = plan_documents(session, [loaded])
        hidden = frozenset(address for address, each in planned.seen.items() if each.hidden)
        used = [change.address for change in planned.plan.changes if change.uses is not None]
        found = Found(planned.wants, used, planned.plan.changes, hidden)
        return graph_of(session.kinds, loaded, session.connection.project, found, access=access)


def _show(drawn: Graph, output: Shape) -> None:
    if output is Shape.JSON:
        data(drawn.to_json())
    elif output is Shape.SVG:
        from reconciler.render.graph_svg import render_svg  # noqa: PLC0415 - late, for start-up

        raw(render_svg(drawn))
    elif output is Shape.MERMAID:
        from reconciler.render.graph_mermaid import render_mermaid  # noqa: PLC0415 - late, for start-up

        raw(render_mermaid(drawn))
    else:
        from reconciler.render.graph_words import render_graph  # noqa: PLC0415 - late, for start-up

        out(render_graph(drawn))
