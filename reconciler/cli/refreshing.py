"""Prices that are read anew, kept, and told of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reconciler.cli.console import say
from reconciler.cli.planning import working
from reconciler.cli.prices import VARIABLE, keep, kept_at, named
from reconciler.core import errors

if TYPE_CHECKING:
    from reconciler.cli.planning import Target


def refresh_prices(target: Target) -> dict[str, Any]:
    """Read prices, keep them, and say what became of them.

    Raises:
        ApiError: The catalog cannot be read; what was read before stays.
        UsageError: They would be the emulator's, in the place of Google's.
    """
    from reconciler.engine.refreshing import read_prices  # noqa: PLC0415 - late, for start-up

    if target.local and not named():
        why = "prices of the emulator would stand in the place of Google's"
        raise errors.UsageError(why, hint=f"leave out --local, or set {VARIABLE} to a file of their own")
    with working(target, quiet=True) as session:
        found, day = read_prices(session), f"{session.clock.now():%Y-%m-%d}"
    keep(json.dumps(found.document(day), indent=1))
    for why in found.kept:
        say(f"kept as it comes with this version: {why}", "yellow")
    changed = f"{len(found.changed)} of them changed" if found.changed else "none of them changed"
    say(f"{len(found.usd)} prices read from Google's catalog, {changed}; kept in {kept_at()}", "dim")
    return {"asOf": day, "read": sorted(found.usd), "changed": list(found.changed), "kept": list(found.kept)}
