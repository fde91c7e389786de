"""Volumes in both versions. Secrets of other projects and Cloud SQL are annotations in version 1.

Source:
    cloud.google.com/run/docs/reference/rest/v1/Volume; the annotations `secrets` and `cloudsql-instances` as gcloud
    528 writes them.
"""

import uuid
from typing import Any

from emulator.apis.run_v1.annotations import RUN
from emulator.apis.run_v1.fields import only

Json = dict[str, Any]
SECRETS, CLOUD_SQL = f"{RUN}secrets", f"{RUN}cloudsql-instances"
SQL_VOLUME, SQL_FOLDER = "cloudsql", "/cloudsql"
BUCKETS = "gcsfuse.run.googleapis.com"
SORTS = ("secret", "emptyDir", "nfs", "csi")


def alias(secret: str) -> str:
    """How version 1 calls a secret: a full name has an alias, which an annotation explains."""
    return f"secret-{uuid.uuid5(uuid.NAMESPACE_OID, secret)}" if "/" in secret else secret


def aliases(found: Json) -> dict[str, str]:
    """The annotation that explains the aliases of what has containers and volumes."""
    named = [each["secret"]["secret"] for each in found.get("volumes", []) if "secret" in each]
    for container in found.get("containers", []):
        references = [each.get("valueSource", {}).get("secretKeyRef") for each in container.get("env", [])]
        named += [each["secret"] for each in references if each]
    full = sorted({name for name in named if "/" in name})
    return {SECRETS: ",".join(f"{alias(name)}:{name}" for name in full)} if full else {}


def explained(text: str) -> dict[str, str]:
    """Secrets by alias."""
    pairs = [each.partition(":") for each in text.split(",") if each]
    return {short: name for short, _, name in pairs}


def databases(found: Json) -> dict[str, str]:
    """The annotation that names the instances of Cloud SQL."""
    volumes = [each["cloudSqlInstance"] for each in found.get("volumes", []) if "cloudSqlInstance" in each]
    named = [name for each in volumes for name in each.get("instances", [])]
    return {CLOUD_SQL: ",".join(named)} if named else {}


def database_volumes(found: Json) -> set[str]:
    """Names of the volumes that version 1 does not show."""
    return {each["name"] for each in found.get("volumes", []) if "cloudSqlInstance" in each}


def shown(found: Json) -> Json:
    """A volume as version 1 shows it."""
    name = {"name": found["name"]}
    if "secret" in found:
        return name | {"secret": secret_shown(found["secret"])}
    if "gcs" in found:
        return name | {"csi": bucket_shown(found["gcs"])}
    if "emptyDir" in found:
        memory = found["emptyDir"].get("medium") == "MEMORY"
        return name | {"emptyDir": {**found["emptyDir"], "medium": "Memory" if memory else ""}}
    return found


def secret_shown(found: Json) -> Json:
    """A secret as a folder."""
    same = ("path", "mode")
    items = [
        {"key": each.get("version", "latest")} | {key: each[key] for key in same if key in each}
        for each in found.get("items", [])
    ]
    mode = {"defaultMode": found["defaultMode"]} if "defaultMode" in found else {}
    return {"secretName": alias(found["secret"])} | mode | ({"items": items} if items else {})


def bucket_shown(found: Json) -> Json:
    """A bucket: version 1 has a driver for it, and options as one text."""
    options = found.get("mountOptions")
    about = {"bucketName": found.get("bucket", "")} | ({"mountOptions": ",".join(options)} if options else {})
    return {"driver": BUCKETS, "volumeAttributes": about} | ({"readOnly": True} if found.get("readOnly") else {})


def read(found: Json, where: str, secrets: dict[str, str]) -> Json:
    """A volume of version 1, in version 2."""
    only(found, where, ("name", *SORTS))
    name, sort = {"name": found.get("name", "")}, next((each for each in SORTS if found.get(each) is not None), "")
    if sort == "secret":
        return name | {"secret": secret_read(found["secret"], f"{where}.secret", secrets)}
    if sort == "csi":
        return name | {"gcs": bucket_read(found["csi"], f"{where}.csi")}
    if sort == "emptyDir":
        only(found["emptyDir"], f"{where}.emptyDir", ("medium", "sizeLimit"))
        medium = {"medium": "MEMORY"} if found["emptyDir"].get("medium") == "Memory" else {}
        size = found["emptyDir"].get("sizeLimit")
        return name | {"emptyDir": medium | ({"sizeLimit": size} if size else {})}
    if sort == "nfs":
        only(found["nfs"], f"{where}.nfs", ("server", "path", "readOnly"))
        return name | {"nfs": found["nfs"]}
    return name


def secret_read(found: Json, where: str, secrets: dict[str, str]) -> Json:
    """A secret as a folder."""
    only(found, where, ("secretName", "items", "defaultMode"))
    called = found.get("secretName", "")
    items = []
    for index, each in enumerate(found.get("items") or []):
        only(each, f"{where}.items[{index}]", ("key", "path", "mode"))
        mode = {"mode": each["mode"]} if "mode" in each else {}
        items.append({"path": each["path"], "version": each.get("key", "")} | mode)
    mode = {"defaultMode": found["defaultMode"]} if found.get("defaultMode") else {}
    return {"secret": secrets.get(called, called), "items": items} | mode


def bucket_read(found: Json, where: str) -> Json:
    """A bucket."""
    only(found, where, ("driver", "readOnly", "volumeAttributes"), driver=(BUCKETS,))
    about = found.get("volumeAttributes") or {}
    only(about, f"{where}.volumeAttributes", ("bucketName", "mountOptions"))
    options = [each for each in about.get("mountOptions", "").split(",") if each]
    wanted = {"bucket": about.get("bucketName", ""), "mountOptions": options}
    return wanted | {"readOnly": bool(found.get("readOnly"))}
