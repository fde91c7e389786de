"""`mlservice image push`: built without an engine, pushed to the emulated Artifact Registry, and served from there."""

import base64
import contextlib
import importlib.metadata
import json
import os
import subprocess
import sys
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import httpx
import pytest
from google.cloud import artifactregistry_v1 as ar

from reconciler.core import own_images
from reconciler.core.errors import InvalidRequest, NotFoundError, NotPermitted, Unavailable
from reconciler.engine.apply import apply
from reconciler.engine.planning import make_plan
from reconciler.gcp.connection import Connection, Endpoint
from reconciler.images import registry as registry_module
from reconciler.images.base import Reference, find
from reconciler.images.building import Built
from reconciler.images.layers import Blob, kept
from reconciler.images.pushing import frameworks_there, place_of, push
from reconciler.images.registry import Place, Repository
from schemas import SpecError, load
from tests.conftest import Emulator
from tests.emulator.clients import client
from tests.emulator_iam.callers import Account, grant
from tests.emulator_registry.client import CONFIG, LAYER, OCI, make_repository, put_manifest, registry, upload
from tests.emulator_registry.test_starting import layer
from tests.specs.test_examples import token_for

ROOT = Path(__file__).resolve().parents[2]
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
BASE = "europe-west1-docker.pkg.dev/local/models/python"
REGION = "europe-west1"
VERSION = importlib.metadata.version("mlservice")
IMAGE = own_images.reference("runtime", "local", VERSION, REGION)
PATIENCE_S = 280


def make_base(emulator: Emulator, *, env: tuple[str, ...] = (f"PYTHON_VERSION={PYTHON}.1", "LANG=C.UTF-8")) -> None:
    """An image that says which Python it has, and has none: the emulator runs ours."""
    make_repository(emulator)
    with registry(emulator) as made:
        tar = layer({"etc/base": b"base"})
        bottom = upload(made, tar, BASE)
        said = {"architecture": "amd64", "os": "linux", "config": {"Env": list(env)}}
        config = json.dumps(said | {"rootfs": {"type": "layers", "diff_ids": [bottom["digest"]]}}).encode()
        parts = {
            "config": {"mediaType": CONFIG, **upload(made, config, BASE)},
            "layers": [{"mediaType": LAYER, **bottom}],
        }
        put_manifest(made, json.dumps({"schemaVersion": 2, "mediaType": OCI, **parts}).encode(), "3", BASE)


