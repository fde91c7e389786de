"""`mlservice models promote`: let another version of a model serve."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli.console import data, out, say
from reconciler.cli.names import Name
from reconciler.cli.options import DEFAULT_FILE, Environment, Form, Local, Project, Region, State
from reconciler.cli.planning import Target, load_specs, working
from reconciler.cli.private_file import write_in_place
from reconciler.core import errors

if TYPE_CHECKING:
    from reconciler.engine.promotion import Promotion
    from reconciler.engine.session import Session
    from schemas import LoadedService, Specs

app = typer.Typer(add_completion=False)

_REMOTE = "origin"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be done with the change, beside showing it.

    Args:
        write: Make it: in the file here, or in the registry.
        branch: Commit it on this branch; empty for none.
        push: Push the branch.
        body: File for the words of a pull request; None to print them.
    """

    write: bool
    branch: str
    push: bool
    body: Path | None

    def check(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            UsageError: It does.
        """
        if self.push and not self.branch:
            raise errors.UsageError("--push needs --branch", hint="--branch promote-churn --push")
        if self.write and self.branch:
            raise errors.UsageError(
                "--write and --branch exclude each other", hint="--branch leaves the file here as it is"
            )


@app.command()
def models_promote(
    name: Name,
    *,
    file: Annotated[Path, typer.Option("--file", "-f", help="Its spec.")] = DEFAULT_FILE,
    version: Annotated[
        str | None,
        typer.Option(
            "--version",
            help="Number of the version. Left out: the one that waits, which has the alias candidate, or is the newest "
            "that was better.",
            show_default=False,
        ),
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Make the change, in the file or in the registry.")] = False,
    branch: Annotated[
        str, typer.Option("--branch", help="Commit the change on a new branch; nothing here moves.", show_default=False)
    ] = "",
    push: Annotated[bool, typer.Option("--push", help="Push that branch to origin.")] = False,
    body: Annotated[
        Path | None,
        typer.Option("--body", help="File for the words of a pull request. Left out: printed.", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Take a version that lost, too; who did is recorded.")] = False,
    environment: Environment = None,
    region: Region = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    output: Annotated[Form, typer.Option("--output", "-o", help="Form of the output.")] = Form.TEXT,
) -> int:
    """Let another version of a model serve; shown only, unless --write or --branch says otherwise.

    With model.alias in the spec that alias moves to the version, and the next apply serves it. Without it, model.uri
    and model.version are changed in the spec's file, where they stand, and nothing else in it.

    Exits with 3 when the version lost its comparison.
    """
    wish = Wish(write, branch, push, body)
    wish.check()
    from reconciler.engine.models import read_models  # noqa: PLC0415 - late, for start-up
    from reconciler.engine.promotion import choose  # noqa: PLC0415 - late, for start-up
    from reconciler.lookups.model_version import registered_name  # noqa: PLC0415 - late, for start-up

    target = Target(project, local, state, environment)
    specs = load_specs([file], target)
    loaded = _service(specs, name, region)
    model = loaded.service.spec.model
    alias = (model.alias if model else None) or ""
    serving = (model.version if model and model.version else model.uri if model else None) or ""
    with working(target, specs, quiet=output is Form.JSON) as session:
        models = read_models(session, loaded.service.spec.region, name, registered_name(loaded.service))
        chosen = choose(models, version, alias=alias, serving=serving, by=session.holder, force=force)
        done = _move(session, chosen, wish) if alias else _edit(loaded, chosen, wish)
    if output is Form.JSON:
        data({**chosen.to_json(), **done, "body": chosen.body})
    else:
        out(done["said"])
    return 0


def _service(specs: Specs, name: str, region: str | None) -> LoadedService:
    found = [s for s in specs.services if s.service.name == name and region in {None, s.service.spec.region}]
    if len(found) == 1:
        return found[0]
    known = ", ".join(sorted({s.service.name for s in specs.services}))
    hint = "say which: --region" if found else f"services in it: {known}; --file names another spec"
    raise errors.UsageError(f"'{name}' is {'in several regions' if found else 'not in this file'}", hint=hint)


def _move(session: Session, chosen: Promotion, wish: Wish) -> dict[str, Any]:
    """Move the alias, or say what that would do."""
    from reconciler.engine.promotion import move_alias  # noqa: PLC0415 - late, for start-up

    if wish.branch:
        raise errors.UsageError("nothing in the file changes: model.alias moves in the registry", hint="use --write")
    same = chosen.before is not None and chosen.before.number == chosen.after.number
    _keep_body(chosen, wish)
    if wish.write and not same:
        move_alias(session, chosen)
    after = f"version {chosen.after.number}"
    said = (
        f"nothing to do: {after} has the alias {chosen.alias} already"
        if same
        else f"done: the next apply serves {after}"
        if wish.write
        else f"nothing was changed: --write moves the alias, and the next apply then serves {after}"
    )
    shown = [chosen.title, *([] if wish.body else ["", chosen.body]), "", said]
    return {"said": "\n".join(shown), "done": wish.write and not same}


def _edit(loaded: LoadedService, chosen: Promotion, wish: Wish) -> dict[str, Any]:
    """Change the file here or on a branch, or show how it would change."""
    before = loaded.file.read_bytes().decode()
    after = _edited(before, loaded, chosen)
    diff = "".join(
        difflib.unified_diff(
            before.splitlines(keepends=True),
            after.splitlines(keepends=True),
            f"a/{loaded.file.as_posix()}",
            f"b/{loaded.file.as_posix()}",
        )
    )
    _keep_body(chosen, wish)
    commit = _branched(loaded.file, after, chosen, wish) if wish.branch and diff else ""
    if wish.write and diff:
        write_in_place(loaded.file, after.encode())
    said = "\n".join(
        [chosen.title, "", *([] if wish.body else [chosen.body, ""]), diff or "nothing to do: it says so already"]
    )
    if diff and not (wish.write or wish.branch):
        say("nothing was changed: --write changes the file, --branch NAME commits that on a branch", "dim")
    return {"said": said, "done": bool(commit or wish.write) and bool(diff), "diff": diff, "commit": commit}


def _edited(text: str, loaded: LoadedService, chosen: Promotion) -> str:
    from schemas.edit import NotEditable, edited  # noqa: PLC0415 - late, for start-up

    if not chosen.after.artifact.startswith("gs://"):
        raise errors.UsageError(f"version {chosen.after.number} has no files in Cloud Storage: nothing to serve")
    values = {"model.uri": f"{chosen.after.artifact.rstrip('/')}/", "model.version": chosen.after.number}
    try:
        return edited(text, loaded, values, beside="model.uri")
    except NotEditable as error:
        by_hand = ", ".join(f"{path}: {value}" for path, value in values.items())
        raise errors.UsageError(str(error), hint=f"{error.hint}: {by_hand}") from error


def _branched(file: Path, text: str, chosen: Promotion, wish: Wish) -> str:
    from reconciler.cli.branch import Repository  # noqa: PLC0415 - late, for start-up

    repository = Repository(file)
    repository.check(wish.branch)
    if wish.push:
        repository.check_remote(wish.branch, _REMOTE)
    commit = repository.commit(wish.branch, text, f"{chosen.title}\n\n{chosen.body}\n")
    if wish.push:
        try:
            repository.push(wish.branch, _REMOTE)
        except errors.UsageError:
            repository.drop(wish.branch, commit)
            raise
    say(f"{'pushed to origin' if wish.push else 'committed'} on {wish.branch}: {commit}", "dim")
    return commit


def _keep_body(chosen: Promotion, wish: Wish) -> None:
    """Write the words first: a folder that is not there must not be found after the alias has moved."""
    if not wish.body:
        return
    try:
        wish.body.write_text(f"{chosen.body}\n", encoding="utf-8")
    except OSError as error:
        hint = "nothing was changed; name a file that can be written"
        raise errors.UsageError(f"cannot write {wish.body}: {error.strerror}", hint=hint) from error
