"""The answers of Google's front end when no container answers.

Texts as callers of Cloud Run see them; https://cloud.google.com/run/docs/troubleshooting names the cases.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from urllib.parse import quote

SIGN_IN = "https://accounts.google.com/o/oauth2/v2/auth"
"""Where IAP sends people: https://cloud.google.com/iap/docs/concepts-overview."""
_CLIENT = "emulator.apps.googleusercontent.com"
HTML = b"text/html; charset=UTF-8"
TEXT = b"text/plain"

PAGE = """
<html><head>
<meta http-equiv="content-type" content="text/html;charset=utf-8">
<title>{status} {title}</title>
</head>
<body text=#000000 bgcolor=#ffffff>
<h1>Error: {title}</h1>
<h2>{text}</h2>
<h2></h2>
</body></html>
"""


@dataclass(frozen=True, slots=True)
class Page:
    """A whole answer."""

    status: int
    body: bytes
    content_type: bytes = HTML
    headers: tuple[tuple[bytes, bytes], ...] = ()


def _page(status: int, title: str, text: str, *headers: tuple[bytes, bytes]) -> Page:
    return Page(status, PAGE.format(status=status, title=title, text=text).encode(), HTML, headers)


def unauthorized(path: str) -> Page:
    """401: there is a token, and it is not a valid one for this address."""
    challenge = b'Bearer error="invalid_token" error_description="The access token could not be verified"'
    text = f"Your client does not have permission to the requested URL <code>{escape(path)}</code>."
    return _page(401, "Unauthorized", text, (b"www-authenticate", challenge))


def forbidden(path: str) -> Page:
    """403: no token, or its principal may not invoke the service."""
    text = f"Your client does not have permission to get URL <code>{escape(path)}</code> from this server."
    return _page(403, "Forbidden", text, (b"www-authenticate", b"Bearer"))


def sign_in(host: str, path: str) -> Page:
    """302: IAP sends whoever is not signed in to Google's own page."""
    back = quote(f"https://iap.googleapis.com/v1/oauth/clientIds/{_CLIENT}:handleRedirect", safe="")
    state = quote(f"http://{host}{path}", safe="")
    where = f"{SIGN_IN}?client_id={_CLIENT}&response_type=code&scope=openid+email&redirect_uri={back}&state={state}"
    return Page(302, b"", TEXT, ((b"location", where.encode()), (b"x-goog-iap-generated-response", b"true")))


def bad_credentials(why: str) -> Page:
    """401 of IAP: there is a token, and it says nobody whom IAP knows, or is not for this address."""
    return Page(401, f"Invalid IAP credentials: {why}".encode(), TEXT, ((b"x-goog-iap-generated-response", b"true"),))


def no_access(who: str) -> Page:
    """403 of IAP: who signed in has no `iap.webServiceVersions.accessViaIAP`."""
    text = f"You are signed in as <code>{escape(who)}</code>, and you don't have access."
    return _page(403, "You don't have access", text, (b"x-goog-iap-generated-response", b"true"))


def not_found(path: str) -> Page:
    """404: no such address, or the ingress setting keeps this caller out."""
    text = f"The requested URL <code>{escape(path)}</code> was not found on this server."
    return _page(404, "Page not found", text)


def too_large() -> Page:
    """413: an HTTP/1 request body above 32 MiB (https://cloud.google.com/run/quotas)."""
    return _page(413, "Request Entity Too Large", "Your client issued a request that was too large.")


RATE_EXCEEDED = Page(429, b"Rate exceeded.", TEXT)
SERVICE_UNAVAILABLE = Page(503, b"Service Unavailable", TEXT)
UPSTREAM_RESET = Page(
    503,
    b"upstream connect error or disconnect/reset before headers. reset reason: connection termination",
    TEXT,
)
UPSTREAM_TIMEOUT = Page(504, b"upstream request timeout", TEXT)
