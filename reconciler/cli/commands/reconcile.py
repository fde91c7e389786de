"""`mlservice reconcile`: one pass over a folder, as the scheduled Cloud Run job runs it."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli.options import Environment, Local, Paths, Project, State, spec_paths
from reconciler.cli.planning import Target, plan_specs, working

if TYPE_CHECKING:
    from reconciler.core.plan import Change, Plan

app = typer.Typer(add_completion=False)


@app.command()
def reconcile(
    paths: Paths = None,
    *,
    environment: Environment = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report, change nothing.")] = False,
) -> int:
    """One pass: observe, decide, mend, report. Logs are JSON lines in Cloud Logging's form, on stderr.

    Nothing that destroys what a spec protects is done; nobody is asked. Access that contradicts a spec is a WARNING
    when the pass closes it, and with --dry-run an ERROR and exit code 1.
    """
    from schemas import MLServiceError, SpecError, load  # noqa: PLC0415 - late, for start-up

    target = Target(project, local, state, environment)
    started = time.monotonic()
    try:
        specs = load([*spec_paths(paths)], environment=environment)
        with working(target, specs, quiet=True) as session:
            log = Log(session.run_id)
            planned = plan_specs(session, specs)
            log.write("INFO", "plan made", **_counts(planned.plan))
            return _mend(session, planned, log, dry_run=dry_run, started=started)
    except SpecError as error:
        for problem in error.problems:
            Log("").write("ERROR", "spec refused", problem=str(problem), hint=problem.hint)
        return 1
    except MLServiceError as error:
        Log("").write("ERROR", "pass failed", error=str(error), hint=getattr(error, "hint", ""))
        return int(getattr(error, "exit_code", 1))


def _mend(session: Any, planned: Any, log: Log, *, dry_run: bool, started: float) -> int:
    from reconciler.engine.waiting import apply_when_free, taken_over  # noqa: PLC0415 - late, for start-up

    left = [c for c in planned.plan.changes if c.contradicts and (dry_run or c not in planned.plan.pending)]
    _tell(planned.plan, log, left=dry_run)
    if planned.plan.protected:
        addresses = [str(change.address) for change in planned.plan.protected]
        log.write("ERROR", "blocked: it would destroy what the spec protects", addresses=addresses)
        return 3
    if dry_run:
        log.write("INFO", "pass done", dryRun=True, seconds=round(time.monotonic() - started, 3))
        return 1 if left else 0
    taken_over(session, planned, lambda text: log.write("WARNING", text))
    report = apply_when_free(session, planned, progress=log.change)
    for result in report.failed:
        log.write("ERROR", "change failed", address=str(result.change.address), error=str(result.error))
    for address, why in report.unwell.items():
        log.write("ERROR", "not working", address=str(address), error=why)
    log.write("INFO", "pass done", changed=len(report.results), seconds=round(time.monotonic() - started, 3))
    return report.exit_code or (1 if left else 0)


def _tell(plan: Plan, log: Log, *, left: bool) -> None:
    """Name every difference. Access that contradicts a spec is an error where it is left, else a warning."""
    for change in plan.changes:
        about = {"address": str(change.address), "action": str(change.action)}
        fields = [c.path for c in change.changes]
        if change.contradicts:
            severity = "ERROR" if left or change not in plan.pending else "WARNING"
            why = change.problem or change.reason
            log.write(severity, "access contradicts the spec", **about, reason=why, fields=fields)
        elif change in plan.pending:
            log.write("NOTICE", "difference found", **about, reason=change.reason, fields=fields)


def _counts(plan: Plan) -> dict[str, Any]:
    return {"services": len(plan.services), **{name: count for name, count in plan.counts().items() if count}}


class Log:
    """Writes structured log lines.

    Args:
        run_id: Bound to every line.

    Source:
        Special fields `severity`, `message` and `time`: cloud.google.com/logging/docs/structured-logging.
    """

    def __init__(self, run_id: str) -> None:
        self._bound = {"run_id": run_id} if run_id else {}

    def write(self, severity: str, message: str, **keys: Any) -> None:
        """Write one line. What looks like a secret in it is hidden."""
        from schemas.redaction import redacted  # noqa: PLC0415 - late, for start-up

        line = {"severity": severity, "message": message, "time": datetime.now(UTC).isoformat(), **self._bound, **keys}
        sys.stderr.write(redacted(json.dumps(line, default=str)) + "\n")
        sys.stderr.flush()

    def change(self, change: Change, what: str, seconds: float) -> None:
        """Write one line per change that ended."""
        if what == "done":
            about = {"address": str(change.address), "action": str(change.action)}
            self.write("INFO", "change applied", **about, seconds=round(seconds, 3))
