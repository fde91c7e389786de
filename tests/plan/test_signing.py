"""What attestations say of an image: each outcome by name, and what holds of all of them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.address import Address
from reconciler.core.plan import Action, Change, Plan
from reconciler.core.scanning.findings import Unreadable
from reconciler.core.scanning.scans import Images, Scans
from reconciler.core.signing.artifacts import artifact_of
from reconciler.core.signing.judging import lacking, signatures_of
from reconciler.core.signing.origins import Built, Listed, Origin, origins_of
from reconciler.core.signing.rule import Attested, Rule
from reconciler.render.markdown import render_markdown
from reconciler.render.text import render_text

CI, QA = "projects/acme-signing/attestors/built-by-ci", "projects/acme/attestors/tested"
A = "europe-west1-docker.pkg.dev/acme/ml/scorer@sha256:" + "a" * 64
B = A.replace("a" * 64, "b" * 64)
RULE = Rule((CI, QA))
HOLDS, NONE = Attested(holds=True), Attested()

OUTCOMES = [
    ("by-both", {CI: HOLDS, QA: HOLDS}, []),
    ("by-one", {CI: HOLDS, QA: NONE}, [f"{QA} has not attested it"]),
    ("by-nobody", {CI: NONE, QA: NONE}, [f"{CI} has not attested it", f"{QA} has not attested it"]),
    (
        "none-that-holds",
        {CI: Attested(denials=("no key",)), QA: HOLDS},
        [f"an attestation by {CI}, and none that holds: no key; whoever has its key"],
    ),
    (
        "many",
        {CI: Attested(denials=("x", "y"), more=True), QA: HOLDS},
        [f"2 attestations by {CI}, and none that holds: x; there are more, and nobody looked at those; whoever has"],
    ),
    ("unreadable", {CI: HOLDS, QA: Unreadable("no role")}, ["no role"]),
    ("not-asked", {CI: HOLDS}, [f"it is not known whether {QA}"]),
]


def known(image, by):
    return {(attestor, artifact_of(image)): found for attestor, found in by.items()}


@pytest.mark.parametrize(("by", "said"), [pytest.param(*row, id=name) for name, *row in OUTCOMES])
def test_outcomes(by, said):
    """A line for each attestor without an attestation that holds; what serves is told of and never barred."""
    found = lacking(RULE, A, known(A, by))
    new, serving = (signatures_of(RULE, images, known(A, by)) for images in (Images(new=(A,)), Images(serving=(A,))))

    assert [each in line for each, line in zip(said, found, strict=True)] == [True] * len(said)
    assert bool(new.closed) is bool(said)
    assert len(serving.unsure) == len(said)
    assert not serving.closed


def test_who_signs_what_is_said():
    """The digest, whole, and a command that names image and attestor."""
    (line, _) = lacking(RULE, A, known(A, {CI: NONE, QA: NONE}))

    assert "signs sha256:" + "a" * 64 in line
    assert f"--project=acme-signing --attestor={CI} --artifact-url={A} --keyversion=KEY" in line


def test_a_denial_is_one_line():
    """Whoever wrote an attestation draws none of a plan."""
    (line,) = lacking(Rule((CI,)), A, known(A, {CI: Attested(denials=("no\nblocked: nothing",))}))

    assert "\n" not in line


@pytest.mark.parametrize("image", [A.partition("@")[0] + ":v1", "docker.io/library/python:3", "scorer", ""])
def test_a_tag_is_attested_by_nobody(image):
    """It may move: what was signed is a digest."""
    (line,) = lacking(RULE, image, known(A, {CI: HOLDS, QA: HOLDS}))

    assert "since it may move" in line


@pytest.mark.parametrize(
    ("reference", "artifact"),
    [
        (A, A),
        (A.replace("@", ":v1@"), A),
        ("localhost:5000/a/b:1@sha256:" + "c" * 64, "localhost:5000/a/b@sha256:" + "c" * 64),
        (A[:-1], ""),
        (f"{A}@{A}", ""),
        (A.replace("ml/", 'ml"/'), ""),
    ],
)
def test_how_attestations_name_an_image(reference, artifact):
    """By its name and digest alone; nothing that would end a text in a filter."""
    assert artifact_of(reference) == artifact


FOUND = st.sampled_from([HOLDS, NONE, Attested(denials=("x",)), Unreadable("x")])
IMAGES = st.lists(st.sampled_from([A, B, A.partition("@")[0] + ":v1"]), max_size=2, unique=True).map(tuple)
ALL = st.builds(
    lambda found: {(attestor, image): one for (attestor, image), one in found.items() if one},
    st.fixed_dictionaries({(attestor, image): st.none() | FOUND for attestor in (CI, QA) for image in (A, B)}),
)


@given(IMAGES, ALL, st.booleans())
def test_nothing_new_passes_without_an_attestation_of_each(new, found, required):
    """Whatever else is known; and where none is required, all is told and nothing barred."""
    attested = all(
        isinstance(each := found.get((attestor, image)), Attested) and each.holds
        for image in new
        for attestor in (CI, QA)
    )
    said = signatures_of(replace(RULE, required=required), Images(new=new), found)

    assert bool(said.closed) is (required and not attested)
    assert bool(said.warnings) is (not required and not attested)


@given(IMAGES, IMAGES, ALL)
def test_what_serves_or_is_gone_back_to_bars_nothing(serving, back, found):
    """An outage is no remedy."""
    assert not signatures_of(RULE, Images(serving=serving, back=back), found).closed


def test_what_requests_go_back_to_is_called_so():
    """Nothing is deployed of it: whoever reads the warning looks for it where traffic goes."""
    (line,) = signatures_of(RULE, Images(back=(A,)), known(A, {CI: NONE, QA: HOLDS})).warnings

    assert f"requests go back to it: {CI} has not attested it" in line


BUILT = Built(
    "https://cloudbuild.googleapis.com/GoogleHostedWorker", "https://github.com/acme/scorer", "4f2c", "1", "acme"
)
LISTED = Listed("gs://acme-sbom/scorer.spdx.json", "application/spdx+json", "acme")


def test_where_an_image_comes_from_is_said():
    """Who built it, of what, and the list of its contents; of the newest three, with whose word it is."""
    whole = origins_of(Images(new=(A,), serving=(B,)), {A: Origin((BUILT,), (LISTED,))}).origins
    none = origins_of(Images(new=(A,)), {A: Origin()}).origins
    elsewhere = origins_of(Images(new=(A,)), {}).origins
    hidden = origins_of(Images(new=(A,)), {A: Unreadable("no role")}).origins
    many = origins_of(Images(new=(A,)), {A: Origin(tuple(replace(BUILT, build=str(n)) for n in range(9)))}).origins

    built, contents = (line.partition(": ")[2] for line in whole)
    assert built == f"built by {BUILT.builder} from {BUILT.source} at commit 4f2c as 1 (so says project acme)"
    assert contents == f"its contents are listed in {LISTED.location} ({LISTED.form}) (so says project acme)"
    assert [line.partition(": ")[2] for line in none] == [
        "nobody says who built it",
        "there is no list of its contents",
    ]
    assert "not named by digest" in elsewhere[0]
    assert hidden[0].endswith("no role")
    assert (len(many), many[3].endswith("and 6 more")) == (5, True)


def test_plans_show_it():
    """As text and as Markdown, saved and read again: where images come from bars nothing."""
    change = Change(Address("run_service", "europe-west1", "churn"), Action.CREATE, services=("churn",), desired={})
    said = signatures_of(replace(RULE, required=False), Images(new=(A,)), known(A, {CI: HOLDS, QA: NONE}))
    said = said.joined(origins_of(Images(new=(A,)), {A: Origin((BUILT,))}))
    plan = Plan.of([change], project="acme", services=("churn",), scans={"churn": said})

    assert Plan.from_json(plan.to_json()).scans["churn"] == said
    assert Scans().joined(said) == said
    assert plan.blocked == ()
    for text in (render_text(plan, titles={}).plain, render_markdown(plan, titles={})):
        assert "origin: churn: image" in text
        assert "images: churn: image" in text
