"""All checks of one examination, in three rounds of calls side by side: what a later one needs, an earlier one told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.core import errors
from reconciler.core.checkup import Answer, Check, Checkup
from reconciler.core.facts import Facts
from reconciler.core.planned import Planned
from reconciler.engine.doctor import (
    budgets,
    caller,
    named,
    organisation,
    permissions,
    project,
    quotas,
    rehearsal,
    scanning,
    state,
    webhooks,
)
from reconciler.engine.doctor.case import Case, unknown
from reconciler.engine.doctor.needs import Needs
from reconciler.engine.resolve import Asked, Once, known_facts, lacking, look_up, once
from reconciler.engine.session import Session
from reconciler.gcp.who import Caller, caller_of
from reconciler.lookups.project_number import PROJECT_NUMBER
from schemas import LoadedOperator, LoadedService, Problem

_TOLD = frozenset({"region", "gpu-region"})
"""Rules of warnings about what a region offers, which are shown among the checks."""


def examine(
    session: Session,
    services: Sequence[LoadedService],
    warnings: Sequence[Problem] = (),
    *,
    runtime_image: str,
    writing: bool = True,
    send_test: bool = False,
    operators: Sequence[LoadedOperator] = (),
) -> Checkup:
    """Look at everything that could be in the way of these specs. Nothing is written.

    Args:
        session: The run's means.
        services: Loaded specs.
        warnings: Of the loader.
        runtime_image: The bundled model server's image.
        writing: Whether what `apply` needs counts, or only what `plan` does.
        send_test: Whether receivers of webhooks are asked whether they are there.
        operators: Documents of operators: whether they have a page.
    """
    case = Case(session, services, writing)
    given = Facts(session.connection.project, session.connection.bucket, runtime_image)
    asking = session.pool.submit(caller_of, session.connection)
    asked, known = look_up(session, services, given)
    facts = [known_facts(given, many, known) for many in asked]
    needs = Needs.of(session.kinds, services, facts, asked, writing=writing).with_pages(operators, writing=writing)
    who = _settled(asking)
    answered = [*named.answers(case, asked, known), *named.unfit(lacking(services, facts, asked))]
    found = [*_regions(warnings), *answered, *_about(case, who)]
    round_ = _Round(case, needs, who if isinstance(who, Caller) else Caller(""))
    found += round_.checks(given, facts, _ready(services, facts, asked, known), _webhooks(case, send_test=send_test))
    return Checkup.of(
        case.project, str(who) if isinstance(who, Caller) else "", [s.service.name for s in services], found
    )


def _settled(asking: Any) -> Caller | errors.ReconcilerError:
    try:
        found: Caller = asking.result()
    except errors.ReconcilerError as error:
        return error
    return found


def _about(case: Case, who: Caller | errors.ReconcilerError) -> Iterator[Check]:
    if isinstance(who, Caller):
        yield from caller.who(case, who)
        yield from caller.clock(case, who)
    else:
        yield unknown("caller", who)


def _regions(warnings: Sequence[Problem]) -> Iterator[Check]:
    for problem in warnings:
        if problem.rule in _TOLD:
            yield Check("region", Answer.WARN, f"{problem.summary}; {problem.hint}", where=str(problem.where))


def _webhooks(case: Case, *, send_test: bool) -> list[tuple[str, Any]]:
    return list(webhooks.looks(case)) if send_test else []


def _ready(
    services: Sequence[LoadedService],
    facts: Sequence[Facts],
    asked: Sequence[Sequence[Asked]],
    known: Mapping[Once, Any],
) -> list[tuple[LoadedService, Facts]]:
    """Give the services of which everything is known that a plan needs."""
    return [
        (loaded, fact)
        for loaded, fact, many in zip(services, facts, asked, strict=True)
        if not any(isinstance(known[once(*one)], errors.ReconcilerError) for one in many)
    ]


@dataclass(frozen=True, slots=True)
class _Round:
    """The rounds of calls.

    Args:
        case: The examination.
        needs: What the specs need.
        caller: Who asks.
    """

    case: Case
    needs: Needs
    caller: Caller

    def checks(
        self,
        given: Facts,
        facts: Sequence[Facts],
        ready: Sequence[tuple[LoadedService, Facts]],
        more: Sequence[tuple[str, Any]],
    ) -> list[Check]:
        """Make them."""
        case = self.case
        number = next((str(n) for f in facts if (n := f.answers.get((PROJECT_NUMBER, given.project)))), "")
        holding = case.session.pool.submit(permissions.on_project, case, self.needs)
        switched = case.session.pool.submit(project.disabled, case, self.needs.apis)
        found = case.in_parallel(
            ("project", lambda: project.project(case)),
            ("billing", lambda: project.billing(case)),
            ("budget", lambda: budgets.budgets(case, self.caller)),
            ("quota", lambda: quotas.quotas(case)),
            ("state-bucket", lambda: state.state_bucket(case)),
            *organisation.looks(case),
            *scanning.looks(case),
            *named.looks(case, number or "PROJECT_NUMBER"),
            *more,
        )
        found += self._held(holding, switched)
        made, refused = rehearsal.planned(case, [loaded for loaded, _ in ready], [fact for _, fact in ready])
        return [*found, *refused, *self._planned(made)]

    def _held(self, holding: Any, switched: Any) -> Iterator[Check]:
        may_enable = False
        try:
            held = holding.result()
        except errors.ReconcilerError as error:
            yield unknown("permissions", error)
        else:
            may_enable = permissions.ENABLE in held.project
            yield from permissions.permissions(self.case, self.needs, held, self.caller)
            yield from self.case.in_parallel(("state-bucket", lambda: permissions.bucket_to_make(self.case, held)))
        try:
            yield from project.apis(self.case, self.needs.apis, switched.result(), may_enable=may_enable)
        except errors.ReconcilerError as error:
            yield unknown("apis", error)

    def _planned(self, made: Planned | None) -> list[Check]:
        if made is None:
            return []
        rehearsed = self.case.in_parallel(*rehearsal.looks(self.case, made)) if self.case.writing else []
        rehearsed += self.case.in_parallel(*scanning.clearances(self.case, made))
        return [*rehearsed, *rehearsal.grants(made)]
