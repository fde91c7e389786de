"""Torch programs on a GPU: right answers, what becomes of memory and of large requests, and rows per second.

python -m benchmarks.runtime.gpu [--quick] [--parts PART...] [--beside TREE] [--max-size ROWS...] [--out FILE]

Needs torch and a GPU; says so and ends with 0 where there is none. With `--cpu` everything runs where it is, on small
models: for a look at the script itself. `--beside` also measures the small model with the server of another tree.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.runtime.servers import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
START_S = 120
ANSWER_S = 60
CELLS = ((1, 1), (32, 1), (128, 1), (256, 1), (32, 16))
RANDOM = np.random.default_rng(0)
DEVICE_LOST = 70
CPUS = sorted(os.sched_getaffinity(0))
ENOUGH_CPUS = 4
PARTS = ("answers", "small", "bert")
METRIC = re.compile(r"^mlservice_(\w+)_(sum|count){(.*)} (\S+)$", re.MULTILINE)
PHASE = re.compile(r'phase="(\w+)"')
LOG = "benchmarks/runtime/.gpu.log"


@dataclass
class Report:
    """What was found: `checks` that hold or not, and numbers."""

    checks: dict[str, bool] = field(default_factory=dict)
    numbers: dict[str, object] = field(default_factory=dict)

    def check(self, name: str, holds: object, said: object = "") -> None:
        """Note whether something holds."""
        self.checks[name] = bool(holds)
        print(f"{'ok ' if holds else 'NOT'} {name} {said}", flush=True)

    def number(self, name: str, value: object) -> None:
        """Note a number."""
        self.numbers[name] = value
        print(f"    {name}: {value}", flush=True)


@dataclass(frozen=True, slots=True)
class Server:
    """One server, ours or another."""

    process: subprocess.Popen
    url: str

    def ask(self, rows: np.ndarray, model: str = "") -> list[float]:
        """Predict, by the only model or by one of that name."""
        path = f"/v1/models/{model}:predict" if model else "/predict"
        return json.loads(read(self.url + path, body(rows)))["predictions"]

    def memory(self) -> dict[str, str]:
        """Read what ours says of the device."""
        properties = json.loads(read(f"{self.url}/v2/models/model"))["properties"]
        return {name: value for name, value in properties.items() if name.startswith("device")}


def body(rows: np.ndarray) -> bytes:
    """Write a request; whole numbers as such."""
    whole = rows.astype(int)
    return json.dumps({"instances": (whole if (whole == rows).all() else rows).tolist()}).encode()


def read(url: str, sent: bytes | None = None) -> bytes:
    """Send one request."""
    with urllib.request.urlopen(url, sent, timeout=ANSWER_S) as answer:  # noqa: S310 - our own servers
        return answer.read()


def environment(tree: Path, **told: str) -> dict[str, str]:
    """Give this process's environment, with a tree's modules before whatever else is on the path."""
    path = os.pathsep.join(filter(None, (str(tree), os.environ.get("PYTHONPATH"))))
    return {**os.environ, **told, "PYTHONPATH": path}


def on(*cpus: int) -> list[str]:
    """Keep a process to some CPUs, where there are enough: who moves about waits for CPUs to wake up."""
    return ["taskset", "-c", ",".join(map(str, cpus))] if len(CPUS) >= ENOUGH_CPUS and which("taskset") else []


@contextmanager
def serving(command: list[str], path: str, told: dict[str, str]) -> Iterator[Server]:
    """Start a server, and end it. Whoever waits for one that died hears so at once."""
    with (ROOT / LOG).open("ab") as log:
        process = subprocess.Popen([*on(*CPUS[:-2]), sys.executable, *command], env=told, stderr=log)
    server = Server(process, f"http://127.0.0.1:{told['PORT']}")
    try:
        wait(process, server.url + path)
        yield server
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()


def wait(process: subprocess.Popen, url: str) -> None:
    """Wait until a server answers."""
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if process.poll() is not None:
            raise SystemExit(f"the server ended with {process.returncode}; {LOG} has its log")
        with suppress(urllib.error.URLError, ConnectionError):
            read(url)
            return
        time.sleep(0.05)
    raise SystemExit(f"no answer within {START_S} s")


def ours(folder: Path, width: int, tree: Path = ROOT, **batching: int) -> object:
    """Serve a folder with the server of a tree."""
    model = {"features": {f"f{i}": {"type": "number"} for i in range(width)}}
    port = str(free_port())
    how = {"MLSERVICE_MODEL": json.dumps(model), "MLSERVICE_RUNTIME": json.dumps({"batching": batching})}
    told = environment(tree, **how, MLSERVICE_MAX_WAITING="2048", PORT=port)
    return serving(["-m", "runtime", str(folder), "--allow-code", "--port", port], "/health/ready", told)


def tutorial(file: Path) -> object:
    """Serve a file with the tutorial's server."""
    told = environment(ROOT, FILE=str(file), PORT=str(free_port()))
    return serving([str(ROOT / "benchmarks/runtime/peers/torch_peer.py")], "/docs", told)


