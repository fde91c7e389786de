"""`mlservice advise`: what of services is larger, or smaller, than what was measured of them needs."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli.console import data, out, say
from reconciler.cli.options import Environment, Form, Local, Project, State
from reconciler.cli.planning import Target, working
from reconciler.cli.prices import prefer_kept, say_trouble
from reconciler.cli.private_file import write_in_place
from reconciler.cli.services import services_named

if TYPE_CHECKING:
    from reconciler.engine.advising import Advised
    from schemas import LoadedService

app = typer.Typer(add_completion=False)
_LEAST, _MOST = timedelta(days=7), timedelta(days=42)


def _span(text: str) -> timedelta:
    """Read how long ago measurements begin.

    Raises:
        typer.BadParameter: Less than what advice needs, or more than what is kept.
    """
    from schemas.units import duration_ms  # noqa: PLC0415 - late, for start-up

    try:
        found = timedelta(milliseconds=duration_ms(text))
    except ValueError:
        found = timedelta(0)
    if not _LEAST <= found <= _MOST:
        why = "advice needs 7d at least, and Cloud Monitoring keeps 42d"
        raise typer.BadParameter(f"'{text}' is no time to look back on: {why}")
    return found


@app.command()
def advise(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            help="Spec files, folders of them, and names of services in mlservice.yaml. Left out: all of that.",
            show_default=False,
        ),
    ] = None,
    *,
    since: Annotated[
        str,
        typer.Option("--since", help="How far to look back: 7d to 42d.", metavar="DURATION"),
    ] = "30d",
    pr: Annotated[
        bool,
        typer.Option("--pr", help="Also show the changes of the files, as a diff that keeps comments."),
    ] = False,
    write: Annotated[bool, typer.Option("--write", help="Change the files. Nothing is applied.")] = False,
    environment: Environment = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    output: Annotated[Form, typer.Option("--output", "-o", help="Form of the output.")] = Form.TEXT,
) -> int:
    """Show what of services is larger, or smaller, than what Cloud Monitoring measured of them needs.

    A GPU on which nothing is computed; CPU and memory; requests that an instance takes at once; instances kept warm,
    and at the most. Each with what was measured, what it saves a month, and its risk; and what is left as it is, with
    why. Advice that costs more says so: it is against requests that fail.

    Sizes are judged by what was measured while instances were as large as they are now: seven days of it, at least.

    Exits with 1 where --write could not change a file as advised: what to write is said, and other files are changed;
    and where a project cannot be read: others are.
    """
    span, target = _span(since), Target(project, local, state, environment)
    say_trouble(prefer_kept())
    found = _read(services_named(what or [], environment), target, span)
    edits = _edits(found) if pr or write else []
    for each in edits:
        for by_hand in each.by_hand:
            say(by_hand, "yellow")
        if write and each.diff:
            write_in_place(each.file, each.after.encode())
    document = _document(found, edits, shown=pr or write, written=write)
    if output is Form.JSON:
        data(document)
    else:
        from reconciler.render.advice import render_advice  # noqa: PLC0415 - late, for start-up

        out(render_advice(document))
    if edits and any(each.diff for each in edits) and not write:
        say("nothing was changed: --write changes the files", "dim")
    unread = any(each.unread for each in found)
    return 1 if unread or (write and any(each.by_hand for each in edits)) else 0


def _read(services: Sequence[LoadedService], target: Target, span: timedelta) -> list[Advised]:
    """Read what was measured, project by project: one that cannot be read stops no other.

    Raises:
        ReconcilerError: There is one project, and it cannot be read.
    """
    from reconciler.core import errors  # noqa: PLC0415 - late, for start-up
    from reconciler.engine.advising import read_advice, unread  # noqa: PLC0415 - late, for start-up

    found: list[Advised] = []
    projects = sorted({each.project or "" for each in services})
    for project in projects:
        mine = [each for each in services if (each.project or "") == project]
        try:
            with working(target.within(project), quiet=True) as session:
                found += read_advice(session, mine, span)
        except errors.ReconcilerError as error:
            if len(projects) == 1:
                raise
            found += unread(mine, error)
    return found


@dataclass(frozen=True, slots=True)
class _Edit:
    """One file, with all that is advised of its services.

    Args:
        file: Where.
        after: Its new text.
        diff: What changes; empty for nothing.
        by_hand: What is left to people, in sentences.
    """

    file: Path
    after: str
    diff: str
    by_hand: tuple[str, ...] = ()


def _edits(found: Iterable[Advised]) -> list[_Edit]:
    by_file: dict[Path, list[Advised]] = {}
    for each in found:
        if each.advice and each.advice.values:
            by_file.setdefault(each.loaded.file, []).append(each)
    return [_edited(file, several) for file, several in sorted(by_file.items())]


def _edited(file: Path, several: Sequence[Advised]) -> _Edit:
    """Change a file, the last of its services first: those before it stand where they stood."""
    from schemas.edit import NotEditable  # noqa: PLC0415 - late, for start-up
    from schemas.resize import resized  # noqa: PLC0415 - late, for start-up

    before = after = file.read_bytes().decode()
    by_hand = []
    for each in sorted(several, key=lambda one: one.loaded.document.root.mark, reverse=True):
        values = dict(_values(each))
        try:
            after = resized(after, each.loaded, values)
        except NotEditable as error:
            wanted = ", ".join(f"{path}: {'(left out)' if value is None else value}" for path, value in values.items())
            by_hand.append(f"{each.loaded.name}: {error}; {error.hint}: {wanted}")
    name = file.as_posix()
    texts = (before.splitlines(keepends=True), after.splitlines(keepends=True))
    diff = "".join(difflib.unified_diff(*texts, f"a/{name}", f"b/{name}"))
    return _Edit(file, after, diff, tuple(reversed(by_hand)))


def _values(each: Advised) -> Iterator[tuple[str, str | int | None]]:
    """Give what is written; a number of CPUs as a number."""
    for path, value in (each.advice.values if each.advice else {}).items():
        yield path, int(value) if isinstance(value, str) and value.isdigit() else value


def _document(found: Sequence[Advised], edits: Sequence[_Edit], *, shown: bool, written: bool) -> dict[str, Any]:
    """Give everything as plain data."""
    document: dict[str, Any] = {"services": [_service(each) for each in found]}
    if shown:
        document["diff"] = "".join(each.diff for each in edits)
        document["byHand"] = [text for each in edits for text in each.by_hand]
        document["written"] = [str(each.file) for each in edits if written and each.diff]
    return document


def _service(each: Advised) -> dict[str, Any]:
    loaded = each.loaded
    return {
        "name": loaded.name,
        "region": loaded.region,
        "project": loaded.project or "",
        "file": str(loaded.file),
        "unknown": each.unknown,
        "advice": each.advice.to_json() if each.advice else None,
        "measured": each.measured.to_json() if each.measured else None,
    }
