"""Names and texts as GoogleSQL has them, whatever is in them. Pure.

The reconciler has the same in `reconciler.core.googlesql`. There is no room for one: the function's archive has
`runtime.retraining` alone, and the reconciler imports nothing of that but the verdict (decision 066). A test holds that
both say the same.

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
