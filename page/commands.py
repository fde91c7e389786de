"""Commands to copy: what a person may do about what the page shows, and which permission each needs. Pure.

The page itself does none of it. Names may be anybody's words: each is quoted as a shell wants it.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

from page.documents import Data

_ORDERS = "run.services.update, and what its apply takes"
_STATE = "storage.objects.create on the state bucket"
_READS = "storage.objects.get on the state bucket"
_STARTS = "run.jobs.run on the operator's job"


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Args:
        words: What is typed, quoted for a shell.
        does: What it does, as the start of a sentence.
        needs: Which permission it takes.
    """

    words: str
    does: str
    needs: str

    def to_json(self) -> Data:
        """Give it as plain data."""
        return {"command": self.words, "does": self.does, "permission": self.needs}


def of_service(verb: str, service: Data, *more: str, **options: Any) -> Command:
    """Make the command of a verb for one service, where that is.

    Args:
        verb: Such as `promote`, or `budget lift`.
        service: Its standing.
        more: Arguments after its name.
        options: More of them, such as `step=2`; those that are None are left out.
    """
    named = [f"--{name}={value}" for name, value in options.items() if value is not None]
    does, needs = _VERBS[verb]
    if verb in _OF_SPECS and service.get("environment"):
        named.append(f"--environment={service['environment']}")
    name = service["name"]
    if name.startswith("-"):  # no service can be called so, and no word of a document becomes an option
        words = ["mlservice", *verb.split(), *named, *_where(service), "--", name, *more]
    else:
        words = ["mlservice", *verb.split(), name, *more, *named, *_where(service)]
    return Command(shlex.join(words), does, needs)


def of_operator(verb: str, report: Data) -> Command:
    """Make a command about the job that reconciles.

    Args:
        verb: Such as `operator run`.
        report: Anything that says which project it is.
    """
    does, needs = _OPERATOR[verb]
    return Command(shlex.join(["mlservice", *verb.split(), *_where(report)]), does, needs)


def _where(told: Data) -> list[str]:
    """Say which project a command is for: one that is copied must not reach another, and least of all a real one."""
    local, project = told.get("local"), told.get("project")
    if local:
        return ["--local"] if project in {None, "", LOCAL} else ["--local", f"--project={project}"]
    return [f"--project={project}"] if project else []


LOCAL = "local"
"""The emulator's project, where no other is named."""
_OF_SPECS = {"promote", "pause", "resume", "abort", "retry", "rollback", "rollout"}
"""Verbs that read the spec, and so its environment."""
_VERBS = {
    "promote": ("let the next step begin now", _ORDERS),
    "pause": ("hold the rollout where it is", _ORDERS),
    "resume": ("let the rollout go on", _ORDERS),
    "abort": ("take the version back", _ORDERS),
    "retry": ("try the version again", _ORDERS),
    "rollback": ("go back to the version before", _ORDERS),
    "budget lift": ("hold the budget's steps off until the month ends", _STATE),
    "retrain": ("ask for a training", "pubsub.topics.publish on the retraining topic"),
    "why": ("say why it was changed, or left alone", _READS),
    "history": ("show what became of it", _READS),
    "status": ("show it as it is now", "run.services.get, and reading what belongs to it"),
    "rollout": ("show what the rollout waits for", "run.services.get, and monitoring.timeSeries.list"),
    "graph": ("draw its resources, and what flows between them", "reading what its spec leads to"),
    "predict": ("send rows to it", "run.routes.invoke on the service"),
    "monitor": ("show how far its data are from their baseline", "aiplatform.modelMonitoringJobs.list"),
}
_OPERATOR = {
    "operator status": ("show the job and its latest pass", "run.jobs.get, and reading the state bucket"),
    "operator run": ("start a pass now", _STARTS),
    "operator proceed": ("let a new version do what it holds", _STATE),
    "operator logs": ("print what the latest pass did", _READS),
    "plan": ("show what an apply would change", "reading what the specs lead to"),
    "doctor": ("look for what is in the way", "reading the project"),
    "install": ("install the job that reconciles", "what docs/permissions.md names"),
}
