"""The comment on a pull request: what merging it would do in each environment, within what a code host takes.

Everything in it that is not ours is hostile (`render.safe`) and may be a secret (`schemas.redaction`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from reconciler.core.plan import Action, Change
from reconciler.render.costs import costs
from reconciler.render.names import Names
from reconciler.render.report import Report
from reconciler.render.safe import code_block, escaped
from reconciler.render.scans import origins, warnings
from reconciler.render.text import SIGNS, summary
from reconciler.render.values import differences, gives_access, leaves, listing
from schemas.redaction import redacted

BUDGET = 60_000
"""Characters of a body. GitHub refuses more than 65,536 with 422; the rest is for what it counts otherwise."""
_REASONS, _NAMES, _NOTES, _LINES = 20, 5, 10, 400
_LONGEST = 300
_MARGIN = 4096
"""Characters that are looked at beyond those shown, so that a secret is known that is cut by what is shown."""
_WIDTH = 200
"""Characters of a line of what is shown whole."""
_RESERVE = 400
"""Characters kept for the sentences that count what is left out, and for what closes a block."""


@dataclass(frozen=True, slots=True)
class About:
    """What a comment is about.

    Args:
        commit: What was planned; empty where it is not known.
        base: What it is compared with.
        run: Address of the job that says more.
    """

    commit: str = ""
    base: str = ""
    run: str = ""


@dataclass(frozen=True, slots=True)
class _Group:
    """Changes that do the same.

    Args:
        changes: All of them.
    """

    changes: tuple[Change, ...]

    @property
    def weight(self) -> int:
        """Place among the groups: what destroys first, then what starts revisions, then the rest."""
        first = self.changes[0]
        if first.destroys or first.problem:
            return 0
        return 1 if first.address.kind == "run_service" else 2


def render_comment(reports: Sequence[Report], *, titles: Mapping[str, str], about: About, budget: int = BUDGET) -> str:
    """Render the comment without its marker.

    Args:
        reports: One per environment.
        titles: What people call each kind.
        about: What it is about.
        budget: Most characters.
    """
    if all(report.quiet for report in reports):
        return f"mlservice plan: no changes{_commit(about.commit)}\n"
    ordered = sorted(reports, key=lambda report: (report.environment, report.project))
    must = chain([_head(about)], *map(_told, ordered))
    text, unseen = _join(must, budget), 0
    for report in ordered:
        block = _details(report, titles, budget - len(text))
        text, unseen = (text, unseen + 1) if block is None else (text + block, unseen)
    return text + (f"\nDetails of {unseen} more: see the job.\n" if unseen else "")


def _head(about: About) -> str:
    onto = f" onto {_value(about.base)}" if about.base else ""
    return f"### mlservice plan{_commit(about.commit)}{onto}\n"


def _commit(commit: str) -> str:
    return f" (commit {_value(commit[:12])})" if commit else ""


def _value(text: str, longest: int = _LONGEST) -> str:
    """Give somebody else's text: secrets hidden, cut, and without power."""
    hidden = redacted(text[: longest + _MARGIN])
    return escaped(hidden if len(hidden) <= longest else hidden[: longest - 1] + "…")


def _told(report: Report) -> Iterator[str]:
    """Say what is said whatever else has to go: where, how much, how it goes out, and what is in the way."""
    where = _value(report.environment or report.project or "plan")
    project = f" · project {_value(report.project)}" if report.environment and report.project else ""
    decision = f" · decision {_value(report.decision)}" if report.decision else ""
    yield f"**{where}**{project}{decision}\n"
    blocked = [*report.blocked, *_protected(report)]
    for why in blocked[:_REASONS]:
        yield f"> **Blocked**: {_value(why, 600)}\n"
    if len(blocked) > _REASONS:
        yield f"> and {len(blocked) - _REASONS} more\n"
    if report.plan is None:
        yield "There is no plan.\n" if blocked else "The plan could not be made.\n"
        return
    yield f"{summary(report.plan).plain.strip()}\n"
    for whose, cost in costs(report.plan):
        yield f"Cost of {_value(whose, 80)}: {_value(cost.said())}\n"
    yield from (f"Origin: {_value(line, 600)}\n" for line in islice(origins(report.plan), _REASONS))
    yield from (f"Images: {_value(why, 600)}\n" for why in islice(warnings(report.plan), _REASONS))
    yield from _rollouts(report)


def _protected(report: Report) -> Iterator[str]:
    for change in report.plan.protected if report.plan else ():
        yield f"{change.action} of {change.address} needs consent: management.deletion of {', '.join(change.services)}"


def _rollouts(report: Report) -> Iterator[str]:
    """Say how what changes goes out, services of one way together."""
    touched = {name for c in (report.plan.pending if report.plan else ()) for name in c.services}
    ways: dict[str, list[str]] = {}
    for name in sorted(touched & report.rollouts.keys()):
        ways.setdefault(report.rollouts[name], []).append(name)
    for way, names in ways.items():
        yield f"Rollout of {_listed(names)}: {_value(way)}\n"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(_value(name, 80) for name in names[:_NAMES])
    return shown if len(names) <= _NAMES else f"{shown} and {len(names) - _NAMES} more"


def _join(parts: Iterable[str], budget: int) -> str:
    text = ""
    for part in parts:
        if len(text) + len(part) + 1 > budget - _RESERVE:
            return f"{text}\n(cut: see the job)\n"
        text += f"{part}\n"
    return text


