"""Attestors through Google's own clients: whose keys they hold, and which attestations are theirs."""

import pytest
from google.api_core import exceptions
from google.cloud import binaryauthorization_v1 as binauthz
from grafeas import grafeas_v1

from tests.attesting import Algorithm, Attestor, attestation, payload_of, signer
from tests.emulator.clients import WIRES, both_wires, client
from tests.emulator_iam.callers import PROJECT, Account, grant

IMAGE = "europe-west1-docker.pkg.dev/local/models/scorer@sha256:" + "a" * 64
OTHER = IMAGE.replace("a" * 64, "b" * 64)
Result = binauthz.ValidateAttestationOccurrenceResponse.Result
SORTS = ["EC", "PSS", "PKCS1"]


@pytest.fixture(params=WIRES)
def api(emulator, request):
    return client(emulator, binauthz.BinauthzManagementServiceV1Client, request.param)


def asked(attestor, reference=IMAGE, by=None, **more):
    """A question whether an attestation holds."""
    note, uri = more.pop("note", attestor.note), more.pop("uri", f"https://{IMAGE}")
    return {
        "attestor": attestor.name,
        "attestation": attestation(reference, by or attestor.keys[0], **more),
        "occurrence_note": note,
        "occurrence_resource_uri": uri,
    }


def validated(emulator, *told, wire="grpc", **more):
    """What becomes of one."""
    api = client(emulator, binauthz.ValidationHelperV1Client, wire)
    answer = api.validate_attestation_occurrence(request=asked(*told, **more))
    assert bool(answer.denial_reason) == (answer.result != Result.VERIFIED)
    return answer.result.name, answer.denial_reason


def test_one_lives(api):
    """Made, read, listed, changed and deleted; a key is named by its digest, and the note stays."""
    key = {"pkix_public_key": {"public_key_pem": signer().pem, "signature_algorithm": signer().algorithm}}
    note = {"note_reference": f"{PROJECT}/notes/qa", "public_keys": [key]}
    made = api.create_attestor(parent=PROJECT, attestor_id="qa", attestor={"user_owned_grafeas_note": note})
    [held] = made.user_owned_grafeas_note.public_keys

    assert made.name == f"{PROJECT}/attestors/qa"
    assert held.id.startswith("ni:///sha-256;")
    assert held.pkix_public_key.key_id == held.id
    assert made.user_owned_grafeas_note.delegation_service_account_email.startswith("service-")
    assert list(api.list_attestors(parent=PROJECT)) == [api.get_attestor(name=made.name)] == [made]

    made.description = "says that it was tested"
    made.user_owned_grafeas_note.public_keys.clear()
    changed = api.update_attestor(attestor=made)
    assert (changed.description, list(changed.user_owned_grafeas_note.public_keys)) == (made.description, [])
    changed.user_owned_grafeas_note.note_reference = f"{PROJECT}/notes/another"
    with pytest.raises(exceptions.GoogleAPICallError, match="noteReference"):
        api.update_attestor(attestor=changed)

    api.delete_attestor(name=made.name)
    with pytest.raises(exceptions.NotFound):
        api.get_attestor(name=made.name)


PEM = signer().pem
REFUSED = {
    "no-pem": ({"pkix_public_key": {"public_key_pem": "x", "signature_algorithm": 9}}, "PEM"),
    "other-curve": ({"pkix_public_key": {"public_key_pem": PEM, "signature_algorithm": 10}}, "signatureAlgorithm"),
    "other-sort": ({"pkix_public_key": {"public_key_pem": PEM, "signature_algorithm": 1}}, "signatureAlgorithm"),
    "no-algorithm": ({"pkix_public_key": {"public_key_pem": PEM}}, "signatureAlgorithm"),
    "post-quantum": ({"pkix_public_key": {"public_key_pem": PEM, "signature_algorithm": Algorithm.ML_DSA_65}}, "13"),
    "pgp": ({"ascii_armored_pgp_public_key": "-----BEGIN PGP PUBLIC KEY BLOCK-----"}, "PKIX"),
    "no-uri": ({**signer().public, "id": "not a uri"}, "URI"),
}


@pytest.mark.parametrize("key", REFUSED.values(), ids=REFUSED)
def test_what_is_no_key_is_refused(emulator, key):
    """In words that name what is wrong with it."""
    sent, words = key
    api = client(emulator, binauthz.BinauthzManagementServiceV1Client)
    note = {"note_reference": f"{PROJECT}/notes/qa", "public_keys": [sent]}
    with pytest.raises(exceptions.GoogleAPICallError, match=words):
        api.create_attestor(parent=PROJECT, attestor_id="qa", attestor={"user_owned_grafeas_note": note})


@both_wires
@pytest.mark.parametrize("sort", SORTS)
def test_a_signature_is_verified(emulator, wire, sort):
    """By the key itself, of each sort."""
    attestor = Attestor(emulator, keys=(signer("ci", sort),))

    assert validated(emulator, attestor, wire=wire) == ("VERIFIED", "")


