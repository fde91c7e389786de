"""Services that somebody names: files and folders of specs, and services of the usual file by their own name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.options import DEFAULT_FILE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas import LoadedService


def services_named(what: Sequence[str], environment: str | None) -> list[LoadedService]:
    """Load what is named, each once: files and folders, and services of the usual file by their own name.

    A word without a slash is a service before it is a folder.

    Raises:
        UsageError: There is no such file, nor a service of that name.
    """
    words = [text for text in what if "/" not in text and not Path(text).is_file()]
    there = _beside(environment, asked=any(not Path(word).exists() for word in words)) if words else ()
    named = [each for each in there if each.name in words]
    paths = [text for text in what if text not in {each.name for each in named}]
    _refuse_missing([text for text in paths if not Path(text).exists()], there)
    several = [*map(Path, paths)] if what else [DEFAULT_FILE]
    found = [*(_loaded(several, environment) if several else ()), *named]
    return [*{(each.file.resolve(), each.name): each for each in found}.values()]


def beside() -> Sequence[LoadedService]:
    """Load the services of the usual file, where there is one without mistakes."""
    return _beside(None, asked=False)


def _beside(environment: str | None, *, asked: bool) -> Sequence[LoadedService]:
    """Load the usual file; where nobody asked for it, what is wrong with it says nothing of what was."""
    from schemas import SpecError, load  # noqa: PLC0415 - late, for start-up

    if not DEFAULT_FILE.exists():
        return ()
    if asked:
        return _loaded([DEFAULT_FILE], environment)
    try:
        return load([DEFAULT_FILE], environment=environment).services
    except SpecError:
        return ()


def _loaded(paths: Sequence[Path], environment: str | None) -> Sequence[LoadedService]:
    from reconciler.cli.planning import Target, load_specs  # noqa: PLC0415 - late, for start-up

    return load_specs(paths, Target(environment=environment)).services


def _refuse_missing(missing: Sequence[str], there: Sequence[LoadedService]) -> None:
    """Refuse what is neither.

    Raises:
        UsageError: Naming what there is.
    """
    from reconciler.core import errors  # noqa: PLC0415 - late, for start-up

    if missing and not DEFAULT_FILE.exists():
        why = f"there is no file '{missing[0]}', and no {DEFAULT_FILE} that may have a service of that name"
        raise errors.UsageError(why, hint="name a file or a folder")
    if missing:
        hint = f"services there: {', '.join(sorted({each.name for each in there})) or 'none'}"
        raise errors.UsageError(f"there is neither a file nor a service '{missing[0]}'", hint=hint)
