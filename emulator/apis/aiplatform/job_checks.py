"""What a custom job may ask for, and what the server fills in.

Source: comments of `CustomJobSpec`, `WorkerPoolSpec` and `ContainerSpec`; constraints.md section 9; for the defaults
recordings vertex_custom_job/*. What the emulator cannot run is refused as UNIMPLEMENTED, in its own words.
"""

from collections.abc import Iterator
from typing import Any

from emulator.apis.aiplatform import buckets, machines
from emulator.apis.aiplatform.labels import check_display_name, check_labels
from emulator.apis.aiplatform.refusals import refuse
from emulator.core.failures import ApiFailure
from emulator.core.texts import is_word
from emulator.core.world import EMULATOR_ACCOUNT, World
from emulator.identity import accounts
from emulator.identity.iam_policy import OWN_ACCOUNT

POOLS_MOST, ENV_MOST = 4, 100
MOUNT = "/gcs/"
WORDS = "The emulator runs one worker as a process:"


def check(world: World, job: Any) -> None:
    """Check a job that is sent.

    Raises:
        ApiFailure: INVALID_ARGUMENT, PERMISSION_DENIED; UNIMPLEMENTED for what cannot be run here.
    """
    refuse(findings(job))
    check_account(world, job.job_spec.service_account)
    check_runnable(job.job_spec)


def findings(job: Any) -> Iterator[tuple[str, str]]:
    """What Google would refuse."""
    spec = job.job_spec
    yield from check_display_name(job.display_name, "custom_job.display_name")
    yield from check_labels(job.labels, "custom_job.labels")
    pools = spec.worker_pool_specs
    if not pools:
        yield "job_spec.worker_pool_specs", "At least one worker pool is required."
    elif len(pools) > POOLS_MOST:
        yield "job_spec.worker_pool_specs", f"At most {POOLS_MOST} worker pools are allowed."
    for index, pool in enumerate(pools):
        if index == 0 or pool.ByteSize():  # all but the first can be skipped by an empty value
            yield from pool_findings(pool, index)
    if spec.HasField("base_output_directory"):
        field = "job_spec.base_output_directory"
        yield from ((field, text) for text in buckets.folder(spec.base_output_directory.output_uri_prefix))
    if spec.scheduling.HasField("timeout") and spec.scheduling.timeout.ToNanoseconds() < 0:
        yield "job_spec.scheduling.timeout", "The timeout must not be negative."


def pool_findings(pool: Any, index: int) -> Iterator[tuple[str, str]]:
    """What Google would refuse in one worker pool."""
    field = f"job_spec.worker_pool_specs[{index}]"
    yield from machines.wrong(pool.machine_spec, f"{field}.machine_spec")
    if pool.replica_count < 0:
        yield f"{field}.replica_count", "The replica count must not be negative."
    elif index == 0 and pool.replica_count > 1:
        yield f"{field}.replica_count", "The first worker pool has exactly one replica."
    task = pool.WhichOneof("task")
    if task is None:
        yield field, "A container spec or a Python package spec is required."
    elif task == "container_spec":
        container = pool.container_spec
        if not container.image_uri:
            yield f"{field}.container_spec.image_uri", "Container image URI is required."
        if len(container.env) > ENV_MOST:
            yield f"{field}.container_spec.env", f"At most {ENV_MOST} environment variables are allowed."
        if any(not variable.name for variable in container.env):
            yield f"{field}.container_spec.env", "An environment variable has no name."
        words = [*container.command, *container.args, *(f"{each.name}{each.value}" for each in container.env)]
        if not all(map(is_word, words)):
            yield f"{field}.container_spec", "No word of a container may contain the character NUL."


def check_account(world: World, email: str) -> None:
    """Refuse a service account of a project here that is not there, in the words that Cloud Run has for it.

    Raises:
        ApiFailure: PERMISSION_DENIED.
    """
    if OWN_ACCOUNT.fullmatch(f"serviceAccount:{email}") is None or email == EMULATOR_ACCOUNT:
        return
    if not accounts.visible(world, email):
        text = f"Permission 'iam.serviceaccounts.actAs' denied on service account {email} (or it may not exist)."
        raise ApiFailure("PERMISSION_DENIED", text)


def check_runnable(spec: Any) -> None:
    """Refuse what a process cannot stand for, rather than train otherwise than asked.

    Raises:
        ApiFailure: UNIMPLEMENTED.
    """
    pool = spec.worker_pool_specs[0]
    if any(each.ByteSize() for each in spec.worker_pool_specs[1:]):
        raise ApiFailure("UNIMPLEMENTED", f"{WORDS} more worker pools than the first are not emulated.")
    if pool.WhichOneof("task") != "container_spec":
        raise ApiFailure("UNIMPLEMENTED", f"{WORDS} Python packages are not emulated, container images are.")
    if pool.nfs_mounts or pool.lustre_mounts:
        raise ApiFailure("UNIMPLEMENTED", f"{WORDS} it cannot mount a file system.")
    if spec.persistent_resource_id:
        raise ApiFailure("UNIMPLEMENTED", f"{WORDS} persistent resources are not emulated.")
    said = pool.container_spec
    words = [*said.command, *said.args, *(variable.value for variable in said.env)]
    if named := next((word for word in words if MOUNT in word), None):
        text = f"{WORDS} there is no mount {MOUNT}, which {named!r} names. Use the gs:// address and a client."
        raise ApiFailure("UNIMPLEMENTED", text)


def fill(job: Any) -> None:
    """Complete what was left out."""
    for pool in job.job_spec.worker_pool_specs:
        if not pool.ByteSize():
            continue
        pool.replica_count = pool.replica_count or 1
        pool.disk_spec.boot_disk_type = pool.disk_spec.boot_disk_type or "pd-ssd"
        pool.disk_spec.boot_disk_size_gb = pool.disk_spec.boot_disk_size_gb or 100
