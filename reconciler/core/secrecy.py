"""Which values look like secrets, so that plans, logs and errors do not show them.

Values of `env` are no secrets by contract: `secrets` is the section for those, and they are named, never read. People
put a token into `env` all the same, and a plan ends up in a pull request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.checks import environment

HIDDEN = "(hidden)"


def looks_secret(path: str, value: Any) -> bool:
    """Tell whether a value is to be hidden: an environment variable whose name or value says secret.

    Args:
        path: Where it stands in its record, such as `env.API_TOKEN`.
        value: Plain data; None, which is absent, hides nothing.
    """
    section, _, name = path.partition(".")
    return section == "env" and bool(name) and value is not None and environment.looks_secret(name, str(value))


def masked(path: str, value: Any) -> Any:
    """Give plain data with every value that looks secret hidden.

    Args:
        path: Where `value` stands in its record; empty for the record itself.
        value: Plain data.
    """
    if isinstance(value, Mapping):
        return {key: masked(f"{path}.{key}" if path else str(key), item) for key, item in value.items()}
    return HIDDEN if looks_secret(path, value) else value
