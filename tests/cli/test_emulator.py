"""The emulator as people steer it: start to stop, in a folder of its own."""

import fcntl
import json
import os
import pwd
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import grpc
import httpx
import pytest
import requests
from google.pubsub_v1 import PublisherClient

from reconciler.cli.local import ensure_running
from reconciler.core.errors import EmulatorGone, NotFoundError, Unavailable, UsageError
from reconciler.gcp.calls import READING, calling
from reconciler.gcp.connection import Connection, Endpoint
from reconciler.gcp.emulator import STATE_DIR, state_dir
from reconciler.gcp.emulator import Emulator as Client
from reconciler.gcp.reaching import Answered, AnsweredAdapter
from reconciler.gcp.watch import Watch
from tests.cli.conftest import COMMAND, Shell
from tests.operating import spec


@pytest.fixture
def own(tmp_path):
    """A shell with an emulator state of its own; whatever was started is stopped."""
    shell = Shell(tmp_path)
    yield shell
    shell("emulator", "stop")


@pytest.mark.slow
def test_nothing_of_the_working_directory_is_run_for_the_emulator(own):
    """It may be the checkout of anybody's branch, and a plan starts the emulator in it."""
    (own.folder / "emulator").mkdir()
    for name in ("emulator/__main__.py", "emulator/__init__.py", "json.py", "sitecustomize.py"):
        (own.folder / name).write_text(f"open({str(own.folder / 'run')!r}, 'a').write({name!r})")

    started = own("emulator", "start")

    assert started.code == 0, started.err
    assert not (own.folder / "run").exists()


def test_time_passes_in_steps_that_are_told_of(emulator):
    """No request lasts as long as a day of passes: each lets some minutes pass, in all what was asked for."""
    client = Client(Path(), 0, emulator.http, emulator.grpc, "")

    told = [past for past, _ in client.advance(1500)]

    assert len(told) >= 3, "ten minutes at most a step"
    assert (told, told[-1]) == (sorted(told), 1500)
    assert [past for past, _ in client.advance(0)] == [0], "nothing is one step"


def test_a_state_that_cannot_be_read_is_said_and_can_be_emptied(own):
    """In one sentence; reset starts from nothing, and keeps what it could not read."""
    state = own.folder / ".mlservice" / "emulator"
    assert own("emulator", "reset", "--yes").code == 64, "there is none"
    state.mkdir(parents=True, mode=0o700)
    (state / "state.sqlite").write_bytes(b"no database" * 500)

    refused = own("emulator", "start")
    assert refused.code == 1
    assert "cannot start the emulator: the state in" in refused.err
    assert "cannot be read" in refused.err
    assert "Traceback" not in refused.err
    assert "mlservice emulator reset" in refused.err
    assert own("emulator", "reset", "--yes").out == "empty\n"
    assert own("emulator", "status").code == 0
    assert (state / "state.sqlite.unreadable").read_bytes().startswith(b"no database")


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
    told = subprocess.run(
        ["sh", "-ec", f"{own('emulator', 'env').out}\nenv"], capture_output=True, text=True, check=True
    )
    assert {f"{name}={shlex.split(value)[0]}" for name, value in env.items()} <= {*told.stdout.splitlines()}
    assert env["CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER"].startswith("http://127.0.0.1:")
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


@pytest.mark.slow
def test_permissions_are_enforced_for_you_until_they_are_not(own):
    """Off at first; what was chosen outlasts a restart, and a reset goes back to the start."""
    assert own("emulator", "iam", "status").code == 64, "it does not run"
    own("emulator", "start")
    at_first = own("emulator", "iam", "status").out

    enforced = own("emulator", "iam", "enforce").out
    own("emulator", "stop")
    own("emulator", "start")
    after_a_restart = own("emulator", "iam", "status").out
    own("emulator", "reset", "--yes")

    assert at_first == "permissions are enforced for service accounts, and not for you\n"
    assert (
        enforced
        == after_a_restart
        == ("permissions are enforced for service accounts, and for you, as an owner of every project\n")
    )
    assert own("emulator", "iam", "status").out == own("emulator", "iam", "relax").out == at_first


