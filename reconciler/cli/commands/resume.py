"""`mlservice resume`: let a rollout go on that was paused."""

from __future__ import annotations

from reconciler.cli.commands.ordering import command_of

app = command_of(
    "resume",
    "Let a rollout go on that was paused, or whose traffic a hand moved: from where it is, with a whole hold.",
)
