"""models, triggers and promote on the command line: tables, one-line diffs, branches."""

import json
import subprocess

import pytest

from tests.operating import BUCKET, REGION, spec
from tests.operating_registry import Registered

TEXT = f"""\
apiVersion: mlservice/v1
kind: MLService
metadata: {{name: churn}}
spec:
  region: {REGION}
  image: us-docker.pkg.dev/cloudrun/container/hello
  model:
    uri: gs://acme/first/   # by hand
    version: 2026-11-20
"""


@pytest.fixture
def versions(operator):
    """One version that lost and one that was better, with what is remembered of their trainings."""
    found = Registered(operator)
    found.version("a")
    found.version("b", "candidate")
    runs = []
    for number, key, better in (("1", "a", False), ("2", "b", True)):
        verdict = {
            "better": better,
            "reason": f"auroc 0.8{number} against 0.81 \ud800",
            "metric": "auroc",
            "candidate": 0.8,
        }
        made = {"version": number, "artifact": found.folder(key)}
        runs.append({"key": f"k{number}", "trigger": "weekly", **made, "verdict": verdict})
    name = f"retraining/{REGION}/churn/history.json"
    bucket = operator.connection.storage.bucket(BUCKET)
    bucket.blob(name).upload_from_string(json.dumps({"format": 1, "runs": runs}))
    return found


def git(shell, *words):
    """What git says in the folder."""
    named = ("-c", "user.name=ann", "-c", "user.email=ann@example.com")
    done = subprocess.run(["git", *named, *words], cwd=shell.folder, capture_output=True, text=True, check=True)
    return done.stdout


def test_a_promotion_is_shown_then_committed_on_a_branch_and_pushed(shell, versions):
    """Two lines differ; the file here and the branch that is checked out stay; the words of a review are kept."""
    (shell.folder / "mlservice.yaml").write_text(TEXT)
    git(shell, "init", "-q", "-b", "main")
    git(shell, "init", "-q", "--bare", "origin.git")
    git(shell, "add", "mlservice.yaml")
    git(shell, "commit", "-q", "-m", "first")
    shell.env |= {
        f"GIT_{who}_{what}": "ann@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }

    shown = shell("models", "promote", "churn", "--local")
    nowhere = shell("models", "promote", "churn", "--local", "--branch", "better", "--push")
    git(shell, "remote", "add", "origin", "origin.git")
    hook = shell.folder / "origin.git" / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    rejected = shell("models", "promote", "churn", "--local", "--branch", "better", "--push")
    hook.unlink()
    assert (nowhere.code, rejected.code, git(shell, "branch", "--list", "better")) == (64, 64, "")
    assert "there is no remote 'origin'" in nowhere.err
    done = shell(
        "models", "promote", "churn", "--local", "--branch", "better", "--push", "--body", "body.md", "-o", "json"
    )
    again = shell("models", "promote", "churn", "--local", "--branch", "better")

    folder = versions.folder("b")
    gone = "-    uri: gs://acme/first/   # by hand\n-    version: 2026-11-20\n"
    diff = f"{gone}+    uri: {folder}   # by hand\n+    version: 2\n"
    assert (shown.code, done.code, again.code) == (0, 0, 64), done.err
    assert diff in shown.out
    assert "- why: auroc 0.82 against 0.81" in shown.out
    assert (shell.folder / "mlservice.yaml").read_text() == TEXT
    assert git(shell, "rev-parse", "better").strip() == done.json["commit"]
    assert diff in git(shell, "show", "better")
    assert "auroc 0.82" in git(shell, "log", "-1", "--format=%B", "better")
    assert git(shell, "ls-remote", "origin", "better").split()[0] == done.json["commit"]
    assert (git(shell, "branch", "--show-current"), git(shell, "diff", "HEAD")) == ("main\n", "")
    assert "auroc 0.82 against 0.81 \\ud800" in (shell.folder / "body.md").read_text()
    assert "there is a branch 'better' already" in again.err


def test_a_promotion_is_written_into_the_file_and_a_loser_is_refused(shell, versions):
    """Exit 3 with what it lost by, or forced by name."""
    file = shell.folder / "mlservice.yaml"
    file.write_text(TEXT)

    refused = shell("models", "promote", "churn", "--local", "--version", "1", "--write")
    link = shell.folder / "kept.yaml"
    link.symlink_to("mlservice.yaml")
    file.chmod(0o640)
    written = shell("models", "promote", "churn", "--local", "--write", "--file", "kept.yaml")
    forced = shell("models", "promote", "churn", "--local", "--version", "1", "--force")

    assert (refused.code, written.code, forced.code) == (3, 0, 0)
    assert "version 1 lost: auroc 0.81 against 0.81" in refused.err
    expected = TEXT.replace("gs://acme/first/", versions.folder("b")).replace("2026-11-20", "2")
    assert file.read_text() == expected
    assert (link.is_symlink(), file.stat().st_mode & 0o777) == (True, 0o640)
    assert "FORCED by" in forced.out


def test_an_alias_moves_when_it_is_said_twice(shell, versions, operator):
    """Once to see what that does, once with --write; then every table shows who serves."""
    wanted = spec(model={"alias": "champion"})
    versions.move("champion", "1")
    assert not operator.apply(wanted).failed
    shell.write(wanted)

    shown = shell("models", "promote", "churn", "--local")
    unkept = shell("models", "promote", "churn", "--local", "--write", "--body", "none/body.md")
    before = versions.holder("champion")
    moved = shell("models", "promote", "churn", "--local", "--write")
    planned = shell("plan", "--local")
    listed = shell("models", "churn", "--local")
    told = shell("models", "churn", "--local", "-o", "json")
    triggers = shell("triggers", "churn", "--local")

    assert [each.code for each in (shown, moved, planned, listed, told, triggers)] == [0] * 6
    assert "churn: model 1 -> 2 (alias champion)" in shown.out
    assert "nothing was changed" in shown.out
    assert unkept.code == 64, unkept.err
    assert "cannot write none/body.md" in unkept.err
    assert (before, versions.holder("champion")) == ("1", "2")
    assert "model 1 -> 2 (alias champion)" in planned.out
    assert f"{REGION} 100%" in listed.out
    assert [v["version"] for v in told.json["versions"]] == ["2", "1"]
    assert "weekly" in triggers.out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param(["--push"], "--push needs --branch", id="push alone"),
        pytest.param(["--write", "--branch", "b"], "exclude each other", id="both"),
        pytest.param(["--file", "none.yaml"], "none.yaml", id="no file"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(offline, options, said):
    """Before anything is asked of Google Cloud."""
    done = offline("models", "promote", "churn", *options)

    assert done.code in {1, 64}
    assert said in done.err
