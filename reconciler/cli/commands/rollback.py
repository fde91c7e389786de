"""`mlservice rollback`: go back to the version before."""

from __future__ import annotations

from reconciler.cli.commands.ordering import command_of

app = command_of(
    "rollback",
    "Go back to the version before, also after a rollout ended: what serves now gets nothing until a retry.",
)