GARBAGE = [
    "[]",
    "null",
    "{",
    "7",
    '{"pid": "x"}',
    '{"pid": 99999999999, "http": "", "grpc": "", "token": ""}',
    '{"pid": 1, "http": 1, "grpc": 2, "token": 3}',
    '{"pid": 1, "http": "http://evil.example.com:80", "grpc": "127.0.0.1:2", "token": "x"}',
    '{"pid": -1, "http": "http://127.0.0.1:1", "grpc": "127.0.0.1:2", "token": "x"}',
]


@pytest.mark.parametrize("text", GARBAGE)
def test_a_file_that_says_nonsense_is_no_emulator(own, text):
    """Also one that came with somebody's repository and points elsewhere."""
    folder = own.folder / ".mlservice" / "emulator"
    folder.mkdir(parents=True)
    (folder / "emulator.json").write_text(text)

    status, stop = own("emulator", "status"), own("emulator", "stop")

    assert (status.code, status.out) == (1, "it does not run\n")
    assert (stop.code, stop.out) == (0, "it does not run\n")


@pytest.fixture
def stranger():
    """A process of somebody else."""
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def answering(answer):
    """An address where something answers every request with the same bytes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return listener


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(None, id="nothing-listens"),
        pytest.param(b"220 mail.example.com ESMTP\r\n", id="another-protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", id="another-server"),
        pytest.param(b'HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n{"proof":"ab"}', id="one-that-guesses"),
    ],
)
def test_a_pid_that_is_somebody_elses_by_now_is_left_alone(own, stranger, answer):
    """A stale file after a reboot or `kill -9`: neither the process nor what listens there is the emulator."""
    folder = own.folder / ".mlservice" / "emulator"
    folder.mkdir(parents=True)
    listener = None if answer is None else answering(answer)
    port = 1 if listener is None else listener.getsockname()[1]
    said = {"pid": stranger.pid, "http": f"http://127.0.0.1:{port}", "grpc": "127.0.0.1:2", "token": "0" * 64}
    (folder / "emulator.json").write_text(json.dumps(said))

    stopped = own("emulator", "stop")

    assert (stopped.code, stopped.out) == (0, "it does not run\n")
    assert stranger.poll() is None
    if listener is not None:
        listener.close()


def test_another_emulator_at_the_same_address_is_not_taken_for_ours(own, shared_emulator):
    """Ports are used again: this one's state is another folder's."""
    folder = own.folder / ".mlservice" / "emulator"
    folder.mkdir(parents=True)
    said = json.loads((shared_emulator.state / "emulator.json").read_text()) | {"token": "1" * 64}
    (folder / "emulator.json").write_text(json.dumps(said))

    assert own("emulator", "stop").out == "it does not run\n"
    assert own("emulator", "status").code == 1
    assert httpx.get(f"{shared_emulator.http}/_emulator/status").json()["ready"]


def test_only_who_has_read_the_token_may_stop_it(emulator):
    """Whoever reaches the port does not."""
    for body in ({}, {"token": ""}, {"token": "0" * 64}, ["x"]):
        assert httpx.post(f"{emulator.http}/_emulator/stop", json=body).status_code == 403

    assert emulator.control("GET", "status")["ready"]


def test_one_that_holds_the_folder_and_says_nothing_is_reported(own, stranger):
    """It hangs, or is of another version: said in words, and nothing is signalled."""
    folder = own.folder / ".mlservice" / "emulator"
    folder.mkdir(parents=True)
    with (folder / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        asked = [own("emulator", word) for word in ("stop", "status", "env")]

    for each in asked:
        assert each.code == 1
        assert "does not answer" in each.err
        assert "pgrep" in each.err


@pytest.mark.slow
def test_one_that_hangs_is_not_waited_for_as_one_that_starts(tmp_path):
    """A command says which folder is held and what to do, and starts none beside it."""
    folder = tmp_path / "state"
    folder.mkdir()
    with (folder / "lock").open("a") as file, socket.create_server(("127.0.0.1", 0)) as silent:
        fcntl.flock(file, fcntl.LOCK_EX)
        port = silent.getsockname()[1]
        said = {"pid": 1, "http": f"http://127.0.0.1:{port}", "grpc": f"127.0.0.1:{port}", "token": "0" * 64}
        (folder / "emulator.json").write_text(json.dumps(said))
        with pytest.raises(Unavailable, match=re.escape(f"one holds {folder} and does not answer")) as told:
            ensure_running(folder)

    assert "kill -9 ends it and leaves its state whole" in told.value.hint
    assert not (folder / "emulator.log").exists(), "none was started"


def test_commands_that_come_first_together_start_one_emulator(own):
    """Whoever loses the race for the folder uses what the other one started."""
    together = [own.start("emulator", "start") for _ in range(4)]
    told = [process.communicate(timeout=60) for process in together]

    assert [process.returncode for process in together] == [0] * 4, told
    assert len({out for out, _ in told}) == 1


def test_an_emulator_that_ends_in_the_middle_of_a_run_is_named(tmp_path):
    """No call is tried for long that nobody will answer, over either wire; and it is said that it is the emulator."""
    with socket.create_server(("127.0.0.1", 0)) as soon_closed:
        port = soon_closed.getsockname()[1]
    endpoint = Endpoint(f"http://127.0.0.1:{port}", f"127.0.0.1:{port}", str(tmp_path / "credentials.json"))
    connection = Connection("local", "local-mlservice", endpoint)
    calls = {
        "gRPC": lambda: connection.client("google.pubsub_v1", "publisher", "Publisher").get_topic(
            topic="projects/local/topics/a", retry=READING
        ),
        "Cloud Storage": lambda: connection.storage.get_bucket("a"),
        "REST": lambda: connection.rest("iam.googleapis.com", "v1").get("projects/local/serviceAccounts"),
    }

    for name, call in calls.items():
        with pytest.raises(EmulatorGone) as told, calling("read", name):
            call()
        assert str(told.value).startswith("cannot reach the emulator: it answered at http://127.0.0.1:")
        assert f"see {tmp_path / 'emulator.log'}" in told.value.hint


def reached(watch):
    """A call over each wire to what a watch looks at, without a limit of its own: who is silent holds it for good."""
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", AnsweredAdapter(session.get_adapter("http://"), watch))
    channel = grpc.intercept_channel(grpc.insecure_channel(watch.at.removeprefix("http://")), Answered(watch))
    transport = PublisherClient.get_transport_class("grpc")(channel=channel)
    topics = PublisherClient(transport=transport)
    return {
        "gRPC": lambda: topics.get_topic(topic="projects/local/topics/a", retry=None, timeout=None),
        "HTTP": lambda: session.get(f"{watch.at}/v1/projects/local/topics/a"),
    }


def outcomes(watch):
    """What each of those calls ends with, made one beside the other."""
    calls = reached(watch)
    with ThreadPoolExecutor(len(calls)) as threads:
        made = {name: threads.submit(call) for name, call in calls.items()}
        return {name: each.exception() or each.result() for name, each in made.items()}


def test_an_emulator_that_hangs_in_the_middle_of_a_run_is_named(tmp_path):
    """One that was stopped takes connections and says nothing: no call waits for it, whatever its own patience is."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        at = f"http://127.0.0.1:{silent.getsockname()[1]}"
        told = outcomes(Watch(at, tmp_path, looks_after_s=0.1, answers_within_s=0.3))

    for name, error in told.items():
        assert isinstance(error, EmulatorGone), name
        assert "kill -CONT lets it go on" in error.hint


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\ngone", id="a-404-of-a-page"),
        pytest.param(b"HTTP/1.1 503 Busy\r\ncontent-type: text/html\r\ncontent-length: 0\r\n\r\n", id="a-503"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="another-protocol"),
    ],
)
def test_another_program_on_its_port_is_not_taken_for_it(tmp_path, answer):
    """A 404 of somebody else's would say that what is there is not."""
    with answering(answer) as listener:
        at = f"http://127.0.0.1:{listener.getsockname()[1]}"
        told = outcomes(Watch(at, tmp_path, looks_after_s=0.1, answers_within_s=5.0))

    assert [name for name, error in told.items() if not isinstance(error, EmulatorGone)] == []


