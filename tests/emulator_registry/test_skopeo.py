"""The emulated registry under skopeo, a container tool none of us wrote (Debian: `apt-get install skopeo`)."""

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.emulator_iam.callers import Account, grant
from tests.emulator_registry.client import PARENT, make_repository

SKOPEO = shutil.which("skopeo")
pytestmark = pytest.mark.skipif(SKOPEO is None, reason="skopeo is not installed (apt-get install skopeo)")
REPOSITORY = "europe-west1-docker.pkg.dev/local/models"
ANY_POLICY = '{"default": [{"type": "insecureAcceptAnything"}]}'


class Skopeo:
    """The command, with nothing of this machine's settings."""

    def __init__(self, emulator, folder: Path) -> None:
        self.host = emulator.http.removeprefix("http://")
        (folder / "policy.json").write_text(ANY_POLICY)
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
        self.policy = ["--policy", str(folder / "policy.json")]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [str(SKOPEO), *self.policy, *words]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, timeout=120)

    def __call__(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def at(self, path: str) -> str:
        """An image of the emulator's registry."""
        return f"docker://{self.host}/{REPOSITORY}/{path}"

    def copy(self, source: str, target: str, *more: str) -> str:
        return self("copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false", *more, source, target)

    def inspect(self, path: str, *more: str) -> dict:
        return json.loads(self("inspect", "--tls-verify=false", *more, self.at(path)))


@pytest.fixture
def skopeo(emulator, tmp_path) -> Skopeo:
    (tmp_path / "home").mkdir()
    return Skopeo(emulator, tmp_path / "home")


def an_image(folder: Path, text: str = "hello", *, large: int = 0) -> str:
    """An OCI layout with one image in it; returns where, as skopeo names it."""
    made, blobs = io.BytesIO(), folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    with tarfile.open(fileobj=made, mode="w") as archive:
        content = text.encode() + b"x" * large
        member = tarfile.TarInfo("app/main.py")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))

    def keep(data: bytes, sort: str) -> dict:
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": f"application/vnd.oci.image.{sort}", "digest": f"sha256:{digest}", "size": len(data)}

    layer = keep(made.getvalue(), "layer.v1.tar")
    runs = {"Cmd": ["python", "main.py"], "WorkingDir": "/app"}
    root = {"type": "layers", "diff_ids": [layer["digest"]]}
    config = {"architecture": "amd64", "os": "linux", "config": runs, "rootfs": root}
    described = keep(json.dumps(config).encode(), "config.v1+json")
    sort = "application/vnd.oci.image.manifest.v1+json"
    manifest = {"schemaVersion": 2, "mediaType": sort, "config": described, "layers": [layer]}
    index = {"schemaVersion": 2, "manifests": [keep(json.dumps(manifest).encode(), "manifest.v1+json")]}
    (folder / "index.json").write_text(json.dumps(index))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return f"oci:{folder}"


def test_copied_in_and_out_it_is_the_same(emulator, skopeo, tmp_path):
    """A layer of some megabytes goes in and comes out, with its digest, and Artifact Registry's API shows it."""
    api = make_repository(emulator)
    skopeo.copy(an_image(tmp_path / "in", large=5_000_000), skopeo.at("team/scorer:v1"))
    skopeo.copy(skopeo.at("team/scorer:v1"), f"dir:{tmp_path}/out")

    shown = skopeo.inspect("team/scorer:v1")
    (image,) = api.list_docker_images(parent=f"{PARENT}/repositories/models")
    manifest = (tmp_path / "out" / "manifest.json").read_bytes()
    (layer,) = json.loads(manifest)["layers"]

    assert shown["RepoTags"] == ["v1"]
    assert shown["Digest"] == f"sha256:{hashlib.sha256(manifest).hexdigest()}" == image.uri.partition("@")[2]
    assert (tmp_path / "out" / layer["digest"].removeprefix("sha256:")).stat().st_size == layer["size"]
    assert skopeo.inspect("team/scorer:v1", "--config")["config"]["Cmd"] == ["python", "main.py"]


def test_copied_again_nothing_is_sent(emulator, skopeo, tmp_path):
    """Every file that the repository has is found there: the second push uploads none."""
    make_repository(emulator)
    source = an_image(tmp_path / "in")
    skopeo.copy(source, skopeo.at("scorer:v1"))
    emulator.control("DELETE", "calls")

    skopeo.copy(source, skopeo.at("scorer:v2"))

    assert "docker.blobs.upload" not in emulator.calls()
    assert json.loads(skopeo("list-tags", "--tls-verify=false", skopeo.at("scorer")))["Tags"] == ["v1", "v2"]


