"""Roles by which the account of a Cloud Run service has what its containers mount and read: where each is granted.

What a spec wants and what revisions that are there need is said in the same words: one is kept for the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.core import condition
from reconciler.core.address import GLOBAL, Address
from reconciler.core.membership import MOUNTED, PROJECT, SECRET_READER, SQL_CLIENT, Membership, split_secret
from reconciler.core.naming import fingerprint
from reconciler.kinds.run_service.volumes import folder_of

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES_READER = "roles/storage.objectViewer"
FILES_WRITER = "roles/storage.objectUser"


def on_folder(bucket: str, folder: str, member: str, *, writes: bool) -> tuple[Address, str]:
    """Give the role on a mounted folder, and the condition that holds it to that folder.

    Args:
        bucket: Its name.
        folder: In it, without a slash at its end; empty for all of it.
        member: Whose.
        writes: It is mounted to be written to.
    """
    below = f"{folder}/" if folder else ""
    title = f"{MOUNTED}{bucket[:30]}-{fingerprint([bucket, below], length=8)}"
    role = FILES_WRITER if writes else FILES_READER
    return Membership(PROJECT, "", role, member, title).at(GLOBAL), condition.below(bucket, below)


def on_instance(instance: str, member: str, project: str) -> Address:
    """Give the role by which an instance of Cloud SQL is reached.

    Args:
        instance: `project:region:name`.
        member: Whose.
        project: The one at hand.
    """
    other = instance.rsplit(":", 2)[0]
    return Membership(PROJECT, "", SQL_CLIENT, member).at(GLOBAL, "" if other == project else other)


def on_secret(reference: str, member: str, project: str) -> Address:
    """Give the role by which a secret is read.

    Args:
        reference: As specs and revisions write it.
        member: Whose.
        project: The one at hand.
    """
    other, secret = split_secret(reference, project)
    return Membership("secret", secret, SECRET_READER, member).at(GLOBAL, other)


def needed_by(live: Any, project: str) -> frozenset[Address]:
    """Give what a revision's instances cannot start without.

    Args:
        live: Message of a revision.
        project: The one at hand.
    """
    message = type(live).pb(live)  # read a thousand at a time: without the wrapper
    return frozenset(_needed(message, f"serviceAccount:{message.service_account}", project))


def _needed(message: Any, member: str, project: str) -> Iterator[Address]:
    for volume in message.volumes:
        if volume.HasField("gcs"):
            folder = folder_of(volume.gcs.mount_options)
            yield on_folder(volume.gcs.bucket, folder, member, writes=not volume.gcs.read_only)[0]
        elif volume.HasField("cloud_sql_instance"):
            yield from (on_instance(each, member, project) for each in volume.cloud_sql_instance.instances)
        elif volume.HasField("secret"):
            yield on_secret(volume.secret.secret, member, project)
    for container in message.containers:
        for variable in container.env:
            if variable.value_source.secret_key_ref.secret:
                yield on_secret(variable.value_source.secret_key_ref.secret, member, project)
