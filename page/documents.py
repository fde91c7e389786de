"""One document's text to plain data: checked by its model, and bounded there. Pure.

What cannot be read is a sentence, and hides no other document.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from schemas.kept import HistoryEntry, Kept, KeptError, PassReport, Standings
from schemas.kept.document import Moment
from schemas.redaction import redacted

Data = dict[str, Any]


def parsed(name: str, text: bytes) -> Data | str:
    """Read a document.

    Args:
        name: As the bucket has it; says what is expected there.
        text: Its content.

    Returns:
        Plain data as its JSON Schema has it, or a sentence that says why it cannot be read.
    """
    model = model_of(name)
    try:
        read = model.read(json.loads(text)).to_json()
        shown: Data = hidden(read if model is Standings else _mended(bounded(read)))
    except KeptError as error:
        return f"cannot read {name}: {error}"
    except (ValueError, RecursionError):
        return f"cannot read {name}: it is no JSON"
    return shown


def model_of(name: str) -> type[Kept]:
    """Say which document lies under a name."""
    if name.startswith("history/"):
        return HistoryEntry
    return Standings if "/standings/" in name else PassReport


_SENTENCES = frozenset(
    (
        *("problem", "problems", "warnings", "why", "reason", "error", "decision", "needsYou", "conditions"),
        *("refused", "rejected", "order", "frozen", "forced"),
    )
)
"""Where a document has sentences: whoever wrote them may have repeated what somebody else answered."""


def hidden(value: Any, *, said: bool = False) -> Any:
    """Hide what looks secret in sentences, at any depth. Passes do so as they write; others write there, too.

    Args:
        value: Plain data.
        said: It is a sentence, or a list of some; an object of one has its own names.
    """
    if isinstance(value, str):
        return _redacted(value) if said else value
    if isinstance(value, dict):
        return {name: hidden(each, said=name in _SENTENCES) for name, each in value.items()}
    return [hidden(each, said=said) for each in value] if isinstance(value, list) else value


@lru_cache(maxsize=1 << 14)
def _redacted(text: str) -> str:
    """Hide it once: the next pass says most things again."""
    return redacted(text)


_MOMENT: TypeAdapter[str] = TypeAdapter(Moment)


def _mended(document: Data) -> Data:
    """Leave out what should be a moment and is none, that alone; what is held has addresses for names of sentences."""
    for each in document.get("orphaned") or ():
        try:
            _MOMENT.validate_python(each["since"])
        except ValidationError:
            each["since"] = ""
    if document.get("canary"):
        held = document["canary"]["held"]
        held.update({address: _redacted(reason) for address, reason in held.items()})
    return document


MOST_ITEMS, LONGEST = 200, 2000
"""What is shown of a list and of a text of a report: their forms have no bounds of their own, as standings have."""


def bounded(value: Any) -> Any:
    """Cut long lists and texts, at any depth."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST else f"{value[:LONGEST]}…"
    if isinstance(value, dict):
        return {name: bounded(each) for name, each in value.items()}
    return [bounded(each) for each in value[:MOST_ITEMS]] if isinstance(value, list) else value
