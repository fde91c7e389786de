"""A commit on a new branch, made beside the working tree: neither it nor the branch that is checked out moves."""

from __future__ import annotations

import tempfile
from pathlib import Path

from reconciler.cli.git import git
from reconciler.core import errors


class Repository:
    """The git repository that a file is in.

    Raises:
        UsageError: It is in none, or git is not installed.
    """

    def __init__(self, file: Path) -> None:
        self._file = file.resolve()
        self._folder = self._file.parent
        self.root = Path(self._git("rev-parse", "--show-toplevel"))
        self.path = self._file.relative_to(self.root.resolve()).as_posix()

    def check(self, branch: str) -> None:
        """Make sure that a branch can be made, and that the file is as it was committed.

        Raises:
            UsageError: It cannot, or is not.
        """
        if self._try("check-ref-format", f"refs/heads/{branch}") is None or branch.startswith("-"):
            raise errors.UsageError(f"'{branch}' is not the name of a branch")
        if self._try("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}") is not None:
            raise errors.UsageError(f"there is a branch '{branch}' already", hint="name another one, or delete it")
        if self._try("diff", "--quiet", "HEAD", "--", self.path) is None:
            raise errors.UsageError(f"{self._file.name} is not as it was committed", hint="commit or undo that first")

    def check_remote(self, branch: str, remote: str) -> None:
        """Make sure that a branch can be pushed, before anything is made.

        Raises:
            UsageError: There is no such remote, it does not answer, or it has the branch.
        """
        if self._try("remote", "get-url", "--", remote) is None:
            raise errors.UsageError(f"there is no remote '{remote}' to push to", hint="git remote add, or no --push")
        if self._git("ls-remote", "--heads", "--", remote, f"refs/heads/{branch}"):
            raise errors.UsageError(f"{remote} has a branch '{branch}' already", hint="name another one")

    def commit(self, branch: str, text: str, message: str) -> str:
        """Make a branch of what is checked out, with one commit more that changes the file.

        Returns:
            Hash of the commit.

        Raises:
            UsageError: git refuses, such as for want of a name and e-mail.
        """
        head = self._git("rev-parse", "HEAD")
        mode = self._mode()
        with tempfile.TemporaryDirectory(prefix="mlservice-git-") as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            self._git("read-tree", head, env=index)
            blob = self._git("hash-object", "-w", "--stdin", "--path", self.path, stdin=text)
            self._git("update-index", "--cacheinfo", f"{mode},{blob},{self.path}", env=index)
            tree = self._git("write-tree", env=index)
        made = self._git("commit-tree", tree, "-p", head, "-F", "-", stdin=message)
        self._git("update-ref", f"refs/heads/{branch}", made, "0" * len(made))
        return made

    def push(self, branch: str, remote: str) -> None:
        """Push the branch.

        Raises:
            UsageError: git refuses.
        """
        self._git("push", "--quiet", "--", remote, f"refs/heads/{branch}:refs/heads/{branch}")

    def drop(self, branch: str, commit: str) -> None:
        """Take back a branch that was made, unless it moved on."""
        self._try("update-ref", "-d", f"refs/heads/{branch}", commit)

    def _mode(self) -> str:
        """Give the file's mode as git keeps it; a link is never written through."""
        listed = self._git("ls-tree", "HEAD", "--", self.path)
        mode = listed.partition(" ")[0]
        if mode not in {"100644", "100755"}:
            raise errors.UsageError(f"{self._file.name} is no file that was committed", hint="commit it first")
        return mode

    def _try(self, *words: str) -> str | None:
        try:
            return self._git(*words)
        except errors.UsageError:
            return None

    def _git(self, *words: str, stdin: str = "", env: dict[str, str] | None = None) -> str:
        folder, instead = getattr(self, "root", self._folder), "use --write, and commit the change"
        return git(folder, *words, stdin=stdin, env=env, instead=instead)
