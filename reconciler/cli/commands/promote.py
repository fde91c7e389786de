"""`mlservice promote`: let the next step of a rollout begin now."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.commands.ordering import TAKES, AsForm, Files, Reason, Step, Version, Wish, give
from reconciler.cli.names import Name
from reconciler.cli.options import Environment, Form, Local, LockTimeout, Project, Region, State, Yes
from reconciler.cli.planning import Target
from reconciler.core import errors

app = typer.Typer(add_completion=False)

_TOLD = f"""Let the next step of a rollout begin now: what waits for a person, or for a hold, goes on.

What fails a gate goes back all the same, and too few requests, or metrics that are missing, are waited for. Only
--ignore-gates passes over them, for one step: who did, and why, is in the history.

{TAKES}"""


@app.command(help=_TOLD)
def promote(
    name: Name,
    *,
    file: Files = None,
    region: Region = None,
    version: Version = None,
    step: Step = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Through all steps that are left, without holds and approvals; gates judge.")
    ] = False,
    ignore_gates: Annotated[bool, typer.Option("--ignore-gates", help="Whatever gates say. Needs --reason.")] = False,
    reason: Reason = "",
    environment: Environment = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    yes: Yes = False,
    lock_timeout: LockTimeout = "0s",
    output: AsForm = Form.TEXT,
) -> int:
    """Let the next step of a rollout begin now."""
    if ignore_gates and not reason.strip():
        raise errors.UsageError("--ignore-gates needs --reason", hint="whoever passes over gates says why")
    words = {"everything": everything, "ignore_gates": ignore_gates, "reason": reason}
    target = Target(project, local, state, environment)
    return give(Wish("promote", name, file, region, version, step, words, target, yes, lock_timeout, output))
