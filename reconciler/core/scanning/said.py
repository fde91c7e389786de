"""What is wrong with an image, in lines: who wrote an occurrence draws none, and long lists are cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta

from reconciler.core.scanning.findings import Finding, Severity
from reconciler.core.scanning.rule import Rule

_LONGEST_WORD = 200
_MOST = 5
"""Findings of an image, of one sort, that are named one by one, the worst first."""


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Give what nobody can weigh and what is most severe first, and of that what has a fix."""
    return sorted(
        findings,
        key=lambda each: (
            -(each.severity or Severity.CRITICAL),
            not each.fixed,
            each.cve,
            each.package,
            each.installed,
        ),
    )


def said(finding: Finding) -> str:
    """Say what was found, and the way out."""
    version = f" {word(finding.installed)}" if finding.installed else ""
    way = f"go to {word(finding.fixed)}" if finding.fixed else "no version of it is fixed"
    unknown = finding.severity is Severity.UNSPECIFIED
    severity = "nobody says how severe" if unknown else finding.severity.name.capitalize()
    by = f", as a note of project {word(finding.by)} says" if finding.by else ""
    return f"{word(finding.cve)} ({severity}) in {word(finding.package)}{version}{by}: {way}"


def word(text: str) -> str:
    """Give what somebody wrote in an occurrence as a part of one line: who may write one draws no lines of a plan."""
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= _LONGEST_WORD else f"{one_line[:_LONGEST_WORD]}…"


def named(rule: Rule, blocking: Sequence[Finding], now: datetime) -> Iterator[str]:
    """Name what blocks, the worst first, each with the line that would allow it."""
    place = f" ({rule.where})" if rule.where else ""
    for each in blocking[:_MOST]:
        until = rule.until(each.cve)
        past = f"; it was allowed until {until}, which is past" if until else ""
        line = f"{{cve: {word(each.cve)}, until: {_next_month(now.date())}, reason: ...}}"
        yield f"{said(each)}{past}; or live with it for a time, registry.scan.allow: [{line}]{place}"
    yield from _more(len(blocking), "as severe")


def _more(many: int, what: str) -> Iterator[str]:
    """Count what is not named one by one."""
    if many > _MOST:
        yield f"and {many - _MOST} more {what}: gcloud artifacts vulnerabilities list IMAGE"


def _next_month(day: date) -> date:
    """Give the last day of the next month: a month at least, and not another one each day, which would be news."""
    after = (day.replace(day=1) + timedelta(days=62)).replace(day=1)
    return after - timedelta(days=1)


def spared(rule: Rule, weighing: Iterable[Finding], now: datetime) -> Iterator[str]:
    """Name what is too new to block, what blocks soonest first."""
    spared = [(each.published + rule.grace, each) for each in weighing if rule.spares(each, now) and each.published]
    soonest = sorted(spared, key=lambda each: each[0])
    for blocks, each in soonest[:_MOST]:
        yield f"{said(each)}; it blocks from {blocks:%Y-%m-%d %H:%M} UTC on"
    yield from _more(len(spared), "that block later")


def lived_with(rule: Rule, findings: Iterable[Finding], now: datetime) -> Iterator[str]:
    """Name what only a line of the spec lets through, so that nobody forgets it."""
    allowed = worst_first(each for each in findings if rule.severe(each) and not rule.weighs(each, now))
    for each in allowed[:_MOST]:
        yield f"{said(each)}; allowed until {rule.until(each.cve)}"
    yield from _more(len(allowed), "that are allowed")


def unfixed(rule: Rule, findings: Iterable[Finding]) -> Iterator[str]:
    """Count what has no fix and would block if it had one."""
    many = [each for each in findings if not each.fixed and each.severity >= rule.fixable and not rule.severe(each)]
    if many:
        least = rule.fixable.name.capitalize()
        yield f"{len(many)} without a fix, of {least} or worse, of which none blocks: {said(worst_first(many)[0])}"
