"""The daemon: start, stop, kill, restart, and its state folder."""

import os
import resource
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import google.auth.exceptions
import google.auth.transport.requests
import google.oauth2.id_token
import httpx
import jwt
import pytest
from google.api_core import exceptions
from google.cloud import artifactregistry_v1 as ar
from google.cloud import iam_admin_v1
from google.oauth2 import service_account

from emulator import daemon
from tests.conftest import HTTP, STARTED, Emulator, end
from tests.emulator.clients import client

PARENT = "projects/local/locations/europe-west1"


@pytest.fixture
def start():
    """Starts daemons from nothing, as a user does; whatever becomes of the test, none is left over."""
    running = []

    def start_one(state: Path) -> Emulator:
        running.append(Emulator.start(state, afresh=True))
        return running[-1]

    yield start_one
    for each in running:
        if each.process.poll() is None:
            each.kill()


@pytest.fixture
def own(start, tmp_path):
    """A daemon of this test's own."""
    return start(tmp_path / "state")


def test_no_daemon_outlives_the_session(emulator):
    """What was started is known, and of that what still runs is ended."""
    over, running = subprocess.Popen(["true"]), subprocess.Popen(["sleep", "1000"])
    over.wait()

    end([over, running])

    assert (over.returncode, running.returncode) == (0, -signal.SIGTERM)
    assert emulator.process in STARTED


def create(emulator, repository_id="models"):
    api = client(emulator, ar.ArtifactRegistryClient)
    repository = ar.Repository(format_=ar.Repository.Format.DOCKER)
    return api.create_repository(parent=PARENT, repository=repository, repository_id=repository_id)


def names(emulator) -> list[str]:
    api = client(emulator, ar.ArtifactRegistryClient)
    return [each.name.rpartition("/")[2] for each in api.list_repositories(parent=PARENT)]


@pytest.mark.slow
def test_starting_is_cheap(start, tmp_path):
    """The bar is two seconds until ready; held here in CPU time, which other work on the machine does not stretch."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    running = start(tmp_path / "state")
    httpx.get(running.http + "/_emulator/status")
    running.stop()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)

    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2


EAGER = """
import sys
from emulator.apis import LISTED
from emulator.core.api import Registry
Registry(LISTED).eager()
print(*sorted(name for name in sys.modules if name.startswith("google.")))
"""


def test_what_takes_part_in_the_start_loads_no_messages():
    """An API's part in start and stop lies apart from its behaviours: messages of all APIs take a second to load."""
    done = subprocess.run([sys.executable, "-c", EAGER], check=True, capture_output=True, text=True)

    assert [name for name in done.stdout.split() if name.startswith("google.cloud.")] == []


@pytest.mark.slow
def test_a_clean_stop_removes_its_file(own):
    """SIGTERM: exit 0, no emulator.json."""
    own.stop()

    assert own.process.returncode == 0
    assert not (own.state / "emulator.json").exists()


@pytest.mark.slow
def test_state_and_ports_survive_kill_9(start, own):
    """What was written is there after a power cut, at the same addresses; the stale file of the dead is replaced."""
    create(own).result(timeout=60)
    own.kill()
    assert (own.state / "emulator.json").exists()

    again = start(own.state)

    assert names(again) == ["models"]
    assert (again.http, again.grpc) == (own.http, own.grpc)
    again.stop()


@pytest.mark.slow
def test_an_operation_is_finished_after_a_restart(start, own):
    """Killed between the first answer and the end: the next start takes the work up."""
    own.faults({"method": "*/GetOperation", "status": "UNAVAILABLE", "times": None})
    started = create(own)
    own.process.send_signal(signal.SIGKILL)
    own.process.wait()

    again = start(own.state)
    url = f"{again.http}/v1/{started.operation.name}"
    answers = (httpx.get(url).json() for _ in range(100))  # each waits a little for work that is nearly done
    operation = next(answer for answer in answers if "done" in answer)

    assert operation["response"]["name"] == f"{PARENT}/repositories/models"
    again.stop()


@pytest.mark.slow
def test_an_emulator_ends_whose_state_is_removed(own):
    """The next command starts another one in its place; nobody would find this one, which says that it is the one."""
    shutil.rmtree(own.state)

    assert own.process.wait(60) == 1


@pytest.mark.slow
def test_one_state_one_daemon(own):
    """A second daemon on the same folder says who has it, and changes nothing."""
    command = [sys.executable, "-m", "emulator", "serve", "--state", str(own.state)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert second.returncode == 1
    assert f"pid {own.process.pid}" in second.stderr
    assert httpx.get(own.http + "/_emulator/status").json()["pid"] == own.process.pid


@pytest.mark.slow
def test_two_daemons_do_not_share_a_port(own, tmp_path):
    """A port that was asked for and is taken is an error, over HTTP and gRPC alike."""
    for option, address in (("--port", own.http), ("--grpc-port", own.grpc)):
        port = address.rpartition(":")[2]
        command = [sys.executable, "-m", "emulator", "serve", "--state", str(tmp_path / "other"), option, port]
        second = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert (second.returncode, "error:" in second.stderr) == (1, True)


def test_parallel_creates_of_one_name_make_one(emulator):
    """Exactly one caller wins; the others are told."""

    def attempt(_: int) -> bool:
        try:
            create(emulator).result(timeout=30)
        except exceptions.AlreadyExists:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(attempt, range(16)))

    assert sum(won) == 1


