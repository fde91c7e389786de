"""Numbers, times and amounts in words, with their units. Pure; every text is English."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_SOME, _MANY = 10, 1000
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
UNKNOWN = "\u2013"
"""A dash, where nothing is known."""


def printable(value: object) -> object:
    """Give what a page may show: of a text that is somebody's, without characters that are none to see.

    Args:
        value: Anything; markup of ours is as it is.
    """
    return _UNSEEN.sub("\ufffd", value) if type(value) is str else value


def moment(text: str | None) -> datetime | None:
    """Read a moment of a document; None where there is none."""
    return datetime.fromisoformat(text) if text else None


def lasting(seconds: float) -> str:
    """Say how long something is: `45 s`, `12 min`, `3 h 20 min`, `4 days`."""
    whole = max(0, round(seconds))
    if whole < 2 * _MINUTE:
        return f"{whole} s"
    if whole < 2 * _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < 2 * _DAY:
        minutes = whole % _HOUR // _MINUTE
        return f"{whole // _HOUR} h {minutes} min" if minutes and whole < _SOME * _HOUR else f"{whole // _HOUR} h"
    return f"{whole // _DAY} days"


def exact(text: str) -> str:
    """Give a moment of a document to the second, in UTC and as short as ISO 8601 allows: `2026-11-26T14:05Z`."""
    then = datetime.fromisoformat(text).astimezone(UTC)
    return f"{then:%Y-%m-%dT%H:%M:%SZ}" if then.second else f"{then:%Y-%m-%dT%H:%MZ}"


def clock(then: datetime, now: datetime) -> str:
    """Give a moment in UTC, without its date where that is today's: `14:05`, `26 Nov 14:05`, `26 Nov 2025`."""
    here, today = then.astimezone(UTC), now.astimezone(UTC)
    if here.date() == today.date():
        return f"{here:%H:%M}"
    if abs(here - today) < timedelta(days=180):
        return f"{here.day} {here:%b %H:%M}"
    return f"{here.day} {here:%b %Y}"


def day(text: str) -> str:
    """Give the day of a moment of a document, in UTC: `26 Nov`."""
    then = datetime.fromisoformat(text).astimezone(UTC)
    return f"{then.day} {then:%b}"


def hour(text: str) -> str:
    """Give the time of day of a moment of a document, in UTC: `14:05`."""
    return f"{datetime.fromisoformat(text).astimezone(UTC):%H:%M}"


def number(value: float | None, digits: int = 3) -> str:
    """Give a number with as many digits as matter: `0.0312`, `12.5`, `1 250`."""
    if value is None:
        return UNKNOWN
    if value == 0:
        return "0"
    if abs(value) >= _MANY:
        return f"{value:,.0f}".replace(",", "\u202f")
    places = min(6, max(0, digits - 1 - math.floor(math.log10(abs(value)))))
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def share(value: float | None, digits: int = 3) -> str:
    """Give a share of a whole in percent, on one line: `0.4 %`."""
    return UNKNOWN if value is None else f"{number(value * 100, digits)}\u00a0%"


def milliseconds(value: float | None) -> str:
    """Give a time that an answer took."""
    if value is None:
        return UNKNOWN
    return f"{number(value / 1000)} s" if value >= _MANY else f"{number(value)} ms"


def amount(text: str | None, currency: str = "USD") -> str:
    """Give an amount of money: `$12.40`, `CHF 1 250`."""
    try:
        value = Decimal(text or "")
    except InvalidOperation:
        return UNKNOWN
    if abs(value) >= _MANY:
        shown = f"{value:,.0f}"
    else:
        shown = f"{value:.2f}" if value == 0 or abs(value) >= Decimal("0.01") else f"{value:.2g}"
    symbol = _SYMBOLS.get(currency, f"{currency}\u202f" if currency else "")
    return f"-{symbol}{shown[1:]}" if shown.startswith("-") else f"{symbol}{shown}"


def odds(evidence: float | None) -> str:
    """Say what evidence against a version is, the natural logarithm of odds: `1 in 40,000 if both were equal`."""
    if evidence is None or evidence <= 0:
        return "none against it"
    times = math.exp(min(evidence, 60))
    if times < 2:  # noqa: PLR2004 - odds of one to one say nothing
        return "next to none against it"
    rounded = float(f"{times:.1g}") if times >= _SOME else round(times, 1)
    shown = f"{rounded:,.0f}" if rounded >= _SOME else f"{rounded:g}"
    return f"1 in {shown} if the versions were equal"


def counted(count: int, one: str, many: str = "") -> str:
    """Give a count with its noun: `1 service`, `3 services`."""
    shown = f"{count:,}".replace(",", "\u202f")
    return f"{shown} {one if count == 1 else many or f'{one}s'}"


def short(version: str) -> str:
    """Give the beginning of a digest or commit, which is what people compare."""
    digest = version.rpartition("@sha256:")[2]
    longest = 12
    return digest[:longest] if len(digest) > 2 * longest else digest
