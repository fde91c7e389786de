"""`MLSERVICE_EMULATOR_KEY`: local commands as an account of the emulator."""

import json
from pathlib import Path

import pytest

from reconciler.core.errors import NotPermitted, UsageError
from reconciler.gcp.connection import Connection, Endpoint
from reconciler.gcp.emulator import Emulator as Running
from tests.emulator_iam.callers import PROJECT, grant

RUN = ("google.cloud.run_v2", "services", "Services")


def connection(emulator, key_file):
    """A connection that calls with a key file."""
    return Connection("local", "local-mlservice", Endpoint(emulator.http, emulator.grpc, "", str(key_file)))


def test_calls_are_the_account_s(emulator, account, tmp_path):
    """Over gRPC and for Cloud Storage: refused without roles, allowed with them."""
    (tmp_path / "key.json").write_text(account.key)
    mine = connection(emulator, tmp_path / "key.json")
    parent = {"parent": f"{PROJECT}/locations/europe-west1"}
    with pytest.raises(Exception, match=r"run\.services\.list"):
        mine.client(*RUN).list_services(request=parent)
    with pytest.raises(NotPermitted, match=r"storage\.buckets\.list"):
        _ = mine.state.there

    grant(emulator, ("roles/run.viewer", account.member), ("roles/storage.admin", account.member))

    assert list(mine.client(*RUN).list_services(request=parent)) == []
    assert not mine.state.there


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", json.dumps({"type": "service_account", "token_uri": "https://oauth2.googleapis.com/token"})],
)
def test_a_key_of_somebody_else_is_not_used(emulator, tmp_path, text):
    """Nothing that a real key signed is sent to anybody."""
    (tmp_path / "key.json").write_text(text)

    with pytest.raises(UsageError, match="key"):
        connection(emulator, tmp_path / "key.json").client(*RUN)


def test_the_environment_names_the_file(monkeypatch):
    """For every local command alike."""
    running = Running(Path("state"), 1, "http://127.0.0.1:1", "127.0.0.1:2", "t")
    monkeypatch.delenv("MLSERVICE_EMULATOR_KEY", raising=False)
    assert running.endpoint.key_file == ""

    monkeypatch.setenv("MLSERVICE_EMULATOR_KEY", "key.json")

    assert running.endpoint.key_file == "key.json"
