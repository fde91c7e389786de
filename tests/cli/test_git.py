"""git as a command, and what a bundle's pointer tells of the commit and the job that published it."""

import pytest

from reconciler.cli.commands.publish import Origin
from reconciler.cli.git import git, told
from reconciler.core.errors import UsageError

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
