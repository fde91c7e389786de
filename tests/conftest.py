"""Fixtures that every topic shares. Keep it small: a topic's own fixtures live beside its tests."""

import atexit
import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from hypothesis import settings

from emulator import cloud
from emulator.core.world import World
from reconciler.engine.pool import Pool
from tests.compiling import compile_all
from tests.costs.measuring import Measuring
from tests.costs.quick import Quick
from tests.operating import Operator
from tests.warm import Process, emulators

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
"""Tests import onnxruntime themselves, and it is nobody's business that they do."""

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
"""Threads of scikit-learn, LightGBM and XGBoost wait for each other without turning: test processes share the cores."""

os.environ.setdefault("MLSERVICE_PRICES", os.devnull)
"""What somebody read from Google's catalog on this machine is no price of a test's."""

for profile, examples in (("small", 40), ("long", 400)):
    settings.register_profile(profile, deadline=None, max_examples=examples)
settings.load_profile("small")
"""How long one example takes says how busy the machine is, and nothing of what is tested. Each run draws others, so few
of them are many in a week; `--long` draws many at once."""

HTTP = httpx.Client(timeout=60, trust_env=False)
"""One client for all control calls: making one takes longer than most tests."""
atexit.register(HTTP.close)

Running = Process | subprocess.Popen[bytes]

STARTED: list[Running] = []
"""Every daemon that this process started."""


