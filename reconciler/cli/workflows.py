"""The workflow files of the documentation, with a project's own values in place of theirs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.core import errors
from schemas.sections.ci import ContinuousIntegration, OnMerge

if TYPE_CHECKING:
    from reconciler.engine.ci import Way

PLACE = ".github/workflows"
_FOLDER = "docs/ci/github"
_PLAIN = re.compile(r"[A-Za-z0-9._/-]+")


def workflows(
    ci: ContinuousIntegration, ways: Mapping[str, Way], files: Sequence[str], environment: str
) -> dict[str, str]:
    """Give the files by where they go.

    Args:
        ci: Which CI is let in.
        ways: How planner and applier come in.
        files: The spec files and folders, as the workflow finds them.
        environment: Of the specs; empty for none.

    Raises:
        UsageError: A file has a name that a workflow cannot have in it.
    """
    odd = [file for file in files if not _PLAIN.fullmatch(file) or file.startswith(("/", "../"))]
    if odd:
        hint = "run this in the repository's own folder, with plain names: services"
        raise errors.UsageError(f"a workflow cannot name these files: {', '.join(odd)}", hint=hint)
    last = "publish" if ci.on_merge is OnMerge.PUBLISH else "apply"
    made = {"plan": ways["planner"], last: ways["applier"]}
    found = {name: _filled(template(name), way, ci, files, environment) for name, way in made.items()}
    found["comment-on-forks"] = template("comment-on-forks")
    return {f"{PLACE}/{name}.yaml": text for name, text in found.items()}


def template(name: str) -> str:
    """Give a workflow as it is documented: the one in a clone, else the copy in the wheel.

    Raises:
        ReconcilerError: It is in neither.
    """
    here = Path(__file__).resolve()
    for path in (here.parents[2] / _FOLDER / f"{name}.yaml", here.with_name("workflow_files") / f"{name}.yaml"):
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise errors.ReconcilerError(f"the workflow {name}.yaml is not here")


def _filled(text: str, way: Way, ci: ContinuousIntegration, files: Sequence[str], environment: str) -> str:
    for old, new in _values(way, ci, files, environment):
        text = re.sub(old, new.replace("\\", r"\\"), text, flags=re.MULTILINE)
    return text


def _values(way: Way, ci: ContinuousIntegration, files: Sequence[str], environment: str) -> Iterator[tuple[str, str]]:
    """Give what stands in the documentation, as patterns, and what comes in its place."""
    yield r'"services/\*\*"', ", ".join(map(_changed, files))
    yield r"files: services$", "files: |" + "".join(f"\n            {file}" for file in files)
    yield r"branches: \[main\]", f'branches: ["{ci.github.branch}"]'
    yield r"\$\{\{ vars\.WORKLOAD_IDENTITY_PROVIDER \}\}", way.provider
    yield r"\$\{\{ vars\.(PLANNER|APPLIER) \}\}", way.account
    yield r"group: mlservice-prod", f"group: mlservice-{environment or 'specs'}"
    yield r"^    environment: prod .*\n", _reviewed(ci.github.environment)
    one = f'          environments: "{environment}"\n' if environment else ""
    yield r"^ +environments: (\|\n +dev\n +prod|prod|dev)\n", one


def _changed(file: str) -> str:
    """Write which changes a workflow is about."""
    if file.endswith((".yaml", ".yml")):
        return f'"{file}"'
    return '"**"' if file == "." else f'"{file.rstrip("/")}/**"'


def _reviewed(environment: str | None) -> str:
    if environment is None:
        return ""
    return f'    environment: "{environment}" # its reviewers consent, and only it gets the applier\n'
