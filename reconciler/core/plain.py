"""Documents as JSON that hides secrets, for every place that prints or logs one."""

from __future__ import annotations

import json
from typing import Any

from schemas.redaction import redacted_data


def in_json(document: Any, indent: int | None = 1) -> str:
    """Give a document as JSON, in characters that every terminal shows and none obeys.

    Args:
        document: What looks like a secret in its texts is hidden; what JSON has no number for is null.
        indent: Spaces a level; None for one line.
    """
    plain = json.loads(json.dumps(document, default=str), parse_constant=lambda _: None)
    return json.dumps(redacted_data(plain), indent=indent).replace("\x7f", "\\u007f")