@dataclass
class Emulator:
    """A running daemon and the ways to steer it.

    Attributes:
        http: `http://127.0.0.1:port`.
        grpc: `127.0.0.1:port`.
        env: Variables that point Google's clients at it.
        clients: Google's clients that were made for it: each costs a connection, and most tests make a few calls.
    """

    state: Path
    process: Running
    http: str
    grpc: str
    env: dict[str, str]
    clients: dict[Any, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def start(cls, state: Path, *arguments: str, env: dict[str, str] | None = None, afresh: bool = False) -> "Emulator":
        """Start a daemon and wait until it is ready.

        Args:
            state: Its folder.
            arguments: More of the command line.
            env: Its environment; by default this process's.
            afresh: Start it from nothing, as a user does, not as a fork of a process that has imported it.
        """
        state.mkdir(parents=True, exist_ok=True)
        words = ("serve", "--state", str(state), *arguments)
        with (state / "log").open("ab") as log:
            process: Running
            if afresh:
                process = subprocess.Popen([sys.executable, "-m", "emulator", *words], stderr=log, env=env)
            else:
                streams = (subprocess.DEVNULL, subprocess.DEVNULL, log.fileno())
                environment = os.environ if env is None else env
                process = emulators().run("emulator", *words, folder=Path.cwd(), env=environment, streams=streams)
        STARTED.append(process)
        ready = wait_until_ready(state, process)
        env = HTTP.get(ready["http"] + "/_emulator/env").json()
        started = cls(state, process, ready["http"], ready["grpc"], env)
        with started.channel() as channel:
            # What this process knows of an address all its channels share: of one that was killed, that nobody listens.
            grpc.channel_ready_future(channel).result(30)
        return started

    def channel(self) -> grpc.Channel:
        """A gRPC channel, for `Transport(channel=...)`."""
        return grpc.insecure_channel(self.grpc)

    def control(self, verb: str, path: str, body: Any = None) -> Any:
        """Call `/_emulator/…`; returns its JSON."""
        answer = HTTP.request(verb, f"{self.http}/_emulator/{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def advance(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.control("POST", "advance", {"seconds": seconds})

    def faults(self, *rules: dict[str, Any]) -> list[dict[str, Any]]:
        """Set the fault rules; without any, none are left."""
        return self.control("PUT", "faults", list(rules))

    def forget_the_dead(self, within_s: float = 60) -> None:
        """Delete the rules that hold calls of clients that were killed, once it has seen that these have gone.

        Deleted before, the held calls would go on as those of living clients do: a dead run would still write.
        """
        deadline = time.monotonic() + within_s
        while any(rule["waiting"] for rule in self.control("GET", "faults")):
            assert time.monotonic() < deadline, "a call is held whose client lives"
            time.sleep(0.02)
        self.faults()

    def reset(self) -> None:
        """Empty the cloud."""
        self.control("POST", "reset")

    def calls(self) -> dict[str, int]:
        """How often each method was called."""
        return {each["method"]: each["count"] for each in self.control("GET", "calls")}

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it cleanly."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=20)


def end(processes: Iterable[Running], within_s: float = 20) -> None:
    """End those that still run."""
    running = [each for each in processes if each.poll() is None]
    for each in running:
        each.terminate()
    for each in running:
        try:
            each.wait(within_s)
        except subprocess.TimeoutExpired:
            each.kill()
            each.wait()


@pytest.fixture(autouse=True, scope="session")
def no_daemon_left() -> Iterator[None]:
    """Tests that fail, or are cut off, leave none behind on the machine."""
    yield
    end(STARTED)


def wait_until_ready(state: Path, process: Running, within_s: float = 30) -> dict[str, Any]:
    """What `emulator.json` says once this process has written it."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline and process.poll() is None:
        try:
            ready = json.loads((state / "emulator.json").read_text())
        except (OSError, ValueError):
            ready = {}
        if ready.get("pid") == process.pid:
            return ready
        time.sleep(0.02)
    process.kill()
    raise AssertionError((state / "log").read_text())


@pytest.fixture(scope="session")
def shared_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """One daemon for a whole test process."""
    running = Emulator.start(tmp_path_factory.mktemp("emulator"))
    yield running
    running.stop()
    assert running.process.returncode == 0, (running.state / "log").read_text()


@pytest.fixture
def emulator(shared_emulator: Emulator) -> Emulator:
    """The shared daemon, emptied."""
    shared_emulator.reset()
    return shared_emulator


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Emulator]]:
    """Starts a daemon of one test's own, again and again on one state."""
    started = []

    def run() -> Emulator:
        started.append(Emulator.start(tmp_path / "emulator"))
        return started[-1]

    yield run
    for each in started:
        each.kill()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A cloud that nobody serves."""
    made = cloud.build(tmp_path / "world")
    yield made
    cloud.stop(made)


@pytest.fixture(autouse=True, scope="session")
def no_real_credentials() -> None:
    """Tests never look at a developer's own Google Cloud account."""
    for name in [name for name in os.environ if name.startswith(("GOOGLE_", "CLOUDSDK_"))]:
        del os.environ[name]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of ours."""
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files; review the diff")
    parser.addoption("--images", action="store_true", help="build whole images, some with buildah: minutes each")
    parser.addoption("--pythons", action="store_true", help="install the wheel for every Python that is here: minutes")
    parser.addoption("--quick", action="store_true", help="the tests of `make check`: modules that cost little")
    parser.addoption("--costs", type=Path, metavar="FOLDER", help="write there what each test cost: tests/costs")
    parser.addoption("--streams", type=int, default=400, help="generated byte streams sent to each port of the server")
    parser.addoption("--cases", type=int, default=12, help="generated specs applied there and back")
    parser.addoption("--long", action="store_true", help="also what is left out since others like it are tried")
    parser.addoption("--every-kill", action="store_true", help="kill an apply at each of its calls, not at a sample")
    parser.addoption(
        "--stories", type=int, default=400, help="random stories of events told to the retraining function"
    )
    parser.addoption("--hostile", type=int, default=300, help="generated hostile values that comments are made of")
    parser.addoption("--rows", type=int, default=10, help="rows of which every model is asked through every protocol")


def pytest_configure(config: pytest.Config) -> None:
    """Choose by cost, or measure it; draw many examples; compile for all test processes before they begin."""
    if config.getoption("--long"):
        settings.load_profile("long")
    if getattr(config.option, "numprocesses", None):
        compile_all(config)
    if config.getoption("--quick"):
        config.pluginmanager.register(Quick(config.rootpath))
    if config.getoption("--costs"):
        config.pluginmanager.register(Measuring(config.getoption("--costs")))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, visibly, what is long."""
    if item.get_closest_marker("long") and not item.config.getoption("--long"):
        pytest.skip("long: with --long only")


WHOLE_STORIES = frozenset({"docs", "packaging"})
"""Topics with tests of half a minute: begun last, one of them would keep one core busy while the others rest."""

SLOW_TOPICS = frozenset({"cli", "specs"})
"""Topics that start processes by the dozen: left out of `make coverage`; `make check` looks at what modules cost."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Let garbage lie while tests are collected, and never look again at what then stays until the end.

    Half a million objects of libraries and test items: looking at them takes a quarter of collection, and a part of
    every full collection of garbage afterwards.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark every test of a slow topic, unless it is looked at alone; begin with what takes longest."""
    alone = config.getoption("--quick") or config.getoption("--costs")

    def topic(item: pytest.Item) -> str:
        return item.path.relative_to(config.rootpath / "tests").parts[0]

    for item in items:
        if topic(item) in SLOW_TOPICS and not alone:
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: topic(item) not in WHOLE_STORIES)


@pytest.hookimpl(optionalhook=True)  # without xdist, as `make mutants` has it, nobody asks
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Half as many workers again as there are cores: a fifth of the time a worker waits for a daemon of its own.

    In a quick run what each of them has to collect, import and start costs more than that.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores if config.getoption("--quick") else cores + cores // 2


@dataclass(frozen=True)
class Golden:
    """Files that hold what is expected."""

    update: bool

    def check(self, path: Path, text: str) -> None:
        """Compare, or rewrite with `--update-golden`."""
        if self.update:
            path.write_text(text)
        assert path.exists(), f"{path.name} is not there yet: make golden, and review it"
        assert text == path.read_text()


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Golden files."""
    return Golden(request.config.getoption("--update-golden"))


@pytest.fixture(scope="session")
def pool() -> Iterator[Pool]:
    """One pool for a whole test process."""
    with Pool() as running:
        yield running


@pytest.fixture
def operator(emulator: Any, pool: Pool, tmp_path: Path) -> Operator:
    """An operator on an empty cloud."""
    return Operator(emulator, pool, tmp_path)