def load(url: str, rows: np.ndarray, connections: int, seconds: float) -> dict[str, float]:
    """Drive a server, from two processes where one may be too slow."""
    shares = [connections] if connections < 64 else [connections // 2, connections - connections // 2]
    command = [sys.executable, "-m", "benchmarks.runtime.load", f"{url}/predict"]
    drivers = [
        subprocess.Popen(
            [*on(CPUS[-1 - number]), *command, str(share), str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(ROOT),
        )
        for number, share in enumerate(shares)
    ]
    with ThreadPoolExecutor(len(drivers)) as threads:
        told = list(threads.map(lambda one: json.loads(one.communicate(body(rows))[0]), drivers))
    return {
        "rows_s": round(sum(one["rps"] for one in told) * len(rows)),
        "p50_ms": round(float(np.mean([one["p50_ms"] for one in told])), 2),
        "p99_ms": round(max(one["p99_ms"] for one in told), 2),
        "failed": sum(one["failed"] for one in told),
    }


def check_first_calls(report: Report, server: Server, rows: np.ndarray) -> None:
    """No size is slow the first time."""
    took = {}
    for size in (1, 2, 3, 5, 7, 11, 13, 21, 29, 50):
        began = time.perf_counter()
        server.ask(rows[:size])
        took[size] = round((time.perf_counter() - began) * 1e3, 1)
    report.number("first calls by rows, ms", took)


def check_large(report: Report, server: Server, rows: np.ndarray, most: int) -> None:
    """A request of many rows is answered in parts, keeps no memory, and lets a lone row pass."""
    report.number("memory before", server.memory())
    large = rows[RANDOM.integers(0, len(rows), most)]
    began = time.perf_counter()
    found = server.ask(large)
    report.number(f"{most} rows, ms", round((time.perf_counter() - began) * 1e3))
    alone = [server.ask(large[place : place + 1])[0] for place in (0, most // 2, most - 1)]
    together = [found[0], found[most // 2], found[-1]]
    report.check("large requests are joined", len(found) == most and np.allclose(alone, together, rtol=0.05, atol=0.02))
    report.number("memory after", server.memory())
    with ThreadPoolExecutor(1) as threads:
        beside = threads.submit(lambda: [server.ask(large[:2000]) for _ in range(4)])
        took = []
        while not beside.done():
            began = time.perf_counter()
            server.ask(large[:1])
            took.append((time.perf_counter() - began) * 1e3)
            time.sleep(0.005)
        beside.result()
    report.number("a lone row beside 2000, ms: median, worst", [round(float(np.median(took)), 1), round(max(took), 1)])


def check_end(report: Report, server: Server, rows: np.ndarray) -> None:
    """What was sent before SIGTERM is answered; who came too late to connect is told so by the port."""
    with ThreadPoolExecutor(48) as threads:
        asked = [threads.submit(server.ask, rows[:64]) for _ in range(48)]
        time.sleep(0.05)
        server.process.send_signal(signal.SIGTERM)
        failures = [one.exception() for one in asked]
    refused = [isinstance(getattr(one, "reason", None), ConnectionRefusedError) for one in failures]
    lost = sum(one is not None and not late for one, late in zip(failures, refused, strict=True))
    report.check("nothing is lost at SIGTERM", not lost, f"{failures.count(None)} answered, {lost} lost")


def check_lost(report: Report, folder: Path, rows: np.ndarray) -> None:
    """An index out of range loses the device: 500, and the process ends."""
    with ours(folder, rows.shape[1]) as server:
        with suppress(urllib.error.URLError, ConnectionError):
            server.ask(np.full_like(rows[:1], 10**6))
        with suppress(subprocess.TimeoutExpired):
            server.process.wait(20)
        report.check("a lost device ends the process", server.process.poll() == DEVICE_LOST, server.process.poll())


def measured(report: Report, name: str, server: Server, rows: np.ndarray, *, seconds: float, rounds: int) -> None:
    """Measure every cell; the median of some rounds."""
    for connections, size in CELLS:
        found = [load(server.url, rows[:size], connections, seconds) for _ in range(rounds)]
        median = sorted(found, key=lambda one: one["rows_s"])[len(found) // 2]
        report.number(f"{name} {connections} x {size}", {**median, "failed": sum(one["failed"] for one in found)})


def phases(server: Server) -> dict[str, float]:
    """Read what the phases of a request took, and how large batches were, on average."""
    found = {}
    for name, kind, labels, value in METRIC.findall(read(f"{server.url}/metrics").decode()):
        phase = PHASE.search(labels)
        found.setdefault(phase[1] if phase else name, {})[kind] = float(value)
    return {name: round(one["sum"] / one["count"], 6) for name, one in found.items() if one["count"]}


def loop(report: Report, name: str, file: Path, width: int) -> None:
    """Measure the raw loop."""
    command = [sys.executable, str(ROOT / "benchmarks/runtime/peers/torch_loop.py"), str(file), str(width)]
    found = json.loads(subprocess.run(command, env=environment(ROOT), stdout=subprocess.PIPE, check=True).stdout)
    report.number(f"loop {name}", found)


def answers(report: Report, folder: Path, _: argparse.Namespace) -> None:
    """Programs that are hard to load, to read or to record."""
    import torch  # noqa: PLC0415 - an extra

    from benchmarks.runtime import gpu_models as models  # noqa: PLC0415 - needs torch

    rows = RANDOM.normal(size=(100, 4)).astype(np.float32)
    modules = {
        "placed": (models.Placed(), ".pt2"),
        "halved": (models.Halved(), ".pt"),
        "halved-exported": (models.Halved(), ".pt2"),
        "looking": (torch.jit.script(models.Looking()), ".pt"),
        "drawing": (models.Drawing(), ".pt"),
    }
    for name, (module, ending) in modules.items():
        models.write(module, folder / "several" / name, ending, 4)
    with ours(folder / "several", 4) as server:
        drawn = server.ask(rows, "drawing")
        report.check(
            "drawing: as many answers as rows", len(drawn) == len(rows) and drawn.count(0.0) not in {0, len(rows)}
        )
        del modules["drawing"]
        for name, (module, _) in modules.items():
            with torch.inference_mode():
                expected = module(torch.from_numpy(rows)).float().numpy()[:, 0]
            near = [
                np.allclose(server.ask(rows[:n], name), expected[:n], rtol=0.02, atol=0.02) for n in (1, 5, 33, 100)
            ]
            report.check(f"{name}: right answers", all(near), near)


def bert(report: Report, folder: Path, flags: argparse.Namespace) -> None:
    """The large one, as TorchScript and exported, beside the loop and the tutorial's server."""
    import torch  # noqa: PLC0415 - an extra

    from benchmarks.runtime import gpu_models as models  # noqa: PLC0415 - needs torch

    torch.manual_seed(0)
    module = models.Bert(1, 128) if flags.cpu else models.Bert().half()
    rows = RANDOM.integers(0, models.VOCABULARY, (100 if flags.cpu else 4000, models.TOKENS)).astype(np.float32)
    seconds, rounds = (1.0, 1) if flags.quick or flags.cpu else (1.5, 3)
    for ending in (".pt", ".pt2"):
        name = f"bert{ending}"
        where = models.write(module, folder / name, ending, models.TOKENS)
        loop(report, name, where / f"model{ending}", models.TOKENS)
        began = time.perf_counter()
        with ours(where, models.TOKENS) as server:
            report.number(f"{name} ready after s", round(time.perf_counter() - began, 1))
            if ending == ".pt":
                check_first_calls(report, server, rows)
            measured(report, f"mlservice {name}", server, rows, seconds=seconds, rounds=rounds)
            report.number(f"{name} phases, mean", phases(server))
            check_large(report, server, rows, 300 if flags.cpu else 10_000)
            check_end(report, server, rows)
        with tutorial(where / f"model{ending}") as server:
            measured(report, f"tutorial {name}", server, rows, seconds=seconds, rounds=1)
    for most in flags.max_size:
        with ours(folder / "bert.pt", models.TOKENS, maxSize=most) as server:
            measured(report, f"maxSize {most}", server, rows, seconds=seconds, rounds=1)
    if not flags.cpu:
        check_lost(report, folder / "bert.pt", rows)


def small(report: Report, folder: Path, flags: argparse.Namespace) -> None:
    """A model so small that the CPU is the limit, with this tree's server and another's, by turns."""
    from benchmarks.runtime import gpu_models as models  # noqa: PLC0415 - needs torch

    where = models.write(models.Small(), folder / "small", ".pt", 4)
    rows = RANDOM.normal(size=(16, 4)).astype(np.float32)
    trees = {"this tree": ROOT, **({"the other tree": Path(flags.beside)} if flags.beside else {})}
    found: dict[str, list[dict[str, float]]] = {}
    for _ in range(1 if flags.cpu else 3):
        for name, tree in trees.items():
            with ours(where, 4, tree) as server:
                for connections, size in ((1, 1), (32, 1), (32, 16)):
                    one = load(server.url, rows[:size], connections, 1.5)
                    found.setdefault(f"small, {name}, {connections} x {size}", []).append(one)
                report.number(f"small, {name}, phases, mean", phases(server))
    for name, rounds in sorted(found.items()):
        report.number(name, {**sorted(rounds, key=lambda one: one["rows_s"])[len(rounds) // 2], "rounds": len(rounds)})


def bars(report: Report) -> None:
    """Compare with what was promised."""
    numbers: dict[str, dict[str, float]] = report.numbers  # type: ignore[assignment]  # those that are looked at
    for name in ("bert.pt", "bert.pt2"):
        limit = max(numbers[f"loop {name}"].values())
        for cell in ("256 x 1", "32 x 16"):
            share = numbers[f"mlservice {name} {cell}"]["rows_s"] / limit
            report.check(f"{name} {cell}: 85 % of the loop", share >= 0.85, f"{share:.0%}")
        for cell in (f"{connections} x {size}" for connections, size in CELLS):
            ours, theirs = (numbers[f"{whose} {name} {cell}"]["rows_s"] for whose in ("mlservice", "tutorial"))
            said = f"{ours / theirs:.1f} x" if theirs else "which answered none in time"
            least = 3 if cell == "1 x 1" else 1
            report.check(f"{name} {cell}: beside the tutorial", ours > 0 and ours >= least * theirs, said)
        tail = numbers[f"mlservice {name} 128 x 1"]
        report.check(f"{name} 128 x 1: p99 within 3 x p50", tail["p99_ms"] <= 3 * tail["p50_ms"], tail)


def main() -> None:
    """Run everything, print it, and write it down."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--quick", action="store_true")
    flags.add_argument("--cpu", action="store_true")
    flags.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS)
    flags.add_argument("--beside")
    flags.add_argument("--max-size", type=int, nargs="*", default=[])
    flags.add_argument("--out")
    found = flags.parse_args()
    try:
        import torch  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        print("GPU checks did not run: torch is not installed")
        return
    if not torch.cuda.is_available() and not found.cpu:
        print("GPU checks did not run: there is no GPU")
        return
    report = Report()
    report.number("device", torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu")
    report.number("torch", torch.__version__)
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as folder:
            for part in found.parts:
                {"answers": answers, "small": small, "bert": bert}[part](report, Path(folder), found)
        if "bert" in found.parts:
            bars(report)
    finally:
        report.number("seconds", round(time.monotonic() - began))
        if found.out:
            Path(found.out).write_text(json.dumps({"checks": report.checks, "numbers": report.numbers}, indent=1))
    print("GPU checks ran" if torch.cuda.is_available() else "GPU checks did not run: this was a CPU")


if __name__ == "__main__":
    main()
