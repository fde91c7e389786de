"""Which documents `page` and `report` show: those of the state bucket, or of a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.planning import Target, working
from reconciler.core import errors

if TYPE_CHECKING:
    from page.sources import Source

Documents = Annotated[
    Path | None,
    typer.Option(
        "--documents",
        help="Folder with a copy of operators/ and history/ of a state bucket, to be shown in its place.",
        show_default=False,
    ),
]


@contextmanager
def documents(target: Target, folder: Path | None) -> Iterator[tuple[Source, str]]:
    """Give where documents lie, and the address of the emulator whose time it is; empty for none.

    Args:
        target: Where the command works.
        folder: A folder to be shown in its place.

    Raises:
        UsageError: There is no such folder, or the page's libraries are not installed.
    """
    _need_libraries()
    from page.sources import Folder  # noqa: PLC0415 - late, for start-up
    from page.sources.bucket import Bucket  # noqa: PLC0415 - late, for start-up

    if folder is not None:
        if not folder.is_dir():
            raise errors.UsageError(f"there is no folder {folder}")
        yield Folder(folder), ""
        return
    with working(target) as session:
        connection = session.connection
        _ = connection.state.there  # refuses a bucket that is somebody else's; one that is not there yet may come
        yield Bucket(connection.storage, connection.bucket), connection.local.http if connection.local else ""


def _need_libraries() -> None:
    from importlib.util import find_spec  # noqa: PLC0415 - late, for start-up

    missing = [name for name in ("jinja2", "fastapi", "uvicorn") if find_spec(name) is None]
    if missing:
        raise errors.UsageError(
            f"the page needs {', '.join(missing)}, which is not installed", hint="pip install 'mlservice[page]'"
        )