def test_a_call_that_takes_long_is_waited_for_while_the_emulator_is_there(emulator):
    """It is looked at again and again meanwhile, and the call has its answer."""
    emulator.faults({"method": "*/GetTopic", "latency_ms": 400, "times": None})
    connection = Connection("local", "local-mlservice", Endpoint(emulator.http, emulator.grpc, ""))
    watch = connection._watch(connection.local)
    watch.looks_after_s = 0.05
    topics = connection.client("google.pubsub_v1", "publisher", "Publisher")

    with pytest.raises(NotFoundError), calling("read", "a topic"):
        topics.get_topic(topic="projects/local/topics/a", retry=None, timeout=None)


def test_what_an_emulator_refuses_that_is_there_is_no_end_of_it(emulator):
    """A fault that was ordered is Google's answer, as ever."""
    emulator.control("PUT", "faults", [{"method": "*/GetTopic", "status": "UNAVAILABLE", "times": None}])
    connection = Connection("local", "local-mlservice", Endpoint(emulator.http, emulator.grpc, ""))
    topics = connection.client("google.pubsub_v1", "publisher", "Publisher")

    with pytest.raises(Unavailable, match="cannot read a topic"), calling("read", "a topic"):
        topics.get_topic(topic="projects/local/topics/a", retry=None)


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
    slow = {"method": "google.cloud.run.v2.Services/CreateService", "latency_ms": 2000, "times": 1}
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


