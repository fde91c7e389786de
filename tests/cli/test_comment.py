"""`mlservice plan --report` and `mlservice comment` as a job runs them."""

import json

import pytest

from tests.comments.fakes import Description, FakeGitHub, FakeGitLab, github_user, gitlab_user, served
from tests.operating import spec

TOKEN = "ghs_0123456789abcdef"


@pytest.fixture
def github(tmp_path):
    """A pull request, and the variables of a job on it."""
    event = {"pull_request": {"number": 7, "head": {"sha": "abc1234def5678"}, "base": {"ref": "main"}}}
    (tmp_path / "event.json").write_text(json.dumps(event))
    fake = FakeGitHub(Description("github.json"), {TOKEN: github_user("github-actions[bot]", "Bot")})
    with served(fake):
        env = {
            "GITHUB_REPOSITORY": "acme/ml",
            "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
            "GITHUB_API_URL": fake.url,
            "GITHUB_TOKEN": TOKEN,
        }
        yield fake, env


def test_two_environments_are_one_comment(github, shell):
    """One job plans each, one posts; what could not be planned is said with its place; the token is nowhere."""
    fake, env = github
    shell.write(spec())
    shell.write(spec(secrets={"T": {"secret": "no-such", "version": "1"}}), name="broken.yaml")

    good = shell("plan", "--local", "--report", "good.json")
    bad = shell("plan", "broken.yaml", "--local", "--report", "bad.json", "--sarif", "bad.sarif")
    done = shell("comment", "good.json", "bad.json", "--key", "services", env=env)

    [comment] = fake.visible()
    [result] = json.loads((shell.folder / "bad.sarif").read_text())["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "broken.yaml"
    text = comment["body"].replace("\r\n", "\n").replace("\u200b", "")
    assert (good.code, bad.code, done.code) == (0, 1, 0)
    assert text.startswith(
        "<!-- mlservice:plan key=services v1 -->\n### mlservice plan (commit abc1234def56) onto main"
    )
    assert "Rollout of churn: AllAtOnce" in text
    assert "**Blocked**: broken.yaml:" in text
    assert "no-such" in text
    assert "comment created: https://github.example/acme/ml/pull/7" in done.err
    assert TOKEN not in done.out + done.err + text


def test_an_applied_plan_says_nothing_and_then_that_nothing_is_left(github, shell):
    """No comment is made where there is nothing to say."""
    fake, env = github
    shell.write(spec())
    shell("plan", "--local", "--report", "plan.json")
    shell("comment", "plan.json", env=env)
    shell("apply", "--local", "--yes")
    shell("plan", "--local", "--report", "plan.json")
    last = shell("comment", "plan.json", env=env)
    silent = shell("comment", "plan.json", "--key", "other", env=env)

    assert "comment updated" in last.err
    assert "comment silent" in silent.err
    assert [c["body"].splitlines()[1] for c in fake.visible()] == ["mlservice plan: no changes (commit abc1234def56)"]


def test_a_merge_request_at_gitlab(offline):
    """The job says where it is; a report of a stranger is read as data."""
    offline.folder.joinpath("plan.json").write_text(
        json.dumps({"format": "mlservice/plan-report/v1", "environment": "prod", "blocked": ["<img src=x>"]})
    )
    fake = FakeGitLab(Description("gitlab.json"), {"glpat": gitlab_user("project_1_bot")})
    with served(fake):
        env = {
            "GITLAB_CI": "true",
            "CI_PROJECT_PATH": "acme/ml",
            "CI_MERGE_REQUEST_IID": "7",
            "CI_API_V4_URL": fake.url,
            "GITLAB_TOKEN": "glpat",
        }
        done = offline("comment", "plan.json", env=env)

    assert done.code == 0
    assert "&#60;img src=x&#62;" in fake.visible()[0]["body"]


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({}, "it is not known which pull request this is about"),
        ({"GITHUB_REPOSITORY": "a/b"}, "it is not known which pull request this is about"),
    ],
    ids=["nowhere", "no-number"],
)
def test_without_a_pull_request_nothing_is_posted(offline, env, said):
    """And it is said what to give."""
    offline.folder.joinpath("plan.json").write_text('{"format": "mlservice/plan-report/v1", "blocked": ["x"]}')

    done = offline("comment", "plan.json", env=env)
    no_token = offline("comment", "plan.json", "--repository", "a/b", "--number", "7", env=env)
    printed = offline("comment", "plan.json", "--dry-run", env=env)

    assert (done.code, no_token.code, printed.code) == (64, 64, 0)
    assert said in done.err
    assert "there is no token for github" in no_token.err
    assert "**Blocked**: x" in printed.out


def test_what_is_no_report_is_refused_by_name(offline):
    """Its content is not quoted."""
    offline.folder.joinpath("plan.json").write_text('{"secret": "hunter2"}')

    done = offline("comment", "plan.json")

    assert done.code == 64
    assert "'plan.json' cannot be used: it is no report" in done.err
    assert "hunter2" not in done.err
