"""Executions of jobs and their tasks: started by RunJob, followed while they run, cancelled, deleted.

Source: `google.cloud.run.v2.Executions` and `Tasks`; kinds.md 3.4.
"""

import threading
import time
import uuid
from contextlib import suppress
from typing import Any

from emulator.apis.run import conditions, programs, secrets
from emulator.apis.run.messages import (
    Execution,
    ExecutionReference,
    Task,
    TaskAttemptResult,
)
from emulator.apis.run.names import execution_name, location, parts, short
from emulator.apis.run.running import plane, running
from emulator.apis.run.stored import EXECUTIONS, JOBS, TASKS
from emulator.apis.run.writes import API, OPERATION, check_etag, only_validated
from emulator.apis.standard import Listing, standard
from emulator.core.api import Call
from emulator.core.clock import HELD_MOST_S
from emulator.core.failures import ApiFailure
from emulator.core.paging import NEWEST_FIRST, Order
from emulator.core.resources import timestamp
from emulator.core.world import World
from emulator.identity.callers import shown
from emulator.processes.execution import Batch, TaskEnd
from emulator.processes.model import CannotStartError, Outcome

RUN_JOB = "google.cloud.run.v2.Jobs/RunJob"
EXECUTION = "google.cloud.run.v2.Executions/"
TASK = "google.cloud.run.v2.Tasks/"
LOOK_EVERY_S = 0.05
ABORTED = "Execution {name} has failed to complete, {done}/{tasks} tasks were a success."
"""Text of the audit log's last entry of a failed execution: general knowledge, not recorded."""
LOG_URI = (
    "https://console.cloud.google.com/logs/viewer?project={project}&advancedFilter="
    "resource.type%3D%22cloud_run_job%22%0Alabels.%22run.googleapis.com/execution_name%22%3D%22{name}%22"
)


@API.method(RUN_JOB)
def run_job(world: World, request: Any, call: Call) -> Any:
    """Start an execution; the operation ends when it ends, its metadata name it at once (kinds.md 3.4)."""
    with world.store.transaction():
        job = JOBS.get(world, request.name)
        check_etag(request.etag, job)
        execution = make_execution(world, job, request.overrides, call)
        if request.validate_only:
            return only_validated(execution)
        EXECUTIONS.insert(world, execution)
        for index in range(execution.task_count):
            TASKS.save(world, make_task(world, execution, index))
        refer(job, execution)
        job.execution_count += 1
        JOBS.save(world, job)
    operation = world.operations.start_task(location(job.name), execution, finish_run, execution.name)
    world.store.put(OPERATION, execution.name, operation.name.encode())
    return operation


def make_execution(world: World, job: Any, overrides: Any, call: Call) -> Any:
    """Make an execution of a job as it is now, with what the caller overrides."""
    now = timestamp(world.clock.now())
    execution = Execution(
        name=execution_name(job.name),
        uid=str(uuid.uuid4()),
        creator=shown(call.caller),
        generation=1,
        create_time=now,
        update_time=now,
        launch_stage=job.launch_stage,
        job=short(job.name),
        parallelism=job.template.parallelism or job.template.task_count,
        task_count=overrides.task_count or job.template.task_count,
        template=job.template.template,
        labels=dict(job.template.labels),
        annotations=dict(job.template.annotations),
        reconciling=True,
        etag=f'"{uuid.uuid4().hex[:12]}"',
    )
    execution.log_uri = LOG_URI.format(project=parts(job.name)["projects"], name=short(execution.name))
    execution.conditions.append(conditions.condition("Completed", conditions.PENDING, world.clock.now()))
    if overrides.HasField("timeout"):
        execution.template.timeout.CopyFrom(overrides.timeout)
    for override in overrides.container_overrides:
        apply_override(execution.template.containers, override)
    return execution


