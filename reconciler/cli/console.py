"""Where output goes: results to stdout, everything about them to stderr; colour on a terminal, none in a pipe."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console
    from rich.text import Text

    from schemas import Problem


def _console(*, stderr: bool) -> Console:
    from rich.console import Console  # noqa: PLC0415 - late, for start-up

    # Long lines stay whole in a pipe: people grep them.
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 10_000
    return Console(stderr=stderr, highlight=False, soft_wrap=True, width=width, emoji=False)


def out(text: Text | str) -> None:
    """Print a result. What looks like a secret in it is hidden."""
    _console(stderr=False).print(clean(text), end="" if str(text).endswith("\n") else "\n", markup=False)


def say(text: Text | str, style: str | None = None) -> None:
    """Tell what is going on. What looks like a secret in it is hidden."""
    _console(stderr=True).print(clean(text), style=style, end="" if str(text).endswith("\n") else "\n", markup=False)


def data(document: Any) -> None:
    """Print a result for programs: JSON that stays JSON, whatever is in it; what looks like a secret is hidden."""
    from reconciler.core.plain import in_json  # noqa: PLC0415 - late, for start-up

    raw(_HASHES.sub("#\\\\u0023", in_json(document)))  # the same text, which no runner obeys


def raw(text: str) -> None:
    """Print what a program reads, as it is: a shell's variables, a schema, a model's own answer."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
    sys.stdout.flush()


def clean(text: Text | str) -> Text | str:
    """Hide secrets and show what would not be seen: the last look before anything is printed."""
    from schemas.redaction import HIDDEN, merged, redacted, secrets_in  # noqa: PLC0415 - late, for start-up

    if isinstance(text, str):
        return _powerless(_UNSEEN.sub(_seen, redacted(text)))
    text = _replaced(text, [(start, end, HIDDEN) for start, end in merged(secrets_in(text.plain))])
    text = _replaced(text, [(*found.span(), _seen(found)) for found in _UNSEEN.finditer(text.plain)])
    orders = _ORDERS.finditer(text.plain) if _of_a_job() else ()
    return _replaced(text, [(*found.span(), _broken(found)) for found in orders])


def _of_a_job() -> bool:
    return any(os.environ.get(name) for name in ("CI", "GITHUB_ACTIONS", "TF_BUILD"))


def _powerless(text: str) -> str:
    """Break what the runner of a job would obey: whoever opens a pull request chooses values that we print."""
    return _ORDERS.sub(_broken, text) if _of_a_job() else text


_HASHES = re.compile(r"##(?=\[|vso\[)")
_ORDERS = re.compile(r"(?<=#)#(?=\[|vso\[)|^[^\S\n]*:(?=:)", re.MULTILINE)
"""GitHub's runner obeys `##[name]` anywhere and `::name::` where a line begins, Azure's `##vso[name]`.

Source:
    https://github.com/actions/runner, ActionCommand.cs; https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""


def _broken(found: re.Match[str]) -> str:
    return f" {found[0]}" if found[0] == "#" else f"{found[0]} "


def _replaced(text: Text, parts: list[tuple[int, int, str]]) -> Text:
    """Put something else for parts of a styled text; everything around them keeps its style."""
    pieces = text.divide([at for start, end, _ in parts for at in (start, end)]) if parts else [text]
    done = text.blank_copy()
    for number, piece in enumerate(pieces):
        done.append(parts[number // 2][2] if number % 2 else piece)
    return done


_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
"""What moves the cursor, colours the screen, turns text around or cannot be written as UTF-8: whoever may name a live
object, or write a file of numbers that is shown, can write it."""


def _seen(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def someone_is_there() -> bool:
    """Tell whether a question could be answered."""
    return sys.stdin.isatty()


def confirmed(question: str) -> bool:
    """Ask, on stderr, so that a result on stdout stays whole.

    Raises:
        UsageError: There is nobody to ask.
    """
    import typer  # noqa: PLC0415 - late, for start-up

    from reconciler.core.errors import UsageError  # noqa: PLC0415 - late, for start-up

    if not someone_is_there():
        raise UsageError("there is nobody to ask", hint="add --yes")
    return bool(typer.confirm(question, err=True))


def show_problems(problems: Iterable[Problem]) -> None:
    """Print problems with their hints."""
    for problem in problems:
        say(str(problem), "yellow" if problem.severity == "warning" else "red")
        if problem.hint:
            say(f"  hint: {problem.hint}", "dim")
