"""A plan as Markdown, for the comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.core.plan import Action, Change, Note, Plan
from reconciler.render.costs import costs
from reconciler.render.names import Names
from reconciler.render.safe import code_block, inline
from reconciler.render.scans import origins, warnings
from reconciler.render.text import SIGNS, summary
from reconciler.render.values import differences, listing


def render_markdown(plan: Plan, *, titles: Mapping[str, str]) -> str:
    """Render a plan.

    Args:
        plan: The plan.
        titles: What people call each kind.
    """
    names = Names(titles, plan.project)
    lines = [f"### mlservice plan: {', '.join(map(inline, plan.services))}", "", summary(plan).plain.strip(), ""]
    lines += [f"> **Blocked** {inline(why)}" for why in plan.blocked]
    lines += [f"- cost of {inline(whose)}: {inline(cost.said())}" for whose, cost in costs(plan)]
    lines += [f"- origin: {inline(line)}" for line in origins(plan)]
    lines += [f"- images: {inline(why)}" for why in warnings(plan)]
    lines += [""] if plan.costs or plan.scans else []
    told = sorted((c for c in plan.changes if c.acts or c.problem), key=lambda c: (c.rank, c.address))
    pending = [change for change in told if change.acts]
    if told:
        lines += ["| | what | why |", "|---|---|---|", *(_row(c, names) for c in told), ""]
    if pending:
        details = (
            "<details><summary>fields</summary>",
            "",
            *code_block("\n".join(_fields(pending, names)), "diff"),
            "",
            "</details>",
        )
        lines += [*details, ""]
    lines += [f"> **Note** {_note(n)}" for n in plan.notes]
    return "\n".join(lines).rstrip() + "\n"


def _note(note: Note) -> str:
    whose = f"{inline(note.service)}: " if note.service else ""
    return f"{whose}{inline(note.text)}" + (f" ({inline(note.where)})" if note.where else "")


def _row(change: Change, names: Names) -> str:
    name = f"{names.title(change.address)} {names.name(change.address)}{names.place(change.address)}"
    said = "; ".join(part for part in (change.reason, change.consequence, change.problem) if part)
    loud = "**" if change.destroys or change.problem else ""
    verb = "left" if change.contradicts and not change.acts else "not working" if change.problem else change.action
    return f"| {loud}{verb}{loud} | {inline(name)} | {inline(said)} |"


def _fields(changes: list[Change], names: Names) -> Iterator[str]:
    for change in changes:
        yield _one_line(f"# {SIGNS[change.action][0]} {names(change.address)}")
        if change.action is Action.CREATE:
            yield from (_one_line(f"+ {path}: {value}") for path, value in listing(change.desired or {}))
        for path, before, after in differences(change):
            yield _one_line(f"- {path}: {before}")
            yield _one_line(f"+ {path}: {after}")


def _one_line(text: str) -> str:
    """Keep a value from beginning a line of its own, which could look like a change."""
    return " ".join(text.splitlines())
