"""`mlservice history`: what applies and passes of the job left behind, as a person and as a program read it."""

import json
import os
import subprocess
from datetime import datetime

import pytest

from tests.cli.test_reconcile import AS_THE_JOB
from tests.operating import BUCKET, spec

WRITTEN = "2026-01-05T10:00:00+00:00"


def test_each_apply_that_changes_something_is_kept(shell, operator):
    """What, why, by whom, from which commit; a quiet one adds nothing; the reader may ask for one, or for few."""
    shell.write(spec(env={"API_TOKEN": "hunter2hunter2"}))
    git = ["git", "-c", "user.name=Ann", "-c", "user.email=ann@acme.example"]
    for words in (["init", "-q"], ["add", "mlservice.yaml"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], cwd=shell.folder, env={**os.environ, "GIT_COMMITTER_DATE": WRITTEN}, check=True)
    ci = {"GITHUB_SERVER_URL": "https://github.example", "GITHUB_REPOSITORY": "acme/ml", "GITHUB_RUN_ID": "7"}
    assert shell("apply", "--local", "--yes").code == 0
    assert shell("apply", "--local", "--yes").code == 0
    shell.write(spec(scaling={"concurrency": 7}, env={"API_TOKEN": "correct horse"}))
    assert shell("apply", "--local", "--yes", env=ci).code == 0

    text, data = shell("history", "churn", "--local"), shell("history", "churn", "--local", "-o", "json")
    one = shell("history", "churn", "--local", "--show", "1")

    second, first = data.json
    assert (first["by"]["kind"], first["by"]["account"]) == ("person", "emulator")
    assert (first["source"]["author"], first["source"]["uncommitted"]) == ("Ann <ann@acme.example>", False)
    assert datetime.fromisoformat(first["source"]["written"]) == datetime.fromisoformat(WRITTEN)
    assert (second["by"]["kind"], second["by"]["address"]) == ("ci", "https://github.example/acme/ml/actions/runs/7")
    assert (second["outcome"], second["decision"], second["source"]["uncommitted"]) == (
        "changed", "1 change: 1 update", True,
    )  # fmt: skip
    assert [line.split()[0] for line in text.out.splitlines()] == ["#", "1", "2"]
    assert f"{second['source']['commit'][:12]} and more" in text.out
    assert "concurrency: 80 -> 7" in one.out
    assert "env.API_TOKEN: (hidden) -> (hidden)" in one.out
    assert "hunter2" not in text.out + data.out + one.out
    assert "\x1b" not in text.out + one.out
    assert "\x1b" in shell.on_terminal("history", "churn", "--local").out
    assert "1 older: --limit 2" in shell("history", "churn", "--local", "--limit", "1").out
    assert shell("history", "churn", "--local", "--since", "1h", "-o", "json").json == data.json
    assert "in that time" in shell("history", "churn", "--local", "--since", "2999-01-01").out
    assert shell("history", "churn", "--local", "--since", "soon").code == 64
    assert shell("history", "churn", "--local", "--show", "9").code == 64
    assert shell("history", "chrn", "--local").code == 64
    operator.apply(spec("quiet"))
    assert "nothing became of quiet yet: applies write" in shell("history", "quiet", "--local").out


def test_what_is_destroyed_is_kept_while_there_is_anything_else(shell, operator):
    """The history of a service outlives it; with the last one the bucket goes, and history with it."""
    shell.write(spec(), spec("other"))
    assert shell("apply", "--local", "--yes").code == 0

    assert shell("destroy", "churn", "--local", "--yes").code == 0

    assert [each["outcome"] for each in shell("history", "churn", "--local", "-o", "json").json] == [
        "destroyed", "changed",
    ]  # fmt: skip
    assert shell("destroy", "other", "--local", "--yes").code == 0
    assert operator.connection.storage.lookup_bucket(BUCKET) is None


@pytest.mark.usefixtures("faultless")
def test_an_apply_does_not_fail_for_its_history(shell, operator):
    """What was applied stays applied; that it is not in the history is said."""
    shell.write(spec())
    operator.connection.state.make()
    operator.emulator.faults(
        {"method": "storage.objects.insert", "status": "PERMISSION_DENIED", "skip": 2, "times": None}
    )

    done = shell("apply", "--local", "--yes")

    assert done.code == 0, done.err
    assert "note: what was done is not in the history" in done.err


@pytest.fixture
def faultless(emulator):
    """No fault is left behind."""
    yield
    emulator.faults()


def test_a_pass_tells_of_what_it_changed_and_once_of_what_is_in_its_way(shell, operator):
    """Ten quiet passes add nothing; what is refused is said when it begins and when it ends."""
    shell.write(spec())
    assert shell("reconcile", "--local", env=AS_THE_JOB).code == 0
    assert shell("reconcile", "--local", env=AS_THE_JOB).code == 0
    missing = spec(image="europe-west1-docker.pkg.dev/local/ml/none:1")
    shell.write(missing)
    for _ in range(3):
        assert shell("reconcile", "--local", env=AS_THE_JOB).code == 1
    assert shell("reconcile", "--local", "--dry-run", env=AS_THE_JOB).code == 1
    shell.write(spec())
    shell("reconcile", "--local", env=AS_THE_JOB)

    found = shell("history", "churn", "--local", "-o", "json").json

    assert [each["outcome"] for each in found] == ["ok", "refused", "changed"], json.dumps(found, indent=1)
    assert "there is no such tag" in found[1]["reason"]
    assert {(each["by"]["kind"], each["by"]["name"]) for each in found} == {("operator", "mlservice")}
    assert list(operator.connection.storage.list_blobs(BUCKET, prefix="history/churn/"))
