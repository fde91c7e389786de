"""What is wrong with a spec, where, and what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Whether a problem stops the work."""

    ERROR = "error"
    WARNING = "warning"


class Retry(StrEnum):
    """When trying again may help."""

    NEVER = "never"
    NEXT_RUN = "next-run"
    REPLAN = "replan"


@dataclass(frozen=True, slots=True)
class SourceRef:
    """A place in a file: line and column count from 1 (0: the file as a whole); `path` is the spec path."""

    file: str
    line: int = 0
    column: int = 0
    path: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.path}" if self.path else place


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `summary` is one line, the offending value quoted; `rule` is a stable name."""

    where: SourceRef
    summary: str
    hint: str = ""
    severity: Severity = Severity.ERROR
    rule: str = "spec"

    def __str__(self) -> str:
        label = "warning: " if self.severity is Severity.WARNING else ""
        return f"{self.where}: {label}{self.summary}"


def in_file_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Each problem once, sorted by file and place."""
    unique = dict.fromkeys(problems)
    return tuple(sorted(unique, key=lambda problem: (problem.where.file, problem.where.line, problem.where.column)))


class MLServiceError(Exception):
    """Anything we tell a user about instead of a traceback. `retry`: when trying again may help."""

    retry: Retry = Retry.NEVER


class SpecError(MLServiceError):
    """The files cannot be used. Carries all problems, warnings among them, in file order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = in_file_order(problems)
        super().__init__("\n".join(f"{p}\n  hint: {p.hint}" if p.hint else str(p) for p in self.problems))
