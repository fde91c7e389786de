"""`mlservice rollout`: where rollouts are, what they wait for, and what a person asks of one."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.commands.apply import How, confirm_and_apply
from reconciler.cli.console import data, out, someone_is_there
from reconciler.cli.options import Environment, Form, Local, Output, Paths, Project, State, Yes, spec_paths
from reconciler.cli.planning import Target, load_specs, plan_documents, plan_specs, working
from reconciler.core import errors
from schemas.sections.management import Mode

if TYPE_CHECKING:
    from reconciler.engine.rollouts import Standing
    from schemas import Loaded

app = typer.Typer(add_completion=False)


class Verb(StrEnum):
    """What may be asked."""

    PROMOTE = "promote"
    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"
    RETRY = "retry"
    ROLLBACK = "rollback"


@app.command()
def rollout(
    paths: Paths = None,
    *,
    order: Annotated[
        Verb | None,
        typer.Option(
            "--order",
            help="promote: begin the next step without waiting for a person or a hold; pause, resume; abort: back to "
            "the version before; rollback: the same after it ended; retry: try a version again that was rejected.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Which service, where there are several.", show_default=False)
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all-steps", help="With promote: through all steps, without holds and approvals.")
    ] = False,
    ignore_gates: Annotated[
        bool, typer.Option("--ignore-gates", help="With promote: whatever gates say. Needs --reason.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why, for whoever asks later.")] = "",
    environment: Environment = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    yes: Yes = False,
    output: Annotated[Form, typer.Option("--output", "-o", help="Form of the output.")] = Form.TEXT,
) -> int:
    """Show where rollouts are: version, step, what gates say, what is waited for and until when.

    With --order, ask something of one: it is written beside the traffic, for the version and the step that are on now,
    and one pass is made. What was meant for another version or step is not carried out, and says so.
    """
    from reconciler.engine.rollouts import standings  # noqa: PLC0415 - late, for start-up

    target = Target(project, local, state, environment)
    specs = load_specs(spec_paths(paths), target)
    with working(target, specs, quiet=output is Form.JSON) as session:
        planned = plan_specs(session, specs)
        found = [each for each in standings(planned, session.kinds) if name in {None, each.service}]
        if name is not None and not found:
            raise errors.UsageError(f"no spec here is of a service '{name}'", hint="check --name and the files")
        if order is None:
            _show(found, output)
            return 0
        if len(found) != 1:
            hint = f"--name one of: {', '.join(each.service for each in found)}" if found else "check --name"
            raise errors.UsageError(f"an order is for one service, and there are {len(found)}", hint=hint)
        [document] = [each for each in specs.documents if each.name == found[0].service]
        _confirm(document, order, yes=yes)
        from reconciler.engine.rollouts import give, order_of  # noqa: PLC0415 - late, for start-up

        said = {"everything": everything, "ignore_gates": ignore_gates, "reason": reason}
        give(session, planned, found[0], order_of(found[0], order, session.holder, session, **said))
        how = How(yes=True, output=Output.JSON if output is Form.JSON else Output.TEXT)
        return confirm_and_apply(session, plan_documents(session, [document], tries=True), how)


def _confirm(document: Loaded, order: Verb, *, yes: bool) -> None:
    """Ask before anything is written.

    Raises:
        UsageError: Nobody agreed, or nothing of the service may be written.
    """
    if document.management.mode is Mode.OBSERVE:
        raise errors.UsageError(f"{document.name} is observed only", hint="management.mode: Manage lets it be written")
    if not yes and not (someone_is_there() and typer.confirm(f"{order} the rollout of {document.name}?", err=True)):
        raise errors.UsageError("nothing was asked of it", hint="answer yes, or add --yes")


def _show(found: list[Standing], output: Form) -> None:
    from reconciler.engine.rollouts import told_checks  # noqa: PLC0415 - late, for start-up

    if output is Form.JSON:
        data([each.to_json() for each in found])
        return
    for each in found:
        out(_line(each))
        for gate in each.going.step.judged if each.going else ():
            out(f"  {gate.gate:12} {gate.verdict:14} {gate.why}")
        for check in told_checks(each):
            out(f"  {check['check']:12} {check['verdict']:14} {check['why']}")


def _line(standing: Standing) -> str:
    told = standing.to_json()
    if told["phase"] is None:
        return (
            f"{standing.service}  nothing is on its way: "
            "a first version, or one of strategy AllAtOnce, goes out at once"
        )
    where = f"  step {told['step']}, {told['percent']} %" if told["phase"] == "Step" else ""
    return f"{standing.service}  {told['phase']}  version {told['version']}{where}  {told['why']}"
