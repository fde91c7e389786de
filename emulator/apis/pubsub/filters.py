"""The language of filters: which messages a subscription gets, by their attributes.

    attributes:key              the message has the attribute
    attributes.key = "value"    it has this value; `!=` is the opposite, also of a message without the attribute
    hasPrefix(attributes.key, "start")
    NOT x, -x, x AND y, x OR y, (x)

A key may be a string as well. AND and OR do not mix without brackets.
Source: cloud.google.com/pubsub/docs/subscription-message-filter, "Filtering syntax".
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

Attributes = Mapping[str, str]
Filter = Callable[[Attributes], bool]
TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<sign>!=|[()=:.,])|(?P<word>-?[A-Za-z0-9_][A-Za-z0-9_-]*|-))"""
)
ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.DOTALL)
PLAIN = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
KEY = re.compile(r"-*[A-Za-z0-9_][A-Za-z0-9_-]*")
WORDS = ("AND", "OR", "NOT")


class FilterError(ValueError):
    """No filter; the text says where."""


@lru_cache(maxsize=1024)
def compiled(text: str) -> Filter | None:
    """What decides about attributes; None for the empty filter, which lets everything through.

    Raises:
        FilterError: It is not written in the language.
    """
    if not text.strip():
        return None
    reader = Reader(text)
    found = reader.expression()
    reader.end()
    return found


class Reader:
    """Reads an expression from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(tokens(text))
        self._at = 0

    def expression(self) -> Filter:
        """Terms joined by AND, or by OR."""
        terms, joined = [self._term()], ""
        while (word := self._peek()) in ("AND", "OR"):
            if joined not in ("", word):
                raise self._wrong("AND and OR need brackets")
            joined = self._next()
            terms.append(self._term())
        if len(terms) == 1:
            return terms[0]
        return all_of(terms) if joined == "AND" else any_of(terms)

    def end(self) -> None:
        """Nothing may follow."""
        if self._peek():
            raise self._wrong("nothing may follow here")

    def _term(self) -> Filter:
        word = self._next()
        if word in ("NOT", "-"):
            return opposite(self._term())
        if word.startswith("-"):
            return opposite(self._comparison(word[1:]))
        return self._comparison(word)

    def _comparison(self, word: str) -> Filter:
        if word == "(":
            found = self.expression()
            self._expect(")")
            return found
        if word == "hasPrefix":
            return self._prefix()
        if word != "attributes":
            raise self._wrong("a comparison begins with attributes")
        if self._peek() == ":":
            self._next()
            return has(self._key())
        self._expect(".")
        key, sign = self._key(), self._next()
        if sign not in ("=", "!="):
            raise self._wrong("= or != must stand here")
        return equals(key, self._value()) if sign == "=" else opposite(equals(key, self._value()))

    def _prefix(self) -> Filter:
        for sign in ("(", "attributes", "."):
            self._expect(sign)
        key = self._key()
        self._expect(",")
        start = self._value()
        self._expect(")")
        return begins(key, start)

    def _key(self) -> str:
        word = self._next()
        if word.startswith('"'):
            return unquoted(word)
        if word in WORDS or not KEY.fullmatch(word):
            raise self._wrong("a key must stand here")
        return word

    def _value(self) -> str:
        word = self._next()
        if not word.startswith('"'):
            raise self._wrong("a string must stand here")
        return unquoted(word)

    def _expect(self, sign: str) -> None:
        if self._next() != sign:
            raise self._wrong(f"{sign} must stand here")

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        found = self._peek()
        self._at += 1
        return found

    def _wrong(self, why: str) -> FilterError:
        before = " ".join(self._tokens[: self._at])
        return FilterError(f"after {before!r}: {why}")


def tokens(text: str) -> list[str]:
    """The words, signs and strings of a text."""
    found, at, text = [], 0, text.rstrip()
    while at < len(text):
        token = TOKEN.match(text, at)
        if token is None:
            raise FilterError(f"at {text[at : at + 10]!r}: no word of the language")
        found.append(token.group().strip())
        at = token.end()
    return found


def unquoted(text: str) -> str:
    """What a string literal says."""

    def one(found: re.Match[str]) -> str:
        *numbers, octal, plain = found.groups()
        digits = next((each for each in numbers if each), None)
        if digits or octal:
            return chr(min(int(digits, 16) if digits else int(octal, 8), 0x10FFFF))
        return PLAIN.get(plain, plain)

    return ESCAPE.sub(one, text[1:-1])


def has(key: str) -> Filter:
    """Whether the attribute is there."""
    return lambda attributes: key in attributes


def equals(key: str, value: str) -> Filter:
    """Whether the attribute is there, with this value."""
    return lambda attributes: key in attributes and attributes[key] == value


def begins(key: str, start: str) -> Filter:
    """Whether the attribute is there, and begins so."""
    return lambda attributes: key in attributes and attributes[key].startswith(start)


def opposite(inner: Filter) -> Filter:
    """What the other does not let through."""
    return lambda attributes: not inner(attributes)


def all_of(terms: list[Filter]) -> Filter:
    """What all let through."""
    return lambda attributes: all(term(attributes) for term in terms)


def any_of(terms: list[Filter]) -> Filter:
    """What at least one lets through."""
    return lambda attributes: any(term(attributes) for term in terms)
