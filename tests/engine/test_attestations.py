"""Images that nobody has attested are not deployed, and what serves goes on serving."""

import pytest
from grafeas import grafeas_v1
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.core.scanning.findings import Unreadable
from reconciler.core.signing.judging import lacking
from reconciler.core.signing.rule import Rule
from reconciler.engine.apply import apply
from reconciler.engine.attestations import read_attested
from reconciler.engine.origins import read_origins
from reconciler.render.text import render_text
from tests.attesting import Attestor, payload_of, require, signer
from tests.emulator.clients import client
from tests.operating import HELLO, spec

CI = "projects/local/attestors/built-by-ci"
MANAGEMENT = {"deletion": "Delete", "adopt": "Always"}


@pytest.fixture
def attestor(emulator):
    """An attestor with a key."""
    return Attestor(emulator)


def service(image=HELLO, *attestors, name="churn", provenance=False, **more):
    """A service whose images must be attested."""
    signed = {"attestors": list(attestors or (CI,)), **more}
    registry = {"repository": "models", "signed": signed, "provenance": provenance}
    return spec(name, image=image, registry=registry, management=MANAGEMENT)


def why(operator, *specs):
    """What keeps a plan from being applied."""
    return list(operator.plan(*specs).plan.blocked)


def by_digest(operator, wanted):
    """The image that a plan of it would deploy."""
    [change] = [each for each in operator.plan(wanted).plan.changes if each.address.kind == "run_service"]
    return change.desired["image"]


def carried_out(operator, *specs):
    """Apply, as far as a plan may be."""
    planned = operator.plan(*specs)
    assert planned.plan.blocked == ()
    assert apply(operator.session(), planned).exit_code == 0
    return planned.plan


def test_from_the_signature_to_the_service(operator, attestor):
    """It is blocked until whoever has the key signs it, with the command; the plan after the apply is empty."""
    (blocked,) = why(operator, service())
    image = by_digest(operator, service())
    attestor.attest(image, uri=image)  # as gcloud names it
    carried_out(operator, service())

    assert f"{CI} has not attested it; whoever has its key signs {image.partition('@')[2]}" in blocked
    assert f"--artifact-url={image}" in blocked
    assert operator.plan(service()).plan.empty


def test_each_attestor_counts(operator, emulator, attestor):
    """Of two, one signs, and the other one is named; where none is required, that is told and no more."""
    qa = Attestor(emulator, "tested")
    image = by_digest(operator, service())
    attestor.attest(image)
    (blocked,) = why(operator, service(HELLO, CI, qa.name))
    told = carried_out(operator, service(HELLO, CI, qa.name, required=False))

    assert blocked.split(": ")[2].startswith(f"{qa.name} has not attested it")
    assert [qa.name in line for line in told.scans["churn"].warnings] == [True]


def test_what_serves_goes_on_when_a_key_is_taken_away(operator, attestor):
    """It is told of; a change of its size is let through, another service with the same image is not."""
    attestor.attest(by_digest(operator, service()))
    carried_out(operator, service())
    attestor.trust(signer("next"))
    larger = service()
    larger["spec"]["scaling"] = {"maxInstances": 7}

    (told,) = carried_out(operator, larger).scans["churn"].unsure
    (blocked,) = why(operator, larger, service(name="other"))
    assert "an attestation by" in told
    assert "none that holds: no signature" in blocked
    assert operator.service().template.scaling.max_instance_count == 7


DIGESTS = [f"{number:064x}" for number in range(1, 200)]
NAMED = iter(f"europe-west1-docker.pkg.dev/local/models/scorer@sha256:{digest}" for digest in DIGESTS)
OTHER = "europe-west1-docker.pkg.dev/local/models/scorer@sha256:" + "f" * 64


