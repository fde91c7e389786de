"""From text to one statement."""

from __future__ import annotations

import re
from typing import cast

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from emulator.apis.bigquery import errors

MOST_CHARACTERS = 1024 * 1024
"""Of an unresolved query. Source: cloud.google.com/bigquery/quotas#query_jobs."""
SCRIPT = re.compile(
    r"^\s*(DECLARE|BEGIN|IF|WHILE|LOOP|FOR|CALL|EXECUTE\s+IMMEDIATE|RAISE|SET|ASSERT|GRANT|REVOKE|EXPORT\s+DATA|LOAD\s+DATA)\b",
    re.IGNORECASE,
)


def statement(text: str) -> exp.Expression:
    """The one statement of a query.

    Raises:
        BigQueryError: It is none, or there are several.
    """
    if not text.strip():
        raise errors.bad_query("Syntax error: Unexpected end of statement")
    if len(text) > MOST_CHARACTERS:
        raise errors.bad_query("The query is too large. The maximum standard SQL query length is 1024.00K characters")
    script = SCRIPT.match(text)
    if script:
        raise errors.unimplemented(f"the statement {' '.join(script[1].upper().split())}")
    found = [each for each in parsed(text) if each is not None]
    if len(found) != 1:
        raise (
            errors.unimplemented("scripts: one statement per query")
            if found
            else errors.bad_query("Syntax error: Unexpected end of statement")
        )
    return found[0]


def parsed(text: str) -> list[exp.Expression | None]:
    """Every statement in a text.

    Raises:
        BigQueryError: There is a mistake in it.
    """
    try:
        return [cast("exp.Expression | None", each) for each in sqlglot.parse(text, read="bigquery")]
    except ParseError as error:
        raise errors.bad_query(explained(error)) from None
    except (TokenError, RecursionError, ValueError) as error:
        raise errors.bad_query(f"Syntax error: {str(error).splitlines()[0]}") from None


def explained(error: ParseError) -> str:
    """A mistake as BigQuery says it: what is unexpected, and where."""
    first = error.errors[0] if error.errors else {}
    word, line, end = str(first.get("highlight") or ""), first.get("line"), first.get("col")
    if line is None or end is None:
        return f"Syntax error: {str(error).splitlines()[0]}"
    column = max(1, int(end) - len(word) + 1)
    what = f"Unexpected identifier {quoted(word)}" if word.isidentifier() else f'Unexpected "{word}"'
    return f"Syntax error: {what if word else 'Unexpected end of script'} at [{line}:{column}]"


def quoted(word: str) -> str:
    """A word in quotes."""
    return f'"{word}"'


def place(text: str, name: str) -> str:
    """Where a name first stands in a query, as BigQuery writes places; nothing where it does not."""
    found = re.search(rf"(?<![\w`.])`?{re.escape(name)}\b", text, re.IGNORECASE)
    if found is None:
        return ""
    before = text[: found.start()]
    return f" at [{before.count(chr(10)) + 1}:{found.start() - (before.rfind(chr(10)) + 1) + 1}]"


def only(named: list[exp.Table]) -> exp.Table:
    """What a statement names, where it may name one.

    Raises:
        BigQueryError: It names several.
    """
    if len(named) != 1:
        raise errors.bad_query('Syntax error: Expected end of input but got ","')
    return named[0]
