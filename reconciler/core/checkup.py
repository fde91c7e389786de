"""What was looked at before anything is applied, what came of it, and who has to act: plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from reconciler.core.exits import BLOCKED

_TRIVIAL = frozenset({"caller", "clock"})
"""Checks whose answers say nothing of the project."""


class Answer(StrEnum):
    """What came of one check."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


class Who(StrEnum):
    """Who can do something about it."""

    YOU = "you"
    PROJECT = "an administrator of the project"
    BILLING = "an administrator of the billing account"
    ORGANISATION = "an administrator of the organisation"


SHOWN = (Answer.FAIL, Answer.WARN, Answer.UNKNOWN, Answer.OK)
"""The worst first."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Args:
        name: Stable, such as `apis`; several checks may have it.
        answer: What came of it. `unknown` says that nobody could look, which is no failure.
        line: One sentence for people.
        who: Who can do something about it.
        commands: To copy, in order; each is one line.
        services: Whose specs need it; empty for all.
        where: `file:line:column` of the words that lead to it; empty for none.
        apis: Hosts of APIs that are off, which `doctor --fix` enables; empty where it can mend nothing.
    """

    name: str
    answer: Answer
    line: str
    who: Who = Who.YOU
    commands: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    where: str = ""
    apis: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            "name": self.name,
            "answer": str(self.answer),
            "line": self.line,
            "who": self.who.name.lower(),
            "commands": list(self.commands),
            "services": list(self.services),
            "where": self.where or None,
        }


@dataclass(frozen=True, slots=True)
class Checkup:
    """Everything that was looked at.

    Args:
        project: Project id.
        caller: Who asked, in words.
        services: Names of the services that it was for, sorted.
        checks: The worst first, then by name.
    """

    project: str
    caller: str
    services: tuple[str, ...]
    checks: tuple[Check, ...]

    @classmethod
    def of(cls, project: str, caller: str, services: Sequence[str], checks: Sequence[Check]) -> Checkup:
        """Collect checks, each once; those that say the same of several services are one."""
        ranked = sorted(_joined(checks), key=lambda c: (SHOWN.index(c.answer), c.name, c.where, c.line))
        return cls(project, caller, tuple(sorted(services)), tuple(ranked))

    @property
    def exit_code(self) -> int:
        """Give 0, or 3 when something is in the way or nothing could be looked at."""
        return BLOCKED if self.unseen or any(check.answer is Answer.FAIL for check in self.checks) else 0

    @property
    def unseen(self) -> bool:
        """Tell whether nothing of the project could be looked at, so that nobody knows what is in the way."""
        answers = {check.answer for check in self.checks if check.name not in _TRIVIAL}
        return Answer.UNKNOWN in answers and answers.isdisjoint({Answer.OK, Answer.FAIL})

    @property
    def counts(self) -> Mapping[Answer, int]:
        """How many checks there are of each answer."""
        return {answer: sum(check.answer is answer for check in self.checks) for answer in SHOWN}

    def groups(self) -> Iterator[tuple[Who, tuple[Check, ...]]]:
        """Give what is not well by who must act."""
        for who in Who:
            found = tuple(c for c in self.checks if c.who is who and c.answer is not Answer.OK)
            if found:
                yield who, found

    def to_json(self) -> dict[str, Any]:
        """Give everything as plain data."""
        return {
            "format": "mlservice/doctor/v1",
            "project": self.project,
            "caller": self.caller,
            "services": list(self.services),
            "counts": {str(answer): count for answer, count in self.counts.items()},
            "checks": [check.to_json() for check in self.checks],
        }


def _joined(checks: Sequence[Check]) -> list[Check]:
    found: dict[Check, Check] = {}
    for check in checks:
        key = replace(check, services=(), where="")
        before = found.setdefault(key, check)
        found[key] = replace(before, services=tuple(sorted({*before.services, *check.services})))
    return list(found.values())


def commands_of(checks: Sequence[Check]) -> tuple[str, ...]:
    """Give the commands of some checks, each once, in order."""
    return tuple(dict.fromkeys(command for check in checks for command in check.commands))