def forge(sort, image, attestor, qa):
    """Write an attestation of an image that is none."""
    if sort == "of another digest":
        attestor.attest(OTHER, uri=image)
    elif sort == "for another image":
        attestor.attest(image, uri=OTHER)
    elif sort == "by another attestor":
        qa.attest(image)
    elif sort == "another attestor's key":
        attestor.attest(image, by=qa.keys[0])
    elif sort == "another key by our name":
        attestor.attest(image, by=signer("stranger"), key=attestor.keys[0].id)
    elif sort == "a key of before":
        attestor.attest(image, by=signer("retired"))
    elif sort == "another's signature":
        attestor.attest(image, signature=attestor.keys[0].sign(payload_of(OTHER)))
    else:
        attestor.attest(image, signature=b"forged")


SORTS = (
    "of another digest",
    "for another image",
    "by another attestor",
    "another attestor's key",
    "another key by our name",
    "a key of before",
    "another's signature",
    "forged",
)


@pytest.fixture
def attestors(emulator):
    """One that had another key before, and another one."""
    made = Attestor(emulator, keys=(signer("built-by-ci"), signer("retired")))
    made.trust(made.keys[0])
    return made, Attestor(emulator, "tested")


def lacks(operator, image):
    """What an image lacks."""
    return lacking(Rule((CI,)), image, read_attested(operator.session(), [(CI, image)]))


@pytest.mark.parametrize("sort", SORTS)
def test_what_is_forged_never_passes(operator, attestors, sort):
    """Each sort by itself."""
    image = next(NAMED)
    forge(sort, image, *attestors)

    assert lacks(operator, image)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(SORTS), max_size=4), st.booleans(), st.integers(0, 4))
def test_an_image_passes_by_a_true_attestation_alone(operator, attestors, forged, true, at):
    """However many others there are, before it and after it."""
    image = next(NAMED)
    for place, sort in enumerate([*forged, ""]):
        if true and place == min(at, len(forged)):
            attestors[0].attest(image)
        if sort:
            forge(sort, image, *attestors)

    assert bool(lacks(operator, image)) is not true


def test_what_cannot_be_known_is_not_attested(operator, emulator, attestor):
    """An attestor that is not there, and one that may not be used: with who does what."""
    (missing,) = why(operator, service(HELLO, "projects/local/attestors/nobody"))
    attestor.attest(by_digest(operator, service()))
    emulator.faults({"method": "grafeas.v1.Grafeas/ListNoteOccurrences", "status": "PERMISSION_DENIED", "times": None})
    (denied,) = why(operator, service())
    emulator.faults()

    assert "it is not known whether projects/local/attestors/nobody has attested it" in missing
    assert "name another one in registry.signed.attestors" in missing
    assert "who owns project local must grant roles/binaryauthorization.attestorsVerifier" in denied
    assert why(operator, service()) == []


def test_nothing_is_read_where_nobody_asks(operator, emulator, attestor):
    """And where somebody asks, each attestor once, and one list for all images."""
    emulator.control("DELETE", "calls")
    operator.plan(spec(registry={"repository": "models"}, management=MANAGEMENT))
    asked = [name for name in emulator.calls() if "binaryauthorization" in name or "grafeas" in name]
    operator.plan(service(), service(name="other"))
    calls = emulator.calls()

    assert asked == []
    assert [calls[name] for name in calls if "grafeas" in name or "GetAttestor" in name] == [1, 1]


STATEMENTS = {
    "slsa-1.0": {
        "in_toto_slsa_provenance_v1": {
            "predicate": {
                "build_definition": {
                    "resolved_dependencies": [
                        {"uri": "gs://cache"},
                        {"uri": "git+https://github.com/acme/scorer", "digest": {"gitCommit": "4f2c"}},
                    ]
                },
                "run_details": {"builder": {"id": "https://build.example.com"}, "metadata": {"invocation_id": "17"}},
            }
        }
    },
    "slsa-0.2": {
        "intoto_statement": {
            "slsa_provenance_zero_two": {
                "builder": {"id": "https://build.example.com"},
                "materials": [{"uri": "git+https://github.com/acme/scorer", "digest": {"sha1": "4f2c"}}],
                "metadata": {"build_invocation_id": "17"},
            }
        }
    },
    "slsa-0.1": {
        "intoto_statement": {
            "slsa_provenance": {
                "builder": {"id": "https://build.example.com"},
                "materials": [{"uri": "git+https://github.com/acme/scorer", "digest": {"sha1": "4f2c"}}],
                "metadata": {"build_invocation_id": "17"},
            }
        }
    },
    "of-before": {
        "provenance": {
            "id": "17",
            "builder_version": "https://build.example.com",
            "source_provenance": {
                "context": {"git": {"url": "git+https://github.com/acme/scorer", "revision_id": "4f2c"}}
            },
        }
    },
}


