"""How instances come and go."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from emulator.processes.model import Probe, Route, Share
from emulator.processes.plane import Settings
from tests.emulator_run.conftest import HERE, SCRIPT

pytestmark = pytest.mark.slow


def eventually(holds, within_s=60.0):
    """Wait for what another process or thread is about to do."""
    until = time.monotonic() + within_s
    while not holds() and time.monotonic() < until:
        time.sleep(0.02)
    return holds()


def test_concurrency_decides_how_many_instances(bench):
    """Eight requests at once, two per instance and at most three instances: three run, and all are answered."""
    url = bench.serve((bench.revision("a", concurrency=2, max_instances=3), 100))

    async def load():
        async with httpx.AsyncClient(timeout=20, trust_env=False) as client:
            calls = [client.get(f"{url}/slow", params={"s": 0.15}) for _ in range(8)]
            return [answer.status_code for answer in await asyncio.gather(*calls)]

    assert asyncio.run(load()) == [200] * 8
    assert bench.plane.instances("a") == 3


def test_idle_instances_stop_by_the_virtual_clock(bench, http):
    """Fifteen idle minutes later the service is at zero; a request brings it back."""
    url = bench.serve((bench.revision("a"), 100))
    http.get(url)
    bench.clock.advance(minutes=14)
    time.sleep(0.6)
    assert bench.plane.instances("a") == 1

    bench.clock.advance(minutes=2)

    assert eventually(lambda: bench.plane.instances("a") == 0)
    assert http.get(url).status_code == 200


def test_minimum_instances_are_kept(bench, http):
    """A minimum is started without a request, survives idle time, and a dead one is replaced."""
    bench.revision("a")
    bench.serve(("a", 100, 2))
    assert eventually(lambda: bench.plane.instances("a") == 2)

    bench.clock.advance(hours=5)
    time.sleep(0.6)

    assert bench.plane.instances("a") == 2


@pytest.mark.parametrize("settings", [Settings(most_idle=2)])
def test_a_machine_carries_a_bounded_number_of_idle_instances(bench, http):
    """Many services can be deployed: those that were used longest ago go to zero, and answer when they are called."""
    urls = [bench.serve((bench.revision(name), 100)) for name in "abcd"]
    for url in urls:
        http.get(url)
        bench.clock.advance(seconds=1)

    assert eventually(lambda: [bench.plane.instances(name) for name in "abcd"] == [0, 0, 1, 1])
    assert http.get(urls[0]).status_code == 200


def test_a_dead_minimum_instance_is_replaced(bench, http):
    """A minimum counts running instances: one that was killed is started again."""
    bench.revision("a")
    url = bench.serve(("a", 100, 1))
    first = http.get(url).json()["pid"]

    os.kill(first, signal.SIGKILL)

    assert eventually(lambda: bench.plane.log("a").count("ready") == 2)
    assert http.get(url).json()["pid"] != first


def test_a_deployment_tells_when_the_container_does_not_listen(bench):
    """A container that never opens its port fails with Google's reason and message, at the end of the probe's time."""
    bench.revision("a", env={"START_S": "60"}, startup=Probe("tcp", 8080, period_s=1, failure_threshold=1))

    outcome = bench.plane.deploy("a")

    assert outcome.reason == "HEALTH_CHECK_CONTAINER_ERROR"
    assert outcome.message.startswith("The user-provided container failed the configured startup probe checks.")
    assert bench.plane.instances("a") == 0


def test_a_deployment_tells_when_the_container_exits(bench):
    """A container that exits fails at once, and its output is kept."""
    bench.revision("a", env={"FAIL": "1"})

    outcome = bench.plane.deploy("a")

    assert "failed to start and listen on the port defined provided by the PORT=8080" in outcome.message
    assert "cannot start" in bench.plane.log("a")


@pytest.mark.parametrize(
    ("probe", "ready"),
    [
        pytest.param(Probe("http", 8080, "/"), True, id="http"),
        pytest.param(Probe("tcp", 8080), True, id="tcp"),
        pytest.param(Probe("http", 8080, "/missing", period_s=1, failure_threshold=1), False, id="http-broken"),
        pytest.param(Probe("grpc", 8080, period_s=1, failure_threshold=1), False, id="grpc-refused"),
    ],
)
def test_startup_probes(bench, probe, ready):
    """The declared probe decides, tried on the port the container really has."""
    bench.revision("a", startup=probe)

    assert bench.plane.deploy("a").ready is ready


def test_a_stop_is_sigterm_first(bench, http):
    """A container is asked to end before it is made to."""
    url = bench.serve((bench.revision("a"), 100))
    http.get(url)

    bench.plane.route({}, retired=("a",))

    assert eventually(lambda: "SIGTERM" in bench.plane.log("a"))
    assert eventually(lambda: bench.plane.instances("a") == 0)


def test_what_a_container_started_ends_with_it(bench, http):
    """Processes that a container started do not outlive it."""
    url = bench.serve((bench.revision("a", env={"CHILD": "1"}), 100))
    http.get(url)
    child = next(int(line.split()[1]) for line in bench.plane.log("a") if line.startswith("child"))

    http.get(f"{url}/crash")

    assert eventually(lambda: not alive(child))


def test_a_killed_emulator_leaves_no_container(tmp_path):
    """After `kill -9` of the emulator, containers and what they started are gone."""
    program = f"""
