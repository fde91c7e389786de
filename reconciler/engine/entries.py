"""What of a run goes into the history of its services: what was changed, and what newly keeps one from being changed.

A pass that finds what the one before found adds nothing: history is read by people.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.core.inventory import Key
from reconciler.core.plan import Plan
from reconciler.core.told import decided, reason_of, told_change
from reconciler.engine.apply import Outcome, Report
from reconciler.engine.ledger import Service
from schemas.kept import PassReport
from schemas.kept.report import ServiceReport

_DONE, _FAILED = str(Outcome.DONE), str(Outcome.FAILED)
_NO_NEWS = frozenset({"ok", "changed", "locked", "waiting"})
"""States that end nothing and keep nothing from anybody: who holds a lock writes what it did itself."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Who did it, when, from what.

    Args:
        project: Project id.
        environment: Of the specs; empty for none.
        started: When the run began, ISO 8601.
        ended: When it ended.
        by: As `schemas.kept.history.By`.
        source: As `schemas.kept.history.Source`.
    """

    project: str
    environment: str
    started: str
    ended: str
    by: Mapping[str, Any]
    source: Mapping[str, Any]

    def entry(
        self, key: Key, outcome: str, changes: Sequence[Mapping[str, Any]], problems: Sequence[str]
    ) -> dict[str, Any]:
        """Give the entry of one service."""
        return {
            "project": self.project,
            "service": key[1],
            "region": key[0],
            "environment": self.environment,
            "started": self.started,
            "ended": self.ended,
            "outcome": outcome,
            "decision": decided(changes),
            "reason": reason_of(changes, problems),
            "problems": list(problems),
            "changes": list(changes),
            "by": dict(self.by),
            "source": dict(self.source),
        }


def of_pass(
    told: Mapping[str, Service], before: PassReport | None, about: Circumstances, *, alone: bool = False
) -> Iterator[dict[str, Any]]:
    """Give the entries of a pass.

    Args:
        told: What became of each service.
        before: What the same shard reported last; None where that is not known.
        about: Who and when.
        alone: Nobody keeps reports, so that nothing tells news from what was so before: only changes are kept.
    """
    for name, service in sorted(told.items()):
        known = before.services.get(name) if before else None
        if _carried_out(service) or (not alone and _is_news(service, known)):
            yield about.entry((service.region, name), _outcome(service), service.changes, service.problems)


def of_orphans(
    orphaned: Sequence[Mapping[str, Any]], before: PassReport | None, about: Circumstances
) -> Iterator[dict[str, Any]]:
    """Give the entries of services that no spec wanted any more and that went, or could not go.

    Args:
        orphaned: What became of each, as reports tell it.
        before: What the same shard reported last; None where that is not known.
        about: Who and when.
    """
    known = {(each.region, each.name): (each.state, each.reason) for each in before.orphaned} if before else {}
    for orphan in orphaned:
        key, state, changes = (orphan["region"], orphan["name"]), orphan["state"], orphan["changes"]
        done = any(change["outcome"] == _DONE for change in changes)
        if state == "pruned":
            yield about.entry(key, "destroyed", changes, []) | {"reason": orphan["reason"]}
        elif state == "failed" and (done or known.get(key) != (state, orphan["reason"])):
            yield about.entry(key, "partly" if done else "failed", changes, [orphan["reason"]])


def _carried_out(service: Service) -> bool:
    return any(change["outcome"] == _DONE for change in service.changes)


def _is_news(service: Service, known: ServiceReport | None) -> bool:
    if service.state in {"locked", "waiting"}:
        return False
    if known is None:
        return service.state not in _NO_NEWS
    if service.state in _NO_NEWS:
        return known.state not in _NO_NEWS
    return _standing(service.to_json()) != _standing(known.to_json())


def _standing(service: Mapping[str, Any]) -> tuple[Any, ...]:
    """Give what two passes that found the same have in common."""
    changes = [
        (change["address"], change["action"], change["outcome"], [each["path"] for each in change["fields"]])
        for change in service["changes"]
    ]
    return service["state"], list(service["problems"]), changes


def _outcome(service: Service) -> str:
    if service.state == "ok" or not _carried_out(service):
        return service.state
    return "changed" if all(change["outcome"] == _DONE for change in service.changes) else "partly"


def of_apply(plan: Plan, report: Report, about: Circumstances, keys: Sequence[Key]) -> Iterator[dict[str, Any]]:
    """Give the entries of an apply: one for each service that something was done or tried for.

    Args:
        plan: What was agreed to.
        report: What was done.
        about: Who and when.
        keys: Of the services.
    """
    for key in sorted(keys):
        results = [result for result in report.results if key[1] in result.change.services]
        if not results:
            continue
        changes = [
            told_change(each.change, str(each.outcome), seconds=each.seconds, error=str(each.error or ""))
            for each in results
        ]
        problems = [f"{change['address']}: {change['error']}" for change in changes if change["outcome"] == _FAILED]
        yield about.entry(key, _became(changes, destroy=plan.destroy), changes, problems)


def _became(changes: Sequence[Mapping[str, Any]], *, destroy: bool) -> str:
    done = [change for change in changes if change["outcome"] == _DONE]
    if len(done) == len(changes):
        return "destroyed" if destroy else "changed"
    return "partly" if done else "failed"
