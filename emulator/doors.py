"""Who may knock at any address of the emulator: a client on this machine, never somebody's web page.

A browser sends a page's requests to 127.0.0.1 as readily as its reader's own. It says so in `Origin` and
`Sec-Fetch-Site`, which no script can write. A page whose host name was made to mean 127.0.0.1 (DNS rebinding) counts as
ours for the browser, but its requests still carry the page's name in `Host`.

Source:
    https://fetch.spec.whatwg.org/#origin-header, https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header. That no
    browser asks for `a-b-127.0.0.1`: a host whose last label is a number is an IPv4 address or nothing
    (https://url.spec.whatwg.org/#ends-in-a-number-checker).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

INSIDE = b"x-emulator-inside"
"""Carries `Inside.token`: by it the emulator's own calls are known, which name Google's hosts."""

_HERE = re.compile(rb"(?:localhost|(?:[a-z0-9-]+-)?127\.0\.0\.1)(?::[0-9]{1,5})?", re.IGNORECASE)
"""Names of this machine. gcloud puts a region before them (`europe-west4-127.0.0.1:8085`)."""
_ITS_OWN = (b"same-origin", b"none")
"""What `Sec-Fetch-Site` says of requests that no other site caused: typed in, or made by what we sent ourselves."""

Headers = Iterable[tuple[bytes, bytes]]
"""Names in lower case, as ASGI gives them."""


@dataclass(frozen=True, slots=True)
class Inside:
    """How the emulator's own calls are known. One per process."""

    token: str = field(default_factory=lambda: secrets.token_hex(16))


def _all(headers: Headers, wanted: bytes) -> list[bytes]:
    return [value for name, value in headers if name == wanted]


def is_for_us(headers: Headers) -> bool:
    """Tell whether a request names this machine as its host: once, and by no name that others may give to it."""
    named = _all(headers, b"host")
    return len(named) == 1 and _HERE.fullmatch(named[0]) is not None


def is_of_a_page(headers: Headers) -> bool:
    """Tell whether a browser sends it for a page that this very address did not serve."""
    headers = tuple(headers)
    own = [b"http://" + host for host in _all(headers, b"host")]
    foreign = [origin for origin in _all(headers, b"origin") if [origin] != own]
    caused = [site for site in _all(headers, b"sec-fetch-site") if site not in _ITS_OWN]
    return bool(foreign or caused)


def is_inside(headers: Headers, inside: Inside) -> bool:
    """Tell whether the emulator itself sends it."""
    return [secrets.compare_digest(given, inside.token.encode()) for given in _all(headers, INSIDE)] == [True]