import sys, time
sys.path.insert(0, {str(HERE.parent.parent)!r})
from datetime import UTC, datetime
from emulator.processes.model import *
from emulator.processes.plane import Plane
def program(place):
    return Program((sys.executable, "-S", "-I", {str(SCRIPT)!r}), {str(HERE)!r},
                   {{"PORT": str(place.port), "HOST": "127.0.0.1", "CHILD": "1"}})
revision = Revision("a", (Container("main", Identity("p", "1", "l", "a"), program, 8080),))
plane = Plane(load=lambda name: revision, gate=None, tokens=None, now=lambda: datetime.now(UTC))
plane.start()
plane.deploy("a")
pids = [process.pid for process in plane._pools["a"]._instances[0]._processes.values()]
pids += [int(line.split()[1]) for line in plane.log("a") if line.startswith("child")]
print(*pids, flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as emulator:
        pids = [int(pid) for pid in emulator.stdout.readline().split()]
        assert len(pids) == 2
        assert all(alive(pid) for pid in pids)

        emulator.kill()

        assert eventually(lambda: not any(alive(pid) for pid in pids))


def test_the_stop_of_the_plane_ends_everything(bench, http):
    """A clean stop leaves no process, even of a container that ignores SIGTERM."""
    url = bench.serve((bench.revision("a"), 100))
    pid = http.get(url).json()["pid"]

    bench.plane.stop()

    assert not alive(pid)


def test_a_service_maximum_caps_the_revisions(bench):
    """The maximum of the service holds where it is below the revision's."""
    bench.revision("a", concurrency=1, max_instances=9)
    port = bench.plane.listen()
    bench.plane.route({port: Route("s", (Share("a", 100, 0, 2),), public=True)})

    async def load():
        async with httpx.AsyncClient(timeout=20, trust_env=False) as client:
            calls = [client.get(f"http://127.0.0.1:{port}/slow", params={"s": 0.1}) for _ in range(4)]
            return [answer.status_code for answer in await asyncio.gather(*calls)]

    assert asyncio.run(load()) == [200] * 4
    assert bench.plane.instances("a") == 2


@pytest.mark.parametrize("limits", [(3, 1), (1, 3), (None, 1), (1, None)])
def test_of_two_addresses_the_greatest_minimum_and_the_least_maximum_hold(bench, limits):
    """Whichever address comes first; one without a maximum sets none."""
    bench.revision("a", max_instances=9)
    ports = [bench.plane.listen() for _ in limits]
    shares = [Share("a", 100, 0, most) for most in limits]
    bench.plane.route({port: Route("s", (share,), public=True) for port, share in zip(ports, shares, strict=True)})

    assert bench.plane._pools["a"].limit == 1


def alive(pid):
    """Tell whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
