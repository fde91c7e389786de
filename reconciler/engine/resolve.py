"""Look up what specs name: each thing once, all in parallel, before anything is wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from reconciler.core import errors
from reconciler.core.facts import Facts, Lookup, Question
from reconciler.engine.session import Session
from schemas import Loaded, LoadedService, Problem, SpecError
from schemas.tables import full_table

Asked = tuple[Lookup[Any], Question]
Once = tuple[str, str, str, bool]

_MISTAKES = (errors.NotFoundError, errors.InvalidRequest, errors.Unanswered)
"""What does not exist is a problem with a place, and no end of the run."""


def resolve(session: Session, services: Sequence[Loaded], given: Facts) -> list[Facts]:
    """Look up what every service needs.

    Args:
        session: The run's means.
        services: Loaded specs.
        given: What is known without looking anything up.

    Returns:
        One answer per service, in order.

    Raises:
        SpecError: Something that a spec names does not exist; all of them at once, with their places.
    """
    asked, known = look_up(session, services, given, _MISTAKES)
    problems = [p for loaded, many in zip(services, asked, strict=True) for p in _problems(loaded, many, known)]
    problems += lacking(services, [known_facts(given, many, known) for many in asked], asked)
    if problems:
        raise SpecError(problems)
    return [_facts(given, many, known) for many in asked]


def lacking(services: Sequence[Loaded], facts: Sequence[Facts], asked: Sequence[Sequence[Asked]]) -> list[Problem]:
    """Say what is wrong with specs, as far as it follows from answers.

    Args:
        services: Loaded specs.
        facts: What is known for each.
        asked: What each asks.
    """
    return [
        problem
        for loaded, known, many in zip(services, facts, asked, strict=True)
        if isinstance(loaded, LoadedService)
        for lookup in {lookup.name: lookup for lookup, _ in many}.values()
        for problem in lookup.lacks(loaded, known)
    ]


def look_up(
    session: Session,
    services: Sequence[Loaded],
    given: Facts,
    kept: tuple[type[errors.ReconcilerError], ...] = (errors.ReconcilerError,),
) -> tuple[list[list[Asked]], dict[Once, Any]]:
    """Ask each distinct question once.

    Args:
        session: The run's means.
        services: Loaded specs.
        given: What is known without looking anything up.
        kept: Errors that are answers like others.

    Returns:
        What each service asks, and every answer by `once`.
    """
    logged = frozenset(_logged(services, given.project))
    asked = [_asked(session, loaded, replace(given, logged=logged)) for loaded in services]
    distinct = {once(*one): one for many in asked for one in many}
    answers = session.pool.gather([partial(_try, session, kept, *one) for one in distinct.values()])
    return asked, dict(zip(distinct, answers, strict=True))


def _logged(services: Sequence[Loaded], project: str) -> Iterator[str]:
    for loaded in services:
        monitoring = loaded.service.spec.monitoring if isinstance(loaded, LoadedService) else None
        if monitoring and monitoring.logging:
            yield full_table(monitoring.logging.table, project)


def known_facts(given: Facts, many: Sequence[Asked], known: Mapping[Once, Any]) -> Facts:
    """Give what is known for one service: every answer that is no error."""
    answered = [one for one in many if not isinstance(known[once(*one)], errors.ReconcilerError)]
    return _facts(given, answered, known)


def _asked(session: Session, loaded: Loaded, given: Facts) -> list[Asked]:
    return [(lookup, question) for lookup in session.kinds.lookups for question in _questions(lookup, loaded, given)]


def _questions(lookup: Lookup[Any], loaded: Loaded, given: Facts) -> Iterator[Question]:
    return lookup.asks(loaded, given) if isinstance(loaded, LoadedService) else lookup.operates(loaded, given)


def once(lookup: Lookup[Any], question: Question) -> Once:
    """Give what makes a question the same as another one."""
    return lookup.name, question.key, question.base, question.optional


def _try(
    session: Session, kept: tuple[type[errors.ReconcilerError], ...], lookup: Lookup[Any], question: Question
) -> Any:
    """Give the answer, or the error as a value.

    What no lookup should raise is a value as well, whatever is kept: it must not end the run of every other spec.
    """
    try:
        return lookup.answer(session.connection, question)
    except kept as error:
        return None if question.optional and isinstance(error, errors.NotFoundError) else error
    except errors.ReconcilerError:
        raise
    except Exception as error:  # noqa: BLE001 - any fault of ours, or of a library
        why = f"lookup {lookup.name} of {question.key} ended unexpectedly: {type(error).__name__}: {error}"
        unforeseen = errors.Unforeseen(why, hint="this is a fault of mlservice and not of the spec: please report it")
        unforeseen.__cause__ = error
        return unforeseen


def _problems(loaded: Loaded, many: Sequence[Asked], known: Mapping[Any, Any]) -> list[Problem]:
    failed = [(question, known[once(lookup, question)]) for lookup, question in many]
    return [
        Problem(loaded.where(f"spec.{question.where}"), _said(loaded, error), error.hint)
        for question, error in failed
        if isinstance(error, errors.ReconcilerError)
    ]


def _said(loaded: Loaded, error: errors.ReconcilerError) -> str:
    return f"{loaded.name}: {error.message}" if isinstance(error, errors.Unforeseen) else error.message


def _facts(given: Facts, many: Sequence[Asked], known: Mapping[Any, Any]) -> Facts:
    return replace(given, answers={(lookup.name, q.key): known[once(lookup, q)] for lookup, q in many})