@pytest.mark.parametrize("build", STATEMENTS.values(), ids=STATEMENTS)
def test_plans_say_who_built_an_image(operator, emulator, build):
    """In each form that there is, with the commit, and where its contents are listed."""
    api = client(emulator, grafeas_v1.GrafeasClient)
    wanted = spec(registry={"repository": "models", "provenance": True}, management=MANAGEMENT)
    image = by_digest(operator, wanted)
    project = "projects/cloudrun"  # where the image lies
    listed = {"payload": {"predicate": {"location": "gs://acme-sbom/a.json", "mime_type": "application/spdx+json"}}}
    for note, about in (("build", {"build": build}), ("sbom", {"sbom_reference": listed})):
        empty = {"build": {"builder_version": "1"}} if note == "build" else {"sbom_reference": {"version": "1"}}
        api.create_note(parent=project, note_id=note, note=empty)
        made = {"note_name": f"{project}/notes/{note}", "resource_uri": f"https://{image}", **about}
        api.create_occurrence(parent=project, occurrence=made)

    plan = operator.plan(wanted).plan
    built, contents = (line.partition(": ")[2] for line in plan.scans["churn"].origins)
    assert built.startswith(
        "built by https://build.example.com from git+https://github.com/acme/scorer at commit 4f2c as 17"
    )
    assert contents.startswith("its contents are listed in gs://acme-sbom/a.json (application/spdx+json)")
    assert built.endswith("(so says project cloudrun)")
    assert "origin: churn: image" in render_text(plan, titles={}).plain
    assert plan.blocked == ()


@pytest.mark.parametrize(("times", "unread"), [(1, 0), (None, 2)])
def test_one_request_that_is_refused_leaves_no_other_image_unread(operator, times, unread):
    """Refused together, images are asked for one by one; what is refused alone says so."""
    both = [f"europe-west1-docker.pkg.dev/acme/ml/{name}@sha256:{sign * 64}" for name, sign in (("a", "1"), ("b", "2"))]
    operator.emulator.faults(
        {"method": "grafeas.v1.Grafeas/ListOccurrences", "status": "INVALID_ARGUMENT", "times": times}
    )

    found = read_origins(operator.session(), both)
    operator.emulator.faults()

    assert set(found) == set(both)
    assert sum(isinstance(each, Unreadable) for each in found.values()) == unread


def test_where_nobody_says_who_built_an_image_that_is_said(operator):
    """And it is deployed."""
    wanted = spec(registry={"repository": "models", "provenance": True}, management=MANAGEMENT)
    origins = carried_out(operator, wanted).scans["churn"].origins

    assert [line.partition(": ")[2] for line in origins] == [
        "nobody says who built it",
        "there is no list of its contents",
    ]
    assert operator.plan(wanted).plan.scans["churn"].origins == ()


def test_a_policy_of_the_service_holds_whoever_deploys(operator, attestor):
    """Cloud Run refuses the revision by the project's policy, in its own words; attested, it is deployed."""
    require(operator.emulator, attestor.name)
    wanted = spec(protection={"binaryAuthorization": "Default"})
    image = by_digest(operator, wanted)
    refused = operator.apply(wanted)
    failed = operator.service().conditions
    attestor.attest(image)
    carried_out(operator, wanted | {"spec": wanted["spec"] | {"scaling": {"maxInstances": 7}}})

    assert refused.exit_code != 0
    assert any("is not authorized by policy" in each.message for each in failed)
    assert operator.service().terminal_condition.state.name == "CONDITION_SUCCEEDED"
