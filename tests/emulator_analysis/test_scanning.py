"""What is pushed is scanned: when, what of it, and what becomes known later."""

import httpx
import pytest
from google.cloud import artifactregistry_v1 as ar
from google.cloud.devtools import containeranalysis_v1
from grafeas import grafeas_v1

from tests.emulator.clients import client
from tests.emulator_analysis.pushed import Continuous, Status, debian, put_index, python, repository_of, switch

State = ar.Repository.VulnerabilityScanningConfig.EnablementState
DAY_S = 24 * 3600.0
OLD = python("PyYAML", "5.3.1")


def test_a_scan_takes_its_time(pusher):
    """Known at the push, looked at, done: what it found is not there before."""
    digest, seen = pusher.push(OLD), []
    for _ in range(3):
        seen.append((pusher.discovery(digest).analysis_status, len(pusher.found(digest))))
        pusher.emulator.advance(60)

    assert seen == [(Status.PENDING, 0), (Status.SCANNING, 0), (Status.FINISHED_SUCCESS, 1)]


@pytest.mark.parametrize("wire", ["grpc", "rest"])
def test_a_finding_says_what_google_says(pusher, wire):
    """An occurrence names image, note, package, its version and the one to go to, and how bad it is."""
    digest = pusher.scanned(OLD)
    (found,) = pusher.occurrences(digest, "VULNERABILITY", wire)
    note = client(pusher.emulator, grafeas_v1.GrafeasClient, wire).get_occurrence_note(name=found.name)
    (issue,) = found.vulnerability.package_issue

    assert (found.resource_uri, found.note_name) == (
        pusher.uri(digest),
        "projects/goog-vulnz/notes/CVE-2020-14343",
    )
    assert (issue.affected_package, issue.affected_version.full_name) == ("pyyaml", "5.3.1")
    assert (issue.fixed_version.full_name, issue.fix_available) == ("5.4", True)
    assert found.vulnerability.effective_severity == grafeas_v1.Severity.CRITICAL
    assert note.vulnerability.advisory_publish_time.isoformat()[:10] == "2021-02-09"


NCURSES = ("ncurses", "6.2+20201114-2", "install ok installed")


@pytest.mark.parametrize(
    ("layers", "found"),
    [
        pytest.param([python("PyYAML", "5.4")], {}, id="fixed"),
        pytest.param([python("PyYAML", "not a version")], {}, id="no-version"),
        pytest.param([OLD, {"app/main.py": "x"}], {"CVE-2020-14343": ["pyyaml"]}, id="a-lower-layer"),
        pytest.param([OLD, python("PyYAML", "6.0")], {"CVE-2020-14343": ["pyyaml"]}, id="both-are-there"),
        pytest.param([OLD, {"usr/lib/python3.11/site-packages/.wh.PyYAML-5.3.1.dist-info": ""}], {}, id="removed"),
        pytest.param([OLD, {"usr/lib/python3.11/.wh..wh..opq": ""}], {}, id="its-folder-is-replaced"),
        pytest.param([debian(NCURSES)], {"CVE-2022-29458": ["ncurses"]}, id="debian"),
        pytest.param([debian((*NCURSES[:2], "deinstall ok config-files"))], {}, id="debian-removed"),
        pytest.param([debian(NCURSES), debian()], {}, id="debian-status-replaced"),
        pytest.param(
            [{"var/lib/dpkg/status.d/ncurses": "Package: ncurses\nVersion: 6.2+20201114-2\n"}],
            {"CVE-2022-29458": ["ncurses"]},
            id="distroless",
        ),
        pytest.param([], {}, id="empty"),
    ],
)
def test_packages_are_read_from_layers(pusher, layers, found):
    """What is installed is what the layers say, each over those before it."""
    assert pusher.found(pusher.scanned(*layers)) == found


def test_what_cannot_be_scanned_says_so(pusher):
    """A chart is not supported; a layer that is no archive fails the scan, as a fault does."""
    chart = pusher.push(config="application/vnd.cncf.helm.config.v1+json")
    broken = pusher.broken()
    pusher.emulator.advance(121)
    pusher.emulator.faults({"method": "containerscanning.scan", "status": "INTERNAL", "message": "out of order"})
    failed = pusher.scanned(OLD, tag="v2")

    assert pusher.discovery(chart).analysis_status == Status.FINISHED_UNSUPPORTED
    assert pusher.discovery(broken).analysis_status == Status.FINISHED_FAILED
    assert pusher.discovery(failed).analysis_status == Status.FINISHED_FAILED
    assert pusher.discovery(failed).analysis_status_error.message == "out of order"
    assert pusher.found(failed) == {}


def test_an_index_is_not_scanned_but_its_images_are(pusher):
    """There is nothing in an index; what it names was scanned by itself."""
    digest = pusher.scanned(OLD)
    index = put_index(pusher.emulator, pusher.name, digest)
    pusher.emulator.advance(121)

    assert (pusher.occurrences(index, "DISCOVERY"), len(pusher.found(digest))) == ([], 1)


