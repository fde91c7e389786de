"""The Dockerfile, built with buildah and run as Cloud Run would: as nobody, on a root that cannot be written.

Minutes and some gigabytes: `make test ARGS="tests/images --images"`, as root, with buildah and mmdebstrap.
"""

import json
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml

from benchmarks.page import AUDIENCE, Surroundings, filled
from emulator.apis.iap.assertions import FILE, Assertions
from tests.images.engine import ROOT, Buildah, command, debian, why_not
from tests.operating import spec
from tests.page import samples
from tests.runtime.servers import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
READY_WITHIN_S = 60
BUDGET_BYTES = {"runtime": 190_000_000, "reconciler": 150_000_000, "page": 60_000_000}
"""What an image adds to its base, unpacked: 176, 131 and 54 MB when this was written. The model server's was 323 MB."""


@pytest.fixture(scope="module")
def buildah(pytestconfig, tmp_path_factory) -> Iterator[Buildah]:
    """An engine that has the base."""
    if not pytestconfig.getoption("--images"):
        pytest.skip("whole images are built only with --images: it takes minutes")
    if why_not():
        pytest.skip(why_not())
    folder = tmp_path_factory.mktemp("buildah")
    made = Buildah(folder)
    made.make_base(debian(Path.home() / ".cache" / "mlservice-tests"))
    yield made
    shutil.rmtree(folder / "store", ignore_errors=True)


