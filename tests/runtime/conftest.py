"""Servers on free ports, and the models they serve."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.runtime import servers
from tests.runtime.servers import ROOT, Process, Server, Thread, free_port

SPECS = ROOT / "specs"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of the model server that start a process are slow; the others are part of `make check`."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and "start" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


def told(
    folder: Path | str | None, flags: tuple[str, ...], model: dict | None, runtime: dict | None, env: dict[str, object]
) -> tuple[list[str], dict[str, str]]:
    """Give the arguments and the environment of a server, as the reconciler writes them."""
    environment = {name: str(value) for name, value in env.items()}
    if model is not None:
        environment["MLSERVICE_MODEL"] = json.dumps(model)
    if runtime is not None:
        environment["MLSERVICE_RUNTIME"] = json.dumps(runtime)
    return [*([] if folder is None else [str(folder)]), *flags], environment


def ready(server: Server, what: str | None) -> None:
    """Wait until a server is `ready`, or just `live`."""
    if what:
        server.wait(lambda: server.status(f"/health/{what}") == 200)


@pytest.fixture(scope="module")
def start(tmp_path_factory) -> Iterator[Callable[..., Process]]:
    """Start server processes; all are ended with the module."""
    with servers.ended() as started:

        def _start(
            folder, *flags, command=("runtime",), model=None, runtime=None, wait="ready", cwd=None, **env
        ) -> Process:
            arguments, environment = told(folder, flags, model, runtime, env)
            server = servers.start_process(tmp_path_factory.mktemp("server"), arguments, environment, command, cwd)
            started.append(server)
            ready(server, wait)
            return server

        yield _start


@pytest.fixture(scope="module")
def serve(tmp_path_factory) -> Iterator[Callable[..., Thread]]:
    """Start servers in this process; all are ended with the module.

    Without gRPC: its package has one poller for all event loops of a process.
    """
    with servers.ended() as started:

        def _serve(folder, *flags, model=None, runtime=None, wait="ready", **env) -> Thread:
            arguments, environment = told(folder, flags, model, runtime, env)
            server = servers.start_thread(tmp_path_factory.mktemp("server"), arguments, environment)
            started.append(server)
            ready(server, wait)
            return server

        yield _serve


@pytest.fixture(scope="session")
def another_port() -> Callable[[], int]:
    """Find a port for a server's second door."""
    return free_port


@pytest.fixture(scope="session")
def specs() -> Path:
    """The examples."""
    return SPECS


@pytest.fixture(scope="session")
def features() -> dict:
    """The feature schema of the breast-cancer example, as the reconciler hands it over."""
    spec = yaml.safe_load((SPECS / "breast-cancer" / "mlservice.yaml").read_text())["spec"]
    return spec["model"]["features"]
