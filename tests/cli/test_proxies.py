"""Proxies are for what lies beyond this machine: what is meant for 127.0.0.1 never reaches one."""

import asyncio
import shutil
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
import requests
from google.auth.credentials import AnonymousCredentials

from emulator.processes.model import Probe
from emulator.processes.probe import passes
from reconciler.gcp.connection import Connection
from tests.cli.conftest import ROOT, Shell
from tests.operating import spec

FORMS = ["http://127.0.0.1:{port}", "socks5://127.0.0.1:{port}", "127.0.0.1:{port}"]
NAMES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "GRPC_PROXY"]


class Trap:
    """A proxy that answers nothing and remembers what it was asked for."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.asked = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                self.asked.append(connection.recv(200))

    def variables(self, form, **more):
        """The environment of somebody behind a proxy, in both cases."""
        address = form.format(port=self.port)
        return {each: address for name in NAMES for each in (name, name.lower())} | more

    def close(self):
        self._listener.close()


@pytest.fixture
def trap():
    """A proxy that must not be asked."""
    made = Trap()
    yield made
    made.close()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("no_proxy", ["", "example.com", "localhost"])
def test_plan_and_apply_here_ask_no_proxy(shell, trap, form, no_proxy):
    """Storage, gRPC and control calls, whatever form the proxy has and whatever is excepted from it."""
    shell = Shell(shell.folder, shell.env | trap.variables(form, NO_PROXY=no_proxy, no_proxy=no_proxy))
    shell.write(spec(env={"A": "1"}))

    done = [shell("plan", "--local"), shell("apply", "--local", "--yes"), shell("status", "--local")]

    assert [each.code for each in done] == [0, 0, 0], done
    assert trap.asked == []


def test_a_model_is_uploaded_served_and_asked_without_a_proxy(tmp_path, trap):
    """An emulator started behind a proxy, a server whose spec names one, a gRPC probe, a token: none asks it."""
    variables = trap.variables(FORMS[0])
    shell = Shell(tmp_path, variables)
    shutil.copytree(ROOT / "specs" / "iris" / "model", tmp_path / "model")
    sections = spec(model={"uri": "./model"}, env=trap.variables(FORMS[0], NO_PROXY="example.com"))
    del sections["spec"]["image"]
    shell.write(sections)
    try:
        applied = shell("apply", "--local", "--yes")
        told = shell("predict", "churn", str(ROOT / "specs" / "iris" / "rows.json"), "--local")
        env = shell("emulator", "env", env={"NO_PROXY": "example.com"}).out
    finally:
        shell("emulator", "stop")

    assert (applied.code, told.code) == (0, 0), (applied, told)
    assert "export NO_PROXY=example.com,127.0.0.1,localhost\n" in env
    assert "export no_proxy=example.com,127.0.0.1,localhost\n" in env
    assert trap.asked == []


def test_google_cloud_is_still_reached_through_the_proxy(trap, monkeypatch):
    """Where a company lets nothing out but by its proxy, the real thing must go on to work."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{trap.port}")
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{trap.port}")
    connection = Connection("acme-prod", "acme-prod-mlservice")
    connection._made["credentials"] = AnonymousCredentials()

    with pytest.raises(requests.ConnectionError):
        connection.storage.get_bucket("x", retry=None, timeout=10)
    connection.storage.close()

    assert trap.asked[0].startswith(b"CONNECT storage.googleapis.com:443")


def test_a_grpc_probe_asks_no_proxy(trap, monkeypatch):
    """The emulator may be started behind one; the container it probes is here."""
    for name, value in trap.variables(FORMS[0]).items():
        monkeypatch.setenv(name, value)
    handlers = {"Check": grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"\x08\x01")}
    with ThreadPoolExecutor(1) as pool:
        server = grpc.server(pool)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.health.v1.Health", handlers),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        passed = asyncio.run(passes(Probe("grpc", port), port, timeout_s=20))
        server.stop(grace=None).wait()

    assert passed
    assert trap.asked == []


@pytest.mark.parametrize(
    ("env", "value"),
    [
        pytest.param({}, "127.0.0.1,localhost", id="none"),
        pytest.param({"NO_PROXY": "a.example, b.example"}, "a.example,b.example,127.0.0.1,localhost", id="upper-case"),
        pytest.param({"no_proxy": "a.example"}, "a.example,127.0.0.1,localhost", id="lower-case"),
        pytest.param({"NO_PROXY": "a", "no_proxy": "b,localhost"}, "a,b,localhost,127.0.0.1", id="both"),
    ],
)
def test_a_containers_own_exceptions_stay(env, value):
    """What the spec excepts from its proxy is kept beside this machine."""
    from emulator.apis.run.programs import without_proxy  # noqa: PLC0415 - imports Google's messages

    assert without_proxy(env) == value
