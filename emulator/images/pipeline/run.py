"""Runs one compiled pipeline by KFP's own local runner, its tasks as subprocesses: `run.py JOB.json`.

A program of its own, started by the emulated Vertex AI with the credentials of the pipeline's account. It needs `kfp`
and nothing of the emulator. JOB.json has `spec`, `parameters`, `root` (a folder for outputs), `output` (where they go
in Cloud Storage), `events` (a file that is told of every task), `offset_s` (how far the emulator's clock is ahead).
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

PIP = """
import re, sys
from importlib.metadata import PackageNotFoundError, version
wanted = [re.match(r"[A-Za-z0-9._-]+", word)[0] for word in sys.argv[1:] if re.match(r"[A-Za-z]", word)]
for name in wanted[1:]:  # the first word is `install`
    try:
        version(name)
    except PackageNotFoundError:
        sys.exit(f"The emulator installs nothing: {name} is not in its environment.")
"""
"""Stands for pip: compiled components install kfp, and what they name, before each run."""


def main(path: Path) -> None:
    """Run the pipeline of a file; whatever raises is its failure, told in a line: the tasks have told the rest."""
    job = json.loads(path.read_text())
    failure = ""
    with tempfile.TemporaryDirectory() as shims:
        use_own_pip(Path(shims))
        try:
            run(job)
        except Exception as error:  # noqa: BLE001 - of the pipeline, of KFP, of what it was given
            failure = f"{type(error).__name__}: {error}"
    upload(Path(job["root"]), job["output"])
    sys.exit(failure or 0)


def use_own_pip(folder: Path) -> None:
    """Let the tasks find a pip that installs nothing: they share the emulator's environment."""
    (folder / "modules" / "pip").mkdir(parents=True)
    (folder / "modules" / "pip" / "__init__.py").touch()
    (folder / "modules" / "pip" / "__main__.py").write_text(PIP)
    (folder / "bin").mkdir()
    (folder / "bin" / "pip").write_text("#!/bin/sh\nexit 1\n")  # KFP asks whether there is one, and calls python -m pip
    (folder / "bin" / "pip").chmod(0o755)
    os.environ["PYTHONPATH"] = str(folder / "modules")
    os.environ["PATH"] = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"


def run(job: dict[str, Any]) -> None:
    """Run the pipeline, and tell of each task."""
    from kfp import components, local  # noqa: PLC0415 - after pip was replaced
    from kfp.local.orchestrator import task_executor  # noqa: PLC0415 - see above

    # KFP tells of tasks in its log only, in words for people: the function that its orchestrators call is wrapped.
    task_executor.execute_single_task = telling(task_executor.execute_single_task, job)
    local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=job["root"], raise_on_error=True)
    pipeline = components.load_component_from_text(json.dumps(job["spec"]))
    pipeline(**job["parameters"])


def telling(execute: Callable[..., Any], job: dict[str, Any]) -> Callable[..., Any]:
    """The same, which writes into the file of events when a task begins and how it ends."""
    numbers = count(1)
    ahead = timedelta(seconds=job["offset_s"])

    def tell(number: int, task: str, state: str, why: str = "") -> None:
        now = (datetime.now(UTC) + ahead).isoformat()
        with Path(job["events"]).open("a") as file:
            file.write(json.dumps({"id": number, "task": task, "state": state, "time": now, "why": why}) + "\n")

    def told(task_name: str, *arguments: Any, **named: Any) -> Any:
        number = next(numbers)
        tell(number, task_name, "RUNNING")
        try:
            outputs, status = execute(task_name, *arguments, **named)
        except BaseException as error:
            tell(number, task_name, "FAILED", str(error))
            raise
        tell(number, task_name, "SUCCEEDED" if status.name == "SUCCESS" else "FAILED")
        return outputs, status

    return told


def upload(root: Path, address: str) -> None:
    """Copy the outputs to where the pipeline says."""
    files = [path for path in sorted(root.rglob("*")) if path.is_file()]
    if not files:
        return
    from google.cloud import storage  # noqa: PLC0415 - most pipelines have outputs, but not all

    bucket, _, prefix = address.removeprefix("gs://").partition("/")
    target = storage.Client(project=os.environ["GOOGLE_CLOUD_PROJECT"]).bucket(bucket)
    for path in files:
        target.blob(f"{prefix.rstrip('/')}/{path.relative_to(root)}".lstrip("/")).upload_from_filename(str(path))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
