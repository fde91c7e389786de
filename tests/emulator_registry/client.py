"""A container tool's requests, made by hand: each test says which."""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from google.cloud import artifactregistry_v1 as ar

from tests.conftest import Emulator
from tests.emulator.clients import client

OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
HOST = "europe-west1-docker.pkg.dev"
PARENT = "projects/local/locations/europe-west1"
NAME = f"{HOST}/local/models/team/scorer"
PACKAGE = f"{PARENT}/repositories/models/packages/team%2Fscorer"


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def make_repository(emulator: Emulator, name: str = "models", **docker_config: Any) -> ar.ArtifactRegistryClient:
    """A repository; returns Google's client of the API that shows what is in it."""
    api = client(emulator, ar.ArtifactRegistryClient)
    config = ar.Repository.DockerRepositoryConfig(**docker_config)
    repository = ar.Repository(format_=ar.Repository.Format.DOCKER, docker_config=config)
    api.create_repository(parent=PARENT, repository=repository, repository_id=name).result(timeout=60)
    return api


@contextmanager
def registry(emulator: Emulator, *, auth: tuple[str, str] | None = None) -> Iterator[httpx.Client]:
    """Requests with a token, got as the registry says when it is asked without."""
    with httpx.Client(base_url=emulator.http, trust_env=False, timeout=30) as made:
        asked = made.get("/v2/").headers["www-authenticate"]
        realm, service = re.search(r'realm="([^"]+)",service="([^"]+)"', asked).groups()
        answer = made.get(realm, params={"service": service}, auth=auth)
        assert answer.is_success, answer.text
        made.headers["authorization"] = f"Bearer {answer.json()['token']}"
        yield made


def upload(made: httpx.Client, content: bytes, name: str = NAME) -> dict[str, Any]:
    """Put a file there; returns its size and digest as manifests name it."""
    place = made.post(f"/v2/{name}/blobs/uploads/").headers["location"]
    answer = made.put(place, params={"digest": digest_of(content)}, content=content)
    assert answer.status_code == 201, answer.text
    return {"digest": digest_of(content), "size": len(content)}


def manifest_of(config: dict[str, Any], *layers: dict[str, Any], **more: Any) -> bytes:
    """An image's manifest over files that are there."""
    parts = {"config": {"mediaType": CONFIG, **config}, "layers": [{"mediaType": LAYER, **each} for each in layers]}
    return json.dumps({"schemaVersion": 2, "mediaType": OCI, **parts, **more}).encode()


def put_manifest(
    made: httpx.Client, content: bytes, reference: str, name: str = NAME, sort: str = OCI
) -> httpx.Response:
    return made.put(f"/v2/{name}/manifests/{reference}", content=content, headers={"content-type": sort})


def push(made: httpx.Client, text: str, reference: str = "v1", name: str = NAME, **more: Any) -> str:
    """Put a small image there; returns its digest."""
    config = upload(made, json.dumps({"config": {"Cmd": ["python"]}, "note": text}).encode(), name)
    content = manifest_of(config, upload(made, f"layer {text}".encode(), name), **more)
    where = digest_of(content) if reference == "digest" else reference
    answer = put_manifest(made, content, where, name)
    assert answer.status_code == 201, answer.text
    assert answer.headers["docker-content-digest"] == digest_of(content)
    return digest_of(content)


def code(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal."""
    return answer.status_code, answer.json()["errors"][0]["code"]
