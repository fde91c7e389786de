"""The GitHub Action's script as a runner runs it: its outputs, its comment, and what a branch cannot make it do."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import ROOT
from tests.comments.fakes import Description, FakeGitHub, github_user, served
from tests.operating import spec
from tests.warm import program

TOKEN = "ghs_0123456789abcdef"
SCRIPT = ROOT / "ci" / "action.py"
pytestmark = pytest.mark.slow


class Runner:
    """A runner with a workspace, on a pull request at a fake GitHub."""

    def __init__(self, folder: Path, fake: FakeGitHub, state: Path) -> None:
        self.folder, self.fake, self.state = folder / "workspace", fake, state
        self.temp = folder / "temp"
        for each in (self.folder / "services", self.temp, folder / "bin"):
            each.mkdir(parents=True)
        self.bin = folder / "bin"

    def write(self, *specs, name="churn.yaml"):
        """Put specs into the workspace."""
        text = "---\n".join(yaml.safe_dump(each, sort_keys=False) for each in specs)
        (self.folder / "services" / name).write_text(text)

    def run(self, command, *, fork=False, event=None, without="", **inputs):
        """Run the action."""
        repo = {"full_name": "mallory/ml" if fork else "acme/ml"}
        request = {"number": 7, "head": {"sha": "abc1234", "repo": repo}, "base": {"ref": "main"}}
        request["base"]["repo"] = {"full_name": "acme/ml"}
        self.file("event.json").write_text(json.dumps({"pull_request": request} if event is None else event))
        self.file("output").write_text("")
        env = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.temp),
            "PYTHONPATH": str(ROOT),
            "NO_GCE_CHECK": "true",
            "MLSERVICE_EMULATOR_STATE": str(self.state),
            "MLSERVICE_PATH": str(self.bin),
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_EVENT_PATH": str(self.file("event.json")),
            "GITHUB_OUTPUT": str(self.file("output")),
            "GITHUB_REPOSITORY": "acme/ml",
            "GITHUB_API_URL": self.fake.url,
            "GITHUB_TOKEN": TOKEN,
            "ACTIONS_ID_TOKEN_REQUEST_URL": "https://token.example/?a=b",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request-token",
            "INPUT_COMMAND": command,
            "INPUT_FILES": "services",
            "INPUT_LOCAL": "true",
            **{f"INPUT_{name.upper()}": value for name, value in inputs.items()},
        }
        env.pop(without, None)
        line = [sys.executable, str(SCRIPT)]
        return subprocess.run(line, cwd=self.folder, env=env, capture_output=True, text=True, check=False, timeout=120)

    def file(self, name):
        """A file of the runner's."""
        return self.temp / name

    @property
    def outputs(self):
        """What the action set."""
        found, lines = {}, iter(self.file("output").read_text().splitlines())
        for line in lines:
            name, _, end = line.partition("<<")
            value = []
            for each in lines:
                if each == end:
                    break
                value.append(each)
            found[name] = "\n".join(value)
        return found


@pytest.fixture
def runner(tmp_path, emulator):
    """A runner."""
    fake = FakeGitHub(Description("github.json"), {TOKEN: github_user("github-actions[bot]", "Bot")})
    made = Runner(tmp_path, fake, emulator.state)
    with served(fake), program(made.bin):
        yield made


@pytest.mark.parametrize("told", ["workspace/state", "workspace/../workspace/.mlservice/emulator", "state", ""])
def test_a_branch_brings_no_state_of_the_emulator_along(tmp_path, monkeypatch, told):
    """Where a workflow says, but not in the checkout: a state names programs that the emulator runs."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    monkeypatch.chdir(workspace)
    monkeypatch.syspath_prepend(str(ROOT / "ci"))
    job = __import__("action").Job
    env = {"RUNNER_TEMP": "/runner", "MLSERVICE_EMULATOR_STATE": str(tmp_path / told) if told else ".mlservice"}

    assert job(env, {}).state == (tmp_path / "state" if told == "state" else Path("/runner/mlservice/emulator"))


def commands(done):
    """What the runner takes for a command, as it reads lines: none between `stop-commands` and its token.

    Source:
        https://github.com/actions/runner/blob/main/src/Runner.Worker/ActionCommandManager.cs
    """
    found, stopped = [], ""
    for line in done.stdout.splitlines():
        if stopped:
            stopped = "" if line.strip() == f"::{stopped}::" else stopped
        elif line.lstrip().startswith("::stop-commands::"):
            stopped = line.rpartition("::")[2]
        elif line.lstrip().startswith("::") or "##[" in line:
            found.append(line)
    assert not stopped, "the runner was never told to listen again"
    return [*found, *(line for line in done.stderr.splitlines() if "::" in line or "##[" in line)]


def with_environments(**sections):
    """A spec with two environments."""
    return spec(**sections) | {
        "environments": {"dev": {"spec": {}}, "prod": {"spec": {"scaling": {"maxInstances": 5}}}}
    }


def test_a_plan_of_two_environments_sets_outputs_and_one_comment(runner):
    """What later steps branch on, and what people read."""
    runner.write(with_environments())

    done = runner.run("plan", environments="dev\nprod")

    [comment] = runner.fake.visible()
    assert done.returncode == 0, done.stdout + done.stderr
    assert runner.outputs["changed"] == "true"
    assert json.loads(runner.outputs["counts"])["create"] > 0
    assert runner.outputs["blocked"] == ""
    assert len(runner.outputs["decision-digest"].split("-")) == 2
    assert "**dev**" in comment["body"]
    assert "**prod**" in comment["body"]
    assert TOKEN not in done.stdout + done.stderr


def test_a_fork_is_planned_on_the_emulator_and_gets_no_comment_and_no_account(runner):
    """Its token could not write; nothing signs in for it even when it is told to."""
    runner.write(spec())

    done = runner.run("plan", fork=True, local="false", provider="projects/1/locations/global/x")

    assert done.returncode == 0, done.stdout + done.stderr
    assert runner.fake.calls == []
    assert sorted(each.name for each in (runner.temp / "mlservice" / "reports").iterdir()) == [
        "plan-0.json",
        "plan-0.sarif",
        "problems.sarif",
    ]
    assert "LOCAL: the embedded emulator" in done.stdout


@pytest.mark.parametrize("command", ["apply", "publish"])
def test_what_acts_on_merges_is_refused_on_a_pull_request(runner, command):
    """Whatever the workflow says: the branch may be anybody's."""
    runner.write(spec())

    done = runner.run(command)

    assert done.returncode == 3
    assert f"::error::{command} runs after the merge, never on a pull request" in done.stdout


