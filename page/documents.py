"""One document's text to plain data: checked by its model, and bounded there. Pure.

What cannot be read is a sentence, and hides no other document.
"""

from __future__ import annotations

import json
from typing import Any

from schemas.kept import HistoryEntry, Kept, KeptError, PassReport, Standings

Data = dict[str, Any]


def parsed(name: str, text: bytes) -> Data | str:
    """Read a document.

    Args:
        name: As the bucket has it; says what is expected there.
        text: Its content.

    Returns:
        Plain data as its JSON Schema has it, or a sentence that says why it cannot be read.
    """
    try:
        return model_of(name).read(json.loads(text)).to_json()
    except KeptError as error:
        return f"cannot read {name}: {error}"
    except (ValueError, RecursionError):
        return f"cannot read {name}: it is no JSON"


def model_of(name: str) -> type[Kept]:
    """Say which document lies under a name."""
    if name.startswith("history/"):
        return HistoryEntry
    return Standings if "/standings/" in name else PassReport
