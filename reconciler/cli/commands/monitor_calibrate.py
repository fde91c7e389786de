"""`mlservice monitor calibrate`: limits for a stated rate of false alarms, from what was measured so far."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from reconciler.cli.console import data, out
from reconciler.cli.names import Name
from reconciler.cli.options import Form, Local, Project, Region, State
from reconciler.cli.planning import Target, working

app = typer.Typer(add_completion=False)

_LONGEST_DAYS = 366


_RAREST = 1e-6
"""A rate that takes two million windows: no history has more."""


def _rate(share: float) -> float:
    if not _RAREST <= share < 1:
        raise typer.BadParameter(f"{share:g} is no rate: write one from {_RAREST:f} to below 1, such as 0.01")
    return share


@app.command()
def calibrate(
    name: Name,
    *,
    false_alarms: Annotated[
        float,
        typer.Option(
            "--false-alarms",
            help="Share of windows without a change that may be a breach, all columns together; at least 0.000001.",
            callback=_rate,
        ),
    ] = 0.01,
    days: Annotated[
        int,
        typer.Option(
            "--days", min=1, max=_LONGEST_DAYS, help="How far back windows are read. Nothing may have changed."
        ),
    ] = 90,
    region: Region = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    output: Annotated[Form, typer.Option("--output", "-o", help="Form of the output.")] = Form.TEXT,
) -> int:
    """Find limits under which windows without a change are a breach no more often than stated.

    From the history of windows: what is usual for each column, the limits to paste into the spec, what would have fired
    with today's and with those. Windows in which something did change make limits too wide. Changes nothing.
    """
    from reconciler.engine.monitoring.calibrating import calibrate as find  # noqa: PLC0415 - late, for start-up
    from reconciler.engine.monitoring.calibrating import spec_words  # noqa: PLC0415 - late, for start-up

    with working(Target(project, local, state), quiet=output is Form.JSON) as session:
        found = find(session, name, region, false_alarms=false_alarms, days=days)
    told = {
        "name": name,
        "falseAlarms": false_alarms,
        "days": days,
        "comparisons": [each.to_json(false_alarms) for each in found],
        "spec": spec_words(found),
    }
    if output is Form.JSON:
        data(told)
    else:
        _show(told)
    return 0


def _show(told: dict[str, Any]) -> None:
    from reconciler.render.calibration import render_calibration  # noqa: PLC0415 - late, for start-up

    out(render_calibration(told))
    if told["spec"]:
        import yaml  # noqa: PLC0415 - late, for start-up

        words = yaml.safe_dump(told["spec"], sort_keys=False, allow_unicode=True)
        out("\n".join(["", "spec:", *(f"  {line}" for line in words.splitlines())]))