def test_what_was_spent_is_said_by_hand(shell, emulator):
    """A line of the bill with the service's label and others; nonsense is refused, and puts nothing there."""
    done = shell("emulator", "spend", "churn", "12.50", "--label", "team=growth")
    credit = shell("emulator", "spend", "churn", "--project", "other", "--", "-2")
    wrong = [
        shell("emulator", "spend", "churn", *words)
        for words in (("much",), ("1", "--label", "growth"), ("NaN",), ("1e30",))
    ]
    lines = emulator.control("GET", "spend")

    assert done.out == "12.50 USD are on the bill of billingAccounts/000000-000000-000000 for project local\n"
    assert (credit.code, [each.code for each in wrong]) == (0, [1, 64, 1, 1])
    assert sorted((line["project"], line["amount"]) for line in lines) == [("local", "12.50"), ("other", "-2")]
    assert lines[0]["labels"] == {"managed-by": "mlservice", "mlservice-service": "churn", "team": "growth"}


def test_the_nearest_state_above_is_taken(tmp_path, monkeypatch):
    """Who goes into a folder of the project has not left the emulator, and a stranger's state runs nothing."""
    monkeypatch.delenv("MLSERVICE_EMULATOR_STATE", raising=False)
    inner = tmp_path / "project" / "service"
    state = tmp_path / "project" / STATE_DIR
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert state_dir() == STATE_DIR, "none is there: it will be here"

    state.mkdir(parents=True)
    assert state_dir() == state
    (inner / STATE_DIR).mkdir(parents=True)
    assert state_dir() == STATE_DIR, "our own is nearer"
    (inner / STATE_DIR).rmdir()

    for forbidden in (tmp_path / "project", state):
        forbidden.chmod(0o777)
        assert state_dir() == STATE_DIR, f"anybody may write to {forbidden}"
        forbidden.chmod(0o755)
    assert state_dir() == state
    state.rmdir()
    (tmp_path / "elsewhere").mkdir()
    state.symlink_to(tmp_path / "elsewhere")
    assert state_dir() == STATE_DIR, "a link leads to a place of others"


