"""Attribute mappings and conditions: the part of CEL that federation with GitHub and GitLab needs.

What is beyond it is refused when a provider is written, with words that say so: a condition that the emulator took and
could not evaluate would let in, or keep out, others than Google does.

Source:
    https://cloud.google.com/iam/docs/workload-identity-federation#mapping (`assertion`, `google`, `attribute`);
    https://github.com/google/cel-spec/blob/master/doc/langdef.md (`in`, `+`, `?:`, `has`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from emulator.identity.conditions import (
    LENGTH_MOST,
    METHODS,
    NESTED_MOST,
    WITHOUT_A_VALUE,
    Node,
    Parser,
    UnknownConditionError,
)


class MissingError(Exception):
    """An expression asks for a claim or an attribute that is not there."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What expressions are asked about.

    Attributes:
        assertion: The claims of the token.
        google: `subject` and `groups`, as mapped; nothing while they are being mapped.
        attribute: The custom attributes, as mapped.
    """

    assertion: Mapping[str, Any]
    google: Mapping[str, Any] = field(default_factory=dict)
    attribute: Mapping[str, Any] = field(default_factory=dict)


def value(expression: str, subject: Subject) -> Any:
    """What an expression comes to.

    Raises:
        MissingError: It asks for what is not there, or mixes sorts of values.
        UnknownConditionError: It is beyond the emulator.
    """
    try:
        return parsed(expression)(subject)
    except WITHOUT_A_VALUE as error:
        raise MissingError(expression) from error


@lru_cache(maxsize=1024)
def parsed(expression: str) -> Node:
    """The function that an expression is.

    Raises:
        UnknownConditionError: It is beyond the emulator.
    """
    if len(expression) > LENGTH_MOST:
        raise UnknownConditionError(expression)
    parser = _Parser(expression)
    node = parser.either()
    parser.end()
    return node


class _Parser(Parser):
    """The same levels as conditions of policies have, with three more operators and other names."""

    def either(self) -> Node:
        """`a ? b : c`."""
        asked = super().either()
        if not self.take("?"):
            return asked
        self._depth += 1
        if self._depth > NESTED_MOST:
            raise self.unknown()
        yes = self.either()
        self.need(":")
        no = self.either()
        self._depth -= 1
        return lambda subject: yes(subject) if asked(subject) else no(subject)

    def comparison(self) -> Node:
        """`a in b`, beside the comparisons."""
        left = super().comparison()
        if not self.take_word("in"):
            return left
        right = self.unary()
        return lambda subject: left(subject) in right(subject)

    def unary(self) -> Node:
        """`a + b`, of texts."""
        nodes = [super().unary()]
        while self.take("+"):
            nodes.append(super().unary())
        return nodes[0] if len(nodes) == 1 else lambda subject: "".join(node(subject) for node in nodes)

    def word(self, word: str) -> Node:
        """`assertion.sub`, `assertion['sub']`, `google.subject`, `attribute.ref`, `has(assertion.ref)`."""
        if word in ("true", "false"):
            return lambda _: word == "true"
        if word == "has" and self.take("("):
            return self._has()
        if word not in ("assertion", "google", "attribute"):
            raise self.unknown()
        return _of(word, self._name())

    def _name(self) -> str:
        bracket = self.take("[", ".")
        sort, text = self.next()
        if (bracket, sort) not in {("[", "text"), (".", "word")}:
            raise self.unknown()
        if bracket == "[":
            self.need("]")
            return text[1:-1]
        return text

    def _has(self) -> Node:
        sort, word = self.next()
        if sort != "word" or word not in ("assertion", "google", "attribute"):
            raise self.unknown()
        name = self._name()
        self.need(")")
        return lambda subject: name in getattr(subject, word)

    def call(self, node: Node, method: str, arguments: list[Node]) -> Node:
        """`contains`, beside the functions that conditions of policies have of texts."""
        made: Callable[..., Any] | None = {"contains": _contains}.get(method, METHODS.get(method))
        if made is None:
            raise self.unknown()
        return lambda subject: made(node(subject), *(argument(subject) for argument in arguments))


def _of(word: str, name: str) -> Node:
    def read(subject: Subject) -> Any:
        found = getattr(subject, word)
        if name not in found:
            raise MissingError(f"{word}.{name}")
        return found[name]

    return read


def _contains(text: Any, part: Any) -> bool:
    if not isinstance(text, str) or not isinstance(part, str):
        raise TypeError(text)
    return part in text