def test_between_repositories_files_are_mounted(emulator, skopeo, tmp_path):
    """An image of one repository goes to another without its bytes leaving the registry."""
    make_repository(emulator)
    make_repository(emulator, "other")
    skopeo.copy(an_image(tmp_path / "in"), skopeo.at("scorer:v1"))
    target = skopeo.at("scorer:v1").replace("/models/", "/other/")
    emulator.control("DELETE", "calls")

    done = skopeo.run(
        "--debug", "copy", "--src-tls-verify=false", "--dest-tls-verify=false", skopeo.at("scorer:v1"), target
    )

    uploads = emulator.calls()["docker.blobs.upload"]
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("... mount OK") == 1
    assert uploads == 1 + 3  # the layer in one request; the configuration, which skopeo never mounts, in three


def test_deleted_it_is_gone(emulator, skopeo, tmp_path):
    """By digest, as the registry asks for; while a tag names it, it stays, as at Google."""
    api = make_repository(emulator)
    skopeo.copy(an_image(tmp_path / "in"), skopeo.at("scorer:v1"))
    digest = skopeo.inspect("scorer:v1")["Digest"]

    tagged = skopeo.run("delete", "--tls-verify=false", skopeo.at("scorer:v1"))
    api.delete_tag(name=f"{PARENT}/repositories/models/packages/scorer/tags/v1")
    skopeo("delete", "--tls-verify=false", skopeo.at(f"scorer@{digest}"))
    gone = skopeo.run("inspect", "--tls-verify=false", skopeo.at(f"scorer@{digest}"))

    assert tagged.returncode != 0
    assert "still referenced by tag" in tagged.stderr
    assert gone.returncode != 0
    assert list(api.list_docker_images(parent=f"{PARENT}/repositories/models")) == []


def test_an_immutable_tag_is_not_moved(emulator, skopeo, tmp_path):
    """Skopeo shows the registry's own words."""
    make_repository(emulator, immutable_tags=True)
    skopeo.copy(an_image(tmp_path / "one"), skopeo.at("scorer:v1"))
    source = an_image(tmp_path / "two", "other")

    done = skopeo.run("copy", "--dest-tls-verify=false", source, skopeo.at("scorer:v1"))

    assert done.returncode != 0
    assert "enabled tag immutability" in done.stderr


def test_it_signs_in_with_an_access_token(emulator, skopeo, tmp_path):
    """As an account: refused without a role, let in with one."""
    make_repository(emulator)
    account = Account(emulator)
    source, words = an_image(tmp_path / "in"), ("--dest-creds", f"oauth2accesstoken:{account.token}")

    refused = skopeo.run("copy", "--dest-tls-verify=false", *words, source, skopeo.at("scorer:v1"))
    grant(emulator, ("roles/artifactregistry.writer", account.member))
    skopeo.copy(source, skopeo.at("scorer:v1"), *words)

    assert refused.returncode != 0
    assert "403 (Forbidden)" in refused.stderr


def test_a_folder_pushed_without_an_engine_can_be_pulled(emulator, skopeo, tmp_path):
    """What `mlservice emulator push` and the emulator itself put there are images like any other."""
    make_repository(emulator)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "main.py").write_text("print(1)")
    wanted = {"image": f"{REPOSITORY}/scorer:v1", "folder": str(tmp_path / "folder"), "command": ["python", "main.py"]}
    digest = emulator.control("POST", "images", wanted)["digest"]

    skopeo.copy(skopeo.at("scorer:v1"), f"oci:{tmp_path}/out:v1")
    hello = f"docker://{skopeo.host}/us-docker.pkg.dev/cloudrun/container/hello:latest"
    skopeo.copy(hello, f"dir:{tmp_path}/hello")

    assert skopeo.inspect("scorer:v1")["Digest"] == digest
    (layer,) = json.loads((tmp_path / "hello" / "manifest.json").read_text())["layers"]
    with tarfile.open(tmp_path / "hello" / layer["digest"].removeprefix("sha256:")) as archive:
        assert archive.getnames() == ["job.py", "server.py"]
