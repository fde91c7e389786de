"""Several containers of an instance: their order, their ports, their probes, and what becomes of it when one dies."""

import os
import signal
import socket
import sys

import httpx
import pytest

from emulator.apis.run.translating import arguments, left, variables
from emulator.processes.model import Container, Probe, Program, Revision
from tests.emulator_run.cloud import Cloud
from tests.emulator_run.conftest import HERE, SCRIPT, WHO
from tests.emulator_run.test_instances import eventually
from tests.emulator_run.test_openai_echo import ECHO


def container(name, port=None, *, serves=False, env=None, script=SCRIPT, **more):
    """A container of the tests' server, on a port of its own; one that serves takes the requests."""

    def program(place):
        real = place.ports.get(port, port) or 0
        names = {"PORT": str(real), "HOST": "127.0.0.1", "K_REVISION": name, **(env or {})}
        return Program((sys.executable, "-S", "-I", str(script)), HERE, names)

    return Container(name, WHO, program, port if serves else None, startup_is_default=False, **more)


def free_port():
    """A port that nobody has at this moment."""
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return tried.getsockname()[1]


@pytest.mark.slow
def test_a_container_starts_after_those_it_depends_on(bench, http):
    """And those that depend on nothing start together: the first to be named may wait for the last."""
    side = free_port()
    startup = Probe("http", side, "/", failure_threshold=60, period_s=1)
    page = container("page", 8080, serves=True, after=("model",))
    model = container("model", side, startup=startup, env={"START_S": "0.3"})
    bench.revisions["a"] = Revision("a", (page, model))

    url = bench.serve(("a", 100))

    assert http.get(url).json()["revision"] == "page"
    log = bench.plane.log("a")
    assert log.count("ready") == 2
    assert next(line for line in log if line == "ready" or "GET" in line) == "ready"


@pytest.mark.slow
def test_containers_that_depend_on_nothing_start_together(bench, http):
    """The one that serves waits, before it listens, for one that is named after it."""
    side = free_port()
    waiting = container("page", 8080, serves=True, env={"WAIT_FOR": str(side)})
    bench.revisions["a"] = Revision("a", (waiting, container("side", side, env={"START_S": "0.2"})))

    assert http.get(bench.serve(("a", 100))).json()["revision"] == "page"


@pytest.mark.slow
def test_each_instance_has_ports_of_its_own(bench):
    """The second instance's container behind listens on another port, since the first one's has the declared one."""
    side = free_port()
    startup = Probe("tcp", side, failure_threshold=30, period_s=1)
    behind = container("behind", side, startup=startup)
    bench.revisions["a"] = Revision("a", (container("page", 8080, serves=True), behind), concurrency=1)

    bench.serve(("a", 100, 2))

    assert eventually(lambda: bench.plane.log("a").count("ready") == 4)
    assert bench.plane.instances("a") == 2


@pytest.mark.slow
def test_an_instance_ends_with_any_of_its_containers(bench, http):
    """A container behind dies: the instance is gone with all of it, and the next request starts another."""
    side = free_port()
    startup = Probe("tcp", side, failure_threshold=30, period_s=1)
    behind = container("behind", side, startup=startup)
    bench.revisions["a"] = Revision("a", (container("page", 8080, serves=True), behind))
    url = bench.serve(("a", 100))
    first = http.get(url).json()["pid"]
    pid = httpx.get(f"http://127.0.0.1:{side}", trust_env=False).json()["pid"]

    os.kill(pid, signal.SIGKILL)

    assert eventually(lambda: bench.plane.instances("a") == 0)
    assert "Container called exit(-9)." in bench.plane.log("a")
    assert http.get(url).json()["pid"] != first


@pytest.mark.slow
def test_a_container_behind_that_does_not_start_fails_the_revision(bench):
    """Nothing of the instance is left."""
    startup = Probe("tcp", free_port(), failure_threshold=1, period_s=1)
    behind = container("behind", env={"FAIL": "1"}, startup=startup)
    bench.revisions["a"] = Revision("a", (container("page", 8080, serves=True), behind))

    outcome = bench.plane.deploy("a")

    assert outcome.reason == "HEALTH_CHECK_CONTAINER_ERROR"
    assert "cannot start" in bench.plane.log("a")
    assert bench.plane.instances("a") == 0


@pytest.mark.slow
def test_an_instance_that_is_not_ready_gets_no_requests(bench, http, tmp_path):
    """While its readiness probe fails requests wait; the instance lives, and is used again once it passes."""
    flag = tmp_path / "unready"
    side = free_port()
    readiness = Probe("http", side, f"/unless?file={flag}", period_s=1, failure_threshold=1)
    behind = container("behind", side, readiness=readiness)
    page = container("page", 8080, serves=True)
    bench.revisions["a"] = Revision("a", (page, behind), max_instances=1)
    url = bench.serve(("a", 100))
    pid = http.get(url).json()["pid"]

    flag.touch()
    assert eventually(lambda: any("READINESS" in line and "failed" in line for line in bench.plane.log("a")))
    assert not bench.plane._pools["a"]._instances[0].free
    flag.unlink()

    assert eventually(lambda: any("READINESS" in line and "passed" in line for line in bench.plane.log("a")))
    assert http.get(url).json()["pid"] == pid


