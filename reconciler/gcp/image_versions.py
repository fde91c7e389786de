"""What lies in a repository of Artifact Registry, its cleanup policies, and tags that are made and removed there."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from reconciler.core import errors
from reconciler.core.cleanup import Action, Policy, Tags, Version
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Cleaning:
    """How a repository is cleaned.

    Args:
        policies: Its cleanup policies, by name.
        dry_run: Its policies delete nothing.
        immutable: Its tags neither move nor go.
    """

    policies: tuple[Policy, ...] = ()
    dry_run: bool = False
    immutable: bool = False


class ImageVersions:
    """Thin and idempotent over Google's client. Repositories are named in full: `projects/…/repositories/…`."""

    def __init__(self, connection: Connection) -> None:
        self._api: Any = connection.client("google.cloud.artifactregistry_v1", "artifact_registry", "ArtifactRegistry")

    def cleaning(self, repository: str) -> Cleaning:
        """Read how a repository is cleaned.

        Raises:
            NotFoundError: There is none of that name.
        """
        with calling("read", f"repository {repository}"):
            live = self._api.get_repository(request={"name": repository}, retry=READING, timeout=CALL_TIMEOUT_S)
        policies = tuple(_policy(name, live.cleanup_policies[name]) for name in sorted(live.cleanup_policies))
        return Cleaning(policies, live.cleanup_policy_dry_run, live.docker_config.immutable_tags)

    def versions(self, repository: str, most: int | None = None) -> list[Version]:
        """List what lies in a repository: one call per thousand.

        Args:
            repository: Which one.
            most: How many at most; left out, everything.
        """
        with calling("list", f"images in {repository}"):
            request = {"parent": repository, "page_size": _PAGE}
            found = self._api.list_docker_images(request=request, retry=READING, timeout=CALL_TIMEOUT_S)
            return [_version(live) for live in islice(found, most)]

    def version(self, repository: str, package: str, digest: str) -> Version:
        """Read one version.

        Raises:
            NotFoundError: It is not there.
        """
        name = f"{repository}/dockerImages/{quote(package, safe='')}@{digest}"
        with calling("read", f"{package}@{digest}"):
            return _version(self._api.get_docker_image(request={"name": name}, retry=READING, timeout=CALL_TIMEOUT_S))

    def digest_of(self, repository: str, package: str, tag: str) -> str:
        """Give the digest that a tag names now.

        Raises:
            NotFoundError: There is no such tag.
        """
        name = f"{_package(repository, package)}/tags/{tag}"
        with calling("resolve", f"{package}:{tag}"):
            found = self._api.get_tag(request={"name": name}, retry=READING, timeout=CALL_TIMEOUT_S)
        return str(found.version.rpartition("/")[2])

    def for_cloud_run(self, repository: str, package: str, digest: str) -> str:
        """Give the digest of the image of an index that Cloud Run takes: the one for Linux on x86-64.

        Returns:
            Empty for what is no index, or has none.

        Raises:
            NotFoundError: It is not there.

        Source:
            https://cloud.google.com/run/docs/container-contract#languages.
        """
        name = f"{repository}/dockerImages/{quote(package, safe='')}@{digest}"
        with calling("read", f"{package}@{digest}"):
            live = self._api.get_docker_image(request={"name": name}, retry=READING, timeout=CALL_TIMEOUT_S)
        taken = (each.digest for each in live.image_manifests if (each.os, each.architecture) == ("linux", "amd64"))
        return str(next(taken, ""))

    def tag(self, repository: str, package: str, digest: str, tag: str) -> None:
        """Let a tag name a version, whether it is there or not.

        By its name alone: that a call is made again where Google was away makes no other tag.

        Raises:
            NotFoundError: The version is not there.
            Conflict: There is such a tag already, and a moment later there is none.
        """
        parent = _package(repository, package)
        wanted = {"name": f"{parent}/tags/{tag}", "version": f"{parent}/versions/{digest}"}
        with calling("tag", f"{package}@{digest}"):
            try:
                request = {"parent": parent, "tag_id": tag, "tag": {"version": wanted["version"]}}
                with calling("tag", f"{package}@{digest}"):
                    self._api.create_tag(request=request, retry=READING, timeout=CALL_TIMEOUT_S)
            except errors.Conflict as conflict:
                if self._tagged(wanted["name"], conflict) != wanted["version"]:  # somebody moved it by hand
                    request = {"tag": wanted, "update_mask": {"paths": ["version"]}}
                    self._api.update_tag(request=request, retry=READING, timeout=CALL_TIMEOUT_S)

    def _tagged(self, name: str, conflict: errors.Conflict) -> str:
        """Give the version of a tag that is said to be there; one that is not says nothing about the version."""
        try:
            with calling("read", name):
                return str(self._api.get_tag(request={"name": name}, retry=READING, timeout=CALL_TIMEOUT_S).version)
        except errors.NotFoundError:
            raise conflict from None

    def untag(self, repository: str, package: str, tag: str) -> None:
        """Remove a tag; an absent one is fine."""
        try:
            with calling("untag", f"{package}:{tag}"):
                name = f"{_package(repository, package)}/tags/{tag}"
                self._api.delete_tag(request={"name": name}, retry=READING, timeout=CALL_TIMEOUT_S)
        except errors.NotFoundError:
            return


def _package(repository: str, package: str) -> str:
    return f"{repository}/packages/{quote(package, safe='')}"


def _version(live: Any) -> Version:
    """Turn a docker image into a version; its name escapes the slashes of the package."""
    package, _, digest = live.name.partition("/dockerImages/")[2].partition("@")
    return Version(
        package=unquote(package),
        digest=digest,
        uploaded=live.upload_time,
        tags=tuple(live.tags),
        size_bytes=live.image_size_bytes,
        parts=tuple(each.digest for each in live.image_manifests),
    )


def _policy(name: str, live: Any) -> Policy:
    action = Action.KEEP if live.action.name == "KEEP" else Action.DELETE
    if "most_recent_versions" in live:
        newest = live.most_recent_versions
        return Policy(name, action, newest=newest.keep_count, package_prefixes=tuple(newest.package_name_prefixes))
    condition = live.condition
    tags = {"TAGGED": Tags.TAGGED, "UNTAGGED": Tags.UNTAGGED}.get(condition.tag_state.name, Tags.ANY)
    return Policy(
        name,
        action,
        tags=tags,
        tag_prefixes=tuple(condition.tag_prefixes),
        version_prefixes=tuple(condition.version_name_prefixes),
        package_prefixes=tuple(condition.package_name_prefixes),
        older_than_s=condition.older_than.total_seconds() if "older_than" in condition else None,
        newer_than_s=condition.newer_than.total_seconds() if "newer_than" in condition else None,
    )
