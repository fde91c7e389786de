"""The retraining function's program, as this version of mlservice brings it: one archive, the same on every machine."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.core import errors
from reconciler.core.facts import Facts, Lookup, Question

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection
    from schemas import LoadedService, MLService

KEY = "retraining"
ENTRY_POINT = "main"
PACKAGE = "runtime/retraining"
"""Where the program's files lie in the archive: as they are imported."""
_FIXED: Mapping[str, bytes] = {
    "main.py": b"from runtime.retraining.function import main\n\n__all__ = ['main']\n",
    "requirements.txt": b"functions-framework>=3.9\ngoogle-auth>=2.40\npyyaml>=6\nrequests>=2.32\n",
    "runtime/__init__.py": b"",
}
_DIGEST_LENGTH = 32
"""Hexadecimal digits: a label's value has 63 characters at most."""
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The first moment that a zip file can name."""
_UNIX, _PLAIN_FILE = 3, 0o100644 << 16


@dataclass(frozen=True, slots=True)
class FunctionSource:
    """The program.

    Args:
        digest: SHA-256 of its archive, shortened.
        folder: Where its files are on this machine.
    """

    digest: str
    folder: str


def source_of(service: MLService, facts: Facts) -> FunctionSource | None:
    """Give the program, when the spec wants the function."""
    return facts.find(FUNCTION_SOURCE, KEY) if service.spec.retraining is not None else None


def archive(folder: Path) -> bytes:
    """Make the archive of a program's folder.

    The same files give the same bytes on every machine: sorted, without times, owners and compression, which differ
    between systems and versions of zlib.

    Args:
        folder: Its Python files go to `PACKAGE`, beside what a function needs.
    """
    files = {f"{PACKAGE}/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in folder.rglob("*.py")}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as written:
        for name, content in sorted({**_FIXED, **files}.items()):
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.create_system, entry.external_attr = _UNIX, _PLAIN_FILE
            written.writestr(entry, content)
    return made.getvalue()


def digest_of(content: bytes) -> str:
    """Give the digest by which an archive is called."""
    return hashlib.sha256(content).hexdigest()[:_DIGEST_LENGTH]


def _asks(loaded: LoadedService, facts: Facts) -> Iterator[Question]:
    del facts
    if loaded.service.spec.retraining is not None:
        yield Question(KEY, "retraining")


def _assumed(question: Question) -> FunctionSource:
    """Let any program stand for it."""
    del question
    return FunctionSource("", "")


def _answer(connection: Connection, question: Question) -> FunctionSource:
    """Find the program without importing it.

    Raises:
        Unanswered: It is not installed here.
    """
    del connection, question
    spec = find_spec("runtime")
    folder = Path(spec.origin).parent / "retraining" if spec and spec.origin else None
    if folder is None or not folder.is_dir():
        raise errors.Unanswered("the retraining function is not installed here", hint="install mlservice whole")
    return FunctionSource(digest_of(archive(folder)), str(folder))


FUNCTION_SOURCE = Lookup("function_source", FunctionSource, _asks, _answer, assumed=_assumed)
