"""Which pull request a job is about, as code hosts tell the jobs that they run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.core.errors import UsageError
from reconciler.hosts.github import GitHub
from reconciler.hosts.gitlab import GitLab
from reconciler.hosts.sticky import Host

GITHUB, GITLAB = "github", "gitlab"
_MOST_DIGITS = 18
_TOKENS = {GITHUB: ("GITHUB_TOKEN", "GH_TOKEN"), GITLAB: ("GITLAB_TOKEN",)}


@dataclass(frozen=True, slots=True)
class Place:
    """A pull request.

    Args:
        host: `github` or `gitlab`.
        repository: As the host names it; empty where it is not known.
        number: Of the pull request; 0 where it is not known.
        url: Where the API is.
        commit: The commit at hand; empty where it is not known.
        base: The branch that it goes into.
        run: Address of the job.
    """

    host: str = GITHUB
    repository: str = ""
    number: int = 0
    url: str = ""
    commit: str = ""
    base: str = ""
    run: str = ""


def place_of(environ: Mapping[str, str]) -> Place:
    """Read what the job was told.

    Source:
        https://docs.github.com/actions/reference/variables-reference;
        https://docs.gitlab.com/ci/variables/predefined_variables.
    """
    if environ.get("GITLAB_CI"):
        return Place(
            GITLAB,
            environ.get("CI_MERGE_REQUEST_PROJECT_PATH") or environ.get("CI_PROJECT_PATH", ""),
            _whole(environ.get("CI_MERGE_REQUEST_IID")),
            environ.get("CI_API_V4_URL", "https://gitlab.com/api/v4"),
            environ.get("CI_COMMIT_SHA", ""),
            environ.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", ""),
            environ.get("CI_JOB_URL", ""),
        )
    event = event_of(environ)
    request = _record(event, "pull_request")
    # A workflow that another one started runs on the default branch, whose commit is not what was planned.
    planned = head_of_run(event)
    head, base = (_record(request, side) for side in ("head", "base"))
    server, repository, run = (environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    return Place(
        GITHUB,
        repository,
        _whole(request.get("number")),
        environ.get("GITHUB_API_URL", "https://api.github.com"),
        str(head.get("sha") or planned or environ.get("GITHUB_SHA", "")),
        str(base.get("ref") or ""),
        f"{server}/{repository}/actions/runs/{run}" if server and repository and run else "",
    )


def head_of_run(event: Mapping[str, Any]) -> str:
    """Give the commit of the workflow that started this one; empty where none did."""
    run = event.get("workflow_run")
    return str(run.get("head_sha") or "") if isinstance(run, dict) else ""


def event_of(environ: Mapping[str, str]) -> Mapping[str, Any]:
    """Read what started a workflow of GitHub's; nothing where none did."""
    try:
        found = json.loads(Path(environ.get("GITHUB_EVENT_PATH", "")).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _record(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = told.get(name)
    return found if isinstance(found, dict) else {}


def _whole(said: Any) -> int:
    text = str(said or "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else 0


def host_at(place: Place, environ: Mapping[str, str]) -> Host:
    """Give the pull request, to write on.

    Raises:
        UsageError: It is not known which, or there is no token.
    """
    if not place.repository or not place.number:
        hint = "run it on a pull request, or give --repository and --number"
        raise UsageError("it is not known which pull request this is about", hint=hint)
    token = next((environ[name] for name in _TOKENS[place.host] if environ.get(name)), "")
    if not token:
        raise UsageError(f"there is no token for {place.host}", hint=f"set {' or '.join(_TOKENS[place.host])}")
    if place.host == GITLAB:
        return GitLab(place.repository, place.number, token, place.url)
    return GitHub(place.repository, place.number, token, place.url)