FALSE = {
    "another-digest": ({"reference": OTHER}, "not about sha256:aaa"),
    "another-image": ({"uri": f"https://{OTHER}"}, "not about sha256:bbb"),
    "another-note": ({"note": f"{PROJECT}/notes/qa"}, "note"),
    "another-key": ({"by": signer("stranger")}, "no signature"),
    "anothers-key-by-our-name": ({"by": signer("stranger"), "key": signer("built-by-ci").id}, "no signature"),
    "forged": ({"signature": b"forged"}, "no signature"),
    "none": ({"signature": b""}, "no signature"),
    "of-other-bytes": ({"signature": signer("built-by-ci").sign(payload_of(OTHER))}, "no signature"),
    "another-sort-of-payload": ({"payload": payload_of(IMAGE, type="a greeting")}, "type"),
    "no-payload": ({"payload": b"{}"}, "payload"),
    "no-json": ({"payload": b"\xff"}, "payload"),
    "a-tag": ({"uri": "https://europe-west1-docker.pkg.dev/local/models/scorer:v1"}, "digest"),
}


@pytest.mark.parametrize("case", FALSE.values(), ids=FALSE)
def test_what_does_not_hold_is_denied(emulator, case):
    """With why."""
    told, words = case
    result, why = validated(emulator, Attestor(emulator), **told)

    assert result == "ATTESTATION_NOT_VERIFIABLE"
    assert words in why


def test_a_key_that_is_taken_away_verifies_nothing_more(emulator):
    """What counts is what the attestor trusts now."""
    attestor = Attestor(emulator)
    before = validated(emulator, attestor)
    attestor.trust(signer("next"))

    assert before == ("VERIFIED", "")
    assert validated(emulator, attestor)[0] == "ATTESTATION_NOT_VERIFIABLE"
    assert validated(emulator, attestor, by=signer("next")) == ("VERIFIED", "")


def test_who_may_verify_and_who_may_look(emulator):
    """A role on the attestor is enough to have an attestation verified; to list them takes one on the note."""
    attestor, account = Attestor(emulator), Account(emulator)
    attestor.attest(IMAGE)
    helper = account.client(binauthz.ValidationHelperV1Client)
    occurrences = account.client(grafeas_v1.GrafeasClient)
    grant(emulator)
    with pytest.raises(exceptions.PermissionDenied, match=r"attestors\.verifyImageAttested"):
        helper.validate_attestation_occurrence(request=asked(attestor))
    with pytest.raises(exceptions.PermissionDenied, match=r"notes\.listOccurrences"):
        list(occurrences.list_note_occurrences(name=attestor.note))

    manager = binauthz.BinauthzManagementServiceV1Client
    verifier = ("roles/binaryauthorization.attestorsVerifier", account.member)
    grant(emulator, verifier, api=manager, on=attestor.name)
    reader = ("roles/containeranalysis.notes.occurrences.viewer", account.member)
    grant(emulator, reader)  # the policy of a note is Container Analysis' own, of another surface

    assert helper.validate_attestation_occurrence(request=asked(attestor)).result == Result.VERIFIED
    assert len(list(occurrences.list_note_occurrences(name=attestor.note))) == 1


def test_where_an_image_comes_from_is_kept(emulator):
    """Who built it, and what is in it: occurrences of anybody's, found by image and kind."""
    api = client(emulator, grafeas_v1.GrafeasClient)
    api.create_note(parent=PROJECT, note_id="build", note={"build": {"builder_version": "1"}})
    api.create_note(parent=PROJECT, note_id="contents", note={"sbom_reference": {"format_": "SPDX"}})
    statement = {
        "slsa_provenance_zero_two": {"builder": {"id": "https://cloudbuild.googleapis.com/GoogleHostedWorker"}}
    }
    built = {"intoto_statement": statement}
    listed = {"payload": {"predicate": {"location": "gs://acme-sbom/scorer.spdx.json"}}}
    for note, about in (("build", {"build": built}), ("contents", {"sbom_reference": listed})):
        made = {"note_name": f"{PROJECT}/notes/{note}", "resource_uri": f"https://{IMAGE}", **about}
        api.create_occurrence(parent=PROJECT, occurrence=made)

    query = f'(kind = "BUILD" OR kind = "SBOM_REFERENCE") AND (resourceUrl = "https://{IMAGE}")'
    found = {each.kind.name: each for each in api.list_occurrences(parent=PROJECT, filter=query)}
    assert found["BUILD"].build.intoto_statement.slsa_provenance_zero_two.builder.id.endswith("GoogleHostedWorker")
    assert found["SBOM_REFERENCE"].sbom_reference.payload.predicate.location == "gs://acme-sbom/scorer.spdx.json"
