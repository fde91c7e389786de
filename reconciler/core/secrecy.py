"""Which values look like secrets, so that plans, logs and errors do not show them.

Values of `env` are no secrets by contract: `secrets` is the section for those, and they are named, never read. People
put a token into `env` all the same, and a plan ends up in a pull request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "(hidden)"

_SECRET = re.compile(
    r"token(?!iz|s)|secret|passw|passphrase|api_?key|private_?key|access_?key|credential|dsn", re.IGNORECASE
)


def looks_secret(path: str) -> bool:
    """Tell whether the value at a record's path is to be hidden, going by the variable's name."""
    section, _, name = path.partition(".")
    return section == "env" and bool(_SECRET.search(name))


def masked(path: str, value: Any) -> Any:
    """Give plain data with every value that looks secret hidden.

    Args:
        path: Where `value` stands in its record; empty for the record itself.
        value: Plain data.
    """
    if isinstance(value, Mapping):
        return {key: masked(f"{path}.{key}" if path else str(key), item) for key, item in value.items()}
    return HIDDEN if value is not None and looks_secret(path) else value