def apply_override(containers: Any, override: Any) -> None:
    """Change arguments and environment of one container for one execution.

    Raises:
        ApiFailure: INVALID_ARGUMENT: no container has the name.
    """
    fitting = [c for c in containers if c.name == override.name or (len(containers) == 1 and not override.name)]
    if not fitting:
        raise ApiFailure("INVALID_ARGUMENT", f"overrides.container_overrides: no container is named '{override.name}'")
    container = fitting[0]
    if override.args or override.clear_args:
        container.args[:] = override.args
    for variable in override.env:
        known = next((each for each in container.env if each.name == variable.name), None)
        (known or container.env.add()).CopyFrom(variable)


def make_task(world: World, execution: Any, index: int) -> Any:
    """Make one of an execution's tasks."""
    template = execution.template
    now = timestamp(world.clock.now())
    task = Task(
        name=f"{execution.name}/tasks/{short(execution.name)}-task{index}",
        uid=str(uuid.uuid4()),
        generation=1,
        create_time=now,
        update_time=now,
        scheduled_time=now,
        job=execution.job,
        execution=short(execution.name),
        containers=template.containers,
        volumes=template.volumes,
        max_retries=template.max_retries,
        timeout=template.timeout,
        service_account=template.service_account,
        execution_environment=template.execution_environment,
        index=index,
        reconciling=True,
    )
    task.conditions.append(conditions.condition("Completed", conditions.PENDING, world.clock.now()))
    return task


def refer(job: Any, execution: Any) -> None:
    """Show an execution as its job's newest one."""
    reference = ExecutionReference(name=short(execution.name), create_time=execution.create_time)
    ended = execution.HasField("completion_time")
    reference.completion_status = ExecutionReference.EXECUTION_RUNNING
    if ended:
        reference.completion_time.CopyFrom(execution.completion_time)
        reference.completion_status = completion_status(execution)
    job.latest_created_execution.CopyFrom(reference)


def completion_status(execution: Any) -> int:
    """Tell in one word how an execution ended."""
    if execution.cancelled_count:
        return int(ExecutionReference.EXECUTION_CANCELLED)
    failed = execution.failed_count > 0 or execution.succeeded_count < execution.task_count
    return int(ExecutionReference.EXECUTION_FAILED if failed else ExecutionReference.EXECUTION_SUCCEEDED)


def finish_run(world: World, name: str) -> Any:
    """Run the tasks and wait for them. After a restart an execution that had begun is over: its processes are gone.

    Raises:
        ApiFailure: ABORTED: not all tasks succeeded. A cancelled execution is no error of the operation (seen in
            apache/airflow PR 67050).
    """
    execution = EXECUTIONS.get(world, name)
    if execution.HasField("start_time"):
        Follower(world, name).fail(Outcome("INTERNAL", "The emulator was restarted."))
    elif claim(world, execution):
        run_tasks(world, execution)
    execution = EXECUTIONS.get(world, name)
    done, tasks = execution.succeeded_count, execution.task_count
    if done < tasks and not execution.cancelled_count:
        raise ApiFailure("ABORTED", ABORTED.format(name=short(name), done=done, tasks=tasks))
    return execution


def wait_for_newest(world: World, job: str) -> None:
    """Wait until a job's newest execution has ended, for a while."""
    until = time.monotonic() + HELD_MOST_S
    while time.monotonic() < until:
        found = JOBS.find(world, job)
        newest = f"{job}/executions/{found.latest_created_execution.name}" if found is not None else job
        execution = EXECUTIONS.find(world, newest) if newest != job else None
        if execution is None or execution.HasField("completion_time"):
            return
        time.sleep(LOOK_EVERY_S)


def claim(world: World, execution: Any) -> bool:
    """Tell the data plane of an execution, unless somebody was faster and cancelled or deleted it.

    From here on the data plane ends it; before, `finish_cancel` does. Which of the two it is, one transaction decides.
    """
    if execution.HasField("completion_time"):
        return False
    plane(world).announce(execution.name)
    with world.store.transaction():
        found = EXECUTIONS.find(world, execution.name)
        if found is not None and not found.HasField("completion_time"):
            running(world).claimed.add(execution.name)
            return True
    plane(world).withdraw(execution.name)
    return False


