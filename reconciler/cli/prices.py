"""Where prices are kept that were read from Google's catalog: a file of the user's, or one that a team shares."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "MLSERVICE_PRICES"


def named() -> str:
    """Give the file that somebody chose; empty for none."""
    return os.environ.get(VARIABLE, "")


def kept_at() -> Path:
    """Give the file: MLSERVICE_PRICES, else `mlservice/prices.json` in the user's cache."""
    if chosen := named():
        return Path(chosen)
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - who has no home may plan
    return Path(cache) / "mlservice" / "prices.json"


def prefer_kept() -> str:
    """Price with what was read before, where that is newer than what comes with this version.

    Returns:
        The first time, why it cannot be used: another machine may price otherwise, and block. Empty where it is.
    """
    from reconciler.cost import prices  # noqa: PLC0415 - late, for start-up

    if not prices.prefer(kept_at()):
        return ""
    path = kept_at()
    missing = f"{path}: no such file" if named() and not path.exists() else ""
    why = prices.snapshot().trouble or missing
    return why and f"prices are those of this version: what was read before cannot be used: {why}"


def say_trouble(why: str) -> None:
    """Tell people what `prefer_kept` gives."""
    from reconciler.cli.console import say  # noqa: PLC0415 - late, for start-up

    if why:
        say(why, "yellow")


def keep(document: str) -> None:
    """Keep what was read now, in place of what was read before.

    Args:
        document: JSON.

    Raises:
        OSError: The folder cannot be written to.
    """
    from reconciler.cli.private_file import write_private  # noqa: PLC0415 - late, for start-up
    from reconciler.cost import prices  # noqa: PLC0415 - late, for start-up

    path = kept_at()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, document)
    prices.forget()