@pytest.mark.slow
def test_a_liveness_probe_without_patience_kills_a_busy_engine(emulator):
    """An engine that answers nothing while it works is not well by the probe: its answer is cut, it starts again."""
    cloud = Cloud(emulator)
    probe = {"period_seconds": 1, "timeout_seconds": 1, "failure_threshold": 1, "http_get": {"path": "/health"}}
    made = cloud.create(
        image=ECHO,
        container={"args": ["--rate", "1", "--blocking", "--grace", "0"], "liveness_probe": probe},
    )
    body = {"prompt": "x", "max_tokens": 600, "ignore_eos": True, "stream": True}

    def read():
        with httpx.stream("POST", f"{made.uri}/v1/completions", json=body, timeout=60) as answer:
            assert answer.status_code == 200
            for _ in answer.iter_lines():
                pass

    with pytest.raises(httpx.RemoteProtocolError):
        read()

    log = [line for lines in emulator.control("GET", "logs?service=hello").values() for line in lines]
    assert "LIVENESS http probe failed; the container is shut down." in log
    assert httpx.get(f"{made.uri}/v1/models", timeout=60).status_code == 200


MOVED = {8000: 21001, 11434: 21002}


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        (["--port", "8000", "--max-model-len", "8000"], ["--port", "21001", "--max-model-len", "8000"]),
        (["--http-port=8000", "--rest_api_port=8000"], ["--http-port=21001", "--rest_api_port=21001"]),
        (["-p", "8000", "-n", "8000"], ["-p", "21001", "-n", "8000"]),
        (
            ["bash", "-c", "vllm serve m --port 8000 --seed 8000"],
            ["bash", "-c", "vllm serve m --port 21001 --seed 8000"],
        ),
        (["0.0.0.0:8000", ":11434", "[::]:8000"], ["0.0.0.0:21001", ":21002", "[::]:21001"]),
        (
            ["http://example.com:8000", "10.0.0.1:8000", "a:8000"],
            ["http://example.com:8000", "10.0.0.1:8000", "a:8000"],
        ),
        (["--support", "8000", "localhost:80001"], ["--support", "8000", "localhost:80001"]),
    ],
    ids=lambda words: words[0],
)
def test_ports_in_arguments_are_those_of_this_machine(words, seen):
    """Where a word names a port of the instance's; a number that only looks alike stays."""
    assert list(arguments(words, MOVED)) == seen


def test_ports_in_variables_are_those_of_this_machine():
    """By the name of the variable, or by a local address in it."""
    given = {
        "PORT": "8000",
        "HTTP_PORT": "11434",
        "SIZE": "8000",
        "URL": "http://localhost:11434/v1",
        "SUPPORT": "8000",
    }

    assert variables(given, MOVED) == {
        "PORT": "21001",
        "HTTP_PORT": "21002",
        "SIZE": "8000",
        "URL": "http://localhost:21002/v1",
        "SUPPORT": "8000",
    }
    assert variables(given, {}) == given


@pytest.mark.parametrize(
    ("words", "given", "own", "said"),
    [
        pytest.param([], {"BIND": "8000"}, (), ["Port 8000 is 21001 here. As it may be no port there, variable BIND"],
                     id="a-variable-of-another-name"),
        pytest.param(["serve", "--seed", "8000"], {"A": '{"port":8000}'}, (),
                     ["Port 8000 is 21001 here. As it may be no port there, argument 3 and variable A"], id="both"),
        pytest.param(["serve", "11434"], {"PORT": "11434"}, (11434,),
                     ["Port 11434 is 21002 here. As it may be no port there, argument 2 still"], id="one-of-two"),
        pytest.param(["serve"], {}, (11434,), ["Port 11434 is 21002 here, since another instance or program has it"],
                     id="nothing-names-it"),
        pytest.param(["serve"], {}, (), [], id="another-containers"),
        pytest.param(["--port", "8000"], {"URL": "http://localhost:11434/v1"}, (8000, 11434), [], id="all-are-put"),
        pytest.param(["http://a.com:8000", "[fd00::1]:8000", "80000"], {"TAG": "v1.8000"}, (), [], id="elsewhere"),
    ],
)  # fmt: skip
def test_a_port_that_is_left_is_told(words, given, own, said):
    """Who names one in a way that is not known to be a port reads in the log why nobody listens there."""
    notes = [*left(words, given, MOVED, own)]

    assert len(notes) == len(said)
    assert all(note.startswith(each) for note, each in zip(notes, said, strict=True))


@pytest.mark.slow
def test_the_log_says_which_variable_names_a_port_that_is_another_one(emulator):
    """The name says nothing, so the value stays as it is."""
    Cloud(emulator).create(image=ECHO, env={"PAGE": "8080"})

    lines = [line for lines in emulator.control("GET", "logs?service=hello").values() for line in lines]
    assert any("variable PAGE still says 8080" in line for line in lines)