def test_parallel_creates_of_many_names_make_all(emulator):
    """Nothing is lost under load."""
    with ThreadPoolExecutor(16) as pool:
        for started in list(pool.map(lambda number: create(emulator, f"r{number:02}"), range(40))):
            started.result(timeout=30)

    assert names(emulator) == [f"r{number:02}" for number in range(40)]


def test_reset_empties_everything(emulator):
    """Objects, time and calls."""
    create(emulator).result(timeout=60)
    emulator.advance(3600)

    emulator.reset()

    assert names(emulator) == []
    assert emulator.control("GET", "clock")["offset_s"] == 0
    assert sum(emulator.calls().values()) == 1


def test_time_can_be_advanced(emulator):
    """By seconds, also over a restart of the client; never backwards."""
    before = emulator.control("GET", "clock")["offset_s"]
    emulator.advance(86_400)

    assert emulator.control("GET", "clock")["offset_s"] - before == pytest.approx(86_400, abs=5)


@pytest.mark.parametrize("seconds", ["-1", "NaN", "Infinity", "1e308", "1e12", '"a"', "true", "null"])
def test_time_that_is_none_is_refused_in_words(shared_emulator, seconds):
    """Backwards, beyond what dates bear, and what JSON of JavaScript has beside numbers."""
    url = f"{shared_emulator.http}/_emulator/advance"
    answer = HTTP.post(url, content=f'{{"seconds": {seconds}}}', headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


@pytest.fixture
def credentials_path(emulator, monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", emulator.env["GOOGLE_APPLICATION_CREDENTIALS"])
    return emulator.env["GOOGLE_APPLICATION_CREDENTIALS"]


def test_google_auth_gets_tokens_from_the_key_file(emulator, credentials_path):
    """Access and identity tokens through google-auth, unchanged; the identity token verifies with the JWKS."""
    request = google.auth.transport.requests.Request()
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    credentials = service_account.Credentials.from_service_account_file(credentials_path, scopes=scopes)
    credentials.refresh(request)
    token = google.oauth2.id_token.fetch_id_token(request, "https://scorer.example.com")
    key = jwt.PyJWK(httpx.get(f"{emulator.http}/oauth2/v3/certs").json()["keys"][0])

    claims = jwt.decode(token, key.key, algorithms=["RS256"], audience="https://scorer.example.com")

    assert credentials.valid
    assert (claims["email"], claims["iss"]) == (credentials.service_account_email, "https://accounts.google.com")
    request.session.close()


def test_a_disabled_account_gets_no_token(emulator, credentials_path):
    """What disabling an account is for."""
    credentials = service_account.Credentials.from_service_account_file(credentials_path, scopes=["x"])
    name = f"projects/-/serviceAccounts/{credentials.service_account_email}"
    client(emulator, iam_admin_v1.IAMClient).disable_service_account(request={"name": name})
    request = google.auth.transport.requests.Request()

    with pytest.raises(google.auth.exceptions.RefreshError, match="account not found"):
        credentials.refresh(request)
    request.session.close()


def test_a_foreign_assertion_gets_no_token(emulator):
    """Whoever signs with another key is refused."""
    grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    forged = jwt.encode({"iss": "a@b.c"}, "x" * 32, algorithm="HS256")

    answer = httpx.post(f"{emulator.http}/token", data={"grant_type": grant, "assertion": forged})

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("claims", [{}, {"exp": 0}, {"exp": "never"}, {"exp": "9999999999"}], ids=str)
def test_an_assertion_of_another_time_gets_no_token(shared_emulator, claims):
    """Whoever has our key may write what he likes: no end, one that is over, one that is a text. Asked twice."""
    key = (shared_emulator.state / "key.pem").read_text()
    signed = jwt.encode({"iss": "a@b.c", **claims}, key, algorithm="RS256")
    sent = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": signed}

    answers = [HTTP.post(f"{shared_emulator.http}/token", data=sent) for _ in range(2)]
    assert [(each.status_code, each.json()["error"]) for each in answers] == [(400, "invalid_grant")] * 2


def test_secrets_are_readable_by_the_owner_only(emulator):
    """Key, credentials: mode 600."""
    for name in ("key.pem", "credentials.json"):
        assert (emulator.state / name).stat().st_mode & 0o077 == 0, os.fspath(emulator.state / name)


def test_a_connection_outlives_a_pause_of_its_client():
    """What idles is not closed just when its client goes on: a request that is lost so must not be sent again."""
    assert daemon.configuration(None).timeout_keep_alive > 600
