"""A model folder beside the spec becomes the digest of its files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from reconciler.core import errors
from reconciler.core.facts import Facts, Lookup, Question
from reconciler.gcp.reading import sha256_of
from schemas.credentials import LARGEST_BYTES, held, named, text_of
from schemas.redaction import probably_secret

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection
    from schemas import LoadedService, MLService

MAX_MODEL_FILES = 1000
MAX_MODEL_GIB = 64
"""Of all files of a folder together. Twice the memory of the largest Cloud Run instance without a GPU.

Source:
    cloud.google.com/run/docs/configuring/services/memory-limits.
"""

_LONGEST_NAME_BYTES = 900
"""Of 1024 that an object's name may have; the rest is for the folder that it goes into."""

OF_THE_FOLDER = "of-the-folder"
"""In place of a digest that nobody computed."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The files of a model folder on this machine.

    Args:
        digest: SHA-256 over paths and contents, in hexadecimal.
        files: SHA-256 of each file, by its path in the folder.
        folder: Where they are.
        left_out: Hidden files and folders in it, which are no part of the model.
        doubtful: Files that are uploaded, and may hold a key or a token.
    """

    digest: str
    files: Mapping[str, str]
    folder: str
    left_out: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()


def files_of(service: MLService, facts: Facts) -> ModelFiles | None:
    """Give the model's files, when `model.uri` names a folder on this machine."""
    model = service.spec.model
    return facts.find(MODEL_FILES, model.uri) if model and model.uri else None


def _asks(loaded: LoadedService, facts: Facts) -> Iterator[Question]:
    del facts
    model = loaded.service.spec.model
    if model and model.uri and not model.uri.startswith("gs://"):
        yield Question(model.uri, "model.uri", base=str(loaded.file.parent))


def _answer(connection: Connection, question: Question) -> ModelFiles:
    named = question.key
    folder = (Path(question.base) / named).resolve()
    found = sorted(path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    paths = [path for path in found if not _hidden(path.relative_to(folder))]
    if not paths or len(paths) > MAX_MODEL_FILES:
        why = f"'{named}' has more than {MAX_MODEL_FILES} files" if paths else f"there are no files in '{named}'"
        hint = "name the folder that holds the model, beside this file, or a gs:// folder"
        raise errors.Unanswered(why, hint=hint)
    looked = {path: _look(folder, path) for path in paths}
    if wrong := [line for line, _ in looked.values() if line]:
        hint = "take it out of the folder: everything in it is uploaded, and read by whoever may read the model"
        raise errors.Unanswered(f"'{named}' is not uploaded: {'; '.join(wrong)}", hint=hint)
    _refuse_large(named, paths)
    left_out = sorted(
        {path.relative_to(folder).parts[0] for path in found} - {p.relative_to(folder).parts[0] for p in paths}
    )
    made = _digest(folder, paths, connection.stopped)
    doubtful = tuple(path.relative_to(folder).as_posix() for path, (_, doubt) in looked.items() if doubt)
    return replace(made, left_out=tuple(map(_shown, left_out)), doubtful=doubtful)


def _refuse_large(named: str, paths: Sequence[Path]) -> None:
    """Refuse what no server could hold in memory: it was put there by mistake, and would take hours to upload.

    Raises:
        Unanswered: Naming the largest file.
    """
    sizes = {path: path.stat().st_size for path in paths}
    total_gib = sum(sizes.values()) / 2**30
    if total_gib <= MAX_MODEL_GIB:
        return
    largest = max(sizes, key=lambda path: sizes[path])
    why = f"'{named}' has {total_gib:.1f} GiB, and at most {MAX_MODEL_GIB} are uploaded from here"
    hint = f"upload it with `gcloud storage cp` and name the gs:// folder; the largest file is {_shown(largest.name)}"
    raise errors.Unanswered(why, hint=hint)


def _hidden(path: Path) -> bool:
    """Tell what editors, version control and notebooks leave beside a model."""
    return any(part.startswith(".") for part in path.parts)


def _look(folder: Path, path: Path) -> tuple[str, bool]:
    """Say why a file must not be uploaded, nothing when it may be; and whether it may hold a secret all the same."""
    name = path.relative_to(folder).as_posix()
    if unnamable := _unnamable(name):
        return f"{_shown(name)} {unnamable}", False
    if not path.resolve().is_relative_to(folder):
        return f"{name} is a link out of the folder", False
    if not path.is_file():
        return f"{name} is a link to nothing", False
    content = _content(path)
    what = named(path.name) or held(content)
    return (f"{name} looks like {what}", False) if what else ("", probably_secret(text_of(content)))


def _unnamable(name: str) -> str:
    """Say why no object can have a file's name; nothing when one can.

    Source:
        cloud.google.com/storage/docs/objects#naming.
    """
    if _shown(name) != name:
        return "has a name that is not UTF-8, or has a line break in it: rename it"
    too_long = len(name.encode()) > _LONGEST_NAME_BYTES
    return f"has a name longer than {_LONGEST_NAME_BYTES} bytes: rename it" if too_long else ""


def _shown(name: str) -> str:
    """Write a file's name so that it can be printed: a byte that is no character by its number."""
    text = os.fsencode(name).decode(errors="backslashreplace")
    return text.replace("\r", "\\r").replace("\n", "\\n")


def _content(path: Path) -> bytes:
    """Read a file that is small enough to be credentials; of any other nothing."""
    return path.read_bytes() if path.stat().st_size <= LARGEST_BYTES else b""


def _digest(folder: Path, paths: Sequence[Path], stopped: Event) -> ModelFiles:
    files = {str(p.relative_to(folder).as_posix()): sha256_of(p, stopped) for p in paths}
    lines = "".join(f"{digest}  {path}\n" for path, digest in files.items())
    return ModelFiles(hashlib.sha256(lines.encode()).hexdigest(), files, str(folder))


def _assumed(question: Question) -> ModelFiles:
    """Let the folder stand for its files: reading them all takes as long as they are large."""
    del question
    return ModelFiles(OF_THE_FOLDER, {}, "")


MODEL_FILES = Lookup("model_files", ModelFiles, _asks, _answer, assumed=_assumed)