def run_tasks(world: World, execution: Any) -> None:
    """Resolve image and secrets as they are now, run all tasks, wait for the end."""
    follower, here = Follower(world, execution.name), plane(world)
    try:
        here.execute(prepared(world, execution), follower)
        follower.over.wait()
    except CannotStartError as error:
        follower.fail(error.outcome)
    finally:
        running(world).claimed.discard(execution.name)
        with suppress(CannotStartError):  # it was stopped, and has forgotten everything
            here.withdraw(execution.name)


def prepared(world: World, execution: Any) -> Batch:
    """What the data plane is to run.

    Raises:
        CannotStartError: It cannot be run here.
    """
    template = execution.template
    sources, outcome = programs.find_sources(world, template.containers)
    if outcome.ready:
        project = parts(execution.name)["projects"]
        outcome = secrets.check(world, project, template.service_account, template)
    if not outcome.ready:
        raise CannotStartError(outcome.reason, outcome.message)
    own = {"CLOUD_RUN_JOB": execution.job, "CLOUD_RUN_EXECUTION": short(execution.name)}
    return Batch(
        execution.name,
        programs.containers(world, execution.name, template, sources, own),
        tasks=execution.task_count,
        parallelism=execution.parallelism,
        max_retries=template.max_retries,
        timeout_s=template.timeout.ToTimedelta().total_seconds(),
    )


class Follower:
    """Writes an execution's progress into the store, as the data plane tells it."""

    def __init__(self, world: World, name: str) -> None:
        self.over = threading.Event()
        self._world = world
        self._name = name

    def task_started(self, index: int, attempt: int) -> None:
        """A try of a task began."""
        now = timestamp(self._world.clock.now())
        with self._world.store.transaction():
            execution, task = self._find(index)
            if execution is None:
                return
            if not execution.HasField("start_time"):
                execution.start_time.CopyFrom(now)
            execution.running_count += 1
            task.start_time.CopyFrom(now)
            task.retried = attempt
            self._save(execution, task)

    def task_ended(self, end: TaskEnd) -> None:
        """A try of a task ended."""
        with self._world.store.transaction():
            execution, task = self._find(end.index)
            if execution is None:
                return
            execution.running_count = max(execution.running_count - 1, 0)
            execution.retried_count += not end.last
            if end.exit_code is not None:
                task.last_attempt_result.CopyFrom(TaskAttemptResult(exit_code=end.exit_code))
            if end.last:
                self._close(execution, task, end)
            self._save(execution, task)

    def execution_ended(self) -> None:
        """All tasks have ended."""
        self._end(Outcome())
        self.over.set()

    def fail(self, outcome: Outcome) -> None:
        """End an execution whose tasks could not be started."""
        with self._world.store.transaction():
            execution = EXECUTIONS.find(self._world, self._name)
            if execution is not None:
                execution.failed_count = execution.task_count - execution.succeeded_count
                EXECUTIONS.save(self._world, execution)
        self._end(outcome)

    def call_off(self) -> None:
        """End an execution of which no task has been started."""
        with self._world.store.transaction():
            execution = EXECUTIONS.find(self._world, self._name)
            if execution is None or execution.HasField("completion_time"):
                return
            for task in TASKS.all(self._world, f"{self._name}/tasks/"):
                self._close(execution, task, TaskEnd(task.index, 0, None, cancelled=True))
                self._save(execution, task)
            self._end(Outcome())

    def _close(self, execution: Any, task: Any, end: TaskEnd) -> None:
        outcome = Outcome()
        if end.cancelled:
            execution.cancelled_count += 1
            outcome = Outcome("CANCELLED", "Task was cancelled.")
        elif end.succeeded:
            execution.succeeded_count += 1
        else:
            execution.failed_count += 1
            outcome = Outcome("NON_ZERO_EXIT_CODE", end.message)
        now = self._world.clock.now()
        task.completion_time.CopyFrom(timestamp(now))
        task.reconciling = False
        conditions.put(task.conditions, [conditions.ended("Completed", now, outcome)])

    def _end(self, outcome: Outcome) -> None:
        now = self._world.clock.now()
        with self._world.store.transaction():
            execution = EXECUTIONS.find(self._world, self._name)
            if execution is None:
                return
            execution.running_count = 0
            execution.completion_time.CopyFrom(timestamp(now))
            execution.reconciling = False
            execution.observed_generation = execution.generation
            ended = outcome if not outcome.ready else self._verdict(execution)
            conditions.put(execution.conditions, [conditions.ended("Completed", now, ended)])
            EXECUTIONS.save(self._world, execution)
            self._show_in_job(execution)

    def _verdict(self, execution: Any) -> Outcome:
        if execution.cancelled_count:
            return Outcome("CANCELLED", "Execution was cancelled.")
        if execution.failed_count == 0:
            return Outcome()
        tasks = TASKS.all(self._world, f"{self._name}/tasks/")
        failed = next(t for t in tasks if any(c.state == conditions.FAILED for c in t.conditions))
        text = f"Task {short(failed.name)} failed with message: {failed.conditions[0].message}"
        return Outcome("NON_ZERO_EXIT_CODE", text)

    def _show_in_job(self, execution: Any) -> None:
        job = JOBS.find(self._world, self._name.partition("/executions/")[0])
        if job is not None and job.latest_created_execution.name == short(execution.name):
            refer(job, execution)
            JOBS.save(self._world, job)

    def _find(self, index: int) -> tuple[Any, Any]:
        """Read execution and task; nothing where the execution was deleted."""
        task = TASKS.find(self._world, f"{self._name}/tasks/{short(self._name)}-task{index}")
        return (EXECUTIONS.find(self._world, self._name), task) if task is not None else (None, None)

    def _save(self, execution: Any, task: Any) -> None:
        EXECUTIONS.save(self._world, execution)
        TASKS.save(self._world, task)


