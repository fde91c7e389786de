"""The action, the workflows and templates that we show: pinned, with the least permissions, without known holes."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import ROOT

WORKFLOWS = sorted((ROOT / "docs" / "ci" / "github").glob("*.yaml"))
ACTION = ROOT / "action.yml"
USES = re.compile(r"uses:\s*(\S+)")


def names(path):
    """For the report."""
    return path.name


def holes(path):
    """What zizmor says of a file; nothing when it finds nothing."""
    program = Path(sys.executable).with_name("zizmor")
    command = [str(program), "--offline", "--no-progress", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr or str(done.returncode)


@pytest.mark.parametrize("path", [ACTION, *WORKFLOWS], ids=names)
def test_the_linter_finds_no_hole(path):
    """It knows what was used against workflows: injected templates, kept credentials, triggers with secrets."""
    assert holes(path) == ""


def test_the_linter_finds_the_holes_that_we_warn_of(tmp_path):
    """Otherwise the test above would say nothing."""
    text = (ROOT / "docs" / "ci" / "github" / "plan.yaml").read_text()
    (tmp_path / "plan.yaml").write_text(
        text.replace("  pull_request:", "  pull_request_target:")
        .replace("with: {persist-credentials: false}", "with: {ref: x}")
        .replace("retention-days: 5", "retention-days: 5\n      - run: echo ${{ github.head_ref }}")
    )

    found = holes(tmp_path / "plan.yaml")

    assert all(hole in found for hole in ("dangerous-triggers", "template-injection", "artipacked"))


def test_a_linter_that_cannot_start_finds_no_peace(tmp_path):
    """It writes to stderr alone then, and nothing was looked at."""
    assert "no-such.yaml" in holes(tmp_path / "no-such.yaml")


def test_a_fork_s_report_is_made_whatever_is_wrong_with_its_specs():
    """The workflow that posts it has nothing to post otherwise: no step before the plan may fail for a spec."""
    steps = yaml.safe_load((ROOT / "docs" / "ci" / "github" / "plan.yaml").read_text())["jobs"]["fork"]["steps"]

    assert [step["with"]["command"] for step in steps if step["uses"].startswith("acme/")] == ["plan"]
    assert steps[-1]["if"] == "always()"


@pytest.mark.parametrize("path", [ACTION, *WORKFLOWS], ids=names)
def test_every_action_is_pinned_by_commit(path):
    """Tags have been moved to other code, with the secrets of everybody who used them."""
    used = USES.findall(path.read_text())

    assert [each for each in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", each)] == []
    assert path == ACTION or used


@pytest.mark.parametrize("path", WORKFLOWS, ids=names)
def test_no_workflow_has_more_permissions_than_it_needs(path):
    """None for all jobs; each job names its own, and the one of forks has no identity and writes nothing."""
    found = yaml.safe_load(path.read_text())

    assert found["permissions"] == {}
    assert all(job["permissions"] for job in found["jobs"].values())
    assert "pull_request_target" not in path.read_text()
    if path.name == "plan.yaml":
        assert found["jobs"]["fork"]["permissions"] == {"contents": "read"}
        assert found["jobs"]["plan"]["if"].endswith("== github.repository")
    if "workflow_run" in found[True]:  # `on`
        checked_out = [s["with"] for j in found["jobs"].values() for s in j["steps"] if "checkout" in s.get("uses", "")]
        assert [each["repository"] for each in checked_out] == ["acme/mlservice"]


def test_the_action_takes_no_input_into_a_command():
    """Inputs are environment variables: a value of a branch never becomes a part of a script."""
    steps = yaml.safe_load(ACTION.read_text())["runs"]["steps"]

    assert [step["run"] for step in steps if "${{" in step["run"]] == []
    assert not [step for step in steps if "uses" in step]


def test_the_action_installs_nothing_of_the_workspace():
    """Python and uv read their working directory first; a branch would be run with the identity of the job."""
    install, run = yaml.safe_load(ACTION.read_text())["runs"]["steps"]

    assert install["working-directory"] == "${{ github.action_path }}"
    assert " -m " not in install["run"].replace(" -I -m ", "")
    assert " -m " not in run["run"]


def test_the_action_installs_the_uv_of_the_lock_file():
    """Its hashes are those that uv.lock has."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    [package] = [each for each in lock["package"] if each["name"] == "uv"]
    text = (ROOT / "ci" / "uv.txt").read_text()

    assert f"uv=={package['version']} " in text
    assert set(re.findall(r"sha256:[0-9a-f]{64}", text)) == {wheel["hash"] for wheel in package["wheels"]}


