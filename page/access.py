"""Who reads: on one's own machine whoever is there, in the cloud whom IAP let in, by what IAP signed.

The header with the plain e-mail address is never looked at: whoever reaches the service past IAP can write it. The name
is shown, and nothing else is done with it: who may read may read everything here.

Source:
    https://cloud.google.com/iap/docs/signed-headers-howto: header, algorithm, issuer, keys, and the audience of a Cloud
    Run service, `/projects/NUMBER/locations/REGION/services/NAME`.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any, Protocol

HEADER = "x-goog-iap-jwt-assertion"
ISSUER = "https://cloud.google.com/iap"
KEYS = "https://www.gstatic.com/iap/verify/public_key-jwk"
_LEEWAY_S = 30
_KEYS_FRESH_S = 3600.0
_ASK_AGAIN_S = 30.0
_PATIENCE_S = 5.0
_LARGEST, _LONGEST = 1 << 20, 300


class Refused(Exception):
    """A request is not let in. The text says what is missing, and nothing of what was sent."""


class Access(Protocol):
    """Says who reads."""

    def reader(self, headers: Mapping[str, str]) -> str:
        """Give a name to show; empty for nobody in particular.

        Raises:
            Refused: The request is not let in.
        """


@dataclass(frozen=True, slots=True)
class Own:
    """One's own machine: requests by another name of this machine are a trick of some page (DNS rebinding).

    Args:
        names: Those of this machine that requests may be for. The port may be any: somebody forwards it.
    """

    names: frozenset[str] = frozenset({"127.0.0.1", "localhost", "[::1]"})

    def reader(self, headers: Mapping[str, str]) -> str:
        """Let in who asks by our own address."""
        name, colon, port = headers.get("host", "").rpartition(":")
        if (name if colon and port.isdigit() else headers.get("host", "")) not in self.names:
            raise Refused(f"This page is read as {' or '.join(sorted(self.names))}, and by no other name.")
        return ""


@dataclass(slots=True)
class Signed:
    """What IAP signs for each request that it lets in.

    Args:
        audience: For which service it must be signed.
        keys_at: Address of IAP's public keys.
        ticks: Gives seconds that only go forward.
    """

    audience: str
    keys_at: str = KEYS
    ticks: Callable[[], float] = time.monotonic
    _keys: dict[str, Any] = field(default_factory=dict)
    _asked: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reader(self, headers: Mapping[str, str]) -> str:
        """Let in who comes with a valid signature, for this service, of now."""
        import jwt  # noqa: PLC0415 - where nothing is signed, nothing is needed

        said = headers.get(HEADER, "")
        if not said:
            raise Refused("This page is read through Identity-Aware Proxy, and this request did not come that way.")
        try:
            key = self._key(str(jwt.get_unverified_header(said).get("kid", "")))
            claims = jwt.decode(
                said,
                key,
                algorithms=["ES256"],
                audience=self.audience,
                issuer=ISSUER,
                leeway=_LEEWAY_S,
                options={"require": ["exp", "iat", "aud", "iss", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise Refused(
                "The signature of Identity-Aware Proxy on this request is not valid for this page."
            ) from error
        email = claims.get("email")
        return email[:_LONGEST] if isinstance(email, str) else ""

    def _key(self, kid: str) -> Any:
        """Give a public key of IAP's; keys are rotated, so an unknown one is asked for, but not for every request.

        Raises:
            Refused: There is none of that id, or the keys cannot be had.
        """
        with self._lock:
            age = self.ticks() - self._asked
            if age > _KEYS_FRESH_S or (kid not in self._keys and age > _ASK_AGAIN_S):
                self._fetch()
            if kid not in self._keys:
                raise Refused("The signature of Identity-Aware Proxy on this request is by no key that is known.")
            return self._keys[kid]

    def _fetch(self) -> None:
        from jwt import PyJWKSet, PyJWTError  # noqa: PLC0415 - where nothing is signed, nothing is needed

        self._asked = self.ticks()
        try:
            with urllib.request.urlopen(self.keys_at, timeout=_PATIENCE_S) as answer:  # noqa: S310 - an address of ours
                said = json.loads(answer.read(_LARGEST))
            found = PyJWKSet.from_dict(said if isinstance(said, dict) else {})
        except (OSError, ValueError, HTTPException, PyJWTError) as error:
            if not self._keys:
                raise Refused("The public keys of Identity-Aware Proxy cannot be had now.") from error
            return  # the ones before go on
        self._keys = {str(each.key_id): each.key for each in found.keys}
