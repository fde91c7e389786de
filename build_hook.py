"""What a wheel and an sdist hold beside our packages: lock file, workflows, and the commit that they were built of."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

COMMIT = "COMMIT"
PACKED = ("schemas", "reconciler", "runtime", "emulator", "page", "docs/ci/github", "uv.lock", "README.md", "LICENSE")
"""What goes into wheel and sdist, tracked or not: hatchling leaves out only what `.gitignore` says."""


class Hook(BuildHookInterface[Any]):
    """Called by hatchling before each build."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add files. An editable install needs none: it is a clone."""
        if version == "editable":
            return
        root = Path(self.root)
        written = Path(tempfile.mkdtemp()) / COMMIT
        written.write_text(commit_of(root) + "\n", encoding="utf-8")
        below = "" if self.target_name == "sdist" else "reconciler/"
        build_data["force_include"][str(written)] = f"{below}{COMMIT}"
        if self.target_name == "wheel":
            build_data["force_include"][str(root / "uv.lock")] = "reconciler/images/uv.lock"
            build_data["force_include"][str(root / "docs/ci/github")] = "reconciler/cli/workflow_files"


def commit_of(root: Path) -> str:
    """Give the commit of a clone, or of the sdist that this is; `-changed` where files are not as it has them."""
    if (root / COMMIT).is_file() and not (root / ".git").exists():
        return (root / COMMIT).read_text(encoding="utf-8").strip()
    try:
        commit = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
        # By `.gitignore` alone, as hatchling has it: what only this machine's git ignores is packed all the same.
        changed += _git(root, "ls-files", "--others", "--exclude-per-directory=.gitignore", "--", *PACKED)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit}-changed" if changed else commit


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True)  # noqa: S603, S607 - fixed words, and git as it is found
    return done.stdout.strip()
