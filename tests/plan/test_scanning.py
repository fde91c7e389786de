"""What is decided of an image: each outcome by name, and what holds of all of them."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.address import Address
from reconciler.core.plan import Action, Change, Plan
from reconciler.core.scanning.findings import Finding, Scanned, Severity, Unreadable
from reconciler.core.scanning.judging import Clearance, judge
from reconciler.core.scanning.places import place_of
from reconciler.core.scanning.rule import Allowance, Rule
from reconciler.core.scanning.scans import Images, Scans, scans_of, undated
from reconciler.render.comment import About, render_comment
from reconciler.render.markdown import render_markdown
from reconciler.render.report import Report, read_report
from reconciler.render.text import render_text

NOW = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
TODAY = NOW.date()
DAY = timedelta(days=1)
CVE = "CVE-2026-0001"
FIXED = Finding(CVE, "openssl", "3.0.1", "3.0.2", Severity.CRITICAL)
UNFIXED = replace(FIXED, cve="CVE-2026-0002", fixed="")
STRICT = Rule(Severity.CRITICAL, where="mlservice.yaml:12")
DONE = "FINISHED_SUCCESS"


def allowing(until, cve=CVE):
    return replace(STRICT, allow=(Allowance(cve, until),))


def found(*findings, status=DONE, **more):
    return Scanned(status, findings=findings, **more)


def published(days_ago, finding=FIXED):
    return replace(finding, published=NOW - days_ago * DAY)


def late(minutes):
    return found(status="SCANNING", begun=NOW - timedelta(minutes=minutes))


GRACE = replace(STRICT, grace=7 * DAY)
OUTCOMES = [
    ("clean", STRICT, found(), Clearance.PASSED, "", ""),
    (
        "as-severe",
        STRICT,
        found(FIXED),
        Clearance.BLOCKED,
        "CVE-2026-0001 (Critical) in openssl 3.0.1: go to 3.0.2",
        "",
    ),
    (
        "the-line",
        STRICT,
        found(FIXED),
        Clearance.BLOCKED,
        f"allow: [{{cve: {CVE}, until: 2026-12-31, reason: ...}}]",
        "",
    ),
    ("its-place", STRICT, found(FIXED), Clearance.BLOCKED, "(mlservice.yaml:12)", ""),
    ("less-severe", STRICT, found(replace(FIXED, severity=Severity.HIGH)), Clearance.PASSED, "", ""),
    ("no-fix", STRICT, found(UNFIXED), Clearance.PASSED, "", "1 without a fix, of Critical or worse"),
    (
        "no-fix-and-told-to",
        replace(STRICT, unfixed=Severity.HIGH),
        found(UNFIXED),
        Clearance.BLOCKED,
        "no version of it is fixed",
        "",
    ),
    ("allowed", allowing(TODAY + DAY), found(FIXED), Clearance.PASSED, "", "allowed until 2026-11-28"),
    ("the-last-day", allowing(TODAY), found(FIXED), Clearance.PASSED, "", "allowed until 2026-11-27"),
    ("allowed-in-another-case", allowing(TODAY, CVE.lower()), found(FIXED), Clearance.PASSED, "", "allowed until"),
    (
        "a-note-of-somebody",
        STRICT,
        found(replace(FIXED, note="projects/thirds/notes/x")),
        Clearance.BLOCKED,
        "in openssl 3.0.1, as a note of project thirds says: go to 3.0.2",
        "",
    ),
    (
        "a-note-of-google",
        STRICT,
        found(replace(FIXED, note="projects/goog-vulnz/notes/x")),
        Clearance.BLOCKED,
        "in openssl 3.0.1: go to 3.0.2",
        "",
    ),
    ("past", allowing(TODAY - DAY), found(FIXED), Clearance.BLOCKED, "allowed until 2026-11-26, which is past", ""),
    ("another-is-allowed", allowing(TODAY + DAY, "CVE-1999-0001"), found(FIXED), Clearance.BLOCKED, CVE, ""),
    ("new", GRACE, found(published(2)), Clearance.PASSED, "", "it blocks from 2026-12-02 09:30 UTC on"),
    ("no-longer-new", GRACE, found(published(7)), Clearance.BLOCKED, CVE, ""),
    ("nobody-dates-it", GRACE, found(FIXED), Clearance.BLOCKED, CVE, ""),
    ("pending", STRICT, found(status="PENDING"), Clearance.WAITING, "being scanned (PENDING)", ""),
    ("scanning", STRICT, found(status="SCANNING"), Clearance.WAITING, "being scanned (SCANNING)", ""),
    ("scanning-for-long", STRICT, late(61), Clearance.BLOCKED, "has not ended since 2026-11-27 08:29 UTC", ""),
    ("scanning-for-an-hour", STRICT, late(60), Clearance.WAITING, "being scanned", ""),
    ("found-before-the-end", STRICT, found(FIXED, status="SCANNING"), Clearance.BLOCKED, CVE, ""),
    ("never-scanned", STRICT, Scanned(), Clearance.BLOCKED, "it was not scanned: what is pushed is, while ", ""),
    ("where-to-look", STRICT, Scanned(), Clearance.BLOCKED, "is on in project acme and the repository", ""),
    ("failed", STRICT, found(status="FINISHED_FAILED", error="torn"), Clearance.BLOCKED, "(FINISHED_FAILED): torn", ""),
    ("unsupported", STRICT, found(status="FINISHED_UNSUPPORTED"), Clearance.BLOCKED, "FINISHED_UNSUPPORTED", ""),
    ("unheard-of", STRICT, found(status="DREAMING"), Clearance.BLOCKED, "DREAMING", ""),
    ("nobody-looks", STRICT, found(watched=False), Clearance.PASSED, "", "nobody pulled it for 30 days"),
    ("unreadable", STRICT, Unreadable("no role"), Clearance.BLOCKED, "no role", ""),
]


@pytest.mark.parametrize(
    ("rule", "scanned", "clearance", "why", "warning"), [pytest.param(*row, id=name) for name, *row in OUTCOMES]
)
def test_outcomes(rule, scanned, clearance, why, warning):
    """What is decided, why, and what is said beside it."""
    judged = judge(rule, scanned, NOW, "acme")

    assert judged.clearance is clearance
    assert any(why in line for line in judged.why) or not why
    assert any(warning in line for line in judged.warnings) or not warning
    assert bool(judged.why) is (clearance is not Clearance.PASSED)
    assert bool(judged.warnings) is bool(warning)


FINDINGS = st.builds(
    Finding,
    st.sampled_from([f"CVE-{number}" for number in range(6)]),
    st.sampled_from(["a", "b"]),
    st.just("1"),
    st.sampled_from(["", "2"]),
    st.sampled_from(list(Severity)),
    published=st.none() | st.integers(-2, 40).map(lambda days: NOW - days * DAY),
)
SCANS = st.builds(
    Scanned,
    st.sampled_from(["", "PENDING", "SCANNING", DONE, "FINISHED_FAILED", "FINISHED_UNSUPPORTED"]),
    findings=st.lists(FINDINGS, max_size=5).map(tuple),
)
ALLOWANCES = st.builds(
    Allowance,
    st.sampled_from([f"CVE-{number}" for number in range(6)]),
    st.integers(-3, 3).map(lambda n: TODAY + n * DAY),
)
SEVERE = st.sampled_from(list(Severity)[1:])
RULES = st.builds(
    Rule,
    SEVERE,
    st.none() | SEVERE,
    st.lists(ALLOWANCES, max_size=3, unique_by=lambda each: each.cve).map(tuple),
    st.integers(0, 20).map(lambda n: n * DAY),
)
ORDER = [Clearance.PASSED, Clearance.WAITING, Clearance.BLOCKED]


def strictness(rule, scanned):
    return ORDER.index(judge(rule, scanned, NOW).clearance)


@given(RULES, SCANS, FINDINGS)
def test_more_vulnerabilities_never_let_more_through(rule, scanned, more):
    """What blocks or waits does so with one more finding, too."""
    worse = replace(scanned, findings=(*scanned.findings, more))

    assert strictness(rule, worse) >= strictness(rule, scanned)


@given(RULES, SCANS, SEVERE, SEVERE)
def test_a_stricter_rule_never_lets_more_through(rule, scanned, fixable, unfixed):
    """A lower failOn, less grace, and nothing allowed."""
    stricter = [
        replace(rule, fixable=min(rule.fixable, fixable)),
        replace(rule, unfixed=min(rule.unfixed or unfixed, unfixed)),
        replace(rule, grace=timedelta(0)),
        replace(rule, allow=()),
    ]

    assert all(strictness(each, scanned) >= strictness(rule, scanned) for each in stricter)


@given(RULES, SCANS)
def test_allowing_another_one_changes_nothing(rule, scanned):
    """A line for a vulnerability that is not there leaves every word as it was."""
    more = replace(rule, allow=(*rule.allow, Allowance("CVE-1999-0001", date.max)))

    assert judge(more, scanned, NOW) == judge(rule, scanned, NOW)


@given(RULES, SCANS)
def test_only_an_ended_scan_passes(rule, scanned):
    """Whatever a rule says: what is not known is not clean."""
    assert scanned.status == DONE or judge(rule, scanned, NOW).clearance is not Clearance.PASSED


A = "europe-west1-docker.pkg.dev/acme/ml/team/scorer@sha256:" + "a" * 64
B = A.replace("a" * 64, "b" * 64)


@pytest.mark.parametrize(
    ("reference", "place"),
    [
        (A, ("acme", f"https://{A}")),
        (A.replace("@", ":v1@"), ("acme", f"https://{A}")),
        (
            A.replace("/acme/", "/example.com/acme/"),
            ("example.com:acme", f"https://{A}".replace("/acme/", "/example.com/acme/")),
        ),
        ("eu.gcr.io/acme/scorer@sha256:" + "a" * 64, ("acme", "https://eu.gcr.io/acme/scorer@sha256:" + "a" * 64)),
        ("gcr.io/acme/scorer:v1@sha256:" + "a" * 64, ("acme", "https://gcr.io/acme/scorer@sha256:" + "a" * 64)),
        (A.partition("@")[0] + ":v1", None),
        ("docker.io/library/python@sha256:" + "a" * 64, None),
        ("gcr.io/acme/scorer:v1", None),
    ],
)
def test_places(reference, place):
    """Where an image's scan is asked for; nowhere of what no scan of Google's is of."""
    got = place_of(reference)

    assert (got and (got.project, got.uri)) == place


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        (A.partition("@")[0] + ":v1", "image.resolve: Digest, or write its digest"),
        ("gcr.io/acme/scorer:v1", "of this registry none is resolved: write its digest"),
        ("mirror.gcr.io/library/python@sha256:" + "a" * 64, "in no registry of Google's"),
        (A.replace("europe", "EUROPE"), "scans know its host as europe-west1-docker.pkg.dev"),
        (A.replace(".dev/", ".dev:443/"), "scans know its host as europe-west1-docker.pkg.dev"),
        ("GCR.io/acme/scorer:v1", "scans know its host as gcr.io"),
        (A[:-1], "HOST/PROJECT/NAME@sha256: and 64 digits"),
        ("docker.io/library/python:3", "in no registry of Google's"),
        ("docker.pkg.dev.example.com/a/b:1", "in no registry of Google's"),
    ],
)
def test_an_image_without_a_place_says_what_to_do(reference, words):
    """Blocked, each with the remedy that helps."""
    (blocked,) = scans_of(STRICT, Images(new=(reference,)), {}, NOW).blocked

    assert words in blocked


def test_what_requests_go_back_to_is_told_of_and_never_barred():
    """Whatever became known of it since."""
    said = scans_of(STRICT, Images(back=(A,)), {A: found(FIXED)}, NOW)

    assert said.closed == ()
    assert f"requests go back to it: {CVE}" in said.warnings[0]


@pytest.mark.parametrize(("rule", "word"), [(GRACE, "it blocks from"), (allowing(TODAY), "allowed until")])
def test_long_lists_are_cut(rule, word):
    """Hundreds of lines that stop nothing are read by nobody: the first five, and how many more."""
    cves = [f"CVE-2026-{number:04}" for number in range(1, 100)]
    allow = tuple(Allowance(cve, TODAY) for cve in cves) if rule.allow else ()

    judged = judge(replace(rule, allow=allow), found(*(published(2, replace(FIXED, cve=cve)) for cve in cves)), NOW)
    assert [word in line for line in judged.warnings] == [True] * 5 + [False]
    assert judged.warnings[-1].startswith("and 94 more that")


def test_ages_are_asked_of_what_is_new_first():
    """Of a new image before one that serves, and in each the newest first; each note once, and only with a grace."""
    many = {year: replace(FIXED, cve=f"CVE-{year}-10000", note=f"n/{year}") for year in (1999, 2025, 2026)}
    late = replace(FIXED, cve="CVE-2026-9999", note="n/late")
    odd = replace(FIXED, cve="GHSA-4mr9", note="n/odd")
    images = {"churn": Images(new=(A,), serving=(B,)), "calm": Images(new=(B,))}
    known = {A: found(many[1999], many[2025], odd), B: found(many[2026], late, many[2025])}

    asked = undated({"churn": GRACE, "calm": STRICT}, images, known, NOW)
    assert [each.note for each in asked] == ["n/2025", "n/1999", "n/odd", "n/2026", "n/late"]


def test_what_serves_is_told_of_and_blocks_nothing():
    """The same finding blocks a new image, and of one that serves it is only told; what goes is not told of."""
    known = {A: found(FIXED), B: found()}

    assert scans_of(STRICT, Images(serving=(A,)), known, NOW).closed == ()
    assert CVE in scans_of(STRICT, Images(serving=(A,)), known, NOW).serving[0]
    assert scans_of(STRICT, Images(new=(B,), replaced=(A,)), known, NOW) == Scans()
    assert CVE in scans_of(STRICT, Images(new=(A,)), known, NOW).blocked[0]
    both = scans_of(STRICT, Images(new=(A,), replaced=(A,)), known, NOW)
    assert (len(both.blocked), len(both.serving)) == (1, 1)


@pytest.fixture
def plan():
    """A plan with one of everything."""
    change = Change(Address("run_service", "europe-west1", "churn"), Action.UPDATE, ("churn",))
    said = Scans(
        ("image x: bad",), ("image y: soon",), ("image x: allowed",), ("image z: worse",), ("image z: unknown",)
    )
    return Plan.of(
        [change], project="acme", services=("churn", "calm"), scans={"churn": said, "calm": Scans(("image q: bad",))}
    )


def test_a_plan_carries_it(plan):
    """Saved and read it is the same; a service with nothing to do is not blocked."""
    again = Plan.from_json(plan.to_json())

    assert again.scans == plan.scans
    assert plan.blocked == ("churn: image x: bad", "churn: image y: soon")


def test_people_read_it(plan):
    """On a terminal, in Markdown and in a comment: what blocks, and what is wrong and does not."""
    report = read_report(json.dumps(Report("", "acme", plan, plan.blocked).to_json()).encode())
    pages = [
        render_text(plan, titles={}).plain,
        render_markdown(plan, titles={}),
        render_comment([report], titles={}, about=About()),
    ]

    for page in pages:
        assert all(
            words in page for words in ("image x: bad", "image y: soon", "image x: allowed", "serves, and stays")
        )


def test_a_finding_of_no_known_severity_blocks():
    """Not known is not clean; nor does what somebody wrote in it draw lines of its own."""
    odd = Finding("CVE-1", "x\nblocked: none\n" + "y" * 500, "1", "2")

    found = judge(Rule(Severity.CRITICAL), Scanned("FINISHED_SUCCESS", findings=(odd,)), NOW)

    assert found.clearance is Clearance.BLOCKED
    assert "nobody says how severe" in found.why[0]
    assert "\n" not in found.why[0]
    assert len(found.why[0]) < 600
