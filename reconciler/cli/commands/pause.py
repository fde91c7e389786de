"""`mlservice pause`: hold a rollout where it is."""

from __future__ import annotations

from reconciler.cli.commands.ordering import command_of

app = command_of(
    "pause",
    "Hold a rollout where it is. Gates go on judging, and what fails them goes back all the same.",
)
