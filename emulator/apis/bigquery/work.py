"""A job while it runs: whose it is, what it is to do, how it is stopped, what it has to say in the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from emulator.apis.bigquery import errors
from emulator.apis.bigquery.engine import engine

if TYPE_CHECKING:
    from emulator.apis.bigquery.names import Ref
    from emulator.apis.bigquery.schema import Field
    from emulator.core.world import World


@dataclass(eq=False)
class Task:
    """One job.

    Attributes:
        world: Where.
        caller: E-mail of the account whose job it is.
        project: Whose job it is.
        configuration: The one of its four parts that it has (`load`, `query`, `extract`, `copy`).
        sort: Which one.
        files: Uploaded files that it loads, by path.
        dry: Whether it is only to be looked at.
        statistics: What it has to say of itself.
        destination: The table that has its rows; None: there are none to read.
        fields: The columns of those rows.
        errors: What went wrong without stopping it.
        done: Set when it is over.
    """

    world: World
    caller: str
    project: str
    configuration: dict[str, Any]
    sort: str
    files: list[str] = field(default_factory=list)
    dry: bool = False
    statistics: dict[str, Any] = field(default_factory=dict)
    destination: Ref | None = None
    fields: tuple[Field, ...] = ()
    errors: list[dict[str, Any]] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)
    _cancelled: bool = False
    _cursor: Any = None

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        """A cursor that `cancel` interrupts."""
        with engine(self.world).reading() as made:
            self._cursor = made
            try:
                self.check()
                yield made
            finally:
                self._cursor = None

    def check(self) -> None:
        """Stop here if somebody wants that.

        Raises:
            BigQueryError: The job is cancelled.
        """
        if self._cancelled:
            raise errors.BigQueryError(499, "stopped", "Job execution was cancelled: User requested cancellation")

    def cancel(self) -> None:
        """Stop as soon as may be."""
        self._cancelled = True
        cursor = self._cursor
        if cursor is not None:
            cursor.interrupt()
