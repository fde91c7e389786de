"""Names of services in spec files, for the shell to complete: read fast, and without a word about what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import typer

from reconciler.cli.options import DEFAULT_FILE

_MOST_BYTES = 1 << 20
_SERVICE = "MLService"
"""The kind of a document that says none."""


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
