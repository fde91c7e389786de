"""The run of a pipeline: a process of KFP's own local runner, and the tasks that it tells of."""

import json
import re
import shutil
import sys
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from emulator import images
from emulator.apis.aiplatform import names, workers
from emulator.apis.aiplatform.messages import PipelineState, PipelineTaskDetail
from emulator.apis.aiplatform.pipeline_checks import inside, parameters_of, spec_of
from emulator.apis.aiplatform.running import PIPELINES
from emulator.apis.run import programs
from emulator.core.resources import timestamp
from emulator.core.world import World
from emulator.processes.execution import Batch
from emulator.processes.model import Container, Place, Program

RUN = Path(images.__file__).parent / "pipeline" / "run.py"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
LINES = 20
DEEPEST = 32
"""Groups of tasks inside one another that are looked into: a pipeline may name itself."""
State = PipelineTaskDetail.State


def folder(world: World, name: str) -> Path:
    """Where a run keeps its files."""
    words = name.split("/")
    return world.state_dir / PIPELINES / "_".join((words[1], words[3], words[5]))


def clear(world: World, name: str) -> None:
    """Remove the files of a run."""
    shutil.rmtree(folder(world, name), ignore_errors=True)


def batch(world: World, job: Any) -> Batch:
    """What the data plane is to run for a pipeline job."""
    clear(world, job.name)
    here = folder(world, job.name)
    (here / "root").mkdir(parents=True)
    told = {
        "spec": spec_of(job),
        "parameters": parameters_of(job),
        "root": str(here / "root"),
        "output": job.runtime_config.gcs_output_directory,
        "events": str(here / "events"),
        "offset_s": world.clock.offset_s,
    }
    (here / "job.json").write_text(json.dumps(told))
    who = workers.identity(world, job.name, job.service_account)
    return workers.alone(job.name, Container(workers.REPLICA, who, partial(program, world, job.name)))


def program(world: World, name: str, place: Place) -> Program:
    """How the run is started."""
    here = folder(world, name)
    env = {
        "PATH": programs.PATH,
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",  # or the lines of the tasks come after those of the run
        **programs.emulated(world, names.project_id(world, name), place),
    }
    return Program((sys.executable, str(RUN), str(here / "job.json")), here, env)


def failure(world: World, name: str) -> str:
    """The last lines of a run that failed."""
    lines = [COLOUR.sub("", line) for line in workers.log(world, name)]
    return "\n".join(["The pipeline failed.", *[line for line in lines if line.strip()][-LINES:]])


def show_tasks(world: World, job: Any) -> None:
    """Write into a job what became of its tasks. Only what runs a container is a task here, not the groups of them."""
    job.job_detail.SetInParent()
    if not job.HasField("start_time"):
        return  # nothing is told of tasks yet, or ever where it was cancelled (recording vertex_pipeline_job/minimal)
    details = job.job_detail.task_details
    del details[:]
    events = list(events_of(world, job.name))
    for number in sorted({event["id"] for event in events}):
        show_task(details.add(task_id=number), [event for event in events if event["id"] == number], job.state)
    known = {event["task"] for event in events}
    over = job.state in (PipelineState.PIPELINE_STATE_SUCCEEDED, PipelineState.PIPELINE_STATE_FAILED)
    rest = State.NOT_TRIGGERED if over else State.PENDING
    if job.state == PipelineState.PIPELINE_STATE_CANCELLED:
        rest = State.CANCELLED
    for name in [name for name in leaves(spec_of(job)) if name not in known]:
        details.add(task_id=len(details) + 1, task_name=name, state=rest)


def show_task(detail: Any, events: list[dict[str, Any]], pipeline: int) -> None:
    """Fill one task's detail from what was told of it."""
    last = events[-1]
    detail.task_name = last["task"]
    for event in events:
        status = detail.pipeline_task_status.add(state=int(getattr(State, event["state"])))
        status.update_time.CopyFrom(timestamp(datetime.fromisoformat(event["time"])))
    detail.state = int(getattr(State, last["state"]))
    detail.create_time.CopyFrom(detail.pipeline_task_status[0].update_time)
    detail.start_time.CopyFrom(detail.create_time)
    if len(events) > 1:
        detail.end_time.CopyFrom(detail.pipeline_task_status[-1].update_time)
    elif pipeline in (PipelineState.PIPELINE_STATE_CANCELLED, PipelineState.PIPELINE_STATE_FAILED):
        detail.state = int(State.CANCELLED)  # the run ended before the task did
    if detail.state == State.FAILED:
        detail.error.code, detail.error.message = 9, last["why"] or "The task failed: see the log of the pipeline."


def events_of(world: World, name: str) -> Iterator[dict[str, Any]]:
    """What was told of tasks so far; a line that is being written is left out."""
    file = folder(world, name) / "events"
    for line in file.read_text().splitlines(keepends=True) if file.exists() else []:
        if line.endswith("\n"):
            yield json.loads(line)


def leaves(spec: dict[str, Any]) -> list[str]:
    """The names of all tasks that run a container, however deep, in the order of the spec."""

    def below(component: Any, depth: int) -> Iterator[str]:
        for name, task in inside(component, "dag", "tasks").items():
            inner = inside(spec, "components", str(inside(task, "componentRef").get("name")))
            if not inside(inner, "dag"):
                yield name
            elif depth:
                yield from below(inner, depth - 1)

    return list(below(inside(spec, "root"), DEEPEST))
