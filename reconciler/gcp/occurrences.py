"""What Google's scans found in images: occurrences of Container Analysis, and the notes that date them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.scanning.findings import GOOGLES, Finding, Scanned, Severity
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.gcp.connection import Connection

AT_ONCE = 6
"""Images that one list is asked for: more make a request too large, as gcloud says of its own."""
MOST = 20_000
"""Occurrences that one list is read to."""
_HOST = "containeranalysis.googleapis.com"
_PAGE = 1000
_ANALYSED = "/notes/PACKAGE_VULNERABILITY"
_KINDS = '(kind = "DISCOVERY" OR kind = "VULNERABILITY")'


class Occurrences:
    """Thin, and only reads."""

    def __init__(self, connection: Connection) -> None:
        self._api: Any = connection.client("grafeas.grafeas_v1", "grafeas", "Grafeas", _HOST)

    def of(self, project: str, uris: Sequence[str]) -> dict[str, Scanned]:
        """Read what was found in some images of a project: at most `AT_ONCE`.

        Args:
            project: Where they lie.
            uris: `https://…@sha256:…`.

        Returns:
            By image; of one that was never scanned too.

        Raises:
            ApiError: It cannot be read, or there is too much to be sure of having it all.
        """
        named = " OR ".join(f'resourceUrl = "{uri}"' for uri in uris)
        request = {"parent": f"projects/{project}", "filter": f"{_KINDS} AND ({named})", "page_size": _PAGE}
        with calling("read", f"what scans found in project {project}"):
            answer = self._api.list_occurrences(request=request, retry=READING, timeout=CALL_TIMEOUT_S)
            found = list(islice(answer, MOST + 1))
        if len(found) > MOST:
            why = f"more than {MOST} occurrences"
            raise errors.InvalidRequest("read", f"what scans found in project {project}", why)
        return {uri: _scanned([each for each in found if each.resource_uri == uri]) for uri in uris}

    def published(self, occurrence: str) -> datetime | None:
        """Tell when a vulnerability became known; None where nobody says.

        By Google's own note of it, which is the same for every image: an occurrence is as young as its image.

        Args:
            occurrence: Its full name.
        """
        with calling("read", f"note of {occurrence}"):
            note = self._api.get_occurrence_note(request={"name": occurrence}, retry=READING, timeout=CALL_TIMEOUT_S)
        advised = note.vulnerability.advisory_publish_time if "vulnerability" in note else None
        return advised or note.create_time or None


def _scanned(found: Iterable[Any]) -> Scanned:
    """Turn occurrences of one image into what was found; of several scans of Google's the newest counts.

    Source:
        https://cloud.google.com/artifact-analysis/docs/os-scanning-view: the note of discoveries of a scan.
    """
    many = list(found)
    scans = sorted(filter(_is_scan, many), key=lambda each: each.update_time)
    findings = tuple(one for each in many if _word(each.kind) == "VULNERABILITY" for one in _findings(each))
    if not scans:
        return Scanned(findings=findings)
    scan = scans[-1].discovery
    error = scan.analysis_status_error.message or "; ".join(each.message for each in scan.analysis_error)
    watched = _word(scan.continuous_analysis) != "INACTIVE"
    return Scanned(_word(scan.analysis_status), watched, error, findings, scans[-1].create_time or None)


def _is_scan(occurrence: Any) -> bool:
    project, note, _ = occurrence.note_name.partition(_ANALYSED)
    by_google = project.removeprefix("projects/") in GOOGLES
    return _word(occurrence.kind) == "DISCOVERY" and bool(note) and by_google


def _word(value: Any) -> str:
    """Give the word of an enumeration; of one that is newer than Google's package, which gives a bare number, that."""
    return str(getattr(value, "name", value))


def _severity(value: Any) -> Severity:
    """Give how bad it is; of a word that is not known here nobody knows it, which blocks."""
    return Severity(int(value)) if int(value) in list(Severity) else Severity.UNSPECIFIED


def _findings(occurrence: Any) -> Iterator[Finding]:
    """Give a finding for each package: each may have a severity of its own, as its distribution sees it.

    Source:
        Comment of `VulnerabilityOccurrence.effective_severity` of grafeas 1.25.0; of `MAXIMUM`: kinds.md 13.
    """
    found = occurrence.vulnerability
    number = occurrence.note_name.rpartition("/")[2]
    whole = found.effective_severity or found.severity
    for issue in found.package_issue:
        yield Finding(
            cve=number,
            package=issue.affected_package,
            installed=_version(issue.affected_version),
            fixed=_version(issue.fixed_version),
            severity=_severity(issue.effective_severity or whole),
            occurrence=occurrence.name,
            note=occurrence.note_name,
        )
    if not found.package_issue:
        note = occurrence.note_name
        yield Finding(number, "the image", severity=_severity(whole), occurrence=occurrence.name, note=note)


def _version(version: Any) -> str:
    if _word(version.kind) != "NORMAL":
        return ""
    revision = f"-{version.revision}" if version.revision else ""
    epoch = f"{version.epoch}:" if version.epoch else ""
    return version.full_name or f"{epoch}{version.name}{revision}"
