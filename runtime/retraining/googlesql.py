"""Names and texts as GoogleSQL has them, whatever is in them. Pure.

The reconciler has its own half, `reconciler.core.googlesql`: the function is a program of its own, and a test holds
that both say the same.

Source:
    https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical: identifiers in backquotes and literals have
    the same escapes; a literal in single quotes has no end of a line in it.
"""

from __future__ import annotations


def identifier(name: str) -> str:
    """Give a name of a column or a table."""
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


def literal(text: str) -> str:
    """Give a text."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{escaped}'"