def test_the_hook_takes_specs_by_their_names():
    """Others are named in the user's own configuration."""
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    files = re.compile(hook["files"])

    assert hook["entry"] == "mlservice validate"
    assert [
        f for f in ("mlservice.yaml", "a/mlservice.yml", "a/churn.mlservice.yaml", "a/x.yaml") if files.search(f)
    ] == [
        "mlservice.yaml",
        "a/mlservice.yml",
        "a/churn.mlservice.yaml",
    ]


class GitLabLoader(yaml.SafeLoader):
    """YAML with GitLab's `!reference`."""


GitLabLoader.add_constructor("!reference", lambda loader, node: loader.construct_sequence(node))


def test_the_template_of_gitlab_keeps_forks_apart():
    """The pipeline of a fork has no identity and posts nothing; an apply waits for the one before it."""
    path = ROOT / "docs" / "ci" / "gitlab" / "mlservice.gitlab-ci.yml"
    found = yaml.load(path.read_text(), Loader=GitLabLoader)  # noqa: S506 - a loader of ours, on top of the safe one
    fork = found["mlservice-plan-of-a-fork"]

    assert fork["extends"] == ".mlservice"
    assert "id_tokens" not in found[".mlservice"]
    assert "!= $CI_MERGE_REQUEST_PROJECT_ID" in fork["rules"][0]["if"]
    assert "comment" not in " ".join(fork["script"])
    assert found["mlservice-apply"]["resource_group"]


def test_the_build_of_google_keeps_its_token_secret():
    """It comes from Secret Manager, into the one step that plans nothing, and values of the request are variables."""
    found = yaml.safe_load((ROOT / "docs" / "ci" / "cloud-build" / "plan.yaml").read_text())
    with_token = [step for step in found["steps"] if "secretEnv" in step]

    assert [(step["id"], step["secretEnv"]) for step in with_token] == [("comment", ["GITHUB_TOKEN"])]
    assert [step["id"] for step in found["steps"] if "mlservice plan" in step["args"][1]] == ["plan"]
    assert with_token[0]["dir"] == "/mlservice", "the checkout is a folder that its commands do not see"
    for step in found["steps"]:
        assert not re.search(r"(?<!\$)\$_?[A-Z]", step["args"][1])


def test_the_token_of_gitlab_is_of_one_job():
    """The job that plans a branch has no token that writes."""
    path = ROOT / "docs" / "ci" / "gitlab" / "mlservice.gitlab-ci.yml"
    found = yaml.load(path.read_text(), Loader=GitLabLoader)  # noqa: S506 - a loader of ours, on top of the safe one
    posting = {name: job for name, job in found.items() if "mlservice comment" in " ".join(job.get("script", []))}

    assert [*posting] == ["mlservice-comment"]
    assert posting["mlservice-comment"]["environment"]["name"] == "mlservice-comments"
    assert "mlservice-comments" not in str([job for name, job in found.items() if name not in posting])
    assert not any("mlservice plan" in line for line in posting["mlservice-comment"]["script"])


REQUIREMENTS = re.compile(r"git (?:fetch|show) .*")


@pytest.mark.parametrize("system", ["gitlab", "cloud-build"])
def test_what_is_installed_is_what_the_base_branch_says(tmp_path, system):
    """A pull request that changes the requirements does not choose what runs with the job's identity."""
    [path] = (ROOT / "docs" / "ci" / system).iterdir()
    text = path.read_text()
    lines = [found.replace("$$", "$").replace("/mlservice/", f"{tmp_path}/") for found in REQUIREMENTS.findall(text)]
    written = tmp_path / ("checkout.tmp" if system == "gitlab" else "") / "requirements.txt"
    written.parent.mkdir(exist_ok=True)
    env = {"CI_PROJECT_DIR": str(tmp_path / "checkout"), "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main", "BASE": "main"}
    script = f"""
    git init -q -b main origin && cd origin && git config user.name x && git config user.email x@example.com
    echo ours > requirements-mlservice.txt && git add . && git commit -q -m ours
    git clone -q . ../checkout && cd ../checkout && echo theirs > requirements-mlservice.txt
    git -c user.name=x -c user.email=x@example.com commit -qam theirs
    {chr(10).join(lines)}
    """
    subprocess.run(
        ["bash", "-euc", script], cwd=tmp_path, env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **env}, check=True
    )

    assert written.read_text() == "ours\n"
    installs = [line for line in text.splitlines() if "pip install" in line]
    assert installs
    assert all(re.search(r"-r \S*/requirements\.txt\b", line) for line in installs)
