"""What lies at which path.

Source:
    run v2 `Volume`, `VolumeMount`, `SecretVolumeSource`, `CloudSqlInstance`, `NFSVolumeSource`, `GCSVolumeSource`.
"""

import re
from collections.abc import Iterator

from schemas.checks.environment import reference
from schemas.checks.finding import Finding, exactly_one
from schemas.instance import Instance
from schemas.refusal import shown
from schemas.sections.environment import SecretRef
from schemas.sections.execution import Execution, Generation
from schemas.sections.mounts import Mount
from schemas.sections.resources import Resources
from schemas.sections.sidecars import Sidecar
from schemas.units import memory_text

SQL = "/cloudsql"
_BUCKET = re.compile(r"gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](/.*)?", re.DOTALL)
_INSTANCE = re.compile(r"[a-z0-9.:-]+:[a-z0-9-]+:[a-z0-9-]+")
_SHARE = re.compile(r"[A-Za-z0-9.-]+:/\S*|\[[0-9a-fA-F:]+\]:/\S*")
_MODE = re.compile(r"0?(?!000)[0-7]{3}")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def places(mounts: dict[str, Mount], sidecars: dict[str, Sidecar], resources: Resources) -> Iterator[Finding]:
    """Paths that can be mounted at, and one thing at each."""
    yield from _of_one("mounts", mounts)
    for name, each in sidecars.items():
        yield from _of_one(f"sidecars.{name}.mounts", each.mounts)
    memory = Instance.of(resources, sidecars).memory_mib
    for path, mount in _all(mounts, sidecars):
        if mount.memory_mib and mount.memory_mib > memory:
            summary = f"{memory_text(mount.memory_mib)} is more than the instance has ({memory_text(memory)})"
            yield Finding(f"{path}.memory", "mount", summary, "files there are the instance's memory")


def shared(mounts: dict[str, Mount], sidecars: dict[str, Sidecar]) -> Iterator[Finding]:
    """A volume that several containers share is one size."""
    sizes: dict[str, int | None] = {}
    for path, mount in _all(mounts, sidecars):
        if mount.volume is None:
            continue
        if mount.memory_mib is None:
            yield Finding(f"{path}.volume", "mount", "only memory is shared by name", "leave it out", at_key=True)
        elif sizes.setdefault(mount.volume, mount.memory_mib) != mount.memory_mib:
            summary = f"volume {shown(mount.volume)} has another size elsewhere"
            yield Finding(f"{path}.memory", "mount", summary, "one volume is one size")
        if not _NAME.fullmatch(mount.volume):
            hint = "lower-case letters, digits and -, up to 63"
            yield Finding(f"{path}.volume", "mount", f"{shown(mount.volume)} is no volume's name", hint)


def generation(
    mounts: dict[str, Mount], sidecars: dict[str, Sidecar], execution: Execution, resources: Resources
) -> Iterator[Finding]:
    """Buckets, NFS and GPUs are of the second generation; less than one vCPU is of the first."""
    if execution.environment is not Generation.GEN1:
        return
    needs = [path for path, mount in _all(mounts, sidecars) if mount.bucket or mount.nfs]
    needs += ["resources.gpu"] if resources.gpu else []
    needs += [f"sidecars.{name}.gpu" for name, each in sidecars.items() if each.gpu]
    for path in needs:
        yield Finding("execution.environment", "generation", f"Gen1 has no {path}", "it needs Gen2")


def _all(mounts: dict[str, Mount], sidecars: dict[str, Sidecar]) -> Iterator[tuple[str, Mount]]:
    for path, mount in mounts.items():
        yield f"mounts.{path}", mount
    for name, each in sidecars.items():
        for path, mount in each.mounts.items():
            yield f"sidecars.{name}.mounts.{path}", mount