@pytest.mark.parametrize("how", ["a-link", "to-nowhere", "its-folder-is-a-link", "of-anybody", "its-folder-of-anybody"])
def test_a_state_here_that_is_refused_is_not_passed_over_for_one_above(tmp_path, monkeypatch, how):
    """Somebody has put it there: nobody works on with another state and does not know it."""
    monkeypatch.delenv("MLSERVICE_EMULATOR_STATE", raising=False)
    (tmp_path / STATE_DIR).mkdir(parents=True)
    inner, elsewhere = tmp_path / "inner", tmp_path / "elsewhere"
    inner.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(inner)
    assert state_dir() == tmp_path / STATE_DIR
    if how == "its-folder-is-a-link":
        STATE_DIR.parent.symlink_to(elsewhere)
    elif how in {"a-link", "to-nowhere"}:
        STATE_DIR.parent.mkdir()
        STATE_DIR.symlink_to(elsewhere if how == "a-link" else elsewhere / "nowhere")
    else:
        STATE_DIR.mkdir(parents=True)
        (STATE_DIR if how == "of-anybody" else STATE_DIR.parent).chmod(0o777)

    assert state_dir() == STATE_DIR
    with pytest.raises(UsageError, match="emulator's state"):
        ensure_running()
    assert list(elsewhere.iterdir()) == []


def test_who_has_no_home_has_a_state_all_the_same(tmp_path, monkeypatch):
    """As any user of a container has none, of which the system knows no more than a number."""
    monkeypatch.delenv("MLSERVICE_EMULATOR_STATE", raising=False)
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    (tmp_path / STATE_DIR).mkdir(parents=True)
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")

    assert state_dir() == tmp_path / STATE_DIR


def test_the_folder_of_a_state_is_nobody_elses_whatever_is_masked(own):
    """Runners of some CI mask nothing: the next command would refuse what this one made."""
    environment = {**os.environ, **own.env, "MLSERVICE_EMULATOR_STATE": ""}
    command = f"umask 0; {shlex.join(COMMAND)} emulator start && {shlex.join(COMMAND)} emulator stop"

    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=own.folder, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    state = own.folder / STATE_DIR
    assert [each.stat().st_mode & 0o777 for each in (state.parent, state)] == [0o755, 0o700]


def test_a_command_says_whose_emulator_it_uses(own):
    """Where it is not this folder's own."""
    inner = replace(own, folder=own.folder / "inner", env={**own.env, "MLSERVICE_EMULATOR_STATE": ""})
    inner.folder.mkdir()
    outer = replace(own, env={**own.env, "MLSERVICE_EMULATOR_STATE": ""})
    assert outer("emulator", "start").code == 0

    try:
        told = inner("status", "--local", env={"HOME": str(own.folder)}).err
        assert f"LOCAL: the embedded emulator of {own.folder}; nothing reaches Google Cloud" in told
    finally:
        assert outer("emulator", "stop").code == 0


def test_a_vulnerability_is_planted(own):
    """It is known from then on; what is no vulnerability is refused in words."""
    assert own("emulator", "start").code == 0
    planted = own("emulator", "plant-vulnerability", "CVE-2026-0001", "torch", "--python", "--below", "2.5")
    refused = own("emulator", "plant-vulnerability", "CVE-2026-0001", "torch")

    assert planted.out.strip() == "CVE-2026-0001 is found in 0 images"
    assert (refused.code, "'versions' says which are affected" in refused.err) == (1, True)
