"""Values in Markdown: whoever may name a live object or open a pull request can write them, so all of them are hostile.

A value may not end what it stands in, begin anything of its own, call anybody, name an issue, load an image or be a
link. In a code block it stays as it is, behind a fence that is longer than any run of backticks in it; elsewhere every
sign that means something to Markdown or HTML is a character reference, and a name that would be called is broken.

Source:
    https://github.github.com/gfm/: backslash escapes are not enough, as extended autolinks, `@` and `#12` know none.
"""

from __future__ import annotations

import re

from schemas.redaction import redacted

_ACTIVE = re.compile(
    r"[\\`*\[\]<>&|~@$#]"  # Markdown, HTML, tables, mathematics, calls
    r"|(?<![^\W_])_|_(?![^\W_])"  # emphasis: within a word it is none
    r"|^[-+=/:!^{(.]|^\d+(?=[.)])"  # what begins a list, a rule, a setext heading, a quick action of GitLab's
    r"|:(?=/)|(?<=www)\.",  # addresses that are linked by themselves
    re.IGNORECASE,
)
"""Signs that mean something where they stand. What means nothing is left readable."""
_CALLS = re.compile(r"(?<=[@#!&%$~:])(?=[\w\"{\[])|(?<=\bGH)(?=-\d)", re.IGNORECASE)
"""Where a zero-width space keeps a name from being called: `@team`, `#12`, `!3`, `&1` and `%2` (GitLab), `:smile:`."""
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_SURROGATES = re.compile("[\ud800-\udfff]")
_BREAK = "\u200b"


def visible(text: str) -> str:
    """Show what would not be seen, or would turn text around, as its number."""
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", _SURROGATES.sub("\ufffd", text))


def inline(text: str) -> str:
    """Give a value as part of a line, with what looks like a secret hidden: afterwards nobody would recognise it."""
    return escaped(redacted(text))


def escaped(text: str) -> str:
    """Give a value, in which secrets are hidden already, as part of a paragraph, a heading, a list or a cell."""
    line = visible(" ".join(re.split(r"[\r\n\t]+", text))).strip()
    broken = _CALLS.sub(_BREAK, line)
    return _ACTIVE.sub(lambda found: "".join(f"&#{ord(sign)};" for sign in found[0]), broken)


def code_block(text: str, language: str = "") -> list[str]:
    """Give a value as a block of code, as lines: the first and the last are the fences."""
    lines = [visible(line) for line in re.split(r"\r\n|\r|\n", text)]
    longest = max((len(run) for line in lines for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", *lines, fence]
