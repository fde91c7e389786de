"""No process of ours opens a connection that it was not told to open, and no library tells its maker anything."""

import os
import platform
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton_grpc

from runtime.configuration.silence import NAMES, be_silent
from tests.late import needed

ROOT = Path(__file__).resolve().parents[2]
WATCHED = f"{Path(__file__).parent / 'outbound'}{os.pathsep}{ROOT}"
CLASS = "class Model:\n    def predict(self, inputs): return inputs['a'] + inputs['b']\n"
NUMBERS = {"a": {"type": "number"}, "b": {"type": "number"}}
ROWS = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
LABELS = ROWS[:, 0] * 2 + ROWS[:, 1]

linux = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in {"x86_64", "aarch64"},
    reason="filters of system calls are Linux', and their numbers an architecture's",
)


def onnx(folder: Path) -> None:
    (folder / "model.onnx").write_bytes((ROOT / "specs/iris/model/model.onnx").read_bytes())


def skops(folder: Path) -> None:
    import skops.io  # noqa: PLC0415 - seconds
    from sklearn.linear_model import LinearRegression  # noqa: PLC0415 - seconds

    skops.io.dump(LinearRegression().fit(ROWS, LABELS), folder / "model.skops")


def pickled(folder: Path) -> None:
    import joblib  # noqa: PLC0415 - seconds
    from sklearn.ensemble import RandomForestRegressor  # noqa: PLC0415 - seconds

    joblib.dump(RandomForestRegressor(3).fit(ROWS, LABELS), folder / "model.joblib")


def xgboost(folder: Path) -> None:
    library = pytest.importorskip("xgboost")
    library.train({"nthread": 1}, library.DMatrix(ROWS, LABELS), 3).save_model(folder / "model.ubj")


def lightgbm(folder: Path) -> None:
    library = needed("lightgbm")
    parameters = {"verbose": -1, "num_threads": 1}
    library.train(parameters, library.Dataset(ROWS, LABELS), 3).save_model(folder / "model.txt")


def torch(folder: Path) -> None:
    library = pytest.importorskip("torch")
    shapes = ({0: library.export.Dim("rows")},)
    program = library.export.export(library.nn.Linear(2, 1), (library.zeros(2, 2),), dynamic_shapes=shapes)
    library.export.save(program, folder / "model.pt2")


def custom(folder: Path) -> None:
    (folder / "model.py").write_text(CLASS)


@linux
@pytest.mark.parametrize(
    "make", [onnx, skops, pickled, xgboost, lightgbm, torch, custom], ids=lambda make: make.__name__
)
def test_a_server_connects_to_nobody(start, another_port, tmp_path, make):
    """From its start to its end, over both ports, no library of a framework calls out, in C or in Python.

    The kernel ends a process that does. A library's other trace is an id of the device, kept at home: none is made.
    """
    folder, home = tmp_path / "model", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    make(folder)
    told = {} if make is onnx else {"features": NUMBERS}
    told |= {"framework": "custom"} if make is custom else {}
    port, watched = another_port(), {"PYTHONPATH": WATCHED, "NO_CONNECTIONS": "1", "HOME": home, "TMPDIR": home}
    watched |= dict.fromkeys(NAMES, "")  # as if nobody had said anything; the tests themselves are silent
    flags = ["--allow-code"] if make in (pickled, torch) else []

    server = start(folder, *flags, "--grpc-port", str(port), model=told, **watched)
    row = [5.1, 3.5, 1.4, 0.2] if make is onnx else [1.0, 2.0]
    assert server.post("/predict", {"instances": [row]}).status_code == 200
    assert server.get("/docs").status_code == 200
    with triton_grpc.InferenceServerClient(f"127.0.0.1:{port}") as client:
        assert client.is_model_ready("model")
    assert server.stop() == 0

    assert [file for file in home.rglob("*") if "deviceid" in file.name or file.suffix == ".db"] == []


@linux
@pytest.mark.parametrize(("family", "address"), [("AF_INET", ("127.0.0.1", 9)), ("AF_INET6", ("::1", 9))])
@pytest.mark.parametrize("kind", ["SOCK_STREAM", "SOCK_DGRAM"])
def test_the_watch_sees_who_connects(family, address, kind):
    """A process that does connect ends: otherwise the test above says nothing."""
    code = f"import socket; socket.socket(socket.{family}, socket.{kind}).connect_ex({address})"

    ended = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": WATCHED, "NO_CONNECTIONS": "1"}, check=False
    )

    assert ended.returncode == -signal.SIGSYS


def test_a_server_with_a_shadow_connects_to_it_alone(start, specs, tmp_path):
    """Where it was told to call somebody, it calls nobody else, and looks no other name up."""
    shadow = start(specs / "iris/model")
    file = tmp_path / "connections.txt"
    server = start(
        specs / "iris/model",
        runtime={"shadow": {"url": f"{shadow.url}/predict", "percent": 100}},
        PYTHONPATH=WATCHED,
        CONNECTIONS_FILE=file,
    )
    assert server.post("/predict", {"instances": [[5.1, 3.5, 1.4, 0.2]]}).status_code == 200
    server.wait(lambda: "shadow compared" in server.log.read_text())
    assert server.stop() == 0

    port = shadow.url.rpartition(":")[2]
    named = {line for line in file.read_text().splitlines() if line.startswith("socket.connect")}
    assert named == {f"socket.connect (('127.0.0.1', {port}),)"}
    looked_up = [line for line in file.read_text().splitlines() if not line.startswith("socket.connect")]
    assert [line for line in looked_up if "127.0.0.1" not in line] == []


@linux
@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--help"], ["validate", "specs/iris/mlservice.yaml"], ["schema"]])
def test_a_command_that_needs_no_cloud_connects_to_nobody(arguments):
    """Checking a spec is a matter of this machine."""
    watched = {"PYTHONPATH": WATCHED, "NO_CONNECTIONS": "1"}
    command = [sys.executable, "-m", "reconciler.cli", *arguments]

    ended = subprocess.run(command, env={**os.environ, **watched}, cwd=ROOT, capture_output=True, check=False)

    assert ended.returncode == 0, ended.stderr


def test_silence_is_the_default_and_no_order():
    """Who turns a library's reports on by hand has them on."""
    environment: dict[str, str] = {}
    be_silent(environment)
    assert environment == dict.fromkeys(NAMES, "1")

    spoken = {"ORT_DISABLE_TELEMETRY": "0"}
    be_silent(spoken)
    assert spoken == {"ORT_DISABLE_TELEMETRY": "0"}


def test_the_container_is_silent_from_its_start():
    """Also for what is started in it by hand."""
    base = (ROOT / "Dockerfile").read_text().partition("AS base")[2].partition("\nFROM ")[0]

    assert {name for name in NAMES if re.search(rf"^ENV [^#]*\b{name}=1", base, re.MULTILINE | re.DOTALL)} == set(NAMES)
