"""What is in the volumes of an instance.

Source: `google.cloud.run.v2.Volume`; https://cloud.google.com/run/docs/configuring/services/cloud-storage-volume-mounts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulator.apis.run.secrets import secret_payload
from emulator.core.callbacks import resolve
from emulator.core.world import World
from emulator.processes.model import CannotStartError

HOLD = "emulator.apis.storage.folders.mounting:hold"
"""Cloud Storage stands on Cloud Run, which its notices go to, and not the other way round."""
ONLY_DIR = "only-dir="
LACKING = {
    "cloud_sql_instance": "the emulator has no Cloud SQL, so there are no sockets below /cloudsql. Give the container "
    "an address of a database on this machine instead, by a variable",
    "nfs": "the emulator mounts no NFS. Use a bucket or memory here",
}


@dataclass(frozen=True, slots=True)
class Held:
    """A volume of an instance as a folder of this machine."""

    folder: Path
    read_only: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose volume it is.

    Attributes:
        project: Of the revision or execution.
        account: E-mail of its account.
        scratch: The folder of its instance.
        note: Writes into its log.
    """

    world: World
    project: str
    account: str
    scratch: Path
    note: Callable[[str], None]


def hold(holder: Holder, volume: Any) -> Held:
    """Make a volume's folder, where another container of the instance has not.

    Raises:
        CannotStartError: It cannot be had: what it names is not there or not allowed, or the emulator lacks it.
    """
    sort = volume.WhichOneof("volume_type")
    if sort in LACKING:
        raise CannotStartError("INTERNAL", f"Volume '{volume.name}' cannot be mounted: {LACKING[sort]}.")
    if sort == "gcs":
        return hold_bucket(holder, volume.name, volume.gcs)
    folder = holder.scratch / "volumes" / volume.name
    if not folder.is_dir():
        folder.mkdir(parents=True)
        if sort == "secret":
            write_secret(holder, folder, volume.secret)
    return Held(folder, read_only=sort == "secret")


def write_secret(holder: Holder, folder: Path, secret: Any) -> None:
    """Write a secret's versions as files: those that are listed, else the latest under the secret's own name."""
    listed = [(item.path, item.version or "latest", item.mode) for item in secret.items]
    for name, version, mode in listed or [(secret.secret.rpartition("/")[2], "latest", 0)]:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(secret_payload(holder.world, holder.project, secret.secret, version))
        path.chmod(mode or secret.default_mode)


def hold_bucket(holder: Holder, name: str, gcs: Any) -> Held:
    """Have a bucket as a folder, kept in step until the instance is over."""
    part = (gcs.bucket, only_dir(gcs.mount_options), gcs.read_only)
    held = resolve(HOLD)(holder.world, holder.account, (holder.scratch, name), part, holder.note)
    folder, writable, problem = held
    if problem:
        raise CannotStartError("INTERNAL", f"Volume '{name}' cannot be mounted: gs://{gcs.bucket}: {problem}")
    notes = () if writable or gcs.read_only else (may_not(holder, name, gcs.bucket),)
    return Held(folder, not writable, notes)


def may_not(holder: Holder, name: str, bucket: str) -> str:
    """Say that a volume that was meant to be written to is read only."""
    return (
        f"Volume '{name}' is read-only: {holder.account} may not write to gs://{bucket}. Grant it "
        "roles/storage.objectUser on the bucket."
    )


def only_dir(options: Any) -> str:
    """Give the folder of a bucket that is mounted alone, with a slash at its end; empty for all of it.

    Source:
        https://github.com/GoogleCloudPlatform/gcsfuse, `cfg/config.go`: one text, of which the last that is said holds.
    """
    found = next((each.removeprefix(ONLY_DIR) for each in reversed(options) if each.startswith(ONLY_DIR)), "").rstrip(
        "/"
    )
    return f"{found}/" if found else ""
