"""What a statement is read against: whose it is, which tables it has named so far, which parameters it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from emulator.apis.bigquery import access, errors, records, rows
from emulator.apis.bigquery.names import Ref

if TYPE_CHECKING:
    from emulator.apis.bigquery.records import Table
    from emulator.core.world import World

MOST_DEEP = 16
"""Views upon views. Source: cloud.google.com/bigquery/quotas#view_limits."""


@dataclass
class Context:
    """One statement's surroundings.

    Attributes:
        world: Where.
        caller: E-mail.
        project: Whose tables are meant where none is named.
        dataset: The default dataset, as `(project, dataset)`; None: tables must name theirs.
        parameters: `queryParameters` of the job.
        used: The tables that were read, by where they are.
        depth: How many views this is inside of.
        ask: What answers ML.PREDICT; None: models cannot be asked here.
        evaluates: Whether what is written as ML.PREDICT was ML.EVALUATE.
        temporary: Rows that are of no use when the statement is done.
        view: The view that this is inside of.
    """

    world: World
    caller: str
    project: str
    dataset: tuple[str, str] | None = None
    parameters: list[dict[str, Any]] = field(default_factory=list)
    used: dict[Ref, Table] = field(default_factory=dict)
    depth: int = 0
    view: Ref | None = None
    ask: Callable[[Context, Any], Any] | None = None
    evaluates: bool = False
    temporary: list[str] = field(default_factory=list)
    now: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.now = self.world.clock.now()

    def ref(self, table: str, dataset: str = "", project: str = "") -> Ref:
        """A table by the words of a query.

        Raises:
            BigQueryError: No dataset is named, and there is no default one.
        """
        if dataset:
            return Ref(self.world.project_id(project) or project or self.project, dataset, table)
        if self.dataset is None:
            text = f'Table "{table}" must be qualified with a dataset (e.g. dataset.table).'
            raise errors.BigQueryError(400, "invalid", text)
        return Ref(*self.dataset, table)

    def table(self, ref: Ref) -> Table:
        """A table that the statement reads.

        Raises:
            BigQueryError: It is not there, or the caller may not read it.
        """
        if not access.is_let_in(self.world, self.view, ref):  # each time: a view may read what its reader may not
            access.on_table(self.world, self.caller, "bigquery.tables.getData", ref)
        if ref not in self.used:
            found = records.look_for_table(self.world, ref)
            if found is None:
                records.find_dataset(self.world, ref.project, ref.dataset)
                where = str(records.find_dataset(self.world, ref.project, ref.dataset)["location"])
                raise errors.not_found("Table", f"{ref} was not found in location {where}")
            rows.sweep(self.world, found)
            self.used[ref] = found
        return self.used[ref]

    def inside(self, view: Table) -> Context:
        """The surroundings of a view's own query.

        Raises:
            BigQueryError: There are too many views upon views.
        """
        if self.depth >= MOST_DEEP:
            raise errors.bad_query(f"Query exceeds limit on nested views: {view.ref}")
        made = Context(self.world, self.caller, view.ref.project, None, [], self.used, self.depth + 1, view.ref)
        made.now, made.temporary = self.now, self.temporary
        return made
