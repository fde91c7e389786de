"""How long a function takes from nothing to its first answer. Bar: 2 s. `python -m benchmarks.function_start`.

Two of them: the smallest there can be, which is what functions-framework itself takes, and the retraining function.
Each is asked while it has no instance. The request is no event: the retraining function refuses it, and so connects
to nothing.
"""

import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx

from reconciler.kinds.functions_function.settings import VARIABLE
from reconciler.lookups.function_source import archive

ROUNDS = 5
IDLE_S = 16 * 60
PLACE = "v2/projects/local/locations/europe-west1"
TOLD = {
    "service": "churn",
    "project": "local",
    "region": "europe-west1",
    "bucket": "local-mlservice",
    "run": {"cloudRunJob": {"name": "train"}},
}
SMALLEST = "def main(request):\n    return 'ok'\n"


@contextmanager
def emulator(state: Path) -> Iterator[httpx.Client]:
    """A client of an emulator that runs for so long."""
    command = [sys.executable, "-m", "emulator", "serve", "--state", str(state)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        while not (state / "emulator.json").exists():
            time.sleep(0.01)
        url = json.loads((state / "emulator.json").read_text())["http"]
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
            yield client
    finally:
        process.terminate()
        process.wait()


def smallest() -> bytes:
    """The archive of the smallest function."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as written:
        written.writestr("main.py", SMALLEST)
    return made.getvalue()


def deployed(client: httpx.Client, name: str, content: bytes) -> str:
    """Deploy a function that everybody may call; its address."""
    place: dict[str, Any] = client.post(f"{PLACE}/functions:generateUploadUrl", json={}).raise_for_status().json()
    client.put(place["uploadUrl"], content=content).raise_for_status()
    build = {"runtime": "python313", "entryPoint": "main", "source": {"storageSource": place["storageSource"]}}
    config = {"availableMemory": "512Mi", "availableCpu": "1", "environmentVariables": {VARIABLE: json.dumps(TOLD)}}
    wanted = {"buildConfig": build, "serviceConfig": config}
    operation = client.post(f"{PLACE}/functions?functionId={name}", json=wanted).raise_for_status().json()
    while not (done := client.get(f"v2/{operation['name']}").json()).get("done"):
        time.sleep(0.05)
    policy = {"policy": {"bindings": [{"role": "roles/run.invoker", "members": ["allUsers"]}]}}
    client.post(f"{PLACE}/services/{name}:setIamPolicy", json=policy).raise_for_status()
    return str(done["response"]["url"])


def cold_s(client: httpx.Client, url: str) -> float:
    """Seconds from a request to its answer, when no instance runs."""
    client.post("_emulator/advance", json={"seconds": IDLE_S}).raise_for_status()
    while any(sum(each["instances"].values()) for each in services(client)):
        time.sleep(0.05)
    before = time.monotonic()
    answer = client.post(url, json={})
    taken_s = time.monotonic() - before
    if answer.status_code not in (httpx.codes.OK, httpx.codes.BAD_REQUEST):
        raise RuntimeError(f"the function did not answer: {answer.status_code}")
    return taken_s


def services(client: httpx.Client) -> list[dict[str, Any]]:
    """What runs."""
    found: list[dict[str, Any]] = client.get("_emulator/services").raise_for_status().json()
    return found


def main() -> None:
    """Print medians and the slowest."""
    programs = {"smallest": smallest()}
    spec = find_spec("runtime.retraining.function")
    if spec is not None and spec.origin:
        programs["retraining"] = archive(Path(spec.origin).parent)
    with tempfile.TemporaryDirectory() as folder, emulator(Path(folder)) as client:
        for name, content in programs.items():
            url = deployed(client, name, content)
            taken = [cold_s(client, url) for _ in range(ROUNDS)]
            text = f"{statistics.median(taken):.2f} s, at most {max(taken):.2f} s"
            print(f"cold start, {name + ' function:':22} {text} (bar 2 s; {ROUNDS} rounds)")


if __name__ == "__main__":
    main()
