"""What we manage of a Cloud Run job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.core.address import Address
from reconciler.core.reference import Ref

NAME = "run_job"
"""Name of the kind, as in addresses."""


@dataclass(frozen=True, slots=True)
class RunJob:
    """The fields we manage. Every other field of the live job is left as found.

    Args:
        image: Reference, by digest wherever it could be resolved; a tag is resolved when an execution starts.
        command: What is started in place of the image's own entry point; empty for that one.
        args: Its arguments.
        env: Environment variables; others may add theirs.
        secrets: `secret:version` by environment variable.
        cpu_millis: Thousandths of a vCPU per task.
        memory_mib: Memory per task.
        tasks: How many an execution has, 1 to 10000. Each is told its number and how many there are.
        parallelism: Most tasks at a time; 0 for as many as possible.
        max_retries: Further tries of a task that failed, 0 to 10.
        timeout_s: Longest a try of a task may take.
        service_account: E-mail of the account that it runs as.
        labels: Ours; others may add theirs.
        by_hand: What somebody gave the task beside these, of what changes what runs and Google never fills in.
    """

    image: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    env: Mapping[str, str]
    secrets: Mapping[str, str]
    cpu_millis: int
    memory_mib: int
    tasks: int
    parallelism: int
    max_retries: int
    timeout_s: int
    service_account: str | Ref
    labels: Mapping[str, str]
    by_hand: Mapping[str, str] = field(default_factory=dict)


def run_address(job: Address, project: str) -> str:
    """Give the address that starts an execution when it is called with `run.jobs.run`.

    Source:
        cloud.google.com/run/docs/execute/jobs-on-schedule.
    """
    return f"https://run.googleapis.com/v2/{full_name(job, project)}:run"


def full_name(job: Address, project: str) -> str:
    """Give the job's full name."""
    return f"projects/{project}/locations/{job.location}/jobs/{job.name}"
