"""After an apply or a pass: what it did goes into the history of the services, if that can be written."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.cli.console import say
from reconciler.cli.context import find_account
from reconciler.cli.origin import Origin
from reconciler.core import errors
from reconciler.core.stamp import Stamp

if TYPE_CHECKING:
    from reconciler.core.bundle import Pointer
    from reconciler.core.orders import Orders
    from reconciler.core.planned import Planned
    from reconciler.engine.apply import Report
    from reconciler.engine.entries import Circumstances
    from reconciler.engine.session import Session


@dataclass(frozen=True, slots=True)
class Remembering:
    """Writes down what an apply did, by whom and from what.

    Args:
        session: The run's means.
        origin: Where the specs come from.
        began: When it began.
    """

    session: Session
    origin: Origin
    began: datetime

    @classmethod
    def begin(cls, session: Session, spec: Path | None) -> Remembering:
        """Begin now, and let what is made from now on carry the commit.

        Args:
            session: The run's means.
            spec: Path of the first spec; None where there is none.
        """
        origin = Origin.of(spec)
        session.stamp = Stamp(origin.commit, origin.uncommitted)
        return cls(session, origin, session.clock.now())

    def end(self, planned: Planned, report: Report) -> None:
        """Write it. What was applied stays applied whether this works or not, so that it never fails."""
        if not report.results:
            return
        from reconciler.engine.entries import of_apply  # noqa: PLC0415 - late, for start-up
        from reconciler.engine.history import History  # noqa: PLC0415 - late, for start-up

        try:
            history = History(self.session)
            if planned.plan.destroy and history.go_with_the_bucket():
                return
            about = by_somebody(self.session, self.began, planned.plan.environment, self.origin)
            history.write(of_apply(planned.plan, report, about, list(planned.inventories)))
        except errors.ReconcilerError as error:
            say(f"note: what was done is not in the history: {error}", "yellow")


def by_somebody(session: Session, began: datetime, environment: str, origin: Origin) -> Circumstances:
    """Say that a person or a CI run did it, from specs that lie here."""
    by = {
        "kind": "ci" if origin.run else "person",
        "name": session.holder,
        "account": find_account(local=bool(session.connection.local)).value,
        "address": origin.run,
    }
    source = {"commit": origin.commit, "author": origin.author, "uncommitted": origin.uncommitted}
    written = _written(origin.commit, origin.written)
    return _circumstances(session, began, environment, by, source | written)


def by_operator(session: Session, began: datetime, orders: Orders, pointer: Pointer | None) -> Circumstances:
    """Say that a pass of the job did it, from a bundle, or from the specs of its image."""
    by = {"kind": "operator", "name": orders.name, "execution": execution()}
    source = {"bundle": pointer.digest, "commit": pointer.commit, "author": pointer.author} if pointer else {}
    more = {"run": pointer.run, **_written(pointer.commit, pointer.written)} if pointer else {}
    return _circumstances(session, began, orders.environment, by, source | more)


def _written(commit: str, written: str) -> dict[str, str | None]:
    """Give the commit's time, as `schemas.kept.history.Source`; a folder without git has a time, and no commit's.

    Whoever publishes may write anything there: what is no moment would make the whole entry one that nobody can read.
    """
    from reconciler.core.standings.words import moment  # noqa: PLC0415 - late, for start-up

    return {"written": moment(written) if commit else None}


def execution() -> str:
    """Give the execution of the job that this process is a task of; empty where it is none."""
    return os.environ.get("CLOUD_RUN_EXECUTION", "")


def _circumstances(
    session: Session, began: datetime, environment: str, by: dict[str, Any], source: dict[str, Any]
) -> Circumstances:
    from reconciler.engine.entries import Circumstances  # noqa: PLC0415 - late, for start-up

    return Circumstances(
        project=session.connection.project,
        environment=environment,
        started=began.isoformat(timespec="seconds"),
        ended=session.clock.now().isoformat(timespec="milliseconds"),
        by={**by, "run": session.run_id, "program": version("mlservice")},
        source=source,
    )
