"""`mlservice retry`: try a version again that was rejected."""

from __future__ import annotations

from reconciler.cli.commands.ordering import command_of

app = command_of(
    "retry",
    "Try a version again that was rejected: another revision of it is made, and goes out as any.",
)