@contextmanager
def running(line: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A container, stopped as Cloud Run stops one."""
    with log.open("wb") as written, subprocess.Popen(line, stdout=written, stderr=subprocess.STDOUT) as process:
        yield process
        process.send_signal(signal.SIGTERM)
        process.kill()


def test_the_server_of_the_image_serves(buildah, tmp_path):
    """As 65532, on a read-only root, from a folder that it may only read."""
    image = buildah.build("runtime", FRAMEWORKS="onnx")
    with buildah.mounted(image) as (root, said):
        weigh("runtime", root)
        port = free_port()
        mine = {"HOST": "127.0.0.1", "PORT": str(port)}
        line = command(root, said, mine, *said["Cmd"], "/mnt", bind=ROOT / "specs" / "iris" / "model")
        with running(line, tmp_path / "log") as process:
            url = f"http://127.0.0.1:{port}"
            until = time.monotonic() + READY_WITHIN_S
            while process.poll() is None and not is_ready(url) and time.monotonic() < until:
                select.select([], [], [], 0.1)
            answer = httpx.post(f"{url}/predict", json={"instances": [[5.1, 3.5, 1.4, 0.2]]}, timeout=20)
            status = status_of_the_server(port)

    assert answer.status_code == 200, (tmp_path / "log").read_text()
    assert status["Uid"].split() == ["65532"] * 4
    assert int(status["CapEff"], 16) == 0


def test_the_job_of_the_image_reconciles(buildah, emulator, operator, tmp_path):
    """One pass over a folder makes the service; the image brings its version, its lock file and the function."""
    image = buildah.build("reconciler")
    specs = tmp_path / "specs"
    state = tmp_path / "specs" / "state"
    state.mkdir(parents=True)
    (specs / "mlservice.yaml").write_text(yaml.safe_dump(spec("hello")))
    (state / "emulator.json").write_text((emulator.state / "emulator.json").read_text())
    for path in (tmp_path, specs, state, *tmp_path.parents):
        if path.is_relative_to(tmp_path.parents[1]):
            path.chmod(0o755)
    with buildah.mounted(image) as (root, said):
        weigh("reconciler", root)
        env = {"MLSERVICE_EMULATOR_STATE": "/mnt/state"}
        words = ("reconcile", "/mnt/mlservice.yaml", "--local")
        done = subprocess.run(command(root, said, env, *words, bind=specs), capture_output=True, text=True, check=False)
        version = subprocess.run(command(root, said, env, "--version"), capture_output=True, text=True, check=False)
        files = [
            (root / "app" / name).exists() for name in ("reconciler/images/uv.lock", "runtime/retraining/function.py")
        ]

    assert done.returncode == 0, done.stderr
    assert operator.service("hello").name.endswith("/services/hello")
    assert version.stdout.startswith("mlservice "), version.stderr
    assert files == [True, True]


def test_the_page_of_the_image_shows_a_bucket(buildah, emulator, tmp_path):
    """A fleet that a bucket of the emulator holds, to whom IAP vouches for alone; files and scripts are in it, too."""
    samples.write(samples.fleet(3, history=1), tmp_path / "documents")
    filled(emulator.http, "documents", tmp_path / "documents")
    httpx.get(f"{emulator.http}/iap/verify/public_key-jwk", timeout=20).raise_for_status()  # makes the key
    vouched = {"x-goog-iap-jwt-assertion": Assertions(emulator.state / FILE).of("ann@acme.example", AUDIENCE)}
    around, port = Surroundings(emulator.http), free_port()
    mine = {"HOST": "127.0.0.1", "PORT": str(port), "MLSERVICE_EMULATOR": emulator.http}
    mine |= {"MLSERVICE_PAGE_BUCKET": "documents", "MLSERVICE_PAGE_AUDIENCE": AUDIENCE, "GOOGLE_CLOUD_PROJECT": "local"}
    mine |= {"GCE_METADATA_HOST": around.host, "GCE_METADATA_IP": around.host}
    image = buildah.build("page")
    with buildah.mounted(image) as (root, said):
        weigh("page", root)
        with running(command(root, said, mine), tmp_path / "log") as process:
            url = f"http://127.0.0.1:{port}"
            until = time.monotonic() + READY_WITHIN_S
            while process.poll() is None and not answers(url) and time.monotonic() < until:
                select.select([], [], [], 0.1)
            status = status_of_the_server(port)
            stranger = httpx.get(url, timeout=20).status_code
            fleet = httpx.get(f"{url}/fleet.json", headers=vouched, timeout=20)
            page = httpx.get(url, headers=vouched, timeout=20)
            files = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
            found = {name: httpx.get(f"{url}{name}", headers=vouched, timeout=20).status_code for name in files}

    assert stranger == 403, (tmp_path / "log").read_text()
    assert sorted(each["name"] for each in fleet.json()["services"]) == sorted(
        name for _, name in samples.fleet(3, history=1).states
    )
    assert page.is_success
    assert {Path(name).name for name in found} >= {"app.css", "app.js", "htmx.min.js"}
    assert set(found.values()) == {200}
    assert status["Uid"].split() == ["65532"] * 4


def is_ready(url: str) -> bool:
    """Whether the model is loaded."""
    return answers(f"{url}/health/ready") == httpx.codes.OK


def answers(url: str) -> int:
    """Which status an address gives; 0 while nobody is there."""
    try:
        return httpx.get(url, timeout=20).status_code
    except httpx.HTTPError:
        return 0


def status_of_the_server(port: int) -> dict[str, str]:
    """What the system says of the process that has our port among its variables."""
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"PORT={port}".encode() in path.read_bytes().split(b"\0"):
                text = path.with_name("status").read_text()
                return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
        except OSError:
            continue
    raise AssertionError(f"no process has PORT={port}")


def weigh(target: str, root: Path) -> None:
    """Print what an image adds to its base, and keep it in its budget."""
    size = sum(path.lstat().st_size for path in (root / "app").rglob("*"))
    heavy = sorted(
        ((folder_size(each), each.name) for each in (root / "app/.venv/site-packages").iterdir()), reverse=True
    )
    shown = ", ".join(f"{name} {amount / 1e6:.0f}" for amount, name in heavy[:8])
    sys.stdout.write(f"{target}: {size / 1e6:.0f} MB on its base ({shown})\n")
    assert size < BUDGET_BYTES[target], json.dumps([name for _, name in heavy[:8]])


def folder_size(folder: Path) -> int:
    """Bytes of a file or of all below a folder."""
    return sum(path.lstat().st_size for path in (folder, *folder.rglob("*")))
