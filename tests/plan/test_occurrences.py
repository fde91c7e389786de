"""Occurrences as Google's package gives them, of a Google that is newer than the package too."""

import pytest
from grafeas import grafeas_v1

from reconciler.core.scanning.findings import Severity
from reconciler.gcp.occurrences import _scanned

pytestmark = pytest.mark.filterwarnings("ignore:Unrecognized .* enum value")
UNHEARD_OF = 99
SCAN = "projects/goog-analysis/notes/PACKAGE_VULNERABILITY"


def discovery(status, continuous=1):
    """That an image was scanned."""
    told = {"analysis_status": status, "continuous_analysis": continuous}
    return grafeas_v1.Occurrence(kind="DISCOVERY", note_name=SCAN, discovery=told)


def vulnerability(severity, *issues):
    """Something in it."""
    told = {"effective_severity": severity, "package_issue": issues}
    note = "projects/goog-vulnz/notes/CVE-2026-0001"
    return grafeas_v1.Occurrence(kind="VULNERABILITY", note_name=note, vulnerability=told)


def issue(severity=0, kind="NORMAL"):
    """A package."""
    version = {"kind": kind, "full_name": "2"}
    return {
        "affected_package": "p",
        "effective_severity": severity,
        "affected_version": version,
        "fixed_version": version,
    }


@pytest.mark.parametrize(
    ("occurrence", "severity", "fixed"),
    [
        pytest.param(vulnerability(5), Severity.CRITICAL, "", id="known"),
        pytest.param(vulnerability(UNHEARD_OF), Severity.UNSPECIFIED, "", id="of-the-whole"),
        pytest.param(vulnerability(5, issue(UNHEARD_OF)), Severity.UNSPECIFIED, "2", id="of-a-package"),
        pytest.param(vulnerability(UNHEARD_OF, issue(2)), Severity.LOW, "2", id="of-the-whole-alone"),
        pytest.param(vulnerability(5, issue(kind=UNHEARD_OF)), Severity.CRITICAL, "", id="sort-of-version"),
    ],
)
def test_a_severity_that_is_not_known_here_is_none(occurrence, severity, fixed):
    """Nobody knows how bad it is, which blocks; nothing is raised."""
    (found,) = _scanned([discovery(5), occurrence]).findings

    assert (found.severity, found.fixed) == (severity, fixed)


def test_states_and_kinds_that_are_not_known_here():
    """A state is told as its number, and is no success; a kind is passed by; a newer way of watching is watching."""
    other = grafeas_v1.Occurrence(kind=UNHEARD_OF, note_name=SCAN)

    assert _scanned([other, discovery(UNHEARD_OF)]).status == str(UNHEARD_OF)
    assert _scanned([other]).status == ""
    assert _scanned([discovery(5, UNHEARD_OF)]).watched
