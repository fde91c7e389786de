"""The servers that are measured, how each is installed, started and asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ENVIRONMENTS = HERE.parent / ".peers"
COMMON = ("scikit-learn", "onnxruntime", "joblib")


@dataclass(frozen=True, slots=True)
class Peer:
    """One server.

    Attributes:
        name: As in the table.
        script: Under `peers/`; empty for ours.
        packages: Installed into an environment of its own; none for what our environment has.
        path: Where predictions are asked.
        v2: Whether it speaks Open Inference Protocol only.
        flags: For ours.
        batches: Whether it joins requests.
        debian: A package of Debian's that is unpacked beside the environments.
        constant: Whether it answers every request alike, and reads none: what is left is HTTP itself.
    """

    name: str
    script: str = ""
    packages: tuple[str, ...] = ()
    path: str = "/predict"
    v2: bool = False
    flags: tuple[str, ...] = ()
    batches: bool = False
    debian: str = ""
    constant: bool = False

    @property
    def python(self) -> str:
        """Give the interpreter it runs on."""
        return str(ENVIRONMENTS / self.name / "bin" / "python") if self.packages else sys.executable

    @property
    def installed(self) -> bool:
        """Whether its environment is there."""
        return (unpacked(self) if self.debian else Path(self.python)).exists()

    def body(self, rows: list[list[float]]) -> bytes:
        """Write a request."""
        if not self.v2:
            return json.dumps({"instances": rows}).encode()
        flat = [value for row in rows for value in row]
        shape = [len(rows), len(rows[0])]
        return json.dumps({"inputs": [{"name": "rows", "shape": shape, "datatype": "FP32", "data": flat}]}).encode()

    def labels(self, answer: bytes) -> list[int]:
        """Read an answer."""
        found = json.loads(answer)
        if isinstance(found, list):
            return found
        return found["outputs"][0]["data"] if self.v2 else found["predictions"]


OURS = Peer("mlservice", batches=True)
PEERS = (
    Peer("tutorial", "tutorial_peer.py"),
    OURS,
    Peer("mlservice --no-wire", flags=("--no-wire",), batches=True),
    Peer("raw ASGI", "raw_asgi_peer.py"),
    Peer("vertex-cpr", "vertex_cpr_peer.py", ("google-cloud-aiplatform[prediction]",)),
    Peer("kserve", "kserve_peer.py", ("kserve",), "/v1/models/m:predict"),
    Peer("mlserver", "mlserver_peer.py", ("mlserver",), "/v2/models/m/infer", v2=True, batches=True),
    Peer("litserve", "litserve_peer.py", ("litserve",), batches=True),
    Peer("bentoml", "bentoml_peer.py", ("bentoml",), batches=True),
    Peer("pytriton", "pytriton_peer.py", ("nvidia-pytriton",), "/v2/models/m/infer", v2=True, batches=True),
    Peer("nginx constant", "nginx_peer.py", debian="nginx", constant=True),
)


def unpacked(peer: Peer) -> Path:
    """Say where the program of a package of Debian's is."""
    return ENVIRONMENTS / peer.debian / "usr" / "sbin" / peer.debian


def install(peer: Peer) -> None:
    """Make the peer's environment."""
    if peer.debian:
        _unpack(peer.debian)
        return
    uv = str(Path(sys.executable).parent / "uv")
    folder = ENVIRONMENTS / peer.name
    subprocess.run([uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(folder)], check=True)
    command = [uv, "pip", "install", "--quiet", "--python", peer.python, *peer.packages, *COMMON]
    subprocess.run(command, check=True)


def _unpack(package: str) -> None:
    """Fetch a package as apt does, and unpack it beside the environments: nothing is installed or started."""
    folder = ENVIRONMENTS / package
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "download", "--quiet", package], cwd=folder, check=True, stderr=subprocess.DEVNULL)
    for file in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "--extract", str(file), str(folder)], check=True)
        file.unlink()


def version(peer: Peer) -> str:
    """Say which version is measured."""
    if peer.debian:
        return subprocess.run([str(unpacked(peer)), "-v"], capture_output=True, text=True, check=True).stderr.strip()
    name = (peer.packages or ("fastapi",))[0].partition("[")[0]
    if not peer.script:
        return "this tree"
    code = f"from importlib.metadata import version; print({name!r}, version({name!r}))"
    return subprocess.run([peer.python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def command(peer: Peer, folder: Path) -> list[str]:
    """Give the command that starts it."""
    if not peer.script:
        return [peer.python, "-m", "runtime", str(folder), "--allow-code", *peer.flags]
    return [peer.python, str(HERE / "peers" / peer.script)]


def library_folder() -> str:
    """Give the folder of Python's shared library."""
    return sysconfig.get_config_var("LIBDIR") or ""


def environment(peer: Peer, folder: Path, port: int, batch: int, answer: bytes = b"") -> dict[str, str]:
    """Give what it is told: the same model file, the same port, one thread.

    Args:
        peer: Who.
        folder: Of the model.
        port: Where it listens.
        batch: Rows that it may join.
        answer: What it says to everything, if it does.
    """
    file = next(path for path in folder.iterdir() if path.suffix in {".onnx", ".joblib"})
    ours = {"PYTHONPATH": str(ROOT)} if not peer.script else {"PYTHONPATH": str(HERE / "peers")}
    kind = "onnx" if file.suffix == ".onnx" else "sklearn"
    # Triton's own process embeds Python, and must find the library of this one rather than the system's.
    ours["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, (library_folder(), os.environ.get("LD_LIBRARY_PATH"))))
    told = {"KIND": kind, "FILE": str(file), "PORT": str(port), "BATCH": str(batch), "OMP_NUM_THREADS": "1"}
    if peer.debian:
        told |= {"PROGRAM": str(unpacked(peer)), "ANSWER": answer.decode()}
    return {**os.environ, **ours, **told, "BENTOML_DO_NOT_TRACK": "1", "ORT_DISABLE_TELEMETRY": "1"}
