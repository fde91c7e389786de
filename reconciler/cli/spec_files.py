"""Which file a service was planned from, as an inventory remembers it: a mark that tells no path and no repository."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.git import told

if TYPE_CHECKING:
    from reconciler.core.inventory import SpecFile
    from schemas import Loaded

_REMOTE = re.compile(r"(?:[a-z+]+://)?(?:[^@/]*@)?(?P<host>[^/:]+)[/:]+(?P<path>.*?)(?:\.git)?/*")


def files_of(documents: Iterable[Loaded]) -> Mapping[str, SpecFile]:
    """Give the file of each document, by the document's name.

    Its mark is the same in every clone of a repository, whoever made it and wherever it lies, and another for another
    environment of the same file, whose services may have other names. Without a repository it is this machine's.
    """
    from reconciler.core.inventory import SpecFile  # noqa: PLC0415 - late, for start-up
    from reconciler.core.naming import fingerprint  # noqa: PLC0415 - late, for start-up

    return {
        each.name: SpecFile(str(each.file), fingerprint([*_place_of(each.file), each.environment or ""], length=32))
        for each in documents
    }


def _place_of(file: Path) -> tuple[str, str]:
    """Give the repository of a file, and its path there."""
    whole = file.resolve()
    above = next((each for each in whole.parents if (each / ".git").exists()), None)
    if above is None:
        return platform.node(), str(whole)
    return _repository_of(above), whole.relative_to(above).as_posix()


@cache
def _repository_of(folder: Path) -> str:
    """Name a repository as all its clones do; one that nobody cloned by where it lies."""
    found = _REMOTE.fullmatch(told(folder, "config", "--get", "remote.origin.url"))
    return f"{found['host']}/{found['path']}".lower() if found else f"{platform.node()}:{folder}"
