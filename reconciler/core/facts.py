"""What had to be looked up before a spec says exactly what it wants: plain data, and the questions that lead to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from reconciler.core.ladder.steps import Restraint

if TYPE_CHECKING:
    from schemas import LoadedOperator, LoadedService, Problem


def asks_nothing(loaded: LoadedOperator, facts: Facts) -> Iterator[Question]:
    """Need to know nothing for an operator."""
    del loaded, facts
    yield from ()


def lacks_nothing(loaded: LoadedService, facts: Facts) -> Iterator[Problem]:
    """Have nothing to say against an answer."""
    del loaded, facts
    yield from ()


def nobody_knows(question: Question) -> None:
    """Assume no answer."""
    del question


A = TypeVar("A")
"""What a lookup answers with: text, or a small frozen dataclass."""


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that a spec names and that has to be looked up.

    Args:
        key: What is asked for, such as an image reference. The answer is found by it.
        where: Path in the spec, for the problem when there is no answer.
        base: Folder that a relative path in `key` starts from; empty when there is none.
        optional: The spec can do without: what does not exist is no problem, and has no answer.
    """

    key: str
    where: str
    base: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Lookup(Generic[A]):
    """A sort of question. A value that kinds list (`Kind.lookups`).

    Args:
        name: As in `Facts`.
        gives: Type of the answers.
        asks: What a spec must know; pure. The facts it gets hold no answers yet.
        answer: Look it up, through a `gcp.connection.Connection`. Raises `NotFoundError` or `InvalidRequest` when the
            spec names what is not there: that becomes a problem at the question's place.
        permission: What the caller needs for it in the project at hand; empty for nothing.
        api: Host of the API that is asked; empty for none.
        operates: What an operator's document must know; pure.
        lacks: What is wrong with a spec now that the answers are known; pure.
        assumed: What stands for the answer where nothing may be asked, as in a drawing; pure, None for no answer.
    """

    name: str
    gives: type[A]
    asks: Callable[[LoadedService, Facts], Iterator[Question]]
    answer: Callable[[Any, Question], A]
    permission: str = ""
    api: str = ""
    operates: Callable[[LoadedOperator, Facts], Iterator[Question]] = asks_nothing
    lacks: Callable[[LoadedService, Facts], Iterator[Problem]] = lacks_nothing
    assumed: Callable[[Question], A | None] = nobody_knows


@dataclass(frozen=True, slots=True)
class Facts:
    """Names that move, resolved to names that do not, for one service.

    Args:
        project: Project id.
        bucket: Bucket that holds the inventory and uploaded models.
        runtime_image: The bundled model server's image, for specs without `image`.
        attempt: Set to try a revision that failed once more; it makes the template a new one.
        answers: By lookup and key.
        reconciler_image: The image that an operator runs, without its tag.
        version: Of this program, for operators that name none.
        environment: That the specs were loaded with; empty for none.
        duties: Kinds (`core.kind.Kind`, which this cannot import) that the services of the same run lead to: what an
            operator must be able to work on.
        now: What time it is, where the clock has a say; None for no particular time.
        logged: Tables that the services of the same run log to, each with its project: they need not be there yet.
        restraint: What the service's budget changes of what its spec wants, now.
    """

    project: str
    bucket: str
    runtime_image: str = ""
    attempt: str = ""
    answers: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    reconciler_image: str = ""
    version: str = ""
    environment: str = ""
    duties: tuple[Any, ...] = ()
    logged: frozenset[str] = frozenset()
    now: datetime | None = None
    restraint: Restraint = field(default_factory=Restraint)

    def find(self, lookup: Lookup[A], key: str) -> A | None:
        """Give an answer, or None when it was not asked for, or does not exist and need not."""
        return self.answers.get((lookup.name, key))
