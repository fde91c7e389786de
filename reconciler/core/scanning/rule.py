"""What a spec allows of the findings in an image: how severe, for how long, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from reconciler.core.scanning.findings import Finding, Severity


@dataclass(frozen=True, slots=True)
class Allowance:
    """A vulnerability that is lived with.

    Args:
        cve: Its number.
        until: Last day, UTC.
    """

    cve: str
    until: date


@dataclass(frozen=True, slots=True)
class Rule:
    """What a spec allows (`registry.scan`).

    Args:
        fixable: Findings this severe block that have a fix.
        unfixed: Those that have none; None for no such.
        allow: What is lived with.
        grace: How long after it was published a vulnerability only warns.
        where: Where in the spec one more is allowed: file:line:column; nothing: not known.
    """

    fixable: Severity
    unfixed: Severity | None = None
    allow: tuple[Allowance, ...] = ()
    grace: timedelta = timedelta(0)
    where: str = ""

    @classmethod
    def of(cls, scan: Any, where: str = "") -> Rule:
        """Read the section of a spec.

        Args:
            scan: `registry.scan`.
            where: Its place.
        """
        unfixed = scan.fail_on_unfixed
        return cls(
            fixable=Severity[scan.fail_on.upper()],
            unfixed=None if unfixed is None else Severity[unfixed.upper()],
            allow=tuple(Allowance(each.cve, date.fromisoformat(each.until)) for each in scan.allow),
            grace=timedelta(seconds=scan.grace_s),
            where=where,
        )

    def until(self, cve: str) -> date | None:
        """Give the last day on which a vulnerability is lived with; None where it is not."""
        return next((each.until for each in self.allow if each.cve.upper() == cve.upper()), None)

    def severe(self, finding: Finding) -> bool:
        """Tell whether a finding would block, whatever is allowed for a time."""
        least = self.fixable if finding.fixed else self.unfixed
        unknown = finding.severity is Severity.UNSPECIFIED  # not known is not clean
        return least is not None and (unknown or finding.severity >= least)

    def weighs(self, finding: Finding, now: datetime) -> bool:
        """Tell whether a finding is severe and not allowed, so that its age matters."""
        until = self.until(finding.cve)
        return self.severe(finding) and (until is None or now.date() > until)

    def spares(self, finding: Finding, now: datetime) -> bool:
        """Tell whether a finding is new enough to be told of only. Of one that nobody dates that is not known."""
        return bool(self.grace) and finding.published is not None and now < finding.published + self.grace
