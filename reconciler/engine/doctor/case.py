"""What every check of one examination works with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from reconciler.core import errors
from reconciler.core.checkup import Answer, Check, Who
from reconciler.engine.session import Session
from schemas import LoadedService

Checks = Callable[[], Iterable[Check]]


@dataclass(frozen=True, slots=True)
class Case:
    """One examination.

    Args:
        session: The run's means.
        services: Loaded specs.
        writing: Whether what `apply` needs counts, or only what `plan` does.
    """

    session: Session
    services: Sequence[LoadedService]
    writing: bool = True

    @property
    def project(self) -> str:
        """Project id."""
        return self.session.connection.project

    def in_parallel(self, *looks: tuple[str, Checks]) -> list[Check]:
        """Make checks side by side, each with the name that it has when it cannot be made."""
        return [
            check
            for found in self.session.pool.gather([_guarded(name, look) for name, look in looks])
            for check in found
        ]


def _guarded(name: str, look: Checks) -> Callable[[], list[Check]]:
    def made() -> list[Check]:
        try:
            return list(look())
        except errors.ReconcilerError as error:
            return [unknown(name, error)]

    return made


def unknown(name: str, error: errors.ReconcilerError) -> Check:
    """Say that a check could not be made: not being allowed to look is no failure."""
    command = tuple(_enabling(error))
    return Check(name, Answer.UNKNOWN, f"could not look: {error.message}", Who.PROJECT if command else Who.YOU, command)


def _enabling(error: errors.ReconcilerError) -> Iterator[str]:
    """Give the command that switches an API on, where that is what is missing."""
    _, found, command = error.hint.partition("enable the API: ")
    if found:
        yield command


def one_or_more(count: int, noun: str) -> str:
    """Give a count with its noun: `3 APIs`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
