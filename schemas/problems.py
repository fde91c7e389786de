"""What is wrong with a spec, where, and what to do about it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_COMMAND = re.compile(r"\s*(?:::|##)")


def shown_path(path: str) -> str:
    """Give a path as it can be printed: on one line, and at its beginning nothing that a CI's runner would obey.

    Whoever opens a pull request names its files.

    Source:
        https://docs.github.com/actions/reference/workflow-commands-for-github-actions: `::name::` begins a line.
    """
    plain = _UNSEEN.sub(_number, path)
    return f"./{plain}" if _COMMAND.match(plain) else plain


def _number(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


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
        file = shown_path(self.file)
        place = f"{file}:{self.line}:{self.column}" if self.line else file
        return f"{place}: {shown_path(self.path)}" if self.path else place

    @property
    def line_of_file(self) -> str:
        """File and line, for what is told in a line of another one's."""
        return f"{self.file}:{self.line}" if self.line else self.file


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
        return f"{self.where}: {label}{_UNSEEN.sub(_number, self.summary)}"


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
