"""Attribute mappings and conditions: the part of CEL that federation with GitHub and GitLab needs.

What is beyond it is refused when a provider is written, with words that say so: a condition that the emulator took and
could not evaluate would let in, or keep out, others than Google does.

Source:
    https://cloud.google.com/iam/docs/workload-identity-federation#mapping (`assertion`, `google`, `attribute`);
    https://github.com/google/cel-spec/blob/master/doc/langdef.md (`in`, `+`, `?:`, `has`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from emulator.identity import cel
from emulator.identity.conditions import METHODS, WITHOUT_A_VALUE, Meaning, Node, truth

NAMES = ("assertion", "google", "attribute")
"""What an expression may ask of."""


class MissingError(ValueError):
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
    except MissingError:
        raise
    except WITHOUT_A_VALUE as error:
        raise MissingError(expression) from error


@lru_cache(maxsize=1024)
def parsed(expression: str) -> Node:
    """The function that an expression is.

    Raises:
        UnknownConditionError: It is beyond the emulator.
    """
    return _Meaning(expression).whole()


class _Meaning(Meaning):
    """As conditions of policies have it, with more operators, and other names."""

    def part(self, tree: cel.Tree) -> Node:
        """`has(assertion.ref)`, beside the others."""
        match tree:
            case cel.Call(None, "has", (cel.Member(cel.Name(word), name),)) if word in NAMES:
                return lambda subject: name in getattr(subject, word)
        return super().part(tree)

    def signed(self, sign: str, sides: list[Node]) -> Node:
        """`a ? b : c`, `a in b`, `a + b` of texts, beside the others."""
        if sign == "?:":
            asked, yes, no = sides
            return lambda subject: yes(subject) if truth(asked(subject)) else no(subject)
        if sign == "in":
            return lambda subject: sides[0](subject) in _members(sides[1](subject))
        if sign == "+":
            return lambda subject: "".join(side(subject) for side in sides)
        return super().signed(sign, sides)

    def asked(self, word: str, name: str) -> Node:
        """`assertion.sub`, `assertion['sub']`, `google.subject`, `attribute.ref`."""
        if word not in NAMES:
            raise self.unknown()
        return _of(word, name)

    def function(self, name: str, arguments: list[Node]) -> Node:
        """None."""
        del name, arguments
        raise self.unknown()

    @property
    def methods(self) -> Mapping[str, Callable[..., Any]]:
        """`contains`, beside the functions that conditions of policies have of texts."""
        return METHODS | {"contains": _contains}


def _of(word: str, name: str) -> Node:
    def read(subject: Subject) -> Any:
        found = getattr(subject, word)
        if name not in found:
            raise MissingError(f"{word}.{name}")
        return found[name]

    return read


def _members(found: Any) -> Collection[Any]:
    """Of a list or a map: a part of a text is asked for with `contains`."""
    if isinstance(found, str) or not isinstance(found, Collection):
        raise TypeError(found)
    return found


def _contains(text: Any, part: Any) -> bool:
    if not isinstance(text, str) or not isinstance(part, str):
        raise TypeError(text)
    return part in text
