"""Arguments that name services, and the names in spec files, for the shell to complete: read fast, without a word."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from reconciler.cli.options import DEFAULT_FILE

_MOST_FOLDERS, _MOST_FILES, _MOST_BYTES = 200, 500, 2 << 20
"""Of what is looked into: somebody waits for the shell, and a folder may be the root of a disk."""
_MOST_TOLD = 10
_SERVICE = "MLService"
"""The kind of a document that says none."""
_CALLED = re.compile(r"[a-z]([-a-z0-9]{0,47}[a-z0-9])?")
"""What a service may be called: shells read what completion answers, and a terminal what is told."""

N = TypeVar("N", str, list[str], None)


def services_in(ctx: typer.Context, incomplete: str) -> list[str]:
    """Give the services of the files that `--file` names, or of the one beside us.

    Args:
        ctx: Of the command, as far as it was typed.
        incomplete: How the name begins.
    """
    named = ctx.params.get("file") or DEFAULT_FILE  # of some commands one file, of others several
    return [name for name in _services([named] if isinstance(named, Path) else named) if name.startswith(incomplete)]


def _services(paths: Iterable[Path]) -> list[str]:
    """Give the names of the services that files and folders have, sorted, as far as there is time to look."""
    left, found = _MOST_BYTES, set[str]()
    for file in islice(chain.from_iterable(map(_files, paths)), _MOST_FILES):
        content = _content(file)
        left -= len(content)
        if left < 0:
            break
        found.update(_names(content))
    return sorted(found)


def _files(path: Path) -> Iterator[Path]:
    from schemas.files import below  # noqa: PLC0415 - late, for start-up

    if os.path.isdir(path):  # noqa: PTH112 - a `Path` raises where a name is too long, or may not be looked at
        return chain.from_iterable(islice(below(path), _MOST_FOLDERS))
    return iter([path])


def _content(file: Path) -> bytes:
    """Give what a file has; nothing of one that cannot be read, and of pipes and devices, which may never end."""
    from schemas import SpecError  # noqa: PLC0415 - late, for start-up
    from schemas.files import SpecFile, read_bytes  # noqa: PLC0415 - late, for start-up

    try:
        return read_bytes(SpecFile(file, named=True))
    except SpecError:
        return b""


def _names(content: bytes) -> Iterator[str]:
    from schemas.yaml.reader import read_documents  # noqa: PLC0415 - late, for start-up
    from schemas.yaml.tree import get  # noqa: PLC0415 - late, for start-up

    for document in read_documents(content)[0]:
        kind = getattr(get(document, "kind"), "value", _SERVICE)
        name = getattr(get(get(document, "metadata"), "name"), "value", None)
        if kind == _SERVICE and isinstance(name, str) and _CALLED.fullmatch(name):
            yield name


def no_path(value: N) -> N:
    """Refuse a file or folder where a service is named: `plan` and `apply` take those, and hands get used to it.

    Args:
        value: Of the argument: a name, several, or None where none is needed.

    Raises:
        typer.BadParameter: It has a slash, or ends as files of specs do; no service is called so.
    """
    words: list[str] = [value] if isinstance(value, str) else value or []
    for word in words:
        if "/" in word or word in {".", ".."} or word.endswith((".yaml", ".yml")):
            there = _services([Path(word)])
            more = " and others" if len(there) > _MOST_TOLD else ""
            whose = f": {', '.join(there[:_MOST_TOLD])}{more}" if there else ", as in metadata.name of a spec"
            raise typer.BadParameter(f"'{word}' is a path; this takes the name of a service{whose}")
    return value


Name = Annotated[
    str, typer.Argument(help="Service, as in metadata.name.", autocompletion=services_in, callback=no_path)
]
Names = Annotated[
    list[str], typer.Argument(help="Services, as in metadata.name.", autocompletion=services_in, callback=no_path)
]
NamesOrAll = Annotated[
    list[str] | None,
    typer.Argument(
        help="Services. Left out: a line for each.",
        autocompletion=services_in,
        callback=no_path,
        show_default=False,
    ),
]
