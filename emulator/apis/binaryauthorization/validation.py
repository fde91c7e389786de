"""Whether an attestation is one: by this attestor, of this image, with one of the keys that it has now.

Source: comments of `ValidateAttestationOccurrenceRequest` of binaryauthorization 1.20.0 and of `grafeas.v1.Signature`;
https://cloud.google.com/binary-authorization/docs/creating-attestations-cli (the payload). The words of a denial are
ours. The name in the payload (`identity`) is not compared: an image is its digest.
"""

import json
from typing import Any

from emulator.apis.binaryauthorization import keys
from emulator.apis.binaryauthorization.model import API, ATTESTORS, HELPER, Validated, invalid
from emulator.core.api import Call
from emulator.core.resources import by_id
from emulator.core.world import World

TYPE = "Google cloud binauthz container signature"


@API.method(HELPER + "ValidateAttestationOccurrence")
def validate(world: World, request: Any, _: Call) -> Any:
    """Say whether an attestation holds; it need not be stored anywhere."""
    attestor = ATTESTORS.get(world, by_id(world, request.attestor))
    if not request.occurrence_note or not request.occurrence_resource_uri:
        raise invalid("occurrenceNote and occurrenceResourceUri must be set")
    why = denial(world, attestor, request.attestation, request.occurrence_note, request.occurrence_resource_uri)
    if why:
        return Validated(result=Validated.ATTESTATION_NOT_VERIFIABLE, denial_reason=why)
    return Validated(result=Validated.VERIFIED)


def denial(world: World, attestor: Any, attestation: Any, note: str, uri: str) -> str:
    """Say why an attestation does not hold; nothing: it does.

    Args:
        world: Where.
        attestor: Whose it should be.
        attestation: The message.
        note: Name of the note that it is of.
        uri: What it is of: `https://...@sha256:...`.
    """
    owned = attestor.user_owned_grafeas_note
    if by_id(world, note) != by_id(world, owned.note_reference):
        return f"the attestation is of note {note}, not of the attestor's, {owned.note_reference}"
    if not attestation.signatures:
        return "the attestation has no signature that can be verified here"
    if why := _misfit(attestation.serialized_payload, uri):
        return why
    named = {key.id: key for key in owned.public_keys}
    for each in attestation.signatures:
        key = named.get(each.public_key_id)
        if key is not None and keys.signed(key, each.signature, attestation.serialized_payload):
            return ""
    return f"no signature is by a public key of {attestor.name}"


def _misfit(payload: bytes, uri: str) -> str:
    """Say why a payload is not about an image; nothing: it is."""
    digest = uri.rpartition("@")[2]
    if not digest.startswith("sha256:"):
        return "the artifact is not named by its digest"
    try:
        critical = json.loads(payload)["critical"]
        attested, sort = critical["image"]["docker-manifest-digest"], critical["type"]
    except (ValueError, KeyError, TypeError):
        return "the payload is not that of an image's signature"
    if sort != TYPE:
        return f"the payload's type is not {TYPE!r}"
    return "" if attested == digest else f"the payload is about {attested}, not about {digest}"
