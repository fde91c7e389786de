"""What had to be looked up before a spec says exactly what it wants: plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


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


@dataclass(frozen=True, slots=True)
class Facts:
    """Names that move, resolved to names that do not, for one service.

    Args:
        project: Project id.
        bucket: Bucket that holds the inventory and uploaded models.
        image: Image reference with digest, or as written when it cannot be resolved.
        secrets: Version number per (secret, version as written).
        model: The model folder, when `model.uri` names one on this machine.
        attempt: Set to try a revision that failed once more; it makes the template a new one.
    """

    project: str
    bucket: str
    image: str = ""
    secrets: Mapping[tuple[str, str], str] = field(default_factory=dict)
    model: ModelFiles | None = None
    attempt: str = ""
