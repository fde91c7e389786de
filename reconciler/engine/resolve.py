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

Asked = tuple[Lookup[Any], Question]


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
    asked = [_asked(session, loaded, given) for loaded in services]
    distinct = {_once(*one): one for many in asked for one in many}
    answers = session.pool.gather([partial(_try, session, *one) for one in distinct.values()])
    known = dict(zip(distinct, answers, strict=True))
    problems = [p for loaded, many in zip(services, asked, strict=True) for p in _problems(loaded, many, known)]
    if problems:
        raise SpecError(problems)
    return [_facts(given, many, known) for many in asked]


def _asked(session: Session, loaded: Loaded, given: Facts) -> list[Asked]:
    return [(lookup, question) for lookup in session.kinds.lookups for question in _questions(lookup, loaded, given)]


def _questions(lookup: Lookup[Any], loaded: Loaded, given: Facts) -> Iterator[Question]:
    return lookup.asks(loaded, given) if isinstance(loaded, LoadedService) else lookup.operates(loaded, given)


def _once(lookup: Lookup[Any], question: Question) -> tuple[str, str, str, bool]:
    return lookup.name, question.key, question.base, question.optional


def _try(session: Session, lookup: Lookup[Any], question: Question) -> Any:
    """Give the answer, or the error as a value: what does not exist is a problem with a place, not an abort."""
    try:
        return lookup.answer(session.connection, question)
    except errors.NotFoundError as error:
        return None if question.optional else error
    except (errors.InvalidRequest, errors.Unanswered) as error:
        return error


def _problems(loaded: Loaded, many: Sequence[Asked], known: Mapping[Any, Any]) -> list[Problem]:
    failed = [(question, known[_once(lookup, question)]) for lookup, question in many]
    return [
        Problem(loaded.where(f"spec.{question.where}"), error.message, error.hint)
        for question, error in failed
        if isinstance(error, errors.ReconcilerError)
    ]


def _facts(given: Facts, many: Sequence[Asked], known: Mapping[Any, Any]) -> Facts:
    return replace(given, answers={(lookup.name, q.key): known[_once(lookup, q)] for lookup, q in many})
