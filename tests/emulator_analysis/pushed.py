"""Images with packages in them, pushed as a container tool pushes, where scanning is on."""

import io
import json
import tarfile
from dataclasses import dataclass
from typing import Any

import httpx
from google.cloud import artifactregistry_v1 as ar
from google.cloud import service_usage_v1
from grafeas import grafeas_v1

from tests.conftest import Emulator
from tests.emulator.clients import client
from tests.emulator_registry.client import (
    CONFIG,
    HOST,
    INDEX,
    LAYER,
    OCI,
    digest_of,
    make_repository,
    manifest_of,
    put_manifest,
    registry,
    upload,
)

SCANNING = "containerscanning.googleapis.com"
SCANNED_AFTER_S = 121.0
"""A scan takes two minutes of the emulator's time."""
Status = grafeas_v1.DiscoveryOccurrence.AnalysisStatus
Continuous = grafeas_v1.DiscoveryOccurrence.ContinuousAnalysis


def switch(emulator: Emulator, *, on: bool = True, project: str = "local", host: str = SCANNING) -> None:
    """Switch an API on or off in a project: Container Scanning, where none is named."""
    api = client(emulator, service_usage_v1.ServiceUsageClient)
    name = f"projects/{project}/services/{host}"
    (api.enable_service if on else api.disable_service)(request={"name": name}).result(timeout=60)


def layer_of(files: dict[str, str]) -> bytes:
    """A layer with some files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def python(name: str, version: str, folder: str = "usr/lib/python3.11/site-packages") -> dict[str, str]:
    """The file that says that a package of Python's is installed."""
    path = f"{folder}/{name}-{version}.dist-info/METADATA"
    return {path: f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nName: not this\n"}


def debian(*packages: tuple[str, str, str]) -> dict[str, str]:
    """The file that says which packages of Debian are installed: name, version, state."""
    told = (f"Package: {name}\nStatus: {state}\nVersion: {version}\n" for name, version, state in packages)
    return {"var/lib/dpkg/status": "\n".join(told)}


@dataclass
class Pusher:
    """Pushes images into the repository `models`."""

    emulator: Emulator
    made: httpx.Client
    name: str = f"{HOST}/local/models/scorer"

    def push(self, *layers: dict[str, str], tag: str = "v1", config: str = CONFIG, note: str = "") -> str:
        """Push an image of these layers; its digest."""
        about = upload(self.made, json.dumps({"config": {"Cmd": ["python"]}, "note": note}).encode(), self.name)
        content = manifest_of(
            {"mediaType": config, **about}, *(upload(self.made, layer_of(each), self.name) for each in layers)
        )
        answer = put_manifest(self.made, content, tag, self.name)
        assert answer.status_code == 201, answer.text
        return digest_of(content)

    def broken(self) -> str:
        """Push an image whose layer nobody can read; its digest."""
        about = upload(self.made, b'{"config": {"Cmd": ["python"]}}', self.name)
        content = manifest_of(about, {"mediaType": LAYER, **upload(self.made, b"no archive" * 100, self.name)})
        assert put_manifest(self.made, content, "broken", self.name).status_code == 201
        return digest_of(content)

    def uri(self, digest: str) -> str:
        """As occurrences name it."""
        return f"https://{self.name}@{digest}"

    def scanned(self, *layers: dict[str, str], **more: Any) -> str:
        """Push an image, and let the scan end; its digest."""
        digest = self.push(*layers, **more)
        self.emulator.advance(SCANNED_AFTER_S)
        return digest

    def occurrences(self, digest: str, kind: str, wire: str = "grpc") -> list[grafeas_v1.Occurrence]:
        """What there is of an image, of one kind."""
        api = client(self.emulator, grafeas_v1.GrafeasClient, wire)
        query = f'kind="{kind}" AND resourceUrl="{self.uri(digest)}"'
        return list(api.list_occurrences(parent="projects/local", filter=query))

    def discovery(self, digest: str) -> grafeas_v1.DiscoveryOccurrence:
        """How far its scan is."""
        (found,) = self.occurrences(digest, "DISCOVERY")
        return found.discovery

    def found(self, digest: str) -> dict[str, list[str]]:
        """Its vulnerabilities, each with the packages."""
        return {
            each.note_name.rpartition("/")[2]: [issue.affected_package for issue in each.vulnerability.package_issue]
            for each in self.occurrences(digest, "VULNERABILITY")
        }


def put_index(emulator: Emulator, name: str, digest: str) -> str:
    """Push an index of one image, for Linux on x86-64; its digest."""
    with registry(emulator) as made:
        size = len(made.get(f"/v2/{name}/manifests/{digest}").content)
        part = {"mediaType": OCI, "digest": digest, "size": size, "platform": {"os": "linux", "architecture": "amd64"}}
        content = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [part]}).encode()
        answer = put_manifest(made, content, "all", name, INDEX)
    assert answer.status_code == 201, answer.text
    return digest_of(content)


def repository_of(emulator: Emulator) -> ar.Repository:
    """The repository `models`."""
    api = client(emulator, ar.ArtifactRegistryClient)
    return api.get_repository(name="projects/local/locations/europe-west1/repositories/models")


__all__ = ["Continuous", "Pusher", "Status", "debian", "make_repository", "python", "registry", "repository_of"]
