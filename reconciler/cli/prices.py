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
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "mlservice" / "prices.json"


def prefer_kept() -> None:
    """Price with what was read before, where that is newer than what comes with this version."""
    from reconciler.cost import estimate, prices  # noqa: PLC0415 - late, for start-up

    if prices.prefer(kept_at()):
        estimate.forget()


def keep(document: str) -> None:
    """Keep what was read now, in place of what was read before.

    Args:
        document: JSON.

    Raises:
        OSError: The folder cannot be written to.
    """
    from reconciler.cli.private_file import write_private  # noqa: PLC0415 - late, for start-up
    from reconciler.cost import estimate, prices  # noqa: PLC0415 - late, for start-up

    path = kept_at()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, document)
    prices.forget()
    estimate.forget()
