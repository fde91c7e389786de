"""Whether a text is an expression of the Common Expression Language at all, whatever it means.

What a condition of IAM says is found out in `conditions`, which knows less than CEL has: a policy with an expression
that is CEL is kept, and grants nothing where it is not understood; one that is none is refused when it is set.

Source: the grammar of https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax.
"""

import re
from collections.abc import Sequence

_BLANK = re.compile(r"(?:\s|//[^\n]*(?:\n|\Z))*")
"""A comment takes its whole line: one that could end sooner would be read in more ways than anybody can wait for."""
_TOKEN = re.compile(
    r"""(?:(?P<literal>[rRbB]{0,2}(?:\"{3}(?:[^\\]|\\.)*?\"{3}|'{3}(?:[^\\]|\\.)*?'{3}"""
    r"""|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|0x[0-9a-fA-F]+u?|\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+"""
    r"""|\.\d+(?:[eE][+-]?\d+)?|\d+[uU]?)|(?P<word>[A-Za-z_]\w*)"""
    r"""|(?P<sign>&&|\|\||==|!=|<=|>=|[<>!().,\[\]{}?:+\-*/%]))""",
    re.DOTALL,
)
_LITERALS = ("true", "false", "null")
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
LENGTH_MOST = 4096
_NESTED_MOST = 60


class NotCelError(Exception):
    """The text is no expression; the message says where it ends to be one."""


def check(text: str) -> None:
    """Check an expression.

    Raises:
        NotCelError: It is none.
    """
    if len(text) > LENGTH_MOST:
        raise NotCelError(f"longer than {LENGTH_MOST} characters")
    reader = _Reader(_tokens(text))
    reader.expression()
    if reader.here:
        raise NotCelError(f"unexpected {reader.here!r}")


def _tokens(text: str) -> list[str]:
    found, at = [], _end_of_blank(text, 0)
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise NotCelError(f"unexpected {text[at : at + 10]!r}")
        # A literal is as good as any other: what follows looks at its first character only.
        found.append("0" if match["literal"] else match[match.lastgroup or 0])
        at = _end_of_blank(text, match.end())
    return found


def _end_of_blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return at if match is None else match.end()


class _Reader:
    """Recursive descent; it keeps nothing of what it reads."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens, self._at, self._depth = tokens, 0, 0

    @property
    def here(self) -> str:
        """The token that comes next; empty at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def take(self, *wanted: str) -> bool:
        """Take the next token where it is one of these."""
        found = self.here in wanted and bool(self.here)
        self._at += found
        return found

    def need(self, wanted: str) -> None:
        """Take the next token, which must be this one."""
        if not self.take(wanted):
            raise NotCelError(f"expected {wanted!r} before {self.here!r}" if self.here else f"expected {wanted!r}")

    def expression(self) -> None:
        """`a ? b : c`, and anything that binds more."""
        self._depth += 1
        if self._depth > _NESTED_MOST:
            raise NotCelError("nested too deep")
        self.level(0)
        if self.take("?"):
            self.level(0)
            self.need(":")
            self.expression()
        self._depth -= 1

    def level(self, number: int) -> None:
        """Operators of one level."""
        if number == len(_LEVELS):
            self.unary()
            return
        self.level(number + 1)
        while self.take(*_LEVELS[number]):
            self.level(number + 1)

    def unary(self) -> None:
        """`!a`, `-a`, and what is selected of a value."""
        while self.take("!", "-"):
            pass
        self.primary()
        while True:
            if self.take("."):
                self.word()
                if self.take("("):
                    self.several(")")
            elif self.take("["):
                self.expression()
                self.need("]")
            elif self.take("{"):
                self.pairs()
            else:
                return

    def primary(self) -> None:
        """A value."""
        if self.take("("):
            self.expression()
            self.need(")")
        elif self.take("["):
            self.several("]")
        elif self.take("{"):
            self.pairs()
        elif not self.take("0", *_LITERALS):
            self.take(".")
            self.word()
            if self.take("("):
                self.several(")")

    def word(self) -> None:
        """A name."""
        if not re.fullmatch(r"[A-Za-z_]\w*", self.here) or self.here in _RESERVED:
            raise NotCelError(f"unexpected {self.here!r}" if self.here else "it ends too early")
        self._at += 1

    def several(self, end: str) -> None:
        """Expressions with commas between, up to a bracket; a list may have one at its end."""
        while not self.take(end):
            self.expression()
            if not self.take(","):
                self.need(end)
                return

    def pairs(self) -> None:
        """`a: b` with commas between, up to a brace."""
        while not self.take("}"):
            self.level(0)
            self.need(":")
            self.expression()
            if not self.take(","):
                self.need("}")
                return
