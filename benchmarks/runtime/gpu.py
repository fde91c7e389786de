"""Serve a model on CUDA and check it, where there is a GPU.

python -m benchmarks.runtime.gpu      needs torch, or onnxruntime-gpu; says so and ends with 0 where there is no GPU
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
WIDTH = 64
ROWS = np.random.default_rng(0).normal(size=(256, WIDTH)).astype(np.float32)


def torch_model(folder: Path) -> np.ndarray | None:
    """Write a small network as TorchScript; gives what it predicts on the CPU, None without CUDA."""
    if find_spec("torch") is None:
        return None
    import torch  # noqa: PLC0415 - an extra

    if not torch.cuda.is_available():
        return None
    torch.manual_seed(0)
    layers = [torch.nn.Linear(WIDTH, 256), torch.nn.ReLU(), torch.nn.Linear(256, 1)]
    module = torch.nn.Sequential(*layers).eval()
    torch.jit.trace(module, torch.zeros(2, WIDTH)).save(str(folder / "model.pt"))
    with torch.inference_mode():
        return module(torch.from_numpy(ROWS)).numpy()[:, 0]


def onnx_model(folder: Path) -> np.ndarray | None:
    """Copy the example's forest; gives its predictions, None without CUDA."""
    if find_spec("onnxruntime") is None:
        return None
    import onnxruntime  # noqa: PLC0415 - an extra

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return None
    graph = (ROOT / "specs/breast-cancer/model-v1/model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(graph)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: np.abs(ROWS[:, :10])})[0]


def check(folder: Path, expected: np.ndarray, rows: np.ndarray, features: int) -> dict[str, str]:
    """Serve, predict, compare; gives the metadata's properties."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    model = {"features": {f"f{i}": {"type": "number"} for i in range(features)}}
    environment = {**os.environ, "MLSERVICE_MODEL": json.dumps(model), "PYTHONPATH": str(ROOT)}
    server = subprocess.Popen(
        [sys.executable, "-m", "runtime", str(folder), "--allow-code", "--port", str(port)], env=environment
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait(f"{url}/health/ready")
        body = json.dumps({"instances": rows.tolist()}).encode()
        began = time.perf_counter()
        found = json.loads(read(f"{url}/predict", body))["predictions"]
        took = time.perf_counter() - began
        np.testing.assert_allclose(np.ravel(found), np.ravel(expected), rtol=1e-2, atol=1e-3)
        properties = json.loads(read(f"{url}/v2/models/model"))["properties"]
        print(f"{len(rows)} rows in {took * 1e3:.1f} ms")
        return {key: value for key, value in properties.items() if key.startswith("device")}
    finally:
        server.terminate()
        server.wait(15)


def read(url: str, body: bytes | None = None) -> bytes:
    """Send one request."""
    with urllib.request.urlopen(url, body, timeout=60) as answer:  # noqa: S310 - our own server
        return answer.read()


def wait(url: str) -> None:
    """Wait until a probe succeeds."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            read(url)
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
        else:
            return
    raise SystemExit("not ready within two minutes")


def main() -> None:
    """Check every framework that sees a GPU."""
    ran = False
    for name, make, rows in (("torch", torch_model, ROWS), ("onnxruntime", onnx_model, np.abs(ROWS[:, :10]))):
        with tempfile.TemporaryDirectory() as folder:
            expected = make(Path(folder))
            if expected is None:
                print(f"{name}: no CUDA here, not run")
                continue
            properties = check(Path(folder), expected, rows, rows.shape[1])
            print(f"{name}: {properties}")
            if properties.get("device") != "cuda":
                raise SystemExit(f"{name} was not served on CUDA")
            ran = True
    print("GPU checks ran" if ran else "GPU checks did not run: there is no GPU")


if __name__ == "__main__":
    main()
