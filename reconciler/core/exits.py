"""Exit codes of commands and passes, as users of Terraform know them; nothing else says a number."""

from __future__ import annotations

FAILED = 1
BLOCKED = 3
"""A policy, or what a spec protects, keeps it from being done."""
PARTLY = 4
"""Some changes were made, and some were not."""
WRONG_USAGE = 64