@API.method(EXECUTION + "CancelExecution")
def cancel_execution(world: World, request: Any, _: Call) -> Any:
    """Stop one that runs (kinds.md 3.4: an ended one is refused)."""
    execution = EXECUTIONS.get(world, request.name)
    check_etag(request.etag, execution)
    if execution.HasField("completion_time"):
        text = f"Execution '{short(request.name)}' cannot be cancelled because it has already completed."
        raise ApiFailure("FAILED_PRECONDITION", text)
    if request.validate_only:
        return only_validated(execution)
    return world.operations.start_task(location(request.name), execution, finish_cancel, request.name)


def finish_cancel(world: World, name: str) -> Any:
    """Stop the tasks; answers the execution as it ended. One that nobody has begun to run is ended here."""
    with world.store.transaction():
        if not (claimed := name in running(world).claimed):
            Follower(world, name).call_off()
    if claimed:
        plane(world).cancel(name)
    return EXECUTIONS.get(world, name)


@API.method(EXECUTION + "DeleteExecution")
def delete_execution(world: World, request: Any, _: Call) -> Any:
    """Delete one; if it runs, its tasks are stopped."""
    with world.store.transaction():
        execution = EXECUTIONS.get(world, request.name)
        check_etag(request.etag, execution)
        if request.validate_only:
            return only_validated(execution)
        execution.delete_time.CopyFrom(timestamp(world.clock.now()))
        forget_one(world, request.name)
    return world.operations.start_task(location(request.name), execution, finish_delete, request.name)


def finish_delete(world: World, name: str) -> Any:
    """Stop the tasks of a deleted execution."""
    plane(world).cancel(name)
    return Execution(name=name)


def forget(world: World, job: str) -> None:
    """Delete all executions of a deleted job."""
    for name, _ in world.store.list(EXECUTIONS.kind, f"{job}/executions/"):
        forget_one(world, name)


def forget_one(world: World, name: str) -> None:
    """Delete an execution and its tasks from the store."""
    world.store.delete(EXECUTIONS.kind, name)
    world.store.delete(OPERATION, name)
    for task, _ in world.store.list(TASKS.kind, f"{name}/tasks/"):
        world.store.delete(TASKS.kind, task)


standard(API, EXECUTION, "Execution", EXECUTIONS, listing=Listing(order=NEWEST_FIRST), deleted=None)
standard(API, TASK, "Task", TASKS, listing=Listing(order=Order(lambda task: (task.index, task.name))), deleted=None)