def test_problems_stand_at_their_lines_and_cannot_be_commands(runner):
    """A value of a spec is in the message: it begins no line of its own."""
    runner.write(spec(region="moon\n::set-output name=changed::true\n::stop-commands::x"))

    done = runner.run("validate")

    lines = commands(done)
    assert done.returncode == 1
    assert lines
    assert all(line.startswith("::error file=services/churn.yaml,line=") for line in lines)


def test_nothing_that_a_plan_shows_is_a_command(runner):
    """A value of a spec is in the plan: the runner takes none of it for an order, in either stream."""
    runner.write(spec(env={"X": "##[set-output name=changed]false", "Y": "##[warning]of a branch"}))

    done = runner.run("plan", comment="never")

    assert "##[warning]of a branch" in done.stdout, done.stdout + done.stderr
    assert commands(done) == []


def test_problems_of_all_environments_are_one_log(runner):
    """Each stands there once, however many environments have it, with its rule; none takes another's place."""
    wrong = {"dev": {"spec": {"scaling": {"maxInstances": -1}}}, "prod": {"spec": {"region": "moon"}}}
    runner.write(spec(min_instances=2) | {"environments": wrong})

    done = runner.run("validate", environments="dev\nprod")

    [log] = json.loads(Path(runner.outputs["sarif-file"]).read_text())["runs"]
    rules = [rule["id"] for rule in log["tool"]["driver"]["rules"]]
    texts = [each["message"]["text"] for each in log["results"]]
    assert done.returncode == 1
    assert len(texts) == len(set(texts)) == len(commands(done))
    assert any("moon" in text for text in texts), texts
    assert any("-1" in text or "maxInstances" in text for text in texts), texts
    assert [each["ruleId"] for each in log["results"]] == [rules[each["ruleIndex"]] for each in log["results"]]


def test_a_job_that_cannot_comment_fails(runner):
    """Otherwise an old comment stands there, and the job is green."""
    runner.write(spec())
    runner.fake.accounts.clear()

    done = runner.run("plan")

    assert done.returncode == 1
    assert "401 Bad credentials" in done.stdout


def test_a_job_that_may_not_sign_in_is_told_what_it_lacks(runner):
    """The permission is off unless a workflow gives it."""
    done = runner.run("plan", local="false", provider="projects/1/x", event={}, without="ACTIONS_ID_TOKEN_REQUEST_URL")

    assert done.returncode == 64
    assert commands(done) == ["::error::GitHub signs no token for this job: give it the permission `id-token: write`"]


def test_a_plan_that_cannot_be_made_is_told(runner):
    """The comment says why, and the job fails."""
    runner.write(spec(secrets={"T": {"secret": "no-such", "version": "1"}}))

    done = runner.run("plan")

    assert done.returncode == 1
    assert "no-such" in runner.outputs["blocked"]
    assert "**Blocked**" in runner.fake.visible()[0]["body"]


@pytest.mark.parametrize(("wanted", "code"), [("error", 0), ("changes", 1), ("delete", 0)])
def test_what_the_job_fails_on_is_chosen(runner, wanted, code):
    """Some want a person to look whenever something changes."""
    runner.write(spec())

    assert runner.run("plan", fail_on=wanted, comment="never").returncode == code


def test_credentials_lie_outside_of_the_workspace_and_go_with_the_step(tmp_path, monkeypatch):
    """They name where to ask and hold no key; only their owner reads them."""
    monkeypatch.syspath_prepend(str(ROOT / "ci"))
    action = __import__("action")
    (tmp_path / "mlservice").mkdir()
    env = {
        "RUNNER_TEMP": str(tmp_path),
        "INPUT_PROVIDER": "projects/1/locations/global/workloadIdentityPools/p/providers/q",
        "INPUT_SERVICE_ACCOUNT": "planner@acme.iam.gserviceaccount.com",
        "ACTIONS_ID_TOKEN_REQUEST_URL": "https://token.example/?a=b",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request-token",
    }

    [(name, file)] = action.signed_in(action.Job(env, {})).items()

    config = json.loads(Path(file).read_text())
    assert name == "GOOGLE_APPLICATION_CREDENTIALS"
    assert Path(file).is_relative_to(tmp_path)
    assert Path(file).stat().st_mode & 0o777 == 0o600
    assert config["credential_source"]["url"].endswith(f"&audience=https:{config['audience']}")
    assert config["service_account_impersonation_url"].endswith(
        "/planner@acme.iam.gserviceaccount.com:generateAccessToken"
    )
