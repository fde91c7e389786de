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

PATIENCE_S = 120.0
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
    said, archive = _run(json.dumps(asked).encode(), repository, patience_s)
    if "error" in said or "commit" not in said:
        why = said.get("error", "the program that clones ended without an answer")
        raise CloneRefused(f"cannot clone {repository}: {why}", hint=said.get("hint", ""))
    try:
        files = unpack(archive, digest_of(archive))
    except BundleError as error:
        raise CloneRefused(f"cannot use {repository}: {error}") from error
    return Cloned(archive, files, said["commit"], said["author"], said["written"], _odd(said["odd"]))


def _odd(told: list[dict[str, str]]) -> tuple[Problem, ...]:
    return tuple(Problem(SourceRef(each["name"]), each["why"], each["hint"], rule="file") for each in told)


def _run(asked: bytes, repository: Repository, patience_s: float) -> tuple[dict[str, Any], bytes]:
    with TemporaryDirectory(prefix="mlservice-clone-") as home:
        env = {name: value for name in _KEPT if (value := os.environ.get(name))} | {"HOME": home}
        try:
            done = subprocess.run(
                [sys.executable, "-m", "reconciler.hosts.cloning"],
                input=asked,
                capture_output=True,
                timeout=patience_s,
                check=False,
                env=env,
            )
        except subprocess.TimeoutExpired as error:
            raise CloneRefused(f"cannot clone {repository}: it took more than {patience_s:g} s") from error
    line, _, archive = done.stdout.partition(b"\n")
    try:
        said = json.loads(line)
    except ValueError:
        said = {}
    return said if isinstance(said, dict) else {}, archive
