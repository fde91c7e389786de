"""Names within a model folder: they come from specs and buckets, and none of them may lead out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class SourceError(Exception):
    """The model is not there, or not readable. The message says where we looked."""


def inside(folder: Path, name: str) -> Path:
    """Give the path of `name` in `folder`; links and `..` that lead out of it are refused.

    Raises:
        SourceError: It leads out.
    """
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise SourceError(f"{name!r} is not inside the model folder")
    return path
