"""`mlservice cost`: what specs cost a month, without any call but those that are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli.console import data, out
from reconciler.cli.options import DEFAULT_FILE, Environment, Form, Local, Project, State
from reconciler.cli.planning import Target
from reconciler.cli.what_if import rates_of

if TYPE_CHECKING:
    from collections.abc import Mapping

app = typer.Typer(add_completion=False)
Named = Annotated[
    list[str] | None,
    typer.Argument(
        help="Spec files, folders of them, and names of services in mlservice.yaml. Left out: all of that.",
        show_default=False,
    ),
]
PerSecond = Annotated[
    str | None,
    typer.Option(
        "--requests-per-second",
        help="What if each service has so many, on average, instead of what its `usage` says.",
        show_default=False,
    ),
]
EachTakes = Annotated[
    str | None,
    typer.Option(
        "--request-duration",
        help="What if each of them takes so long, such as 120ms.",
        metavar="DURATION",
        show_default=False,
    ),
]
Measured = Annotated[
    bool,
    typer.Option(
        "--measured",
        help="With the use of the last seven days, as Cloud Monitoring has it, in place of what is declared.",
    ),
]
WithBill = Annotated[
    bool,
    typer.Option("--billed", help="Beside it what was billed, where `budget.export` says where the bill is."),
]
Refresh = Annotated[
    bool,
    typer.Option(
        "--refresh",
        help="Read list prices from Google's catalog first, and keep them for later: in the user's cache, or in "
        "MLSERVICE_PRICES.",
    ),
]
Everything = Annotated[
    bool, typer.Option("--all", help="Also lines of nothing, prices with their source, and changes that save nothing.")
]


@app.command()
def cost(
    what: Named = None,
    *,
    environment: Environment = None,
    requests_per_second: PerSecond = None,
    request_duration: EachTakes = None,
    measured: Measured = False,
    billed: WithBill = False,
    refresh: Refresh = False,
    project: Project = None,
    local: Local = False,
    state: State = None,
    everything: Everything = False,
    output: Annotated[Form, typer.Option("--output", "-o", help="Form of the output.")] = Form.TEXT,
) -> int:
    """Show what services cost a month: with nobody calling, as expected, and at the most that they allow.

    Each line says what it assumes; `usage` in a spec declares it. What is free is taken off once, for all of them
    together. Also shown: what would be cheaper, and what a commitment or Spot capacity would save. Prices come with
    this version, in US dollars.

    No call is made, and nothing of Google Cloud is needed, but with --measured, --billed and --refresh. The first reads
    requests, how long they take and instances that are billed; a service that does not run yet is priced as it is
    declared. The second reads what is on the bill, hours late. The third reads prices, which are preferred from then
    on, here and in plans, to older ones that come with this version.
    """
    rates = rates_of(requests_per_second, request_duration)
    if measured and rates:
        raise typer.BadParameter("--measured and a rate to try exclude each other")
    if (project or local or state) and not (measured or billed or refresh):
        raise typer.BadParameter("--project, --local and --state are for --measured, --billed and --refresh")
    target = Target(project, local, state)
    told = _refreshed(target) if refresh else {}
    if told and not what and not DEFAULT_FILE.exists():
        if output is Form.JSON:
            data(told)
        return 0
    found = _priced(what or [], environment, rates, target, measured=measured, billed=billed) | told
    if output is Form.JSON:
        data(found)
    else:
        from reconciler.render.cost import render_cost  # noqa: PLC0415 - late, for start-up

        out(render_cost(found, everything=everything))
    return 0


def _refreshed(target: Target) -> dict[str, Any]:
    from reconciler.cli.refreshing import refresh_prices  # noqa: PLC0415 - late, for start-up

    return {"refreshed": refresh_prices(target)}


def _priced(
    what: list[str],
    environment: str | None,
    rates: Mapping[str, Any],
    target: Target,
    *,
    measured: bool,
    billed: bool,
) -> dict[str, Any]:
    from reconciler.cli import costing  # noqa: PLC0415 - late, for start-up
    from reconciler.cli.services import services_named  # noqa: PLC0415 - late, for start-up

    services = services_named(what, environment)
    known = costing.Known(
        costing.measured(services, target) if measured else {}, costing.bills(services, target) if billed else None
    )
    return costing.document(services, rates, known)
