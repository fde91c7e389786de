"""Values as somebody would write them who wants more than to be shown."""

import random

SNIPPETS = (
    "```", "````", "`", "~~~", "'''", "</details>", "<details open>", "</summary>", "<!-- ", "-->", "--!>",
    "<script>alert(1)</script>", "<img src=https://evil.example/x>", "![x](https://evil.example/x)",
    "[x](javascript:alert(1))", "[x]: https://evil.example", "<https://evil.example>", "https://evil.example/a?b=c",
    "www.evil.example", "a@evil.example", "@acme/team", "@everyone", "#12", "GH-12", "acme/ml#12", "!12", "%1",
    "~bug", "&1", "$1", ":tada:", "*bold*", "**", "__x__", "_", "~~", "| a | b |", "|---|", "|", "\\|", "\\", "\\`",
    "# head", "## ", "- item", "1. item", "+ x", "> quote", "---", "===", "***", "    code", "\t", "\n", "\r\n",
    "\r", "\n\n", "\u2028", "\u2029", "\x0b", "\x0c", "\x00", "\x1b[31m", "\u202e", "\u2066", "\u200b", "\ufeff",
    "\xad", "\U000e0041", "&lt;", "&#60;", "&amp;", "&colon;", "$$x$$", "\\(x\\)", "[ ]", "- [x] done", "[^1]",
    "[^1]: note", "{{ x }}", "${x}", "/label ~bug", "/merge", "/gcbrun", "é", "漢字",
    "\U0001f3f3\ufe0f\u200d\U0001f308", "a", "b c", "12:30", " ", "  ", "http://", "ftp://x", "xmpp:a@b",
    "<a href='x' onclick=y>", "<?php", "<![CDATA[", "]]>", "<b", "'", '"', "mlservice:plan key=plan v1",
)  # fmt: skip
"""Everything that means something to Markdown, to HTML or to a code host, and what is not seen."""


def values(count: int, seed: int = 20261126) -> list[str]:
    """Generated values: pieces put together in every order, and every piece alone."""
    chosen = random.Random(seed)  # noqa: S311 - the same values every time
    made = [*SNIPPETS]
    while len(made) < count + len(SNIPPETS):
        made.append("".join(chosen.choices(SNIPPETS, k=chosen.randint(1, 12))))
    return made
