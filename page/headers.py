"""What every answer says to browsers: nothing from elsewhere, nothing inline, nothing kept that is data."""

from __future__ import annotations

from collections.abc import Mapping

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""`form-action` is our own address: filters are forms that a browser without JavaScript sends as a GET."""

STRICT: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
DATA: Mapping[str, str] = {"Cache-Control": "no-store"}
FOR_GOOD: Mapping[str, str] = {"Cache-Control": "public, max-age=31536000, immutable"}