def run(emulator: Emulator, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, as a user runs it."""
    env = {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        **{name: value for name, value in os.environ.items() if name.startswith(("UV_", "PIP_", "SSL_"))},
        "XDG_CACHE_HOME": str(folder / "cache"),
        "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv")),
        "MLSERVICE_EMULATOR_STATE": str(emulator.state),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "reconciler.cli", "image", "push", "--local", "--base", f"{BASE}:3", *words]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def pushed(done: subprocess.CompletedProcess[str]) -> dict:
    """What the command says in JSON."""
    if "wheels of the image cannot be installed" in done.stderr and "No solution" not in done.stderr:
        pytest.skip(f"the package index cannot be reached: {done.stderr.strip().splitlines()[-2]}")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_first_apply_needs_nothing_but_a_push(emulator, operator, tmp_path, pytestconfig):
    """Before it the plan names the command; after it the service serves from the pushed image; its plan is empty."""
    make_base(emulator)
    specs = load([ROOT / "specs" / "iris" / "mlservice.yaml"])
    everywhere = own_images.reference("runtime", "local", VERSION)
    with pytest.raises(SpecError, match="there is no such tag") as refused:
        make_plan(operator.session(), specs.services, runtime_image=everywhere)

    told = pushed(run(emulator, tmp_path, str(ROOT / "specs" / "iris"), "--with", "onnx", "--output", "json"))
    session = operator.session()
    report = apply(session, make_plan(session, specs.services, runtime_image=everywhere))
    url = operator.service("iris").uri
    headers = {"authorization": f"Bearer {token_for(operator, url)}"}
    answer = httpx.post(f"{url}/predict", json={"instances": [[5.1, 3.5, 1.4, 0.2]]}, headers=headers, timeout=60)
    again = make_plan(operator.session(), specs.services, runtime_image=everywhere).plan

    assert "mlservice image push --target runtime" in refused.value.problems[0].hint
    assert not report.failed, [str(each.error) for each in report.failed]
    assert answer.status_code == 200, answer.text
    assert not again.pending
    [one] = told["pushed"]
    assert (one["image"], one["repositoryCreated"], one["before"]) == (IMAGE, True, None)
    assert one["bytesSent"] == told["bytes"]
    assert told["compiled"]
    api = client(emulator, ar.ArtifactRegistryClient)
    [shown] = api.list_docker_images(parent=f"projects/local/locations/{REGION}/repositories/mlservice")
    assert shown.uri == f"{IMAGE.rpartition(':')[0]}@{told['digest']}"
    check_layers(emulator, told, tmp_path)
    if pytestconfig.getoption("--images"):
        second = pushed(run(emulator, tmp_path, "--region", REGION, "--with", "onnx", "--dry-run", "--output", "json"))
        assert second["digest"] == told["digest"]
        assert second["pushed"][0]["filesSent"] == 0


def check_layers(emulator: Emulator, told: dict, folder: Path) -> None:
    """Laid out, the packages are imported by themselves; nothing is root's alone, and nobody runs it."""
    images = Connection("local", "", Endpoint(emulator.http, emulator.grpc, ""))
    with Repository(place_of(images, IMAGE)) as repository:
        listed = json.loads(repository.manifest(told["digest"])[1])
        config, *parts = [
            Blob(each["digest"], each["size"], each["mediaType"]) for each in (listed["config"], *listed["layers"])
        ]
        for number, blob in enumerate(parts):
            repository.fetch(blob, folder / f"{number}.tgz")
            with tarfile.open(folder / f"{number}.tgz") as archive:
                archive.extraction_filter = getattr(tarfile, "data_filter", None)  # not before Python 3.11.4
                archive.extractall(folder / "root")  # noqa: S202 - layers that we made
        repository.fetch(config, folder / "config.json")
    said = json.loads((folder / "config.json").read_bytes())["config"]
    env = dict(text.split("=", 1) for text in said["Env"])
    names = (
        "runtime.__main__, onnxruntime, numpy, uvloop, grpc, google.cloud.storage, google.cloud.pubsub_v1, cryptography"
    )
    path = env["PYTHONPATH"].replace("/app", str(folder / "root" / "app"))
    code = f"import {names}, sys; sys.exit(any('site-packages' in p and 'root/app' not in p for p in sys.path))"
    done = subprocess.run(
        [sys.executable, "-S", "-B", "-c", code], env={"PYTHONPATH": path}, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert said["User"] == "65532:65532"
    assert said["Cmd"] == ["python", "-m", "runtime"]
    assert said["Labels"]["org.opencontainers.image.base.digest"] == told["base"]["digest"]
    assert env["LANG"] == "C.UTF-8"
    sizes = sum(each["bytes"] for each in told["packages"])
    sys.stdout.write(f"runtime with onnx: {told['bytes'] / 1e6:.0f} MB packed, packages {sizes / 1e6:.0f} MB\n")
    assert sizes < BUDGET_BYTES


BUDGET_BYTES = 160_000_000
"""Packages of the runtime with onnx, before compiling: 143 MB when this was written, 223 before they were trimmed."""


def small(folder: Path, text: str = "x") -> Built:
    """An image that has no layers."""
    config = kept(text.encode(), CONFIG, folder)
    listed = {"schemaVersion": 2, "mediaType": OCI, "config": config.descriptor, "layers": []}
    manifest = json.dumps(listed).encode()
    return Built(kept(manifest, OCI, folder).digest, manifest, [config], compiled=True, weights=[])


def connection(emulator: Emulator, key_file: str = "") -> Connection:
    return Connection("local", "", Endpoint(emulator.http, emulator.grpc, "", key_file))


def quietly(_: object) -> None:
    """Nobody watches."""


def test_what_is_there_is_not_sent_again(emulator, tmp_path):
    """A dry run says so and changes nothing; a tag that moves says what it named."""
    here = connection(emulator)
    tried = push(here, small(tmp_path), IMAGE, dry_run=True, say=quietly)
    first = push(here, small(tmp_path), IMAGE, dry_run=False, say=quietly)
    second = push(here, small(tmp_path), IMAGE, dry_run=False, say=quietly)
    other = push(here, small(tmp_path, "y"), IMAGE, dry_run=False, say=quietly)

    assert (tried.made_repository, tried.sent, first.made_repository, first.sent) == (True, 1, True, 1)
    assert (second.made_repository, second.sent, second.before) == (False, 0, first.digest)
    assert (other.before, other.digest != first.digest) == (first.digest, True)


def test_a_tag_keeps_its_frameworks(emulator, tmp_path):
    """It is the whole project's: a push without one that it holds is refused before anything is built, and says how."""
    said = json.dumps({"config": {"Labels": {"dev.mlservice.frameworks": "onnx,xgboost"}}})
    push(connection(emulator), small(tmp_path, said), IMAGE, dry_run=False, say=quietly)
    refused = run(emulator, tmp_path, "--region", REGION, "--with", "onnx", "--with", "torch")

    assert refused.returncode == 64
    assert f"{IMAGE} holds xgboost" in " ".join(refused.stderr.split())
    assert "--with onnx --with torch --with xgboost" in " ".join(refused.stderr.split())
    assert frameworks_there(connection(emulator), IMAGE) == {"onnx", "xgboost"}
    assert frameworks_there(connection(emulator), f"{IMAGE}-other") == frozenset()


def test_a_layout_that_cannot_be_written_is_refused_before_the_build(emulator, tmp_path):
    """There is no base to be had: had anything been built, that would be said."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    refused = run(emulator, tmp_path, "--with", "onnx", "--region", REGION, "--layout", "full")

    assert refused.returncode == 64
    assert "full is not an empty folder" in refused.stderr


def test_an_outage_is_waited_out_and_a_long_one_is_said(emulator, tmp_path):
    """A request is made again; what does not pass says what could not be reached."""
    here = connection(emulator)
    push(here, small(tmp_path), IMAGE, dry_run=False, say=quietly)
    emulator.faults({"method": "docker.*", "status": "UNAVAILABLE", "times": 2})
    passed = push(here, small(tmp_path, "y"), IMAGE, dry_run=False, say=quietly)
    emulator.faults({"method": "docker.*", "status": "UNAVAILABLE", "times": None})
    with pytest.raises(Unavailable, match=r"europe-west1-docker.pkg.dev/local/mlservice/runtime: injected fault"):
        push(here, small(tmp_path, "z"), IMAGE, dry_run=False, say=quietly)
    emulator.faults()

    assert passed.sent == 1


def test_an_account_pushes_by_its_roles(emulator, tmp_path):
    """Refused with the role that is missing, then let in."""
    push(connection(emulator), small(tmp_path), IMAGE, dry_run=False, say=quietly)
    account = Account(emulator)
    key = tmp_path / "key.json"
    key.write_text(account.key)
    mine = connection(emulator, str(key))
    grant(emulator, ("roles/artifactregistry.reader", account.member))
    with pytest.raises(NotPermitted) as refused:
        push(mine, small(tmp_path, "y"), IMAGE, dry_run=False, say=quietly)
    grant(emulator, ("roles/artifactregistry.writer", account.member))

    assert push(mine, small(tmp_path, "y"), IMAGE, dry_run=False, say=quietly).sent == 1
    assert "roles/artifactregistry.writer" in refused.value.hint


def test_what_comes_is_checked(emulator, tmp_path):
    """A file that is not what it is said to be is refused, and does not lie around."""
    make_base(emulator)
    with Repository(place_of(connection(emulator), f"{BASE}:3")) as repository:
        listed = json.loads(repository.manifest("3")[1])
        wanted = listed["layers"][0]["digest"]
        hexdigest = wanted.removeprefix("sha256:")
        kept_there = emulator.state / "blobs" / hexdigest[:2] / hexdigest
        kept_there.write_bytes(kept_there.read_bytes().replace(b"base", b"evil"))
        with pytest.raises(InvalidRequest, match="does not match"):
            repository.fetch(Blob(wanted, listed["layers"][0]["size"], LAYER), tmp_path / "layer")
        with pytest.raises(NotFoundError):
            repository.manifest("sha256:" + "0" * 64)

    assert list(tmp_path.iterdir()) == []


def broken(listed: dict, said: dict, which: str) -> tuple[dict, bytes]:
    """A base that is wrong in one way."""
    digest = f"sha256:{'0' * 64}"
    [layer_] = listed["layers"]
    ways = {
        "path": (listed | {"layers": [layer_ | {"digest": "sha256:../../../escaped"}]}, said),
        "type": (listed | {"layers": [layer_ | {"mediaType": "application/x-squashfs"}]}, said),
        "no config": ({"layers": listed["layers"]}, said),
        "index": ({"manifests": [{"digest": "../3", "platform": {"os": "linux", "architecture": "amd64"}}]}, said),
        "counts": (listed, said | {"rootfs": {"diff_ids": [digest, digest]}}),
        "no rootfs": (listed, {"config": {}}),
        "variables": (listed, said | {"config": {"Env": [1]}}),
    }
    if which == "no json":
        return listed, b"{"
    found, config = ways[which]
    return found, json.dumps(config).encode()


class Held(Repository):
    """A repository that holds one image, whatever is wrong with it."""

    def manifest(self, _: str) -> tuple[str, bytes]:
        """The manifest."""
        return OCI, self.held[0]

    def content(self, _: Blob) -> bytes:
        """The configuration."""
        return self.held[1]


BROKEN = {
    "path": r"layers.0.digest",
    "type": "'application/x-squashfs' are not known",
    "no config": "its manifest is none that can be read: config",
    "index": "no image for linux/amd64",
    "counts": "it has 1 layers, and its configuration tells of 2",
    "no rootfs": "its configuration is none that can be read: rootfs",
    "variables": "its configuration is none that can be read: config.Env.0",
    "no json": "its configuration is none that can be read: the whole: Invalid JSON",
}


@pytest.mark.parametrize("which", BROKEN)
def test_a_base_that_is_none_is_refused(which):
    """Digests become names of files here, so nothing but a digest passes for one; what is missing is said."""
    digest = f"sha256:{'0' * 64}"
    listed = {"config": {"digest": digest, "size": 2, "mediaType": CONFIG}}
    listed |= {"layers": [{"digest": digest, "size": 2, "mediaType": LAYER}]}
    found, config = broken(listed, {"rootfs": {"diff_ids": [digest]}}, which)
    repository = Held(Place("http://127.0.0.1:1", "x", "x"))
    repository.held = (json.dumps(found).encode(), config)

    with pytest.raises(InvalidRequest, match=BROKEN[which]):
        find(repository, Reference("x", "x", "3"))


FILE = b"layer" * 100_000


class Stranger(BaseHTTPRequestHandler):
    """A registry that asks for a token of another place, and writes down what it is sent."""

    realm = ""
    seen: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        """Refuse, or never end."""
        if "/lines/" in self.path:
            self.give_up_midway()
            return
        if "/endless/" in self.path:
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                while True:
                    self.wfile.write(b" " * 65536)
            return
        self.seen.append(self.headers.get("authorization"))
        body = b'{"token": "theirs"}' if self.path.startswith("/token") else b"{}"
        self.send_response(200 if self.path.startswith("/token") else 401)
        self.send_header("www-authenticate", f'Bearer realm="{self.realm}",service="s"')
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def give_up_midway(self) -> None:
        """Send half of a file, then the whole; and no more to a token than that it is too old."""
        self.seen.append(self.headers.get("authorization"))
        if self.seen[-1] != "Bearer theirs":
            self.send_response(401)
            self.send_header("www-authenticate", f'Bearer realm="{self.realm}",service="s"')
            self.send_header("content-length", "0")
            self.end_headers()
            return
        whole = self.seen.count("Bearer theirs") > 1
        self.send_response(200)
        self.send_header("content-length", str(len(FILE)))
        self.end_headers()
        self.wfile.write(FILE if whole else FILE[: len(FILE) // 2])

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def stranger():
    """Two of them on this machine, which are two hosts."""
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Stranger) for _ in range(2)]
    threads = [threading.Thread(target=each.serve_forever, args=(0.01,)) for each in servers]
    for thread in threads:
        thread.start()
    Stranger.seen.clear()
    yield [f"http://127.0.0.1:{each.server_port}" for each in servers]
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_answer_without_end_is_refused(stranger):
    """A registry that nobody vouches for does not fill the memory."""
    place = Place(stranger[0], "endless/x", "endless/x", direct=True)

    with Repository(place) as repository, pytest.raises(InvalidRequest, match="too large"):
        repository.manifest("v1")


class Careless(BaseHTTPRequestHandler):
    """A registry that answers one thing to everything."""

    status = 200
    told: ClassVar[dict[str, str]] = {}
    body = b""
    statuses: ClassVar[list[int]] = []
    """Of the first answers, in place of `status`."""

    def answer(self) -> None:
        """Take what comes and answer."""
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(self.statuses.pop(0) if self.statuses else self.status)
        for name, value in {"content-length": str(len(self.body)), **self.told}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(self.body)

    do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815 - names of the standard library

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def careless(monkeypatch):
    """A repository of it; what it answers is set first."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Careless) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        with Repository(Place(f"http://127.0.0.1:{server.server_port}", "x/y", "x/y", direct=True)) as repository:

            def answers(status: int, body: bytes = b"", **told: str) -> Repository:
                said = {"status": status, "body": body, "told": {k.replace("_", "-"): v for k, v in told.items()}}
                for name, value in said.items():
                    monkeypatch.setattr(Careless, name, value)
                return repository

            yield answers
        server.shutdown()
        thread.join()


NOT_OURS = {"docker_content_digest": f"sha256:{'1' * 64}"}
DONE = {"has": 200, "put": 201, "manifest": 200, "content": 200, "upload": 202, "fetch": 200}


@pytest.mark.parametrize(
    ("act", "status", "told"),
    [(act, status, {}) for act in DONE for status in (204, 206, 304, 307, 200, 201) if status != DONE[act]]
    + [("has", 200, NOT_OURS), ("put", 201, NOT_OURS), ("manifest", 200, NOT_OURS)],
)
def test_only_what_the_protocol_says_is_believed(careless, tmp_path, act, status, told):
    """An answer of another status, as proxies and sign-in pages give, or of another digest is a refusal."""
    blob = kept(FILE, LAYER, tmp_path)
    body = b"" if status in {204, 304} else FILE
    repository = careless(status, body, **told)
    acts = {
        "has": lambda: repository.has(blob.digest),
        "put": lambda: repository.put("v1", b"{}", OCI),
        "manifest": lambda: repository.manifest("v1"),
        "content": lambda: repository.content(blob),
        "upload": lambda: repository.upload(blob),
        "fetch": lambda: repository.fetch(blob, tmp_path / "layer"),
    }

    with pytest.raises(InvalidRequest):
        acts[act]()


@pytest.mark.parametrize("off", [-1, 1])
def test_a_file_has_the_size_that_was_announced(careless, tmp_path, off):
    """Whatever its digest: what is announced larger or smaller than it is, is something else."""
    blob = kept(FILE, LAYER, tmp_path)
    other = Blob(blob.digest, len(FILE) + off, LAYER)
    repository = careless(200, FILE)

    assert repository.content(blob) == FILE
    with pytest.raises(InvalidRequest):
        repository.content(other)
    with pytest.raises(InvalidRequest):
        repository.fetch(other, tmp_path / "layer")


def test_a_request_has_an_end(careless, tmp_path, monkeypatch):
    """Bytes that come now and then do not keep it alive: here no time at all is enough."""
    monkeypatch.setattr(registry_module, "PATIENCE_S", -1e9)
    blob = kept(FILE, LAYER, tmp_path)
    repository = careless(200, FILE)

    for act in (lambda: repository.manifest("v1"), lambda: repository.fetch(blob, tmp_path / "layer")):
        with pytest.raises(Unavailable, match="too slow"):
            act()


def test_a_file_that_is_sent_again_is_counted_once(careless, tmp_path, monkeypatch):
    """Whoever watches is told of fewer bytes than none where it begins again."""
    monkeypatch.setattr(registry_module, "PAUSES_S", (0.0, 0.0))
    monkeypatch.setattr(Careless, "statuses", [202, 503, 503, 201])
    told = []

    careless(202, location="/there").upload(kept(FILE, LAYER, tmp_path), told.append)

    assert told.count(len(FILE)) == told.count(-len(FILE)) + 1
    assert sum(told) == len(FILE)


def test_a_file_is_fetched_again_where_a_line_breaks(stranger, tmp_path):
    """With a new token where the old one has expired; what another run is fetching there is let alone."""
    Stranger.realm = f"{stranger[0]}/token"
    blob = kept(FILE, LAYER, tmp_path)
    into, told = tmp_path / "layer", []
    (tmp_path / "layer.part").write_text("another run's")
    with Repository(Place(stranger[0], "lines/x", "lines/x", direct=True)) as repository:
        repository._authorization = {"authorization": "Bearer expired"}
        repository.fetch(blob, into, told.append)

    assert into.read_bytes() == FILE
    assert (tmp_path / "layer.part").read_text() == "another run's"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([blob.path.name, "layer", "layer.part"])
    assert sum(told) == len(FILE)


def test_a_refusal_elsewhere_tells_nothing_of_google(stranger):
    """A role in Google Cloud opens no other registry."""
    Stranger.realm = f"{stranger[0]}/token"
    with (
        Repository(Place(stranger[0], "x/y", "x/y", direct=True)) as repository,
        pytest.raises(NotPermitted) as refused,
    ):
        repository.manifest("v1")

    assert "password" in refused.value.hint
    assert "gcloud" not in refused.value.hint


def test_a_token_goes_to_the_registry_alone(stranger):
    """Sent elsewhere for tokens, Google's does not go along; in plain text nobody is asked at all."""
    here, elsewhere = stranger
    place = Place(here, "x/y", "x/y", token=lambda: "secret", direct=True)
    Stranger.realm = f"{elsewhere}/token"
    with Repository(place) as repository, pytest.raises(NotPermitted, match="where tokens are to be had"):
        repository.manifest("v1")
    assert Stranger.seen == [None]

    Stranger.realm = f"{here}/token"
    with Repository(place) as repository, pytest.raises(NotPermitted):
        repository.manifest("v1")
    basic = base64.b64encode(b"oauth2accesstoken:secret").decode()
    assert Stranger.seen[2] == f"Basic {basic}"
    assert all(seen in (None, f"Basic {basic}", "Bearer theirs") for seen in Stranger.seen)
