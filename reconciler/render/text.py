"""Plans, reports and status for a terminal. Styles are names; without colour the text alone says it all."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from rich.cells import cell_len
from rich.text import Text

from reconciler.core.plan import Action, Change, Plan
from reconciler.render.costs import costs
from reconciler.render.names import Names
from reconciler.render.scans import origins, warnings
from reconciler.render.values import differences, gives_access, listing

SIGNS: Mapping[Action, tuple[str, str]] = {
    Action.CREATE: ("+", "green"),
    Action.UPDATE: ("~", "yellow"),
    Action.REPLACE: ("±", "red"),
    Action.DELETE: ("-", "red"),
    Action.WAIT: ("…", "cyan"),
    Action.NO_OP: (" ", "dim"),
}
_WORDS = {
    Action.CREATE: "to create",
    Action.UPDATE: "to update",
    Action.REPLACE: "to replace",
    Action.DELETE: "to delete",
    Action.WAIT: "to wait for",
}


def render_text(plan: Plan, *, titles: Mapping[str, str], brief: bool = False) -> Text:
    """Render a plan.

    Args:
        plan: The plan.
        titles: What people call each kind.
        brief: Of what is made anew only a line, but for what gives access: that is shown whole.
    """
    text, names = Text(), Names(titles, plan.project)
    for group in _groups(plan):
        text.append_text(_group(plan, group, names, brief=brief))
    text.append_text(_notes(plan))
    text.append_text(_costs(plan))
    text.append_text(summary(plan))
    return text


def _groups(plan: Plan) -> list[tuple[str, ...]]:
    return sorted({change.services for change in plan.changes if not _quiet(change)})


def _quiet(change: Change) -> bool:
    return change.action is Action.NO_OP and not change.problem


def _group(plan: Plan, services: tuple[str, ...], names: Names, *, brief: bool) -> Text:
    text = Text()
    observing = set(services) <= set(plan.observing)
    text.append(", ".join(services), "bold")
    text.append("  (observed only: nothing is changed)\n" if observing else "\n", "dim")
    for change in sorted(plan.changes, key=lambda c: (c.rank, c.address)):
        if change.services == services and not _quiet(change):
            text.append_text(_change(change, names, brief=brief))
    return text.append("\n")


def _change(change: Change, names: Names, *, brief: bool = False) -> Text:
    sign, style = ("!", "red") if change.problem else SIGNS[change.action]
    text = Text()
    text.append(f"  {sign} ", style)
    text.append(f"{names.title(change.address)} ")
    text.append(names.name(change.address), "bold")
    text.append(names.place(change.address))
    said = "; ".join(part for part in (change.reason, change.consequence) if part)
    text.append(f"  {said}" if said else "", "dim")
    said = change.problem if change.contradicts else f"not working: {change.problem}"
    text.append(f"  {said}" if change.problem else "", "red").append("\n")
    if brief and change.action is Action.CREATE and not any(map(gives_access, change.desired or {})):
        return text
    for line in _lines(change):
        text.append_text(line)
    return text


def _lines(change: Change) -> Iterator[Text]:
    if change.action is Action.CREATE:
        rows = list(listing(change.desired or {}))
        width = max((len(path) for path, _ in rows), default=0)
        for path, value in rows:
            yield Text.assemble("      ", (path.ljust(width), "dim"), "  ", value, "\n")
        return
    changed = list(differences(change))
    width = max((len(path) for path, _, _ in changed), default=0)
    for path, before, after in changed:
        yield Text.assemble("      ", path.ljust(width), "  ", (before, "red"), " → ", (after, "green"), "\n")


def _notes(plan: Plan) -> Text:
    text = Text()
    for note in plan.notes:
        place = f" [{note.where}]" if note.where else ""
        whose = f"{note.service}: " if note.service else ""
        text.append(f"note: {whose}{note.text}{place}\n", "cyan")
    return text.append("\n") if plan.notes else text


def _costs(plan: Plan) -> Text:
    text = Text()
    for whose, cost in costs(plan):
        text.append(f"cost: {whose}: {cost.said()}\n")
    for line in origins(plan):
        text.append(f"origin: {line}\n")
    for why in warnings(plan):
        text.append(f"images: {why}\n", "yellow")
    for why in plan.blocked:
        text.append(f"blocked: {why}\n", "red")
    return text


def summary(plan: Plan) -> Text:
    """Say in one line what a plan does."""
    unwell = sum(1 for change in plan.changes if change.problem)
    if plan.empty and unwell:
        return Text(f"Nothing to change, and {unwell} not as it should be: the spec is applied as it stands.\n", "red")
    if plan.empty:
        return Text("Nothing to do: Google Cloud is as the spec says.\n", "green")
    counts = plan.counts()
    said = [f"{counts[action]} {words}" for action, words in _WORDS.items() if counts[action]]
    return Text(f"Plan: {', '.join(said)}; {counts[Action.NO_OP]} unchanged.\n", "bold")


def table(
    rows: Sequence[Sequence[str]],
    header: Sequence[str],
    *,
    right: Collection[int] = (),
    styles: Sequence[str] | None = None,
) -> Text:
    """Lay out columns, for what reads best as a table.

    Args:
        rows: Cells, as many as the header has.
        header: Of each column; what stands before the first cell of a row is part of it, and so is what indents it.
        right: Columns whose cells end below each other, as numbers do, from 0.
        styles: One of each row; None for none.
    """
    lines = [header, *rows]
    widths = [max(cell_len(line[n]) for line in lines) for n in range(len(header))]
    text = Text()
    for line, style in zip(lines, ("bold", *(styles or [""] * len(rows))), strict=True):
        text.append(f"{_laid_out(line, widths, right)}\n", style)
    return text


def _laid_out(cells: Sequence[str], widths: Sequence[int], right: Collection[int]) -> str:
    spaces = [" " * (width - cell_len(cell)) for cell, width in zip(cells, widths, strict=True)]
    parts = (f"{spaces[n]}{cell}" if n in right else f"{cell}{spaces[n]}" for n, cell in enumerate(cells))
    return "  ".join(parts).rstrip()
