"""Expressions of the Common Expression Language as trees, whatever they mean.

What one means is found out where there is something to ask it of: conditions of policies (`conditions`), claims of
tokens (`emulator/apis/workload_identity/claims.py`). Both know less than CEL has. What is CEL is taken where Google
takes it, and where it is not understood it is not true.

Source: https://github.com/google/cel-spec/blob/master/doc/langdef.md, "Syntax" and "String and Bytes Values".
"""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass

_BLANK = re.compile(r"(?:[\t\n\f\r ]|//[^\n]*(?:\n|\Z))*")
"""A comment takes its whole line: one that could end sooner would be read in more ways than anybody can wait for."""
_TOKEN = re.compile(
    r"""(?P<text>[bB]?(?:[rR](?:\"{3}.*?\"{3}|'{3}.*?'{3}|"[^"\r\n]*"|'[^'\r\n]*')"""
    r"""|\"{3}(?:[^\\]|\\.)*?\"{3}|'{3}(?:[^\\]|\\.)*?'{3}|"(?:[^"\\\r\n]|\\.)*"|'(?:[^'\\\r\n]|\\.)*'))"""
    r"""|(?P<float>\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)|(?P<number>(?:0x[0-9a-fA-F]+|\d+)[uU]?)"""
    r"""|(?P<word>[A-Za-z_]\w*)|(?P<sign>&&|\|\||==|!=|<=|>=|[<>!().,\[\]{}?:+\-*/%])""",
    re.DOTALL | re.ASCII,
)
_RESERVED = frozenset(
    (
        "as", "break", "const", "continue", "else", "for", "function", "if", "import", "in", "let", "loop", "package",
        "namespace", "return", "var", "void", "while",
    )
)  # fmt: skip
_LEVELS: Sequence[tuple[str, ...]] = (
    ("||",), ("&&",), ("==", "!=", "<", "<=", ">", ">=", "in"), ("+", "-"), ("*", "/", "%"),
)  # fmt: skip
"""Operators of two sides, those that bind least first."""
_ESCAPED = re.compile(r"\\(?:[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.))", re.DOTALL)
_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"} | {
    sign: sign for sign in "\\?\"'`"
}
_NO_CHARACTERS = range(0xD800, 0xE000)
"""Halves of characters, as UTF-16 has them."""
LENGTH_MOST = 4096
_NESTED_MOST = 40


class NotCelError(Exception):
    """The text is no expression; the message says where it ends to be one."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A text, a whole number or a truth."""

    value: str | int | bool


@dataclass(frozen=True, slots=True)
class Other:
    """What nobody here asks about: null, bytes, fractions, unsigned numbers, maps, messages, members by number."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name that is not of anything."""

    text: str


@dataclass(frozen=True, slots=True)
class Member:
    """`of.name`, and `of['name']`."""

    of: "Tree"
    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """`name(arguments)`, or `of.name(arguments)`."""

    of: "Tree | None"
    name: str
    arguments: tuple["Tree", ...]


@dataclass(frozen=True, slots=True)
class Several:
    """`[a, b]`."""

    members: tuple["Tree", ...]


@dataclass(frozen=True, slots=True)
class Signed:
    """An operator and its sides: one for `!` and `-`, three for `?:`, else two; of `&&` and `||`, all there are."""

    sign: str
    sides: tuple["Tree", ...]


Tree = Literal | Other | Name | Member | Call | Several | Signed


def parse(text: str) -> Tree:
    """Read an expression.

    Raises:
        NotCelError: It is none.
    """
    if len(text) > LENGTH_MOST:
        raise NotCelError(f"longer than {LENGTH_MOST} characters")
    reader = _Reader(_tokens(text))
    found = reader.expression()
    if reader.here:
        raise NotCelError(f"unexpected {reader.here!r}")
    return found


def _tokens(text: str) -> list[tuple[str, str]]:
    """Sort and text of each."""
    found, at = [], _end_of_blank(text, 0)
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise NotCelError(f"unexpected {text[at : at + 10]!r}")
        found.append((match.lastgroup, match[0]))
        at = _end_of_blank(text, match.end())
    return found


def _end_of_blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return at if match is None else match.end()


