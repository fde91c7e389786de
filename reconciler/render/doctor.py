"""What `doctor` found, for a terminal and for a comment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from rich.text import Text

from reconciler.core.checkup import SHOWN, Answer, Check, Checkup, Who, commands_of
from reconciler.render.safe import code_block, inline

SIGNS = {
    Answer.OK: ("✓", "green"),
    Answer.WARN: ("!", "yellow"),
    Answer.FAIL: ("✗", "red"),
    Answer.UNKNOWN: ("?", "cyan"),
}


_SHOWN = 3
_SIGN_IN = "Sign in: gcloud auth application-default login"


def render_checkup(checkup: Checkup, *, every: bool = False) -> Text:
    """Render it by who must act, each group with one block of commands to copy.

    Args:
        checkup: What was found.
        every: Show what is well, too.
    """
    text = Text()
    for who, checks in checkup.groups():
        text.append(f"{_heading(who)}\n", "bold")
        for check in _once(checks):
            text.append_text(_line(check))
        for command in commands_of(checks):
            text.append(f"    {command}\n", "cyan")
        text.append("\n")
    if every:
        for check in checkup.checks:
            if check.answer is Answer.OK:
                text.append_text(_line(check))
    return text.append(f"{_summary(checkup)}\n", "bold")


def _heading(who: Who) -> str:
    return f"For {who}:"


def _once(checks: Iterable[Check]) -> list[Check]:
    """Say once why several could not be made, with their names: the reason may be a long sentence."""
    found: dict[tuple[str, str], list[Check]] = {}
    for check in checks:
        key = ("", check.line) if check.answer is Answer.UNKNOWN else (check.name, f"{check.line} {check.where}")
        found.setdefault(key, []).append(check)
    told: list[Check] = []
    for same in found.values():
        told += [_as_one(same)] if same[0].answer is Answer.UNKNOWN else same
    return told


def _as_one(same: list[Check]) -> Check:
    names = list(dict.fromkeys(check.name for check in same))
    services = tuple(sorted({name for check in same for name in check.services}))
    line = f"{', '.join(names)}: {same[0].line}" if len(names) > 1 else same[0].line
    return replace(same[0], line=line, services=services)


def _line(check: Check) -> Text:
    sign, style = SIGNS[check.answer]
    text = Text().append(f"  {sign} {check.answer:<7} ", style).append(check.line)
    return text.append(_about(check), "dim").append("\n")


def _about(check: Check) -> str:
    """Say where in a spec it is, or whose it is where the line does not."""
    others = [name for name in check.services if name not in check.line]
    shown = ", ".join(others[:_SHOWN]) + (f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else "")
    said = ", ".join(part for part in (check.where, shown if len(others) > 1 or not check.where else "") if part)
    return f" ({said})" if said else ""


def _summary(checkup: Checkup) -> str:
    counts = ", ".join(f"{n} {answer}" for answer in SHOWN if (n := checkup.counts[answer]))
    if checkup.unseen:
        whose = f"{', '.join(checkup.services)} in {checkup.project}"
        return f"nothing could be looked at of {whose}: {counts}. Is this the account? {_SIGN_IN}"
    verdict = "something is in the way" if checkup.exit_code else "nothing is in the way"
    return f"{verdict} of {', '.join(checkup.services)} in {checkup.project}: {counts or 'nothing to look at'}"


def render_checkup_markdown(checkup: Checkup) -> str:
    """Render it as Markdown; what is well is only counted."""
    lines = [f"### mlservice doctor: {inline(_summary(checkup))}", ""]
    for who, checks in checkup.groups():
        lines += [f"**{_heading(who)}**", "", *_rows(checks), ""]
        commands = commands_of(checks)
        if commands:
            lines += [*code_block("\n".join(commands), "sh"), ""]
    return "\n".join(lines).rstrip() + "\n"


def _rows(checks: tuple[Check, ...]) -> Iterator[str]:
    for check in _once(checks):
        yield f"- {SIGNS[check.answer][0]} {check.answer}: {inline(check.line + _about(check))}"