def _of_one(here: str, mounts: dict[str, Mount]) -> Iterator[Finding]:
    for path, mount in mounts.items():
        place = f"{here}.{path}"
        yield from _path(place, path)
        above = next((other for other in mounts if other != path and path.startswith(f"{other.rstrip('/')}/")), None)
        if above:
            yield Finding(place, "mount", f"it lies below {shown(above)}, which is a mount", at_key=True)
        choices = {
            "bucket": mount.bucket,
            "memory": mount.memory_mib,
            "secret": mount.secret,
            "cloudSql": mount.cloud_sql,
            "nfs": mount.nfs,
        }
        yield from exactly_one(place, choices, "what is mounted")
        yield from _fits(place, path, mount)
        yield from _written(place, mount)


def _path(place: str, path: str) -> Iterator[Finding]:
    parts = path.split("/")
    if not path.startswith("/") or path == "/" or ":" in path or {".", ".."} & {*parts} or "" in parts[1:]:
        hint = "write an absolute path without a slash at its end: /models"
        yield Finding(place, "mount", f"{shown(path)} is no path to mount at", hint, at_key=True)
    elif parts[1] in {"dev", "proc", "sys"} and parts[1:] != ["dev", "shm"]:
        yield Finding(place, "mount", f"/{parts[1]} is the system's", "choose another path", at_key=True)


def _fits(place: str, path: str, mount: Mount) -> Iterator[Finding]:
    """Keys that go with what is mounted."""
    if bool(mount.cloud_sql) != (path == SQL):
        yield Finding(place, "mount", f"sockets of Cloud SQL lie at {SQL}, and nothing else does", at_key=True)
    wrong = (
        ("readOnly", mount.read_only is not None and not (mount.bucket or mount.nfs), "buckets and NFS shares"),
        ("mountOptions", mount.mount_options and not mount.bucket, "buckets"),
        ("items", mount.items and not mount.secret, "secrets"),
        ("defaultMode", mount.default_mode is not None and not mount.secret, "secrets"),
        ("subPath", mount.sub_path is not None and bool(mount.cloud_sql), "what has folders"),
    )
    for key, found, what in wrong:
        if found:
            yield Finding(f"{place}.{key}", "mount", f"it is for {what} only", "leave it out", at_key=True)


def _written(place: str, mount: Mount) -> Iterator[Finding]:
    """Names that can be names."""
    if mount.bucket is not None and (not _BUCKET.fullmatch(mount.bucket) or ".." in mount.bucket.split("/")):
        yield Finding(f"{place}.bucket", "mount", f"{shown(mount.bucket)} is no bucket", "write gs://bucket/folder/")
    if any(option.startswith("only-dir") for option in mount.mount_options):
        yield Finding(f"{place}.mountOptions", "mount", "the folder stands in `bucket`", "write gs://bucket/folder/")
    if mount.nfs is not None and not _SHARE.fullmatch(mount.nfs):
        yield Finding(f"{place}.nfs", "mount", f"{shown(mount.nfs)} is no share", "write server:/path")
    for index, instance in enumerate(mount.cloud_sql):
        if not _INSTANCE.fullmatch(instance):
            summary = f"{shown(instance)} is no instance of Cloud SQL"
            yield Finding(f"{place}.cloudSql[{index}]", "mount", summary, "write project:region:instance")
    yield from _files(place, mount)


def _files(place: str, mount: Mount) -> Iterator[Finding]:
    """Files of a secret, and folders within."""
    if mount.default_mode is not None and not _MODE.fullmatch(mount.default_mode):
        yield Finding(f"{place}.defaultMode", "mount", f"{shown(mount.default_mode)} is no mode", "octal: 0444")
    if mount.sub_path is not None and (mount.sub_path.startswith("/") or ".." in mount.sub_path.split("/")):
        summary = f"{shown(mount.sub_path)} does not lie within"
        yield Finding(f"{place}.subPath", "mount", summary, "write a path within what is mounted: folder/below")
    if mount.secret is not None:
        for file, version in (mount.items or {"": "latest"}).items():
            yield from reference(place, SecretRef(secret=mount.secret, version=version))
            if file.startswith("/") or ".." in file.split("/"):
                yield Finding(f"{place}.items.{file}", "mount", f"{shown(file)} is no file's name there", at_key=True)
