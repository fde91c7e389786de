"""Where specs come from, as git and the CI's variables tell, and who is at work here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from reconciler.cli.git import told


@dataclass(frozen=True, slots=True)
class Origin:
    """Where specs come from.

    Args:
        commit: Empty where there is none.
        author: Of the commit.
        written: The commit's time, ISO 8601 in UTC; empty where there is none.
        run: Address of the CI run.
        uncommitted: There are changes that no commit has.
    """

    commit: str = ""
    author: str = ""
    written: str = ""
    run: str = ""
    uncommitted: bool = False

    @classmethod
    def of(cls, path: Path | None) -> Origin:
        """Ask git and the CI's variables. A folder without git has no commit, and its time is now.

        Args:
            path: Of a spec or its folder; None where there is none.
        """
        from reconciler.hosts.surroundings import place_of as job_of  # noqa: PLC0415 - late, for start-up

        run = job_of(os.environ).run
        if path is None:
            return cls(run=run)
        folder = path if path.is_dir() else path.parent
        lines = told(folder, "log", "-1", "--format=%H%n%an <%ae>%n%ct").splitlines()
        if len(lines) != len(("commit", "author", "time")):
            return cls(run=run)
        dirty = bool(told(folder, "status", "--porcelain", "--untracked-files=no"))
        commit, author, seconds = lines
        written = datetime.fromtimestamp(int(seconds), UTC).isoformat(timespec="seconds")
        return cls(commit, author, written, run, dirty)
