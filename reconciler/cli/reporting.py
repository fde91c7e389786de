"""`plan --report FILE`: what a plan came to, also when none could be made, for the comment on a pull request."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.cli.private_file import write_private
from schemas import MLServiceError, Problem, SpecError

if TYPE_CHECKING:
    from reconciler.cli.planning import Target
    from reconciler.core.plan import Plan
    from schemas import MLService, Specs

Told = Callable[["Plan", "Specs"], None]
_MINUTE, _HOUR = 60, 3600


@contextmanager
def reporting(file: Path | None, target: Target, sarif: Path | None = None) -> Iterator[Told]:
    """Write a report when the block ends: of the plan that it told, or of why there is none.

    Args:
        file: Where to; None for nowhere.
        target: Where the command works.
        sarif: Where the problems of the specs go, for code hosts to show at their lines; None for nowhere.
    """
    problems: list[Problem] = []
    found: dict[str, Any] = {"environment": target.environment or "", "project": target.project or ""}

    def told(plan: Plan, specs: Specs) -> None:
        from reconciler.render.report import decision_of  # noqa: PLC0415 - late, for start-up

        rollouts = {each.service.name: rollout_words(each.service) for each in specs.services}
        problems.extend(specs.warnings)
        found.update(plan=plan, project=plan.project, rollouts=rollouts, decision=decision_of(plan))
        found["blocked"] = plan.blocked

    try:
        yield told
    except MLServiceError as error:
        found["blocked"] = tuple(_reasons(error))
        problems.extend(error.problems if isinstance(error, SpecError) else ())
        raise
    finally:
        if sarif:
            from reconciler.core.plain import in_json  # noqa: PLC0415 - late, for start-up
            from schemas.report import as_sarif  # noqa: PLC0415 - late, for start-up

            sarif.write_text(
                in_json(json.loads(as_sarif(problems, version=version("mlservice")))) + "\n", encoding="utf-8"
            )
        if file and ("plan" in found or "blocked" in found):
            from reconciler.render.report import Report  # noqa: PLC0415 - late, for start-up

            write_private(file, json.dumps(Report(**found).to_json(), indent=1) + "\n")


def _reasons(error: MLServiceError) -> Iterator[str]:
    if isinstance(error, SpecError):
        yield from (f"{problem}{_hint(problem.hint)}" for problem in error.problems)
        return
    several = getattr(error, "problems", None) or getattr(error, "errors", None) or (error,)
    yield from (f"{each}{_hint(getattr(each, 'hint', ''))}" for each in several)


def _hint(text: str) -> str:
    return f"; {text}" if text else ""


def rollout_words(service: MLService) -> str:
    """Say how a new version goes out, such as `Canary 5 → 25 → 100 %, at least 45 min, 1 approval`."""
    rollout = service.spec.rollout
    shares = [str(step.traffic_percent) for step in rollout.steps]
    steps = f" {' → '.join([*shares, *([] if shares[-1:] == ['100'] else ['100'])])} %" if shares else ""
    held = sum(step.hold_s for step in rollout.steps)
    asked = sum(step.approval for step in rollout.steps)
    more = [f"at least {_time(held)}" if held else "", f"{asked} approval{'s' if asked > 1 else ''}" if asked else ""]
    return ", ".join([f"{rollout.strategy}{steps}", *filter(None, more)])


def _time(seconds: int) -> str:
    hours, rest = divmod(seconds, _HOUR)
    return f"{hours} h {rest // _MINUTE} min" if hours else f"{rest // _MINUTE} min"
