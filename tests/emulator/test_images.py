"""Images whose content is a folder and a command, through Google's Artifact Registry client."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from google.api_core import exceptions
from google.cloud import artifactregistry_v1 as ar

from emulator.images.bundled import images
from tests.emulator.clients import both_wires, client

PARENT = "projects/local/locations/europe-west1"
REPOSITORY = f"{PARENT}/repositories/models"
PATH = "europe-west1-docker.pkg.dev/local/models"


def make_repository(api, **docker_config):
    repository = ar.Repository(
        format_=ar.Repository.Format.DOCKER, docker_config=ar.Repository.DockerRepositoryConfig(**docker_config)
    )
    api.create_repository(parent=PARENT, repository=repository, repository_id="models").result(timeout=60)


def push(emulator, folder: Path, content: str, image="fraud/scorer:v1") -> str:
    folder.mkdir(exist_ok=True)
    (folder / "main.py").write_text(content)
    wanted = {"image": f"{PATH}/{image}", "folder": str(folder), "command": [sys.executable, "main.py"]}
    return emulator.control("POST", "images", wanted)["digest"]


@both_wires
def test_a_pushed_image_has_tags_and_a_digest_of_its_content(emulator, tmp_path, wire):
    """The same content has the same digest; new content under the same tag moves the tag."""
    api = client(emulator, ar.ArtifactRegistryClient, wire)
    make_repository(api)
    first = push(emulator, tmp_path / "a", "print(1)")
    again = push(emulator, tmp_path / "b", "print(1)", "fraud/scorer:also")
    second = push(emulator, tmp_path / "a", "print(2)")

    shown = {image.name: list(image.tags) for image in api.list_docker_images(parent=REPOSITORY)}
    one = api.get_docker_image(name=f"{REPOSITORY}/dockerImages/fraud%2Fscorer@{second}")

    assert first == again != second
    assert shown == {
        f"{REPOSITORY}/dockerImages/fraud%2Fscorer@{first}": ["also"],
        f"{REPOSITORY}/dockerImages/fraud%2Fscorer@{second}": ["v1"],
    }
    assert one.uri == f"{PATH}/fraud/scorer@{second}"


def test_packages_versions_and_tags_can_be_walked(emulator, tmp_path):
    """The package escapes the slash of the image; a version can only go without tags, or by force."""
    api = client(emulator, ar.ArtifactRegistryClient)
    make_repository(api)
    digest = push(emulator, tmp_path / "a", "print(1)")

    (package,) = api.list_packages(parent=REPOSITORY)
    (version,) = api.list_versions(request={"parent": package.name, "view": ar.VersionView.FULL})
    made = api.create_tag(parent=package.name, tag=ar.Tag(version=version.name), tag_id="stable")
    api.delete_tag(name=f"{package.name}/tags/v1")

    assert package.name == f"{REPOSITORY}/packages/fraud%2Fscorer"
    assert [tag.name for tag in version.related_tags] == [f"{package.name}/tags/v1"]
    assert made.version == f"{package.name}/versions/{digest}"
    with pytest.raises(exceptions.FailedPrecondition, match="is tagged"):
        api.delete_version(name=version.name)
    api.delete_version(request={"name": version.name, "force": True}).result(timeout=60)
    assert list(api.list_docker_images(parent=REPOSITORY)) == []
    with pytest.raises(exceptions.NotFound):
        api.get_tag(name=f"{package.name}/tags/stable")


def test_immutable_tags_stay_where_they_are(emulator, tmp_path):
    """A push, a move and a delete of a tag are refused; the same content again is fine."""
    api = client(emulator, ar.ArtifactRegistryClient)
    make_repository(api, immutable_tags=True)
    digest = push(emulator, tmp_path / "a", "print(1)")
    tag = f"{REPOSITORY}/packages/fraud%2Fscorer/tags/v1"

    assert push(emulator, tmp_path / "b", "print(1)") == digest
    with pytest.raises(AssertionError, match="immutability"):
        push(emulator, tmp_path / "a", "print(2)")
    with pytest.raises(exceptions.FailedPrecondition, match="immutability"):
        api.delete_tag(name=tag)
    assert api.get_tag(name=tag).version.endswith(digest)


def test_the_bundled_images_are_there(emulator):
    """Google's hello, ours (runtime, page, the reconciler's job), a made-up LLM server: nobody has pushed them."""
    api = client(emulator, ar.ArtifactRegistryClient)

    ours = api.list_docker_images(parent="projects/mlservice/locations/us/repositories/images")
    hello = api.get_tag(name="projects/cloudrun/locations/us/repositories/container/packages/hello/tags/latest")

    names = sorted(image.uri.partition("@sha256:")[0] for image in ours)
    ours = ("openai-echo", "page", "reconciler", "runtime")
    assert names == [f"us-docker.pkg.dev/mlservice/images/{name}" for name in ours]
    assert "/versions/sha256:" in hello.version


def test_an_image_of_no_repository_is_refused(emulator, tmp_path):
    """As docker push says it."""
    with pytest.raises(AssertionError, match="name unknown"):
        push(emulator, tmp_path / "a", "print(1)")


@pytest.fixture
def hello():
    """The hello image's process, on a free port."""
    (image,) = [image for image in images() if image.reference.endswith("container/hello:latest")]
    env = {"PATH": os.environ["PATH"], "PORT": "0", "K_SERVICE": "hi", "K_REVISION": "hi-00001"}
    process = subprocess.Popen(image.command, cwd=image.sources[""], env=env, stdout=subprocess.PIPE, text=True)
    yield f"http://127.0.0.1:{process.stdout.readline().rsplit(' ', 1)[1].strip()}"
    process.terminate()
    assert process.wait(timeout=60) == 0
    process.stdout.close()


def test_hello_says_who_answers(hello, tmp_path):
    """Service, revision, path, an environment variable and a file: what tests of Cloud Run ask for."""
    (tmp_path / "secret").write_text("s3cret")

    answer = httpx.post(
        f"{hello}/a/b?env=K_SERVICE&file={tmp_path}/secret&status=503", content=b"x" * 100_000, timeout=5
    )

    found = json.loads(answer.text)
    assert (answer.status_code, found["service"], found["revision"], found["path"]) == (503, "hi", "hi-00001", "/a/b")
    assert (found["env"], found["files"]) == ({"K_SERVICE": "hi"}, {f"{tmp_path}/secret": "s3cret"})
    assert found["body_bytes"] == 100_000
