"""`mlservice comment`: the one comment on a pull request that says what merging it would do."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.console import out, say
from reconciler.core import errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.render.report import Report

app = typer.Typer(add_completion=False)


class Code(StrEnum):
    """Code hosts."""

    GITHUB = "github"
    GITLAB = "gitlab"


@app.command()
def comment(
    reports: Annotated[list[Path], typer.Argument(help="Files of `mlservice plan --report`, one per environment.")],
    *,
    key: Annotated[
        str, typer.Option("--key", help="Which comment: one per key. Parallel jobs have one each.")
    ] = "plan",
    host: Annotated[
        Code | None, typer.Option("--host", help="Code host. Left out: the one whose job this is.", show_default=False)
    ] = None,
    repository: Annotated[
        str | None, typer.Option("--repository", help="`owner/name`. Left out: the job's.", show_default=False)
    ] = None,
    number: Annotated[
        int | None, typer.Option("--number", help="Of the pull request. Left out: the job's.", show_default=False)
    ] = None,
    api: Annotated[
        str | None, typer.Option("--api", help="Address of the host's API. Left out: the job's.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the comment, and post nothing.")] = False,
) -> int:
    """Write what the plans of a pull request came to into one comment, and keep it up to date.

    It is found by a hidden marker and by who wrote it, so nobody else's is ever touched. Without changes none is made,
    and one that is there says so. The token comes from GITHUB_TOKEN or GITLAB_TOKEN.
    """
    from reconciler.hosts.sticky import post  # noqa: PLC0415 - late, for start-up
    from reconciler.hosts.surroundings import host_at, place_of  # noqa: PLC0415 - late, for start-up
    from reconciler.kinds import KINDS  # noqa: PLC0415 - late, for start-up
    from reconciler.render.comment import About, render_comment  # noqa: PLC0415 - late, for start-up

    found = read(reports)
    told = place_of(os.environ)
    place = replace(
        told,
        host=str(host) if host else told.host,
        repository=repository or told.repository,
        number=number or told.number,
        url=api or (told.url if host is None or str(host) == told.host else DEFAULTS[str(host)]),
    )
    about = About(place.commit, place.base, place.run)
    text = render_comment(found, titles={kind.name: kind.title for kind in KINDS}, about=about)
    if dry_run:
        out(text)
        return 0
    with closing(host_at(place, os.environ)) as there:
        posted = post(there, key, text, silent=all(report.quiet for report in found))
    say(f"comment {posted.done}{f': {posted.url}' if posted.url else ''}")
    return 0


DEFAULTS = {"github": "https://api.github.com", "gitlab": "https://gitlab.com/api/v4"}


def read(paths: Sequence[Path]) -> list[Report]:
    """Read reports.

    Raises:
        UsageError: One is none.
    """
    from reconciler.render.report import MOST_BYTES, read_report  # noqa: PLC0415 - late, for start-up

    found = []
    for path in paths:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
        try:
            found.append(read_report(text))
        except ValueError as error:
            raise errors.UsageError(f"'{path}' cannot be used: {error}", hint="mlservice plan --report FILE") from None
    return found
