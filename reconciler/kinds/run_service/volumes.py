"""What is mounted where: Cloud Run has volumes by name and mounts of them; we have what lies at a path.

Names of volumes matter where several mounts share the memory of one, and nowhere else.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.kinds.run_service.quantities import memory_mib

Plain = Mapping[str, Any]
_SORTS = ("secret", "cloudSqlInstance", "emptyDir", "nfs", "gcs")
_DEFAULT_MODE = 0o444
FOLDER = "only-dir="
"""Mount option that says which folder of a bucket is mounted alone."""
_NOT_A_NAME = re.compile(r"[^a-z0-9]+")


def read(template: Plain) -> list[dict[str, dict[str, Any]]]:
    """Give what is mounted in each container of a template's JSON, by path, in its one form."""
    volumes = {each.get("name", ""): each for each in template.get("volumes", ())}
    containers = [each.get("volumeMounts", ()) for each in template.get("containers", ())]
    used = Counter(mount.get("name", "") for mounts in containers for mount in mounts)
    return [
        {mount.get("mountPath", ""): _form(volumes.get(mount.get("name", ""), {}), mount, used) for mount in mounts}
        for mounts in containers
    ]


def _form(volume: Plain, mount: Plain, used: Mapping[str, int]) -> dict[str, Any]:
    name = volume.get("name", "")
    found: dict[str, Any] = {sort: content(sort, volume[sort]) for sort in _SORTS if sort in volume}
    if "emptyDir" in found and used[name] > 1:
        found["volume"] = name
    if mount.get("subPath"):
        found["subPath"] = mount["subPath"]
    return found


def content(sort: str, said: Plain) -> dict[str, Any]:
    """Give a source in its one form: the folder of a bucket is the first of its options, and is named once.

    Modes of single files of a secret are nobody's: they have no word, and are as they were until the mount changes.
    """
    if sort == "gcs":
        said_options = said.get("mountOptions", ())
        options = [each for each in said_options if not each.startswith(FOLDER)]
        if folder := folder_of(said_options):
            options = [f"{FOLDER}{folder}", *options]
        found: dict[str, Any] = {"bucket": said.get("bucket", ""), "readOnly": bool(said.get("readOnly", False))}
        return {**found, "mountOptions": options} if options else found
    if sort == "emptyDir":
        size_mib = memory_mib(said["sizeLimit"]) if said.get("sizeLimit") else 0
        return {"sizeMib": size_mib} if size_mib else {}
    if sort == "cloudSqlInstance":
        return {"instances": sorted(said.get("instances", ()))}
    if sort == "nfs":
        return {
            "server": said.get("server", ""),
            "path": said.get("path", ""),
            "readOnly": bool(said.get("readOnly", False)),
        }
    items = {each.get("path", ""): each.get("version", "latest") for each in said.get("items", ())}
    found = {"secret": said.get("secret", ""), "defaultMode": said.get("defaultMode") or _DEFAULT_MODE}
    return {**found, **({"items": items} if items else {})}


def folder_of(options: Iterable[str]) -> str:
    """Give the folder of a bucket that is mounted alone, without a slash at its end; empty for all of it.

    Args:
        options: Of the mount.

    Source:
        https://github.com/GoogleCloudPlatform/gcsfuse, `cfg/config.go`: `only-dir` is one text, of which a command line
        holds the last that is said.
    """
    folders = [each.removeprefix(FOLDER).rstrip("/") for each in options if each.startswith(FOLDER)]
    return folders[-1] if folders else ""


def with_names_where_shared(mounts: Iterable[dict[str, dict[str, Any]]]) -> None:
    """Take a volume's name away where one mount alone has it: then it says nothing."""
    every = [mount for each in mounts for mount in each.values()]
    used = Counter(mount["volume"] for mount in every if "volume" in mount)
    for mount in every:
        if used[mount.get("volume", "")] == 1:
            del mount["volume"]


def write(template: dict[str, Any], wanted: list[dict[str, dict[str, Any]]]) -> None:
    """Mount what is wanted in each container, and drop the volumes that nothing mounts any more.

    Args:
        template: A message's JSON, changed in place. Mounts that are as wanted, and volumes that were mounted by
            nobody before, are left alone.
        wanted: By container, what is to be mounted, by path, in its one form.
    """
    volumes = {each.get("name", ""): each for each in template.get("volumes", ())}
    before = {mount.get("name", "") for each in template["containers"] for mount in each.get("volumeMounts", ())}
    for container, mounts, live in zip(template["containers"], wanted, read(template), strict=True):
        there = {mount.get("mountPath", ""): mount for mount in container.get("volumeMounts", ())}
        written = [
            there[path] if live.get(path) == mount else _mounted(path, mount, volumes) for path, mount in mounts.items()
        ]
        container.pop("volumeMounts", None)
        if written:
            container["volumeMounts"] = written
    after = {mount["name"] for each in template["containers"] for mount in each.get("volumeMounts", ())}
    left = [each for name, each in volumes.items() if name in after or name not in before]
    template.pop("volumes", None)
    if left:
        template["volumes"] = left


def _mounted(path: str, mount: Plain, volumes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Give a mount, of a volume that is there or is put there."""
    sort = next(each for each in _SORTS if each in mount)
    name = mount.get("volume", "")
    if sort != "emptyDir":
        same = (
            each for each, volume in volumes.items() if sort in volume and content(sort, volume[sort]) == mount[sort]
        )
        name = next(same, "")
    if name not in volumes or sort not in volumes[name] or content(sort, volumes[name][sort]) != mount[sort]:
        name = name or _free(path, volumes)
        volumes[name] = {"name": name, sort: _message(sort, mount[sort])}
    found = {"name": name, "mountPath": path}
    return {**found, "subPath": mount["subPath"]} if mount.get("subPath") else found


def _free(path: str, volumes: Mapping[str, Any]) -> str:
    """Give a volume's name that says where it is mounted, and that no other has."""
    base = _NOT_A_NAME.sub("-", path.lower()).strip("-")[:50].strip("-") or "volume"
    base = base if base[0].isalpha() else f"v-{base}"
    names = (base, *(f"{base}-{number}" for number in range(2, len(volumes) + 3)))
    return next(name for name in names if name not in volumes)


def _message(sort: str, said: Plain) -> dict[str, Any]:
    if sort == "emptyDir":
        return {"medium": "MEMORY", **({"sizeLimit": f"{said['sizeMib']}Mi"} if "sizeMib" in said else {})}
    if sort == "secret":
        items = [{"path": path, "version": version} for path, version in said.get("items", {}).items()]
        found = {"secret": said["secret"], "defaultMode": said["defaultMode"]}
        return {**found, "items": items} if items else found
    return dict(said)
