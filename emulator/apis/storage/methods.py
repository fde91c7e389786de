"""Every method of the JSON API that the emulator serves: verb, path, name, function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from emulator.apis.storage import buckets, listing, media, notifications, objects, policy, projects, uploads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.apis.storage.wire import Call, Reply


@dataclass(frozen=True, slots=True)
class Method:
    """A method as named by Google's discovery document, and what it does here."""

    verb: str
    path: tuple[str, ...]
    name: str
    run: Callable[[Call], Reply]

    def match(self, verb: str, segments: list[str]) -> dict[str, str] | None:
        """The variables of the path, decoded, or None where the call is not for this method."""
        if verb != self.verb or len(segments) != len(self.path):
            return None
        pairs = list(zip(self.path, segments, strict=True))
        if any(not want.startswith("{") and want != got for want, got in pairs):
            return None
        return {want[1:-1]: unquote(got) for want, got in pairs if want.startswith("{")}


def _method(line: str, name: str, run: Callable[[Call], Reply]) -> Method:
    verb, path = line.split(" ")
    return Method(verb, tuple(path.split("/")), f"storage.{name}", run)


_COPY = "b/{bucket}/o/{object}/%s/b/{toBucket}/o/{toObject}"
_PLAIN = (
    _method("GET b", "buckets.list", buckets.list_),
    _method("POST b", "buckets.insert", buckets.insert),
    _method("GET b/{bucket}", "buckets.get", buckets.get),
    _method("PATCH b/{bucket}", "buckets.patch", buckets.patch),
    _method("PUT b/{bucket}", "buckets.update", buckets.update),
    _method("DELETE b/{bucket}", "buckets.delete", buckets.delete),
    _method("GET b/{bucket}/storageLayout", "buckets.getStorageLayout", buckets.layout),
    _method("GET b/{bucket}/managedFolders", "managedFolders.list", buckets.managed_folders),
    _method("GET b/{bucket}/iam", "buckets.getIamPolicy", policy.get),
    _method("PUT b/{bucket}/iam", "buckets.setIamPolicy", policy.put),
    _method("GET b/{bucket}/iam/testPermissions", "buckets.testIamPermissions", policy.test),
    _method("GET b/{bucket}/notificationConfigs", "notifications.list", notifications.list_),
    _method("POST b/{bucket}/notificationConfigs", "notifications.insert", notifications.insert),
    _method("GET b/{bucket}/notificationConfigs/{notification}", "notifications.get", notifications.get),
    _method("DELETE b/{bucket}/notificationConfigs/{notification}", "notifications.delete", notifications.delete),
    _method("GET b/{bucket}/o", "objects.list", listing.list_),
    _method("GET b/{bucket}/o/{object}", "objects.get", objects.get),
    _method("PATCH b/{bucket}/o/{object}", "objects.patch", objects.patch),
    _method("PUT b/{bucket}/o/{object}", "objects.update", objects.update),
    _method("DELETE b/{bucket}/o/{object}", "objects.delete", objects.delete),
    _method("POST " + _COPY % "copyTo", "objects.copy", objects.copy),
    _method("POST " + _COPY % "rewriteTo", "objects.rewrite", objects.rewrite),
    _method("POST b/{bucket}/o/{object}/compose", "objects.compose", objects.compose),
    _method("GET projects/{project}/serviceAccount", "projects.serviceAccount.get", projects.service_account),
)
_UPLOAD = (
    _method("POST b/{bucket}/o", "objects.insert", uploads.insert),
    _method("PUT b/{bucket}/o", "objects.insert", uploads.resume),
    _method("DELETE b/{bucket}/o", "objects.insert", uploads.cancel),
)
_DOWNLOAD = (_method("GET b/{bucket}/o/{object}", "objects.get", media.get),)
_ROOTS = (
    ("/resumable/upload/storage/v1/", _UPLOAD),
    ("/upload/storage/v1/", _UPLOAD),
    ("/download/storage/v1/", _DOWNLOAD),
    ("/storage/v1/", _PLAIN),
)


def find(verb: str, raw_path: str, query: Mapping[str, str]) -> tuple[Method, dict[str, str]] | None:
    """The method of a call and the variables of its path. `raw_path` is still percent-encoded.

    An object's name may hold slashes, so the path is taken apart before it is decoded.
    """
    for root, methods in _ROOTS:
        if not raw_path.startswith(root):
            continue
        chosen = _DOWNLOAD if query.get("alt") == "media" and methods is _PLAIN else methods
        segments = raw_path.removeprefix(root).split("/")
        for method in (*chosen, *methods):
            variables = method.match(verb, segments)
            if variables is not None:
                return method, variables
    return None
