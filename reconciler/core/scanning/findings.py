"""What Google's scan of an image found, as far as it is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

GOOGLES = frozenset({"goog-analysis", "goog-vulnz"})
"""Projects of Google's own notes: whoever may write occurrences may write one of a note of their own."""


class Severity(IntEnum):
    """How bad a finding is, as Google has it: that of the distribution where there is one.

    Source:
        `grafeas.grafeas_v1.Severity`.
    """

    UNSPECIFIED = 0
    MINIMAL = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """A vulnerability of one package in an image.

    Args:
        cve: Its number.
        package: The package's name.
        installed: Its version.
        fixed: Version to go to; empty where there is none.
        severity: The effective one.
        occurrence: Name of what was written of it.
        note: Name of what dates it: Google's own, or of whoever else found it.
        published: When it became known to everybody; None where nobody says.
    """

    cve: str
    package: str
    installed: str = ""
    fixed: str = ""
    severity: Severity = Severity.UNSPECIFIED
    occurrence: str = ""
    note: str = ""
    published: datetime | None = None

    @property
    def by(self) -> str:
        """Give the project of whoever else than Google found it; empty where it was Google."""
        project = self.note.removeprefix("projects/").partition("/")[0]
        return "" if project in GOOGLES else project


@dataclass(frozen=True, slots=True)
class Scanned:
    """What Google wrote of one image.

    Args:
        status: Of its scan: `PENDING`, `SCANNING`, `FINISHED_SUCCESS`, ...; empty where there was none.
        watched: False where nobody looks any more whether something new is known.
        error: Why the scan failed.
        findings: What was found.
        begun: When Google first knew of the image; None where that is not told.
    """

    status: str = ""
    watched: bool = True
    error: str = ""
    findings: tuple[Finding, ...] = ()
    begun: datetime | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why it is not known what was found.

    Args:
        why: In words, with what to do.
    """

    why: str