def _details(report: Report, titles: Mapping[str, str], room: int) -> str | None:
    """Give the table and the fields of one environment, as many as fit; the rest is counted. None: no room for any."""
    plan = report.plan
    if plan is None:
        return ""
    names = Names(titles, plan.project)
    groups = sorted(
        _groups(c for c in plan.changes if c.acts or c.problem), key=lambda g: (g.weight, g.changes[0].address)
    )
    if not groups and not plan.notes:
        return ""
    title = _value(report.environment or plan.project or "plan")
    opened = "" if len(groups) > _REASONS else " open"
    head = [f"<details{opened}><summary>{title}</summary>\n", "| | what | why |\n|---|---|---|"]
    room -= sum(map(len, head)) + _RESERVE
    if room <= 0:
        return None
    # Each is made only while there is room: looking for secrets in what nobody sees would take minutes.
    kept = _fitting((_row(group, names) for group in groups), room * 2 // 3)
    left, room = len(groups) - len(kept), room - _size(kept)
    told = _fitting((f"> {_value(note.text, 600)}\n" for note in plan.notes[:_NOTES]), room)
    untold = len(plan.notes) - len(told)
    detailed = [group for group in groups if _has_lines(group.changes[0])]
    blocks = _fitting((_fields(group, names) for group in detailed), room - _size(told))
    unseen = len(detailed) - len(blocks)
    rest = f"\n{left} more {'row' if left == 1 else 'rows'}: see the job.\n" if left else ""
    more = f"\nFields of {unseen} more: see the job.\n" if unseen else ""
    over = f"\n{untold} more {'note' if untold == 1 else 'notes'}: see the job.\n" if untold else ""
    table = "\n".join([*head, *kept]) + f"\n{rest}"
    return "\n".join([table, *blocks, more, *told, over, "</details>\n"])


def _size(parts: Sequence[str]) -> int:
    """Give how long parts are, each with the line break after it."""
    return sum(len(part) + 1 for part in parts)


def _fitting(parts: Iterable[str], room: int) -> list[str]:
    """Give the first parts that fit."""
    kept: list[str] = []
    for part in parts:
        room -= len(part) + 1
        if room < 0:
            break
        kept.append(part)
    return kept


def _groups(changes: Iterable[Change]) -> list[_Group]:
    """Put changes together that do the same to objects of one kind: a label of two hundred services is one row."""
    found: dict[tuple[str, ...], list[Change]] = {}
    for change in changes:
        alike = change.action is Action.UPDATE and bool(change.changes)
        key = (change.address.kind, str(change.action), change.reason, change.problem, _differing(change))
        found.setdefault(key if alike else (str(change.address), str(change.action)), []).append(change)
    return [_Group(tuple(many)) for many in found.values()]


def _differing(change: Change) -> str:
    """Give all that the lines of a change are made of, without making them."""
    fields = {item.field for item in change.changes}
    lists = [
        (field, (change.observed or {}).get(field), after)
        for field, after in (change.desired or {}).items()
        if field in fields and isinstance(after, list)
    ]
    return repr(([(item.path, item.before, item.after) for item in change.changes], lists))


def _has_lines(change: Change) -> bool:
    return bool(change.changes) or (change.action is Action.CREATE and any(True for _ in leaves(change.desired or {})))


def _lines(change: Change) -> Iterator[str]:
    if change.action is Action.CREATE:
        for path, value in listing(change.desired or {}):
            yield from _field("+", path, value)
    for path, before, after in differences(change):
        yield from _field("-", path, before)
        yield from _field("+", path, after)


def _field(sign: str, path: str, value: str) -> Iterator[str]:
    """Give a line, or several for what says who may do what: it is shown whole."""
    line = f"{path}: {value}"
    parts = range(0, len(line), _WIDTH) if gives_access(path) else [0]
    yield from (f"{sign} {line[at : at + _WIDTH] if gives_access(path) else line}" for at in parts)


def _row(group: _Group, names: Names) -> str:
    first = group.changes[0]
    said = "; ".join(part for part in (first.reason, first.consequence, first.problem) if part)
    loud = "**" if first.destroys or first.problem else ""
    verb = "left" if first.contradicts and not first.acts else "not working" if first.problem else str(first.action)
    return f"| {loud}{verb}{loud} | {_what(group, names)} | {_value(said)} |"


def _what(group: _Group, names: Names) -> str:
    first = group.changes[0].address
    named = [f"{names.name(change.address)}{names.place(change.address)}" for change in group.changes]
    count = f" x{len(named)}" if len(named) > 1 else ""
    return f"{_value(names.title(first))}{count} {_listed(named)}"


def _fields(group: _Group, names: Names) -> str:
    """Give the fields of a group as a block of code that nothing in it can close."""
    first = group.changes[0]
    more = f" and {len(group.changes) - 1} more" if len(group.changes) > 1 else ""
    lines = list(islice(_lines(group.changes[0]), _LINES + 1))
    shown = [redacted(line) for line in lines[:_LINES]]
    cut = ["  … and more"] if len(lines) > _LINES else []
    head = f"# {SIGNS[first.action][0].strip()} {redacted(names(first.address))}{more}"
    return "\n".join(["", *code_block("\n".join(map(_one_line, [head, *shown, *cut])), "diff"), ""])


def _one_line(text: str) -> str:
    line = " ".join(text.splitlines())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
