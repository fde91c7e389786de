"""Keys that sign images, and attestors that have them: through Google's own clients, signed as `gcloud` signs."""

import json
from contextlib import suppress
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from google.api_core import exceptions
from google.cloud import binaryauthorization_v1 as binauthz
from grafeas import grafeas_v1

from tests.conftest import Emulator
from tests.emulator.clients import client

Algorithm = binauthz.PkixPublicKey.SignatureAlgorithm
TYPE = "Google cloud binauthz container signature"
IDS = "https://keys.example.com/"


class Signer:
    """A key pair, and the word of Google's for how it signs.

    Args:
        name: The last part of the key's id.
        sort: What sort of key: `EC`, `PSS` or `PKCS1`.
    """

    def __init__(self, name: str = "ci", sort: str = "EC") -> None:
        self.id = f"{IDS}{name}"
        self.sort = sort
        self._key: Any = (
            ec.generate_private_key(ec.SECP256R1())
            if sort == "EC"
            else rsa.generate_private_key(public_exponent=65_537, key_size=2048)
        )
        words = {"EC": Algorithm.ECDSA_P256_SHA256, "PSS": Algorithm.RSA_PSS_2048_SHA256}
        self.algorithm = words.get(sort, Algorithm.RSA_SIGN_PKCS1_2048_SHA256)
        self.pem = (
            self._key.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )

    def sign(self, payload: bytes) -> bytes:
        """Sign some bytes."""
        digest = hashes.SHA256()
        if self.sort == "EC":
            return bytes(self._key.sign(payload, ec.ECDSA(digest)))
        salted = padding.PSS(padding.MGF1(digest), digest.digest_size)
        return bytes(self._key.sign(payload, salted if self.sort == "PSS" else padding.PKCS1v15(), digest))

    @property
    def public(self) -> dict[str, Any]:
        """As attestors hold it."""
        return {
            "id": self.id,
            "pkix_public_key": {"public_key_pem": self.pem, "signature_algorithm": self.algorithm},
        }


@cache
def signer(name: str = "ci", sort: str = "EC") -> Signer:
    """The same one for every test of a run: keys of RSA take their time."""
    return Signer(name, sort)


def payload_of(reference: str, **critical: Any) -> bytes:
    """What is signed of an image: `HOST/PATH@sha256:...`."""
    name, _, digest = reference.rpartition("@")
    told = {
        "identity": {"docker-reference": name},
        "image": {"docker-manifest-digest": digest},
        "type": TYPE,
    } | critical
    return json.dumps({"critical": told}).encode()


def attestation(reference: str, by: Signer, **more: Any) -> dict[str, Any]:
    """The attestation of an image; `payload`, `signature` and `key` say it otherwise."""
    payload = more.get("payload", payload_of(reference))
    signature = more.get("signature", by.sign(payload))
    named = more.get("key", by.id)
    return {"serialized_payload": payload, "signatures": [{"signature": signature, "public_key_id": named}]}


class Attestor:
    """An attestor with its note; made where it is not there.

    Args:
        emulator: Where.
        name: Its id, and that of its note.
        project: Where it is.
        keys: What it trusts.
    """

    def __init__(
        self, emulator: Emulator, name: str = "built-by-ci", project: str = "local", keys: tuple[Signer, ...] = ()
    ) -> None:
        self.emulator, self.project = emulator, project
        self.name = f"projects/{project}/attestors/{name}"
        self.note = f"projects/{project}/notes/{name}"
        self.keys = keys or (signer(name),)
        self.api = client(emulator, binauthz.BinauthzManagementServiceV1Client)
        self.occurrences = client(emulator, grafeas_v1.GrafeasClient)
        with suppress(exceptions.AlreadyExists):
            note = {"attestation": {"hint": {"human_readable_name": name}}}
            self.occurrences.create_note(parent=f"projects/{project}", note_id=name, note=note)
        with suppress(exceptions.AlreadyExists):
            self.api.create_attestor(
                parent=f"projects/{project}",
                attestor_id=name,
                attestor={"user_owned_grafeas_note": self.owned(*self.keys)},
            )

    def owned(self, *keys: Signer) -> dict[str, Any]:
        """Its note with some keys."""
        return {"note_reference": self.note, "public_keys": [each.public for each in keys]}

    def trust(self, *keys: Signer) -> None:
        """Trust these keys, and no others."""
        self.api.update_attestor(attestor={"name": self.name, "user_owned_grafeas_note": self.owned(*keys)})

    def attest(self, reference: str, by: Signer | None = None, **more: Any) -> str:
        """Attest an image; the name of the occurrence.

        `uri` says of what it claims to be, `project` where it is kept.
        """
        made = {
            "note_name": more.pop("note", self.note),
            "resource_uri": more.pop("uri", f"https://{reference}"),
        }
        kept = more.pop("project", self.project)
        made["attestation"] = attestation(reference, by or self.keys[0], **more)
        return str(self.occurrences.create_occurrence(parent=f"projects/{kept}", occurrence=made).name)


def require(emulator: Emulator, *attestors: str, project: str = "local", **policy: Any) -> None:
    """Have a project's policy ask for attestations; with none: let all through."""
    modes = binauthz.AdmissionRule
    rule = {
        "evaluation_mode": modes.EvaluationMode.REQUIRE_ATTESTATION if attestors else modes.EvaluationMode.ALWAYS_ALLOW,
        "require_attestations_by": list(attestors),
        "enforcement_mode": modes.EnforcementMode.ENFORCED_BLOCK_AND_AUDIT_LOG,
    } | policy.pop("rule", {})
    api = client(emulator, binauthz.BinauthzManagementServiceV1Client)
    api.update_policy(policy={"name": f"projects/{project}/policy", "default_admission_rule": rule, **policy})
