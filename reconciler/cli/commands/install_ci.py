"""`mlservice install ci`: let the workflows of a repository in, without a key, and say what they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.commands.apply import AllowDestroy, Form, How, confirm_and_apply
from reconciler.cli.commands.install import plan_operator
from reconciler.cli.console import out, raw, say, show_problems
from reconciler.cli.options import Environment, Local, LockTimeout, Output, Paths, Project, State, Yes, spec_paths
from reconciler.cli.planning import Target, load_specs, working
from reconciler.cli.private_file import write_in_place
from reconciler.core import errors
from schemas.sections.ci import OnMerge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.cli.ci_lines import Edit
    from reconciler.core.planned import Planned
    from reconciler.engine.session import Session
    from schemas import LoadedOperator, Specs
    from schemas.sections.ci import ContinuousIntegration

app = typer.Typer(add_completion=False)


@app.command()
def install_ci(
    paths: Paths = None,
    *,
    github: Annotated[
        str | None, typer.Option("--github", help="Repository at GitHub: owner/repository.", show_default=False)
    ] = None,
    repository_id: Annotated[
        int | None,
        typer.Option("--repository-id", help="Its number: gh api repos/OWNER/REPO --jq .id", show_default=False),
    ] = None,
    owner_id: Annotated[
        int | None,
        typer.Option(
            "--owner-id", help="Its owner's number: gh api repos/OWNER/REPO --jq .owner.id", show_default=False
        ),
    ] = None,
    branch: Annotated[
        str | None,
        typer.Option("--branch", help="Protected branch that merges go to. Left out: main.", show_default=False),
    ] = None,
    github_environment: Annotated[
        str | None,
        typer.Option(
            "--github-environment", help="Environment at GitHub whose reviewers consent to merges.", show_default=False
        ),
    ] = None,
    on_merge: Annotated[OnMerge, typer.Option("--on-merge", help="What merges may do.")] = OnMerge.PUBLISH,
    write: Annotated[
        bool, typer.Option("--write", help="Write `ci` into the operator's document, then go on.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show plan and workflows, change nothing.")] = False,
    environment: Environment = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    yes: Yes = False,
    allow_destroy: AllowDestroy = False,
    lock_timeout: LockTimeout = "0s",
    output: Form = Output.TEXT,
) -> int:
    """Let the workflows of a repository plan pull requests, and publish or apply merges, without any key.

    What they may do stands in the operator's document (`ci`). Where it does not yet, the options say it, and it is
    shown which lines to add: nothing is made that no document describes. Of the operator only what lets the CI in is
    made, and where the job is installed its roles as well. Then the workflows are printed, with this project's values.
    """
    from reconciler.cli.ci_lines import wished  # noqa: PLC0415 - late, for start-up

    target = Target(project, local, state, environment)
    named = spec_paths(paths)
    said = {"repository_id": repository_id, "owner_id": owner_id, "branch": branch, "environment": github_environment}
    specs, edit = _with_ci(named, target, wished(github, said, on_merge), write=write and not dry_run)
    shown_only = dry_run or edit is not None
    how = How(yes, allow_destroy, lock_timeout, output, spec=named[0], dry_run=shown_only)
    with working(target, specs) as session:
        code = _let_in(session, specs, how, named)
    way = "--write without --dry-run adds" if write else "Add --write, or"
    return code or _told_what_to_add(edit, way, dry_run=dry_run, output=output)


def _with_ci(
    named: Sequence[Path], target: Target, wish: ContinuousIntegration | None, *, write: bool
) -> tuple[Specs, Edit | None]:
    """Load the specs as `ci` makes them, with what their files do not say of it: nothing, once that is written."""
    from reconciler.cli.ci_lines import with_ci  # noqa: PLC0415 - late, for start-up

    specs = load_specs(named, target)
    edit = with_ci(_operator(specs), wish)
    if edit is None:
        return specs, None
    if write:
        write_in_place(edit.file, edit.text.encode())
        say(f"wrote `ci` into {edit.file}:{edit.line}", "green")
        return load_specs(named, target), None
    show_problems(edit.warnings)
    return replace(specs, operators=(edit.operator,)), edit


def _operator(specs: Specs) -> LoadedOperator:
    if not specs.operators:
        hint = "write one beside the services: kind: Operator, with a name and a region"
        raise errors.UsageError("there is no Operator among these specs", hint=hint)
    return specs.operators[0]


def _let_in(session: Session, specs: Specs, how: How, paths: list[Path]) -> int:
    from reconciler.cli.workflows import workflows  # noqa: PLC0415 - late, for start-up
    from reconciler.engine.ci import letting_in, ways  # noqa: PLC0415 - late, for start-up

    def plan() -> Planned:
        return letting_in(plan_operator(session, specs))

    planned, loaded = plan(), _operator(specs)
    printed: dict[str, str] = {}
    if loaded.operator.spec.ci:
        files = [path.as_posix() for path in paths]
        printed = workflows(loaded.operator.spec.ci, ways(planned), files, loaded.environment or "")
    code = confirm_and_apply(session, planned, replace(how, again=plan, beside={"workflows": printed}))
    if how.output is not Output.JSON and not code:
        for path, text in printed.items():
            raw(f"\n# ---- {path}\n{text}")
        say("replace acme/mlservice@… in them by the commit of a release that you have looked at", "yellow")
    return code


def _told_what_to_add(edit: Edit | None, way: str, *, dry_run: bool, output: Output) -> int:
    """Show the lines that the document lacks. Without them nothing was made, which is no success."""
    if edit is None:
        return 0
    say(
        f"nothing was changed: {edit.file} does not say it yet. {way} these lines below its `region`:",
        "yellow",
    )
    if output is Output.JSON:
        say(edit.lines)
    else:
        out(edit.lines)
    return 0 if dry_run else 1
