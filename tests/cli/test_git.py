"""git as a command, and what a bundle's pointer tells of the commit and the job that published it."""

import json
from pathlib import Path

import pytest

from reconciler.cli.commands.publish import Origin
from reconciler.cli.git import git, told
from reconciler.cli.local import start
from reconciler.core.errors import UsageError
from reconciler.hosts.surroundings import place_of

JOBS = {
    "github": {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/ml", "GITHUB_RUN_ID": "7"},
    "gitlab": {"GITLAB_CI": "true", "CI_JOB_URL": "https://gitlab.com/acme/ml/-/jobs/7"},
}
ADDRESSES = {"github": "https://github.com/acme/ml/actions/runs/7", "gitlab": JOBS["gitlab"]["CI_JOB_URL"]}


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    """No CI around these tests, whichever runs them."""
    for name in ("GITLAB_CI", "CI_JOB_URL", "GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("host", JOBS)
def test_a_pointer_names_commit_author_time_and_job(tmp_path, monkeypatch, host):
    """What was published can be found again: at the host, and in the history."""
    for name, value in JOBS[host].items():
        monkeypatch.setenv(name, value)
    author = {"GIT_AUTHOR_NAME": "Zoë", "GIT_AUTHOR_EMAIL": "zoe@acme.example"}
    committer = {"GIT_COMMITTER_NAME": "x", "GIT_COMMITTER_EMAIL": "x@x", "GIT_COMMITTER_DATE": "1795711447 +0100"}
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "first", env=author | committer)

    origin = Origin.of(tmp_path)

    commit = git(tmp_path, "rev-parse", "HEAD")
    assert origin == Origin(commit, "Zoë <zoe@acme.example>", "2026-11-26T16:44:07+00:00", ADDRESSES[host])


def test_without_git_nothing_is_told_and_a_command_says_why(tmp_path, monkeypatch):
    """A folder need not be in a repository; whoever needs one hears git's words, or that there is no git."""
    assert (told(tmp_path, "rev-parse", "HEAD"), Origin.of(tmp_path)) == ("", Origin())
    with pytest.raises(UsageError, match=r"git rev-parse: .*not a git repository"):
        git(tmp_path, "rev-parse", "HEAD")

    monkeypatch.setenv("PATH", str(tmp_path))
    assert told(tmp_path, "rev-parse", "HEAD") == ""
    with pytest.raises(UsageError, match="git is not installed") as refused:
        git(tmp_path, "rev-parse", "HEAD", instead="do it by hand")
    assert refused.value.hint == "do it by hand"


def test_half_of_an_address_is_none(tmp_path, monkeypatch):
    """A run's number alone leads nowhere."""
    monkeypatch.setenv("GITHUB_RUN_ID", "7")

    assert Origin.of(tmp_path).run == ""


def test_no_program_is_run_that_a_folder_of_specs_names(tmp_path):
    """A folder that is made to look like a repository has settings of its own, and git asks programs that they name."""
    services = tmp_path / "services"
    services.mkdir()
    git(services, "init", "-q", "--bare", ".")
    (services / "worktree.yaml").write_text("a: 1")
    settings = {"core.bare": "false", "core.worktree": ".", "core.fsmonitor": f"touch {tmp_path}/ran; false"}
    for name, value in settings.items():
        git(tmp_path, "config", "--file", str(services / "config"), name, value)

    origin = Origin.of(services)

    assert (origin.commit, (tmp_path / "ran").exists()) == ("", False)


@pytest.mark.parametrize("how", ["tracked", "a-link", "its-folder-is-a-link"])
def test_a_state_that_came_with_a_branch_is_not_run(tmp_path, monkeypatch, how):
    """It names programs; and what is behind a link would be changed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLSERVICE_EMULATOR_STATE", raising=False)
    elsewhere, state = tmp_path / "elsewhere", Path(".mlservice/emulator")
    elsewhere.mkdir(mode=0o755)
    git(tmp_path, "init", "-q")
    if how == "tracked":
        state.mkdir(parents=True)
        (state / "state.sqlite").write_text("")
        git(tmp_path, "add", "-f", ".mlservice")
    elif how == "a-link":
        state.parent.mkdir()
        state.symlink_to(elsewhere)
    else:
        state.parent.symlink_to(elsewhere)

    with pytest.raises(UsageError, match="emulator's state"):
        start(state)

    assert (list(elsewhere.iterdir()), elsewhere.stat().st_mode & 0o777) == ([], 0o755)


def test_what_another_workflow_planned_is_named(tmp_path):
    """A workflow that another one started runs on the default branch: its own commit is not what was planned."""
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"workflow_run": {"head_sha": "f" * 40}}))

    place = place_of({"GITHUB_EVENT_PATH": str(event), "GITHUB_SHA": "a" * 40, "GITHUB_REPOSITORY": "acme/ml"})

    assert place.commit == "f" * 40
