"""A model folder beside the spec becomes the digest of its files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.core import errors
from reconciler.core.facts import Facts, Lookup, Question

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection
    from schemas import LoadedService, MLService

MAX_MODEL_FILES = 1000


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The files of a model folder on this machine.

    Args:
        digest: SHA-256 over paths and contents, in hexadecimal.
        files: SHA-256 of each file, by its path in the folder.
        folder: Where they are.
    """

    digest: str
    files: Mapping[str, str]
    folder: str


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
    del connection
    folder = (Path(question.base) / question.key).resolve()
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and not _hidden(p.relative_to(folder)))
    if not paths or len(paths) > MAX_MODEL_FILES:
        named = question.key
        why = f"'{named}' has more than {MAX_MODEL_FILES} files" if paths else f"there are no files in '{named}'"
        hint = "name the folder that holds the model, beside this file, or a gs:// folder"
        raise errors.Unanswered(why, hint=hint)
    return _digest(folder, paths)


def _hidden(path: Path) -> bool:
    """Tell what editors, version control and notebooks leave beside a model."""
    return any(part.startswith(".") for part in path.parts)


def _digest(folder: Path, paths: Sequence[Path]) -> ModelFiles:
    files = {str(p.relative_to(folder).as_posix()): _sha256(p) for p in paths}
    lines = "".join(f"{digest}  {path}\n" for path, digest in files.items())
    return ModelFiles(hashlib.sha256(lines.encode()).hexdigest(), files, str(folder))


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


MODEL_FILES = Lookup("model_files", ModelFiles, _asks, _answer)
