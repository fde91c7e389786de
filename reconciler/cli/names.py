"""Arguments that name services, and the names in spec files, for the shell to complete: read fast, without a word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from reconciler.cli.options import DEFAULT_FILE

_MOST_BYTES = 1 << 20
_SERVICE = "MLService"
"""The kind of a document that says none."""

N = TypeVar("N", str, list[str], None)


def services_in(ctx: typer.Context, incomplete: str) -> list[str]:
    """Give the services of the files that `--file` names, or of the one beside us.

    Args:
        ctx: Of the command, as far as it was typed.
        incomplete: How the name begins.
    """
    named = ctx.params.get("file") or [DEFAULT_FILE]
    found = {name for path in map(Path, named) for file in _files(path) for name in _names(file)}
    return sorted(name for name in found if name.startswith(incomplete))


def _files(path: Path) -> list[Path]:
    return sorted(path.glob("*.y*ml")) if path.is_dir() else [path]


def _names(file: Path) -> Iterator[str]:
    import yaml  # noqa: PLC0415 - late, for start-up

    try:
        if file.stat().st_size > _MOST_BYTES:
            return
        for each in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            name = str(each["metadata"]["name"])
            if each.get("kind", _SERVICE) == _SERVICE:
                yield name
    except (OSError, ValueError, KeyError, TypeError, RecursionError, yaml.YAMLError):
        return


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
            there = sorted({name for file in _files(Path(word)) for name in _names(file)})
            whose = f": {', '.join(there)}" if there else ", as in metadata.name of a spec"
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
