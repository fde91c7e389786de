"""`mlservice where`: for people and for programs, and what it ends with."""

import subprocess

import pytest

from tests.cli.test_sources import PLACE
from tests.operating import spec


def commit(folder):
    """Commit the spec of a folder; the commit."""
    git = ["git", "-c", "user.name=Ann", "-c", "user.email=ann@acme.example"]
    for words in (["init", "-q"], ["add", "mlservice.yaml"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], cwd=folder, check=True)
    done = subprocess.run([*git, "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_a_commit_is_found_after_apply_by_people_and_by_programs(shell, operator):
    """What is applied from a repository carries its commit; the beginning of it finds the revision that serves."""
    shell.write(spec())
    made = commit(shell.folder)
    assert shell("apply", "--local", "--yes").code == 0

    text, data = shell("where", made[:8], "--local"), shell("where", made, "--local", "-o", "json")
    built = shell("where", made, "--local", "--built")
    nothing, wrong = shell("where", "0" * 40, "--local"), shell("where", "not/an image", "--local")

    assert (text.code, data.code, nothing.code, wrong.code) == (0, 0, 1, 64)
    [found] = data.json["found"]
    assert (found["name"], found["percent"], found["commit"], found["why"]) == ("churn", 100, made, ["commit"])
    head, row = text.out.splitlines()
    assert head.split()[:4] == ["what", "region", "revision", "state"]
    assert {"churn", "serves", made[:12], found["run"]} <= set(row.split())
    assert "origins" not in data.json
    assert built.out.startswith(text.out)
    assert [line.partition(": ")[2] for line in built.out.splitlines()[2:]] == [
        "nobody says who built it",
        "there is no list of its contents",
    ]
    assert nothing.out == f"nothing runs {'0' * 40}, nor could be gone back to it, in europe-west1\n"
    assert "is no digest, image, model or commit" in wrong.err


def test_what_a_pass_makes_carries_the_commit_of_its_bundle(shell, operator):
    """Published from a repository, applied by the job: the revision is found by the commit."""
    operator.connection.state.make()
    shell.write(spec())
    made = commit(shell.folder)
    assert shell("publish", "--local", "--to", PLACE).code == 0
    assert shell("reconcile", "--local", "--bundle", PLACE).code == 0

    assert [each["name"] for each in shell("where", made, "--local", "-o", "json").json["found"]] == ["churn"]


def test_where_nothing_was_applied_nothing_is_found(shell, operator):
    """It says so, and that nothing was looked at."""
    done = shell("where", "abcdef12", "--local")

    assert done.code == 1
    assert "anywhere: nothing was applied here" in done.out


@pytest.mark.parametrize("nothing", ["gs://", "gs:///", " ", "@"])
def test_what_names_nothing_is_refused(shell, nothing):
    """It would be found everywhere."""
    done = shell("where", nothing, "--local")

    assert (done.code, done.out) == (64, "")
    assert "names nothing" in done.err
