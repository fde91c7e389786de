"""Public keys of attestors, and whether one of them made a signature.

The signature is verified as it would be at Google: with the key itself, over the bytes of the payload.

Source: comments of `AttestorPublicKey` and `PkixPublicKey` of binaryauthorization 1.20.0;
https://www.rfc-editor.org/rfc/rfc6920 (`ni:` names); https://cloud.google.com/kms/docs/algorithms (RSASSA-PSS: a salt
as long as the digest).
"""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from emulator.apis.binaryauthorization.model import Algorithm, invalid
from emulator.core.failures import ApiFailure

CURVES: dict[int, tuple[type[ec.EllipticCurve], hashes.HashAlgorithm]] = {
    Algorithm.ECDSA_P256_SHA256: (ec.SECP256R1, hashes.SHA256()),
    Algorithm.ECDSA_P384_SHA384: (ec.SECP384R1, hashes.SHA384()),
    Algorithm.ECDSA_P521_SHA512: (ec.SECP521R1, hashes.SHA512()),
}
PSS: dict[int, tuple[int, hashes.HashAlgorithm]] = {
    Algorithm.RSA_PSS_2048_SHA256: (2048, hashes.SHA256()),
    Algorithm.RSA_PSS_3072_SHA256: (3072, hashes.SHA256()),
    Algorithm.RSA_PSS_4096_SHA256: (4096, hashes.SHA256()),
    Algorithm.RSA_PSS_4096_SHA512: (4096, hashes.SHA512()),
}
PKCS1: dict[int, tuple[int, hashes.HashAlgorithm]] = {
    Algorithm.RSA_SIGN_PKCS1_2048_SHA256: (2048, hashes.SHA256()),
    Algorithm.RSA_SIGN_PKCS1_3072_SHA256: (3072, hashes.SHA256()),
    Algorithm.RSA_SIGN_PKCS1_4096_SHA256: (4096, hashes.SHA256()),
    Algorithm.RSA_SIGN_PKCS1_4096_SHA512: (4096, hashes.SHA512()),
}
"""What each word says of a key: its curve or its bits, and the digest that is signed."""
URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")


@dataclass(frozen=True, slots=True)
class _Curved:
    key: ec.EllipticCurvePublicKey
    digest: hashes.HashAlgorithm

    def check(self, signature: bytes, payload: bytes) -> None:
        self.key.verify(signature, payload, ec.ECDSA(self.digest))


@dataclass(frozen=True, slots=True)
class _Rsa:
    key: rsa.RSAPublicKey
    digest: hashes.HashAlgorithm
    padding: padding.AsymmetricPadding

    def check(self, signature: bytes, payload: bytes) -> None:
        self.key.verify(signature, payload, self.padding, self.digest)


def settle_keys(keys: Iterable[Any]) -> None:
    """Check keys, and name those that have no name yet: by the digest of the key.

    Raises:
        ApiFailure: INVALID_ARGUMENT: one is no key, or not of the algorithm that it names, or a name stands twice.
            UNIMPLEMENTED: it is of a sort that is not verified here.
    """
    every = list(keys)
    for key in every:
        if key.WhichOneof("public_key") != "pkix_public_key":
            raise ApiFailure("UNIMPLEMENTED", "The emulator verifies PKIX keys, and no others.")
        pkix = key.pkix_public_key
        _opened(pkix)
        key.id = key.id or pkix.key_id or name_of(pkix.public_key_pem)
        if not URI.fullmatch(key.id) or pkix.key_id not in ("", key.id):
            raise invalid(f"the id of a public key is a URI, the same in both places: {key.id!r}")
        pkix.key_id = key.id
    twice = [each for each, count in Counter(key.id for key in every).items() if count > 1]
    if twice:
        raise invalid(f"two public keys have the id {twice[0]!r}")


def name_of(pem: str) -> str:
    """The name of a key by its digest, `ni:///sha-256;...`."""
    loaded = serialization.load_pem_public_key(pem.encode())
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    der = loaded.public_bytes(serialization.Encoding.DER, info)
    digest = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")
    return f"ni:///sha-256;{digest}"


def signed(key: Any, signature: bytes, payload: bytes) -> bool:
    """Whether a key of an attestor made a signature of a payload."""
    try:
        _opened(key.pkix_public_key).check(signature, payload)
    except InvalidSignature:
        return False
    return True


def _opened(pkix: Any) -> _Curved | _Rsa:
    try:
        loaded = serialization.load_pem_public_key(pkix.public_key_pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise invalid("publicKeyPem is not a public key in PEM") from error
    named = pkix.signature_algorithm
    if named in CURVES and isinstance(loaded, ec.EllipticCurvePublicKey):
        curve, digest = CURVES[named]
        if isinstance(loaded.curve, curve):
            return _Curved(loaded, digest)
    if named in PSS | PKCS1 and isinstance(loaded, rsa.RSAPublicKey):
        bits, digest = (PSS | PKCS1)[named]
        if loaded.key_size == bits:
            salted = padding.PSS(padding.MGF1(digest), digest.digest_size)
            return _Rsa(loaded, digest, salted if named in PSS else padding.PKCS1v15())
    if named not in CURVES | PSS | PKCS1 and named != Algorithm.SIGNATURE_ALGORITHM_UNSPECIFIED:
        raise ApiFailure("UNIMPLEMENTED", f"The emulator does not verify signatureAlgorithm {named}.")
    raise invalid("signatureAlgorithm is not that of publicKeyPem")
