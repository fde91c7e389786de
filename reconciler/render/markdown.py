"""A plan as Markdown, for the comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.core.plan import Action, Change, Note, Plan
from reconciler.render.names import Names
from reconciler.render.text import SIGNS, summary
from reconciler.render.values import differences, listing


def render_markdown(plan: Plan, *, titles: Mapping[str, str]) -> str:
    """Render a plan.

    Args:
        plan: The plan.
        titles: What people call each kind.
    """
    names = Names(titles, plan.project)
    lines = [f"### mlservice plan: {', '.join(plan.services)}", "", summary(plan).plain.strip(), ""]
    told = sorted((c for c in plan.changes if c.acts or c.problem), key=lambda c: (c.rank, c.address))
    pending = [change for change in told if change.acts]
    if told:
        lines += ["| | what | why |", "|---|---|---|", *(_row(c, names) for c in told), ""]
    if pending:
        details = (
            "<details><summary>fields</summary>",
            "",
            "```diff",
            *_fields(pending, names),
            "```",
            "",
            "</details>",
        )
        lines += [*details, ""]
    lines += [f"> **Note** {_note(n)}" for n in plan.notes]
    return "\n".join(lines).rstrip() + "\n"


def _note(note: Note) -> str:
    whose = f"{note.service}: " if note.service else ""
    return f"{whose}{_cell(note.text)}" + (f" (`{note.where}`)" if note.where else "")


def _row(change: Change, names: Names) -> str:
    name = f"{names.title(change.address)} `{names.name(change.address)}`{names.place(change.address)}"
    said = "; ".join(part for part in (change.reason, change.consequence, change.problem) if part)
    loud = "**" if change.destroys or change.problem else ""
    verb = "left" if change.contradicts and not change.acts else "not working" if change.problem else change.action
    return f"| {loud}{verb}{loud} | {_cell(name)} | {_cell(said)} |"


def _fields(changes: list[Change], names: Names) -> Iterator[str]:
    for change in changes:
        yield f"# {SIGNS[change.action][0]} {_line(names(change.address))}"
        if change.action is Action.CREATE:
            yield from (f"+ {path}: {_line(value)}" for path, value in listing(change.desired or {}))
        for path, before, after in differences(change):
            yield f"- {path}: {_line(before)}"
            yield f"+ {path}: {_line(after)}"


def _cell(text: str) -> str:
    """Keep a value from breaking out of its table cell."""
    return text.replace("|", "\\|").replace("\n", " ")


def _line(text: str) -> str:
    """Keep a value from closing the code block."""
    return text.replace("```", "'''")
