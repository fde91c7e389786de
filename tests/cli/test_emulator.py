"""The emulator as people steer it: start to stop, in a folder of its own."""

import json
import os
import signal

import httpx
import pytest

from tests.cli.conftest import Shell
from tests.operating import spec


@pytest.fixture
def own(tmp_path):
    """A shell with an emulator state of its own; whatever was started is stopped."""
    shell = Shell(tmp_path)
    yield shell
    shell("emulator", "stop")


@pytest.mark.slow
def test_the_emulator_from_start_to_stop(own):
    """Starting twice is one emulator; time passes; reset empties; stop keeps the state."""
    assert own("emulator", "status").code == 1
    started, again = own("emulator", "start"), own("emulator", "start")
    assert started.out == again.out
    assert (own.folder / ".mlservice" / "emulator").is_dir()

    status = own("emulator", "status", "--json").json
    assert status["clock"]["offset_s"] == 0
    assert own("emulator", "advance", "36h").out.startswith("it is 20")
    assert own("emulator", "status", "--json").json["clock"]["offset_s"] > 35 * 3600
    env = dict(line.removeprefix("export ").split("=", 1) for line in own("emulator", "env").out.splitlines())
    assert env["GOOGLE_CLOUD_PROJECT"] == "local"
    assert own("emulator", "advance", "a day").code == 64

    own.write(spec())
    assert own("apply", "--local", "--yes").code == 0
    assert own("emulator", "logs", "churn").code == 0
    assert own("emulator", "stop").out == "stopped\n"
    assert own("emulator", "stop").out == "it does not run\n"
    assert own("status", "--local").code == 0, "started on demand, with its state"

    assert own("emulator", "reset").code == 64, "nobody to ask"
    assert own("emulator", "reset", "--yes").out == "empty\n"
    assert "no services" in own("status", "--local").out
    assert own("emulator", "logs").out.strip()


def ignored(number):
    """Shells ignore some signals in what they start in the background."""
    return pytest.mark.skipif(signal.getsignal(number) is signal.SIG_IGN, reason="ignored where this was started")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGINT, 130, marks=ignored(signal.SIGINT), id="ctrl-c"),
        pytest.param(signal.SIGTERM, 143, id="a-cancelled-job"),
        pytest.param(signal.SIGHUP, 129, marks=ignored(signal.SIGHUP), id="a-closed-terminal"),
    ],
)
def test_stopping_leaves_no_lock(own, number, code):
    """Stopping a command is neither success nor failure; the lock is let go at once, and the next run goes on."""
    own("emulator", "start")
    own.write(spec())
    address = json.loads((own.folder / ".mlservice" / "emulator" / "emulator.json").read_text())["http"]
    slow = {"method": "google.cloud.run.v2.Services/CreateService", "latency_ms": 5000, "times": 1}
    httpx.put(f"{address}/_emulator/faults", json=[slow]).raise_for_status()
    waiting = own.start("apply", "--local", "--yes", "--lock-timeout", "1m")
    while waiting.poll() is None and waiting.stderr and "created" not in waiting.stderr.readline():
        pass
    os.kill(waiting.pid, number)

    waiting.communicate(timeout=60)

    assert waiting.returncode == code
    [status] = json.loads(own("status", "--local", "--output", "json").out)
    assert status["lock"] is None
    assert own("apply", "--local", "--yes").code == 0, "the next run finishes the work"