def test_only_where_it_is_on(pusher):
    """Nothing is scanned where the project has the API off or the repository says so, nor is it later."""
    emulator, api = pusher.emulator, client(pusher.emulator, ar.ArtifactRegistryClient)
    on = repository_of(emulator).vulnerability_scanning_config
    switch(emulator, on=False)
    off, unscanned = repository_of(emulator).vulnerability_scanning_config, pusher.scanned(OLD)
    switch(emulator)
    repository = repository_of(emulator)
    repository.vulnerability_scanning_config.enablement_config = "DISABLED"
    mask = {"paths": ["vulnerability_scanning_config.enablement_config"]}
    api.update_repository(repository=repository, update_mask=mask)
    unwanted, also = repository_of(emulator).vulnerability_scanning_config, pusher.scanned(OLD, note="x")

    assert [each.enablement_state for each in (on, off, unwanted)] == [
        State.SCANNING_ACTIVE,
        State.SCANNING_DISABLED,
        State.SCANNING_DISABLED,
    ]
    assert off.enablement_state_reason == "API containerscanning.googleapis.com is not enabled."
    assert [pusher.occurrences(each, "DISCOVERY") for each in (unscanned, also)] == [[], []]


def test_what_becomes_known_is_found_later(pusher):
    """A new entry shows in an image that was scanned before it, with another severity and without a fix as well."""
    digest = pusher.scanned(python("torch", "2.4.0"))
    told = {"cve": "CVE-2026-0001", "package": "torch", "sort": "PYPI", "below": "2.5", "effective": "LOW"}
    before = pusher.found(digest)
    pusher.emulator.control("POST", "vulnerabilities", told)
    (found,) = pusher.occurrences(digest, "VULNERABILITY")

    assert before == {}
    assert (found.vulnerability.severity, found.vulnerability.effective_severity) == (4, 2)
    assert not found.vulnerability.fix_available
    assert found.vulnerability.package_issue[0].fixed_version.kind == grafeas_v1.Version.VersionKind.MAXIMUM


def test_one_image_alone(pusher):
    """What is planted in an image is found in no other, and what is no vulnerability is refused."""
    one, other = pusher.scanned(OLD), pusher.scanned(OLD, note="other", tag="v2")
    told = {"cve": "CVE-2026-0002", "package": "libssl3", "versions": ["3.0.1"], "image": f"{pusher.name}@{one}"}
    pusher.emulator.control("POST", "vulnerabilities", told)
    refused = [
        httpx.post(f"{pusher.emulator.http}/_emulator/vulnerabilities", json={"cve": "x", "package": "y", **more})
        for more in ({}, {"versions": "1"}, {"versions": [1]}, {"versions": ["1"], "cvss": "high"}, {"image": "none"})
    ]
    below = {"cve": "x", "package": "y", "sort": "PYPI", "below": "2", "image": f"{pusher.name}@{one}"}
    refused.append(httpx.post(f"{pusher.emulator.http}/_emulator/vulnerabilities", json=below))

    assert [sorted(pusher.found(each)) for each in (one, other)] == [
        ["CVE-2020-14343", "CVE-2026-0002"],
        ["CVE-2020-14343"],
    ]
    assert [answer.status_code for answer in refused] == [400, 400, 400, 400, 404, 400]


def test_nobody_looks_again_at_what_nobody_uses(pusher):
    """After 30 days without a pull nothing new is found; a pull lets it be looked at again."""
    digest = pusher.scanned(OLD)
    pusher.emulator.advance(20 * DAY_S)
    pusher.made.get(f"/v2/{pusher.name}/manifests/v1")
    pusher.emulator.advance(20 * DAY_S)
    used = pusher.discovery(digest).continuous_analysis
    pusher.emulator.advance(11 * DAY_S)
    unused = pusher.discovery(digest).continuous_analysis
    told = {"cve": "CVE-2026-0003", "package": "pyyaml", "sort": "PYPI", "below": "6"}
    pusher.emulator.control("POST", "vulnerabilities", told)
    before = sorted(pusher.found(digest))
    pusher.made.get(f"/v2/{pusher.name}/manifests/v1")

    assert (used, unused) == (Continuous.ACTIVE, Continuous.INACTIVE)
    assert before == ["CVE-2020-14343"]
    assert sorted(pusher.found(digest)) == ["CVE-2020-14343", "CVE-2026-0003"]
    assert pusher.discovery(digest).continuous_analysis == Continuous.ACTIVE


@pytest.mark.parametrize("wire", ["grpc", "rest"])
def test_a_summary_counts_by_severity(pusher, wire):
    """Of each image all vulnerabilities, and those of each severity, with how many have a fix."""
    digest = pusher.scanned(OLD, debian(NCURSES))
    told = {"cve": "CVE-2026-0004", "package": "pyyaml", "sort": "PYPI", "below": "6", "severity": "CRITICAL"}
    pusher.emulator.control("POST", "vulnerabilities", told)
    api = client(pusher.emulator, containeranalysis_v1.ContainerAnalysisClient, wire)
    summary = api.get_vulnerability_occurrences_summary(
        parent="projects/local", filter=f'has_prefix(resourceUrl, "{pusher.uri(digest)}")'
    )

    counted = {each.severity: (each.fixable_count, each.total_count) for each in summary.counts}
    assert counted == {0: (2, 3), 3: (1, 1), 5: (1, 2)}
    assert {each.resource_uri for each in summary.counts} == {pusher.uri(digest)}


def test_images_that_nobody_pushed_are_scanned(emulator):
    """The bundled images have no vulnerabilities, and their scan has ended."""
    api = client(emulator, grafeas_v1.GrafeasClient)
    found = list(api.list_occurrences(parent="projects/mlservice"))

    assert {each.discovery.analysis_status for each in found} == {Status.FINISHED_SUCCESS}
    assert any("/images/runtime@sha256:" in each.resource_uri for each in found)
