"""Specs from a git repository: cloned anew at each pass, by a process that is bounded in time, memory and size."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

from reconciler.core import errors
from reconciler.core.bundle import BundleError, digest_of, unpack
from schemas.problems import Problem, SourceRef
from schemas.redaction import HIDDEN, redacted

PATIENCE_S = 120.0
_LONGEST_TOLD = 300
_KEPT = ("PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "SSL_CERT_FILE", "SSL_CERT_DIR", "LANG")
"""Variables that the program has: none with a credential, none that git or its libraries read settings from."""


class CloneRefused(errors.ReconcilerError):
    """The specs of a repository cannot be had, or not be used."""


@dataclass(frozen=True, slots=True)
class Repository:
    """Where specs lie.

    Args:
        address: `https://…`.
        branch: Which.
        folder: In it.
    """

    address: str
    branch: str = "main"
    folder: str = "."

    def __str__(self) -> str:
        """Give the form shown to people."""
        return f"{self.address} (branch {self.branch}, folder {self.folder})"


@dataclass(frozen=True, slots=True)
class Cloned:
    """What was cloned.

    Args:
        archive: The spec files, as a bundle of them.
        files: By path below the folder.
        commit: Which.
        author: Of the commit.
        written: The commit's time, ISO 8601 in UTC.
        odd: Spec files that cannot be used, beside those that can.
    """

    archive: bytes
    files: Mapping[str, bytes]
    commit: str
    author: str
    written: str
    odd: tuple[Problem, ...] = ()


def clone(repository: Repository, token: str = "", *, patience_s: float = PATIENCE_S) -> Cloned:
    """Clone the specs as they are now.

    Args:
        repository: Where.
        token: To read it with, or `user:token`; empty where anybody may.
        patience_s: How long it may take.

    Raises:
        CloneRefused: It cannot be reached or read, takes too long, or holds what is no spec.
    """
    asked = {
        "repository": repository.address,
        "branch": repository.branch,
        "folder": repository.folder,
        "token": token.strip(),
    }
    done = _run(json.dumps(asked).encode(), repository, patience_s)
    said, archive = _answer(done.stdout)
    if "error" in said or "commit" not in said:
        why = said.get("error") or _crash(done, asked["token"])
        raise CloneRefused(f"cannot clone {repository}: {why}", hint=said.get("hint", ""))
    try:
        files = unpack(archive, digest_of(archive))
    except BundleError as error:
        raise CloneRefused(f"cannot use {repository}: {error}") from error
    return Cloned(archive, files, said["commit"], said["author"], said["written"], _odd(said["odd"]))


def _odd(told: list[dict[str, str]]) -> tuple[Problem, ...]:
    return tuple(Problem(SourceRef(each["name"]), each["why"], each["hint"], rule="file") for each in told)


def _run(asked: bytes, repository: Repository, patience_s: float) -> subprocess.CompletedProcess[bytes]:
    """Run the program. It takes no module from the folder that this runs in: specs may lie there, and code too."""
    with TemporaryDirectory(prefix="mlservice-clone-") as home:
        env = {name: value for name in _KEPT if (value := os.environ.get(name))} | {"HOME": home}
        try:
            return subprocess.run(
                [sys.executable, "-P", "-m", "reconciler.hosts.cloning"],
                input=asked,
                capture_output=True,
                timeout=patience_s,
                check=False,
                env=env,
            )
        except subprocess.TimeoutExpired as error:
            raise CloneRefused(f"cannot clone {repository}: it took more than {patience_s:g} s") from error


def _answer(stdout: bytes) -> tuple[dict[str, Any], bytes]:
    """Read what the program wrote: a line of JSON, empty where it is none, and the files."""
    line, _, archive = stdout.partition(b"\n")
    try:
        said = json.loads(line)
    except ValueError:
        said = {}
    return said if isinstance(said, dict) else {}, archive


def _crash(done: subprocess.CompletedProcess[bytes], token: str) -> str:
    """Say how the program ended that told nothing: of its traceback the last line, without what may be a secret."""
    lines = done.stderr.decode("utf-8", "replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    for secret in {token, token.rpartition(":")[2]} - {""}:
        last = last.replace(secret, HIDDEN)
    how = f"signal {-done.returncode}" if done.returncode < 0 else f"status {done.returncode}"
    told = "".join(sign if sign.isprintable() else "?" for sign in redacted(last)[:_LONGEST_TOLD])
    return f"the program that clones ended with {how}{f': {told}' if told else ''}"
