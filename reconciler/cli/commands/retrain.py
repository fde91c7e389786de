"""`mlservice retrain`: train now, through the same guards as every event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from reconciler.cli.console import data, out, say
from reconciler.cli.names import Name
from reconciler.cli.options import Form, Local, Project, Region, State, duration
from reconciler.cli.planning import Target, working
from reconciler.core import errors

app = typer.Typer(add_completion=False)

GUARDS = (
    "frozen",
    "openCircuitAfter",
    "maxConcurrent",
    "cooldown",
    "maxPerDay",
    "maxPerMonth",
    "minNewRows",
    "maxCostPerRun",
)
"""What may hold a training back, as `retraining.guards` calls it; `frozen` is what a budget does."""
_STARTED = frozenset({"Start", "Resume"})


def _guard(text: str) -> str:
    if text not in GUARDS:
        raise typer.BadParameter(f"'{text}' is no guard: {', '.join(GUARDS)}")
    return text


@app.command()
def retrain(
    name: Name,
    *,
    force: Annotated[
        list[str] | None,
        typer.Option(
            "--force",
            help="Guard to override, such as cooldown; may be repeated. Who asked, as they say, is written down.",
            callback=lambda words: [_guard(word) for word in words or ()],
            autocompletion=lambda: [*GUARDS],
            show_default=False,
        ),
    ] = None,
    reset_circuit: Annotated[
        bool, typer.Option("--reset-circuit", help="Close the circuit first: failures up to now count no more.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be decided.")] = False,
    wait: Annotated[str, typer.Option("--wait", help="How long to wait for the decision.", callback=duration)] = "2m",
    region: Region = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    output: Annotated[Form, typer.Option("--output", "-o", help="Form of the output.")] = Form.TEXT,
) -> int:
    """Ask for a training. The guards of the spec decide, as they do for every event.

    Exits with 0 when a training starts (or would), 1 when a guard holds it back, or it could not be started.
    """
    from reconciler.engine import retraining  # noqa: PLC0415 - late, for start-up
    from schemas.units import duration_ms  # noqa: PLC0415 - late, for start-up

    with working(Target(project, local, state), quiet=output is Form.JSON) as session:
        where = retraining.region_of(session, name, region)
        if reset_circuit and not dry_run:
            done = retraining.reset_circuit(session, where, name)
            say("the circuit is closed" if done else "nothing was ever trained: there is no circuit", "dim")
        key = retraining.wish(session, where, name, force=force or (), dry=dry_run)
        decision = retraining.awaited(session, where, name, key, within_s=duration_ms(wait) / 1000)
    if not decision:
        hint = f"mlservice why {name} tells it later; its function's log says what holds it up"
        raise errors.Unavailable("learn", f"the decision about {name}", f"there is none after {wait}", hint=hint)
    if output is Form.JSON:
        data(decision)
    else:
        out(_told(decision))
    return 0 if decision["action"] in {*_STARTED, "WouldStart"} else 1


def _told(decision: Mapping[str, Any]) -> str:
    if decision["action"] in _STARTED:
        return f"training starts: {decision['reason']}"
    if decision["action"] == "WouldStart":
        return f"training would start: {decision['reason']}"
    if decision["action"] == "NotStarted":
        return f"training did not start: {decision['reason']}"
    if not decision.get("guard"):
        return f"not training: {decision['reason']}"
    until = f", until {decision['until'][:16].replace('T', ' ')} UTC" if decision.get("until") else ""
    return (
        f"not training ({decision['guard']}{until}): {decision['reason']}\nto override it: --force {decision['guard']}"
    )
