"""The worker of a custom job: its container as a process, with what Vertex AI tells it in its environment.

Source: comment of `CustomJobSpec.base_output_directory` for `AIP_…`;
https://cloud.google.com/vertex-ai/docs/training/code-requirements for the others.
"""

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from emulator.apis.aiplatform.names import location, project_id
from emulator.apis.run import programs
from emulator.apis.run.messages import Container as RunContainer
from emulator.apis.run.running import plane
from emulator.core.world import World
from emulator.processes.execution import Batch, TaskEnd, nothing_told
from emulator.processes.model import CannotStartError, Container, Identity

REPLICA = "workerpool0-0"
ENDLESS_S = 10 * 365 * 86400.0
"""How long a worker may take in real time: it is the virtual clock that ends it."""
FOLDERS = {"AIP_MODEL_DIR": "model", "AIP_CHECKPOINT_DIR": "checkpoints", "AIP_TENSORBOARD_LOG_DIR": "logs"}
CLUSTER = {
    "cluster": {"workerpool0": ["127.0.0.1:2222"]},
    "environment": "cloud",
    "task": {"type": "workerpool0", "index": 0},
}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a worker ended.

    Attributes:
        exit_code: None where it was stopped or never started.
        stopped: Whether somebody stopped it.
        message: Why it could not be started.
    """

    exit_code: int | None = None
    stopped: bool = False
    message: str = ""


class Listener:
    """Hears of the worker, in worker threads."""

    def __init__(self, started: Callable[[], None]) -> None:
        self.over = threading.Event()
        self.ended = Ended(stopped=True)
        self._started = started

    def task_started(self, _: int, __: int) -> None:
        """The container is about to be started."""
        self._started()

    def task_ended(self, end: TaskEnd) -> None:
        """The container has ended, or could not be started."""
        self.ended = Ended(end.exit_code, end.cancelled, end.message if end.exit_code is None else "")

    def execution_ended(self) -> None:
        """Nothing runs any more."""
        self.over.set()


def replica(job: str) -> str:
    """What a job's worker is called by the data plane."""
    return f"{job}/replicas/{REPLICA}"


def run(world: World, name: str, make: Callable[[], Batch], started: Callable[[], None]) -> Ended:
    """Run a job's worker to its end. It can be stopped from the moment that it is announced (`announce`).

    Args:
        world: Where.
        name: Of the job.
        make: Tells what is to run; may raise `CannotStartError`.
        started: Called when the container is about to start.
    """
    here, listener = plane(world), Listener(started)
    try:
        here.execute(make(), listener)
        listener.over.wait()
    except CannotStartError as error:
        return Ended(message=error.outcome.message)
    finally:
        with suppress(CannotStartError):  # everything was stopped, and has forgotten it
            here.withdraw(replica(name))
    return listener.ended


def announce(world: World, name: str) -> None:
    """Say that a worker will run: from now on it can be stopped."""
    plane(world).announce(replica(name))


def withdraw(world: World, name: str) -> None:
    """An announced worker will not run after all."""
    plane(world).withdraw(replica(name))


def stop(world: World, name: str) -> None:
    """Stop a worker (SIGTERM, ten seconds, SIGKILL), and wait for its end."""
    with suppress(CannotStartError):
        plane(world).cancel(replica(name))


def log(world: World, name: str) -> list[str]:
    """What a worker has written."""
    return plane(world).log(replica(name))


def batch(world: World, job: Any) -> Batch:
    """What the data plane is to run for a custom job.

    Raises:
        CannotStartError: The image is not there.
    """
    container = as_run(job.job_spec.worker_pool_specs[0].container_spec)
    source = programs.find_source(world, container.image)
    if not isinstance(source, programs.Source):
        raise CannotStartError(source.reason, source.message)
    project = project_id(world, job.name)
    make = partial(programs.program, world, programs.Owner(project, environment(job)), container, source)
    agent = "service-{number}@gcp-sa-aiplatform-cc.iam.gserviceaccount.com"
    return alone(job.name, Container(REPLICA, identity(world, job.name, job.job_spec.service_account or agent), make))


def alone(name: str, container: Container) -> Batch:
    """One container that is run once. How long it may take is a matter of the virtual clock."""
    return Batch(replica(name), (container,), max_retries=0, timeout_s=ENDLESS_S, told=nothing_told)


def as_run(spec: Any) -> Any:
    """A container as Cloud Run describes one: both are started alike."""
    container = RunContainer(image=spec.image_uri, command=spec.command, args=spec.args)
    for variable in spec.env:
        container.env.add(name=variable.name, value=variable.value)
    return container


def identity(world: World, name: str, account: str) -> Identity:
    """Whose credentials a job's worker has: an account's, in which `{number}` stands for the project's number."""
    number = name.split("/")[1]
    region = location(name).rpartition("/")[2]
    return Identity(project_id(world, name), number, region, account.format(number=number))


def environment(job: Any) -> dict[str, str]:
    """What Vertex AI itself sets. The project is its number, as on Google."""
    found = {
        "CLOUD_ML_JOB_ID": job.name.rpartition("/")[2],
        "CLOUD_ML_PROJECT_ID": job.name.split("/")[1],
        "CLUSTER_SPEC": json.dumps(CLUSTER),
    }
    base = job.job_spec.base_output_directory.output_uri_prefix.rstrip("/")
    return found | ({name: f"{base}/{folder}/" for name, folder in FOLDERS.items()} if base else {})
