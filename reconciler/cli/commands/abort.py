"""`mlservice abort`: take a version back that is on its way."""

from __future__ import annotations

from reconciler.cli.commands.ordering import command_of

app = command_of(
    "abort",
    "Take a version back that is on its way: the one before gets everything, and this one nothing until a retry.",
)