class _Reader:
    """Recursive descent, one method per level."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens, self._at, self._depth = tokens, 0, 0

    @property
    def _sort(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    @property
    def here(self) -> str:
        """The token that comes next; empty at the end."""
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def next(self) -> str:
        """Take the next token."""
        self._at += 1
        return self._tokens[self._at - 1][1]

    def take(self, *wanted: str) -> str:
        """Take the next token where it is one of these, else nothing."""
        return self.next() if self._sort in ("sign", "word") and self.here in wanted else ""

    def need(self, wanted: str) -> None:
        """Take the next token, which must be this one."""
        if not self.take(wanted):
            raise NotCelError(f"expected {wanted!r} before {self.here!r}" if self.here else f"expected {wanted!r}")

    def expression(self) -> Tree:
        """`a ? b : c`, and anything that binds more."""
        self._depth += 1
        if self._depth > _NESTED_MOST:
            raise NotCelError("nested too deep")
        found = self.level(0)
        if self.take("?"):
            yes = self.level(0)
            self.need(":")
            found = Signed("?:", (found, yes, self.expression()))
        self._depth -= 1
        return found

    def level(self, number: int) -> Tree:
        """Operators of one level."""
        if number == len(_LEVELS):
            return self.unary()
        found = self.level(number + 1)
        while sign := self.take(*_LEVELS[number]):
            side = self.level(number + 1)
            if sign in ("||", "&&") and isinstance(found, Signed) and found.sign == sign:
                found = Signed(sign, (*found.sides, side))
            else:
                found = Signed(sign, (found, side))
        return found

    def unary(self) -> Tree:
        """`!a`, `-a`, and what is selected of a value."""
        sign, many = self.take("!", "-"), 1
        while sign and self.take(sign):
            many += 1
        found = self.selected(self.primary())
        for _ in range(many if sign else 0):
            found = Signed(sign, (found,))
        return found

    def selected(self, found: Tree) -> Tree:
        """`a.b`, `a.f(b)`, `a[b]`, `a{b: c}`."""
        while True:
            if self.take("."):
                name = self.word()
                found = Call(found, name, self.several(")")) if self.take("(") else Member(found, name)
            elif self.take("["):
                at = self.expression()
                self.need("]")
                found = Member(found, at.value) if isinstance(at, Literal) and isinstance(at.value, str) else Other()
            elif self.take("{"):
                found = self.pairs()
            else:
                return found

    def primary(self) -> Tree:
        """A value."""
        if self.take("("):
            found = self.expression()
            self.need(")")
            return found
        if self.take("["):
            return Several(self.several("]"))
        if self.take("{"):
            return self.pairs()
        if self._sort in ("text", "float", "number"):
            return _literal(self._sort, self.next())
        if word := self.take("true", "false", "null"):
            return Other() if word == "null" else Literal(word == "true")
        self.take(".")
        name = self.word()
        return Call(None, name, self.several(")")) if self.take("(") else Name(name)

    def word(self) -> str:
        """A name."""
        if self._sort != "word" or self.here in _RESERVED:
            raise NotCelError(f"unexpected {self.here!r}" if self.here else "it ends too early")
        return self.next()

    def several(self, end: str) -> tuple[Tree, ...]:
        """Expressions with commas between, up to a bracket; a list may have one at its end, arguments may not."""
        found: list[Tree] = []
        while not (self.take(end) if end == "]" or not found else ""):
            found.append(self.expression())
            if not self.take(","):
                self.need(end)
                break
        return tuple(found)

    def pairs(self) -> Other:
        """`a: b` with commas between, up to a brace."""
        while not self.take("}"):
            self.level(0)
            self.need(":")
            self.expression()
            if not self.take(","):
                self.need("}")
                break
        return Other()


def _literal(sort: str, text: str) -> Literal | Other:
    if sort == "number":
        return Other() if text[-1] in "uU" else Literal(int(text, 0) if text.startswith("0x") else int(text))
    quotes = re.search(r"\"{3}|'{3}|[\"']", text)
    if sort == "float" or quotes is None or "b" in text[: quotes.start()].lower():
        return Other()
    inside = text[quotes.end() : -len(quotes[0])]
    return Literal(inside if quotes.start() else _ESCAPED.sub(_unescaped, inside))


def _unescaped(found: re.Match[str]) -> str:
    hexadecimal, octal, letter = found[1] or found[2] or found[3], found[4], found[5]
    if hexadecimal or octal:
        code = int(hexadecimal, 16) if hexadecimal else int(octal, 8)
        if code <= sys.maxunicode and code not in _NO_CHARACTERS:
            return chr(code)
    elif letter in _LETTERS:
        return _LETTERS[letter]
    raise NotCelError(f"unexpected {found[0]!r}")
