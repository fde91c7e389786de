"""`mlservice history`: what became of a service, change by change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.console import data, out, say
from reconciler.cli.names import Name
from reconciler.cli.options import Form, Local, Project, Region, State
from reconciler.cli.planning import Target, working
from reconciler.core import errors

if TYPE_CHECKING:
    from reconciler.engine.history import Found
    from reconciler.engine.session import Session

app = typer.Typer(add_completion=False)


@app.command()
def history(
    name: Name,
    *,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=1000, help="How many entries, from the newest.")
    ] = 20,
    since: Annotated[
        str | None,
        typer.Option("--since", help="None older: 90m, 24h, 7d, or a date such as 2026-11-26.", show_default=False),
    ] = None,
    show: Annotated[
        int | None,
        typer.Option("--show", min=1, max=1000, help="One entry in full, by its number.", show_default=False),
    ] = None,
    region: Region = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    output: Annotated[Form, typer.Option("--output", "-o", help="Form of the output.")] = Form.TEXT,
) -> int:
    """Show what became of a service, the newest first: what was changed, when, why, by whom and from which commit.

    Each apply writes it, and each pass of the job that changes something or that something new keeps from it. The last
    200 entries of a service stay. Exits with 1 when one cannot be read.
    """
    from reconciler.engine.history import History  # noqa: PLC0415 - late, for start-up

    with working(Target(project, local, state), quiet=output is Form.JSON) as session:
        after = _moment(since, session.clock.now()) if since else None
        found = History(session).of(name, region, limit=max(limit, show or 0), since=after)
        if not found.entries and not found.unreadable:
            _refuse_unknown(session, name)
    for line in found.unreadable:
        say(line, "red")
    _show(name, found, show, output, since=bool(since))
    return 1 if found.unreadable else 0


def _moment(text: str, now: datetime) -> datetime:
    """Read how far back to look.

    Raises:
        UsageError: It is neither a duration nor a date.
    """
    from schemas.units import duration_ms  # noqa: PLC0415 - late, for start-up

    try:
        return now - timedelta(milliseconds=duration_ms(text))
    except (ValueError, OverflowError):
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise errors.UsageError(
            f"'{text}' is neither a duration nor a date", hint="--since 24h, or --since 2026-11-26"
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _refuse_unknown(session: Session, name: str) -> None:
    """Tell a service that nothing became of yet from one that there never was.

    Raises:
        UsageError: Nothing of that name was ever applied here.
    """
    from reconciler.engine.inventory_store import InventoryStore  # noqa: PLC0415 - late, for start-up

    known = sorted({key[1] for key in InventoryStore(session).read_all()})
    if name not in known:
        hint = f"services applied here: {', '.join(known) or 'none'}"
        raise errors.UsageError(f"not known here, and nothing is kept of it: {name}", hint=hint)


def _show(name: str, found: Found, show: int | None, output: Form, *, since: bool) -> None:
    from reconciler.render.history import render_entry, render_history  # noqa: PLC0415 - late, for start-up

    entries = [entry.to_json() for entry in found.entries]
    if show is not None:
        if show > len(entries):
            raise errors.UsageError(f"there is no entry {show} of {name}", hint=f"it has {len(entries)}")
        entry = entries[show - 1]
        data(entry) if output is Form.JSON else out(render_entry(entry))
    elif output is Form.JSON:
        data(entries)
    elif entries:
        out(render_history(entries, older=found.older))
    elif not found.unreadable:
        when = "in that time" if since else "yet"
        out(f"nothing became of {name} {when}: applies write the history, and passes of the job that change something")
