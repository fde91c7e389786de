"""An optional key check, for servers outside Cloud Run: `Authorization: Bearer …` or `x-api-key`."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from runtime.data.answers import Refused, find

if TYPE_CHECKING:
    from runtime.data.answers import Headers

VARIABLE = "MLSERVICE_API_KEYS"
_BEARER = b"bearer "


class Keys:
    """The keys that open the server; none leaves it open.

    Args:
        text: Keys, separated by commas. Only their digests are kept.
    """

    def __init__(self, text: str) -> None:
        self._digests = tuple(_digest(key.strip().encode()) for key in text.split(",") if key.strip())

    def __bool__(self) -> bool:
        return bool(self._digests)

    def check(self, headers: Headers) -> None:
        """Let a request through.

        Raises:
            Refused: 401, no key or an unknown one.
        """
        given = find(headers, b"authorization") or b""
        bearer = given[len(_BEARER) :] if given.lower().startswith(_BEARER) else b""
        # Behind a front end that wants a token in the one header, the key is in the other.
        told = [_digest(key) for key in (bearer, find(headers, b"x-api-key") or b"")]
        # All are compared, in constant time, so that the time tells nothing about which one was close.
        known = [hmac.compare_digest(digest, one) for digest in told for one in self._digests]
        if self._digests and not any(known):
            raise Refused(401, "a valid key is needed: Authorization: Bearer <key>, or x-api-key")


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
