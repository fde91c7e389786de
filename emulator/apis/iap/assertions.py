"""What IAP vouches for: a token in `X-Goog-IAP-JWT-Assertion`, ES256, and the keys that it is checked with.

Tokens live in real time, as those of accounts do.
Source: https://cloud.google.com/iap/docs/signed-headers-howto.
"""

import json
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from emulator.core.world import World
from emulator.identity import private_keys
from emulator.identity.tokens import subject

ISSUER = "https://cloud.google.com/iap"
LIFETIME_S = 600
KEY_ID = "mlserv"
"""Google's are six characters, too."""
FILE = "iap-key.pem"


class Assertions:
    """Signs them.

    Args:
        key_path: PEM file with the private key, made (mode 600) when it is not there.
    """

    def __init__(self, key_path: Path) -> None:
        self._path = key_path
        self._lock = threading.Lock()
        self._loaded: ec.EllipticCurvePrivateKey | None = None

    @property
    def _key(self) -> ec.EllipticCurvePrivateKey:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def _load(self) -> ec.EllipticCurvePrivateKey:
        key = private_keys.kept(self._path, partial(ec.generate_private_key, ec.SECP256R1()))
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{self._path} is no key of an elliptic curve")
        return key

    def of(self, email: str, audience: str) -> str:
        """What is vouched for: this person, to this service."""
        now = int(time.time())
        who = {"sub": f"accounts.google.com:{subject(email)}", "email": email}
        claims = {"iss": ISSUER, "aud": audience, "iat": now, "exp": now + LIFETIME_S, **who}
        return jwt.encode(claims, self._key, algorithm="ES256", headers={"kid": KEY_ID})

    def keys(self) -> dict[str, str]:
        """The public key by its id, as `/iap/verify/public_key` of www.gstatic.com shows it."""
        pem = self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return {KEY_ID: pem.decode()}

    def jwks(self) -> dict[str, Any]:
        """The public key, as `/iap/verify/public_key-jwk` shows it."""
        public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self._key.public_key()))
        return {"keys": [public | {"kid": KEY_ID, "use": "sig", "alg": "ES256"}]}


def assertions(world: World) -> Assertions:
    """Those of a cloud."""
    return world.part(Assertions, lambda: Assertions(world.state_dir / FILE))
