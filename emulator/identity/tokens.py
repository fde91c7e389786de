"""Tokens of the emulator's service accounts: RS256, signed with a key that lies in the state folder.

Tokens live in real time, not on the virtual clock: the clients that refresh them do.
Source: https://developers.google.com/identity/protocols/oauth2/service-account (JWT bearer flow, claims of ID tokens).
"""

import hashlib
import json
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from emulator.identity import private_keys

ISSUER = "https://accounts.google.com"
LIFETIME_S = 3600
KEY_ID = "mlservice-emulator"
VERIFIED_MOST = 4096
"""How many tokens stay known as ours."""


class Tokens:
    """Signs and reads tokens.

    Args:
        key_path: PEM file with the private key, made (mode 600) when it is not there.
    """

    def __init__(self, key_path: Path) -> None:
        self._path = key_path
        self._lock = threading.Lock()
        self._loaded: rsa.RSAPrivateKey | None = None
        self._verified: dict[str, dict[str, Any]] = {}

    @property
    def private_key_pem(self) -> str:
        """The key as the service-account key file holds it."""
        return private_keys.pem(self._key).decode()

    @property
    def _key(self) -> rsa.RSAPrivateKey:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def _load(self) -> rsa.RSAPrivateKey:
        key = private_keys.kept(self._path, partial(rsa.generate_private_key, public_exponent=65537, key_size=2048))
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError(f"{self._path} is no RSA key")
        return key

    def jwks(self) -> dict[str, Any]:
        """The public key, as `/oauth2/v3/certs` shows it."""
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [public | {"kid": KEY_ID, "use": "sig", "alg": "RS256"}]}

    def _sign(self, claims: dict[str, Any]) -> str:
        now = int(time.time())
        return jwt.encode(
            {"iss": ISSUER, "iat": now, "exp": now + LIFETIME_S} | claims,
            self._key,
            algorithm="RS256",
            headers={"kid": KEY_ID},
        )

    def access_token(self, email: str, scope: str = "") -> str:
        """An access token of a service account. Google's are opaque; ours say whose they are."""
        return self._sign({"sub": subject(email), "email": email, "scope": scope, "typ": "access"})

    def federated_token(self, members: list[str], scope: str = "") -> str:
        """An access token of somebody whom another issuer vouches for.

        Args:
            members: Under which names policies know him, his own first.
            scope: As asked for.
        """
        return self._sign({"sub": members[0], "members": members, "scope": scope, "typ": "access"})

    def id_token(self, email: str, audience: str) -> str:
        """An identity token of a service account for one audience."""
        return self._sign(
            {
                "aud": audience,
                "azp": subject(email),
                "sub": subject(email),
                "email": email,
                "email_verified": True,
            }
        )

    def read(self, token: str) -> dict[str, Any] | None:
        """Claims of a token of ours that has not expired, or None.

        Args:
            token: Without the `Bearer ` prefix. Whom it is for is left to who asks.
        """
        claims = self._signed(token)
        return None if claims is None or int(claims["exp"]) <= time.time() else dict(claims)

    def _signed(self, token: str) -> dict[str, Any] | None:
        """Claims of a token that we signed; the same client sends the same one with each of its calls."""
        claims = self._verified.get(token)
        if claims is None:
            try:
                claims = jwt.decode(
                    token,
                    self._key.public_key(),
                    algorithms=["RS256"],
                    options={"verify_aud": False, "require": ["exp"]},
                )
            except jwt.InvalidTokenError:
                return None
            if len(self._verified) >= VERIFIED_MOST:
                self._verified.clear()
            self._verified[token] = claims
        return claims

    def key_file(self, email: str, project: str, token_uri: str, *, key_id: str = KEY_ID) -> str:
        """A service-account key file whose tokens come from the emulator."""
        return json.dumps(
            {
                "type": "service_account",
                "project_id": project,
                "private_key_id": key_id,
                "private_key": self.private_key_pem,
                "client_email": email,
                "client_id": subject(email),
                "auth_uri": token_uri.replace("/token", "/o/oauth2/auth"),
                "token_uri": token_uri,
                "universe_domain": "googleapis.com",
            },
            indent=1,
        )


def subject(email: str) -> str:
    """The 21-digit unique id of an account, derived from its e-mail."""
    return "1" + str(int(hashlib.sha256(email.encode()).hexdigest(), 16))[:20]
