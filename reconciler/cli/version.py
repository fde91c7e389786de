"""Which version this is, and of which commit: what a bug report needs."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from reconciler.cli.git import told

PACKAGE = Path(__file__).resolve().parents[1]


def version_line() -> str:
    """Give `mlservice 0.1.0 (commit 57198f6…)`; in a clone the commit that is checked out."""
    commit = _written() or _checked_out()
    return f"mlservice {version('mlservice')} (commit {commit or 'unknown'})"


def _written() -> str:
    """Read the commit that a wheel was built of."""
    try:
        return (PACKAGE / "COMMIT").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _checked_out() -> str:
    clone = PACKAGE.parent
    if not (clone / ".git").exists():
        return ""
    return told(clone, "rev-parse", "HEAD")
