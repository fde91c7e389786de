"""`mlservice rollout`: where rollouts are, and what they wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.commands.ordering import AsForm, Files
from reconciler.cli.console import data, out
from reconciler.cli.names import no_path, services_in
from reconciler.cli.options import Environment, Form, Local, Project, Region, State, spec_paths
from reconciler.cli.planning import Target, joined, load_each, plan_specs, working
from reconciler.core import errors

if TYPE_CHECKING:
    from reconciler.engine.rollouts import Standing

app = typer.Typer(add_completion=False)


@app.command()
def rollout(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Service, as in metadata.name. Left out: all of the specs.",
            autocompletion=services_in,
            callback=no_path,
            show_default=False,
        ),
    ] = None,
    *,
    file: Files = None,
    region: Region = None,
    environment: Environment = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    output: AsForm = Form.TEXT,
) -> int:
    """Show where rollouts are: version, step, what gates say, what is waited for and until when.

    Nothing is changed: promote, pause, resume, abort, retry and rollback ask something of one.
    """
    from reconciler.engine.rollouts import standings, told_checks, with_starts  # noqa: PLC0415 - late, for start-up

    target = Target(project, local, state, environment)
    loaded = load_each(spec_paths(file), target)
    with working(target, joined(loaded), quiet=output is Form.JSON) as session:
        found = [
            each
            for specs in loaded
            for each in standings(plan_specs(session, specs), session.kinds)
            if name in {None, each.service} and region in {None, each.address.location}
        ]
        found = with_starts(session, found)
    if name is not None and not found:
        raise errors.UsageError(f"no spec here is of a service '{name}'", hint="--file names its spec")
    if output is Form.JSON:
        data([each.to_json() for each in found])
        return 0
    for each in found:
        out(_line(each))
        for gate in each.going.step.judged if each.going else ():
            out(f"  {gate.gate:12} {gate.verdict:14} {gate.why}")
        for check in told_checks(each):
            out(f"  {check['check']:12} {check['verdict']:14} {check['why']}")
        if words := _starts(each):
            out(f"  {'starts':12} {'shown only':14} {words}")
    return 0


def _starts(standing: Standing) -> str:
    """Say how long instances take to start, which no gate judges: latencies of requests leave it out."""
    if standing.starts_unknown:
        return f"not known: {standing.starts_unknown}"
    return ", ".join(
        f"{name} {spread.count} of {spread.mean / 1000:.2g} s in the mean" for name, spread in standing.starts.items()
    )


def _line(standing: Standing) -> str:
    told = standing.to_json()
    if told["phase"] is None:
        return (
            f"{standing.service}  nothing is on its way: "
            "a first version, or one of strategy AllAtOnce, goes out at once"
        )
    where = f"  step {told['step']}, {told['percent']} %" if told["phase"] == "Step" else ""
    return f"{standing.service}  {told['phase']}  version {told['version']}{where}  {told['why']}"
