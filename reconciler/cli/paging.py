"""Which documents `page` and `report` show: those of the state bucket, those of a folder, or what is there now."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli.console import say
from reconciler.cli.options import DEFAULT_FILE
from reconciler.cli.planning import Target, joined, load_each, plan_documents, working
from reconciler.core import errors
from schemas.problems import MLServiceError

if TYPE_CHECKING:
    from datetime import datetime

    from page.jobs import Jobs
    from page.sources import Source
    from reconciler.engine.session import Session
    from schemas import Specs
    from schemas.kept import Standings

Copy = Annotated[
    Path | None,
    typer.Option(
        "--documents",
        help="Folder with a copy of operators/ and history/ of a state bucket, to be shown in its place.",
        show_default=False,
    ),
]
Files = Annotated[
    list[Path] | None,
    typer.Option(
        "--file",
        "-f",
        help="Specs, or a folder; may be repeated. Looked at where no job reports. Left out: mlservice.yaml, if it is "
        "there.",
        show_default=False,
    ),
]
HERE = "operators/~here/standings/0.json"
"""Name of the document that is made in memory: no operator can be called so."""
LOCAL_EVERY_S, EVERY_S = 3.0, 60.0


@contextmanager
def documents(
    target: Target, files: Sequence[Path] | None, copy: Path | None, *, once: bool
) -> Iterator[tuple[Source, str]]:
    """Give where documents lie, and the address of the emulator whose time it is; empty for none.

    Args:
        target: Where the command works.
        files: Specs, for what nobody reports.
        copy: A folder to be shown in place of the bucket.
        once: Look once, at what nobody reports; else again and again.

    Raises:
        UsageError: There is no such folder, or the page's libraries are not installed.
    """
    _need_libraries()
    from page.clock import clock  # noqa: PLC0415 - late, for start-up
    from page.sources import Folder, Memory  # noqa: PLC0415 - late, for start-up
    from page.sources.bucket import Bucket  # noqa: PLC0415 - late, for start-up

    if copy is not None:
        if not copy.is_dir():
            raise errors.UsageError(f"there is no folder {copy}")
        yield Folder(copy), ""
        return
    specs = _specs(files, target)
    with working(target, specs) as session:
        connection = session.connection
        _ = connection.state.there  # refuses a bucket that is somebody else's; one that is not there yet may come
        bucket = Bucket(connection.storage, connection.bucket)
        emulator = connection.local.http if connection.local else ""
        now = clock(emulator)
        looking = Looking(lambda: _look(session, _specs(files, target), now()), partial(_jobs, bucket, now))
        every_s = LOCAL_EVERY_S if target.local else EVERY_S
        with looking.once() if once else looking.again(every_s):
            yield Memory(looking.documents, bucket, looking.hidden), emulator


@dataclass(slots=True)
class Looking:
    """Looks at services as they are, where no job does.

    Args:
        look: Looks.
        jobs: Tells which jobs report.
    """

    look: Callable[[], Standings]
    jobs: Callable[[], Jobs]
    _seen: Standings | None = None
    _gone: frozenset[str] = frozenset()
    _said: str = ""
    _over: threading.Event = field(default_factory=threading.Event)

    def documents(self) -> dict[str, dict[str, Any]]:
        """Give what was seen last, as the document that a pass would have kept; nothing where a job reports."""
        return {HERE: self._seen.to_json()} if self._seen else {}

    def hidden(self) -> frozenset[str]:
        """Give folders of jobs that are gone, once there is something newer to be shown."""
        return self._gone if self._seen else frozenset()

    def _look_now(self) -> None:
        jobs = self.jobs()
        self._seen, self._gone = (None if jobs.reporting else self.look()), jobs.gone

    @contextmanager
    def once(self) -> Iterator[None]:
        """Look once.

        Raises:
            ReconcilerError: It cannot be looked.
        """
        self._look_now()
        yield

    @contextmanager
    def again(self, every_s: float) -> Iterator[None]:
        """Look again and again, beside what the block does.

        Args:
            every_s: Seconds between two looks.
        """
        thread = threading.Thread(target=self._on, args=(every_s,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _on(self, every_s: float) -> None:
        while not self._over.is_set():
            try:
                self._look_now()
                self._said = ""
            except MLServiceError as error:  # what was seen stays; it is said once
                if str(error) != self._said:
                    self._said = str(error)
                    say(self._said, "red")
            self._over.wait(every_s)


def _look(session: Session, specs: Specs | None, now: datetime) -> Standings:
    """Look at what there is now: an emulator's clock may have been moved, and specs edited, since the look before.

    Looks of ours are no decisions, so none is told of that was made before.
    """
    from datetime import UTC, datetime  # noqa: PLC0415 - late, for start-up
    from importlib.metadata import version  # noqa: PLC0415 - late, for start-up

    from reconciler.engine.clock import SystemClock  # noqa: PLC0415 - late, for start-up
    from reconciler.engine.standings.now import standings_now  # noqa: PLC0415 - late, for start-up

    session.clock = SystemClock(now - datetime.now(UTC))
    plan = partial(plan_documents, session)
    found = specs.documents if specs else ()
    environment = next((each.environment for each in found if each.environment), None) or ""
    return standings_now(session, found, plan, environment=environment, program=version("mlservice"))


def _jobs(bucket: Source, now: Callable[[], datetime]) -> Jobs:
    from page.jobs import jobs_in  # noqa: PLC0415 - late, for start-up
    from page.sources import SourceError  # noqa: PLC0415 - late, for start-up

    try:
        return jobs_in(bucket, now())
    except SourceError as error:
        raise errors.Unavailable("list", "operators/ of the state bucket", str(error)) from error


def _specs(files: Sequence[Path] | None, target: Target) -> Specs | None:
    """Load the specs beside us; None where none is named and none is there."""
    paths = [*files] if files else [DEFAULT_FILE] if DEFAULT_FILE.exists() else []
    return joined(load_each(paths, target)) if paths else None


def _need_libraries() -> None:
    from importlib.util import find_spec  # noqa: PLC0415 - late, for start-up

    missing = [name for name in ("jinja2", "fastapi", "uvicorn") if find_spec(name) is None]
    if missing:
        raise errors.UsageError(
            f"the page needs {', '.join(missing)}, which is not installed", hint="pip install 'mlservice[page]'"
        )
