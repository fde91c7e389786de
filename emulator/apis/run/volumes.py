"""What Cloud Run refuses of a template's volumes and of where containers mount them.

Source: constraints.md 2.4, row by row; `google.cloud.run.v2.Volume` and `VolumeMount`.
"""

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from emulator.apis.run.containers import LABEL
from emulator.apis.run.defaults import CLOUD_SQL, MEMORY
from emulator.apis.run.messages import GEN1
from emulator.apis.run.quantities import memory_bytes
from emulator.apis.run.refusals import bad, check_between

MODE_MOST = 0o777
SECOND_GENERATION = {"gcs": "Cloud Storage", "nfs": "NFS"}
"""Sorts of volumes that the first generation lacks (constraints.md 2.1)."""


def check_volumes(template: Any) -> None:
    """Check the volumes of a revision's or a task's template, and all mounts of them."""
    volumes = {volume.name: volume for volume in template.volumes}
    if len(volumes) < len(template.volumes):
        raise bad("template.volumes", "volume names must be unique")
    memory = sum(memory_bytes(c.resources.limits[MEMORY], "template.containers") for c in template.containers)
    for index, volume in enumerate(template.volumes):
        where = f"template.volumes[{index}]"
        check_volume(volume, where, memory)
        sort = volume.WhichOneof("volume_type")
        if template.execution_environment == GEN1 and sort in SECOND_GENERATION:
            text = f"{SECOND_GENERATION[sort]} volumes need the second generation execution environment"
            raise bad(f"{where}.{sort}", text)
    for index, container in enumerate(template.containers):
        check_mounts(container.volume_mounts, volumes, f"template.containers[{index}].volume_mounts")


def check_volume(volume: Any, where: str, memory: int) -> None:
    """Check one volume.

    Args:
        volume: Completed.
        where: Its place in the template.
        memory: Bytes that all containers have together.
    """
    if not LABEL.fullmatch(volume.name):
        raise bad(f"{where}.name", f"'{volume.name}' must use only lowercase letters, numbers and '-'")
    sort = volume.WhichOneof("volume_type")
    if sort is None:
        raise bad(where, "exactly one of secret, cloud_sql_instance, empty_dir, nfs and gcs must be set")
    if sort == "gcs" and not volume.gcs.bucket:
        raise bad(f"{where}.gcs.bucket", "must be set")
    if sort == "nfs" and not (volume.nfs.server and volume.nfs.path):
        raise bad(f"{where}.nfs", "server and path must be set")
    if sort == "secret":
        check_secret(volume.secret, f"{where}.secret")
    if sort == "empty_dir" and volume.empty_dir.size_limit:
        at = f"{where}.empty_dir.size_limit"
        if memory_bytes(volume.empty_dir.size_limit, at) > memory:
            raise bad(at, f"'{volume.empty_dir.size_limit}' is more than the memory of all containers")


def check_secret(secret: Any, where: str) -> None:
    """Check a secret as a folder: which, and what its files are called."""
    if not secret.secret:
        raise bad(f"{where}.secret", "must be set")
    check_between(f"{where}.default_mode", secret.default_mode, 0, MODE_MOST)
    for index, item in enumerate(secret.items):
        at = f"{where}.items[{index}]"
        path = PurePosixPath(item.path)
        if not item.path or path.is_absolute() or ".." in path.parts:
            raise bad(f"{at}.path", f"'{item.path}' must be a relative path without '..'")
        check_between(f"{at}.mode", item.mode, 0, MODE_MOST)


def check_mounts(mounts: Iterable[Any], volumes: Mapping[str, Any], where: str) -> None:
    """Check where a container mounts volumes: at absolute paths below the root, none over another."""
    places: list[PurePosixPath] = []
    for mount in mounts:
        if mount.name not in volumes:
            raise bad(where, f"no volume named '{mount.name}' found in template.volumes")
        place = PurePosixPath(check_path(mount, volumes[mount.name], where))
        for other in places:
            if place.is_relative_to(other) or other.is_relative_to(place):
                raise bad(f"{where}.mount_path", f"'{place}' overlaps with '{other}'")
        places.append(place)


def check_path(mount: Any, volume: Any, where: str) -> str:
    """Check a mount's path and give it; Cloud SQL has its own, which may be left out."""
    path, at = mount.mount_path, f"{where}.mount_path"
    if volume.WhichOneof("volume_type") == "cloud_sql_instance":
        if path not in ("", CLOUD_SQL):
            raise bad(at, f"'{path}' must be empty or {CLOUD_SQL} for a Cloud SQL volume")
        return CLOUD_SQL
    if not path.startswith("/") or ":" in path or path == "/" or ".." in PurePosixPath(path).parts:
        raise bad(at, f"'{path}' must be an absolute path without ':' and not '/'")
    if PurePosixPath(path).is_relative_to(CLOUD_SQL):
        raise bad(at, f"'{path}' is kept for Cloud SQL")
    sub = PurePosixPath(mount.sub_path)
    if sub.is_absolute() or ".." in sub.parts:
        raise bad(f"{where}.sub_path", f"'{mount.sub_path}' must be a relative path without '..'")
    return str(path)
