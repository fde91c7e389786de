"""What the GitHub Action runs: `mlservice` for each environment, its outputs, and the one comment.

Inputs come by environment variables, never as part of a command, so that no value of a branch becomes one. Credentials
lie below RUNNER_TEMP, outside of the workspace: what walks the workspace (an upload, an image) cannot take them along.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.hosts.surroundings import event_of

PENDING, BLOCKED, WRONG_USAGE = 2, 3, 64
STS = "https://sts.googleapis.com/v1/token"
IAM = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{account}:generateAccessToken"


@dataclass(frozen=True)
class Job:
    """One run of the action.

    Args:
        env: Its environment.
        event: What started the workflow.
    """

    env: Mapping[str, str]
    event: Mapping[str, Any]

    def asked(self, name: str) -> str:
        """Give an input."""
        return self.env.get(f"INPUT_{name}", "").strip()

    def lines(self, name: str) -> list[str]:
        """Give the lines of an input."""
        return [line.strip() for line in self.asked(name).splitlines() if line.strip()]

    @property
    def request(self) -> Mapping[str, Any]:
        """The pull request; nothing for none."""
        found = self.event.get("pull_request")
        return found if isinstance(found, dict) else {}

    @property
    def of_fork(self) -> bool:
        """Whether the pull request comes from another repository: its token may not write, and it gets no account."""
        head, base = (((self.request.get(side) or {}).get("repo") or {}).get("full_name") for side in ("head", "base"))
        return bool(self.request) and head != base

    @property
    def local(self) -> bool:
        """Whether it is planned on the emulator."""
        return self.asked("LOCAL") == "true" or self.of_fork

    @property
    def folder(self) -> Path:
        """Where reports lie."""
        return Path(self.env["RUNNER_TEMP"]) / "mlservice" / "reports"

    @property
    def state(self) -> Path:
        """Where the emulator's state lies: where the workflow says, but never in the branch's own folder.

        A state names programs that the emulator runs.
        """
        told = Path(self.env.get("MLSERVICE_EMULATOR_STATE", ""))
        if told.is_absolute() and not told.resolve().is_relative_to(Path.cwd().resolve()):
            return told
        return Path(self.env["RUNNER_TEMP"]) / "mlservice" / "emulator"

    def command(self, *arguments: str) -> list[str]:
        """Give a command line of ours. Files come last, behind `--`: one may be called like an option."""
        program = Path(self.env.get("MLSERVICE_PATH", "")) / "mlservice"
        return [str(program), *arguments]

    def run(self, *arguments: str, quiet: bool = False) -> subprocess.CompletedProcess[str]:
        """Run a command of ours; what it says to people is in the log, and none of it is a command of the runner's.

        Both of its streams go into one: the runner reads two side by side, so one could outlast the other's silence.

        Source:
            https://docs.github.com/actions/reference/workflow-commands-for-github-actions: `stop-commands`.
        """
        env = {name: value for name, value in self.env.items() if not name.startswith("INPUT_")}
        env["MLSERVICE_EMULATOR_STATE"] = str(self.state)
        token = f"end-{os.urandom(16).hex()}"
        print(f"::stop-commands::{token}", flush=True)
        try:
            line = self.command(*arguments)
            done = subprocess.run(line, env=env, stdout=subprocess.PIPE, stderr=1, text=True, check=False)
            if not quiet:
                sys.stdout.write(done.stdout)
        finally:
            print(f"\n::{token}::", flush=True)
        return done

    def tell(self, **outputs: str) -> None:
        """Set outputs. A value is written between two lines that nobody can guess, so it cannot set another one."""
        with open(self.env["GITHUB_OUTPUT"], "a", encoding="utf-8") as file:  # noqa: PTH123 - a file of the runner's
            for name, value in outputs.items():
                end = f"end-{os.urandom(16).hex()}"
                file.write(f"{name.replace('_', '-')}<<{end}\n{value}\n{end}\n")

    def summarise(self, text: str) -> None:
        """Add to the page of the run."""
        if self.env.get("GITHUB_STEP_SUMMARY"):
            with open(self.env["GITHUB_STEP_SUMMARY"], "a", encoding="utf-8") as file:  # noqa: PTH123 - as above
                file.write(f"{text}\n")


def where(job: Job, environment: str) -> list[str]:
    """Give the options that say where a command works."""
    return [*(["-e", environment] if environment else []), *(["--local"] if job.local else [])]


def validate(job: Job) -> int:
    """Check the specs, offline; problems stand at their lines."""
    code, logs = 0, []
    for environment in job.lines("ENVIRONMENTS") or [""]:
        named = ["-e", environment] if environment else []
        done = job.run("validate", *named, "-o", "sarif", "--", *job.lines("FILES"), quiet=True)
        logs.append(done.stdout)
        code = max(code, done.returncode)
    show(job, logs)
    return code


def show(job: Job, logs: list[str]) -> None:
    """Show the problems of all environments at their lines, and give them to code scanning as one log."""
    log = merged(logs)
    if log is None:
        return
    file = job.folder / "problems.sarif"
    file.write_text(json.dumps(log, indent=1))
    job.tell(sarif_file=str(file))
    annotate(log["runs"][0]["results"])


def merged(logs: list[str]) -> dict[str, Any] | None:
    """Make one run of those of all logs: what several found stands there once. None where no text is a log.

    Source:
        https://docs.github.com/code-security/reference/code-scanning/sarif-support-for-code-scanning: several runs of
        one tool and category are refused.
    """
    found = [log for log in map(log_of, logs) if log]
    if not found:
        return None
    runs = [run for log in found for run in log["runs"]]
    rules = {rule["id"]: rule for run in runs for rule in run["tool"]["driver"]["rules"]}
    places = {name: index for index, name in enumerate(rules)}
    results = {json.dumps({**each, "ruleIndex": 0}, sort_keys=True): each for run in runs for each in run["results"]}
    log, run = found[0], runs[0]
    run["tool"]["driver"]["rules"] = [*rules.values()]
    run["results"] = [{**each, "ruleIndex": places[each["ruleId"]]} for each in results.values()]
    return {**log, "runs": [run]}


def log_of(text: str) -> dict[str, Any] | None:
    """Read what a command wrote; None where it came to nothing."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) and found.get("runs") else None


def annotate(results: list[dict[str, Any]]) -> None:
    """Show each problem at its line of the change."""
    for result in results:
        place = result["locations"][0]["physicalLocation"]
        region = place.get("region", {})
        level = "warning" if result["level"] == "warning" else "error"
        at = f"file={plain(place['artifactLocation']['uri'], more=True)},line={region.get('startLine', 1)}"
        print(f"::{level} {at}::{plain(result['message']['text'])}")


def plain(text: str, *, more: bool = False) -> str:
    """Give a value that is no command of the runner's.

    Source:
        https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts: which signs are written otherwise.
    """
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return escaped.replace(":", "%3A").replace(",", "%2C") if more else escaped


def plan(job: Job) -> int:
    """Plan each environment, and say on the pull request what it came to."""
    reports, logs, worst = [], [], 0
    for number, environment in enumerate(job.lines("ENVIRONMENTS") or [""]):
        report = job.folder / f"plan-{number}.json"
        sarif = job.folder / f"plan-{number}.sarif"
        options = ["--report", str(report), "--sarif", str(sarif)]
        done = job.run("plan", *where(job, environment), *options, "--", *job.lines("FILES"))
        worst = max(worst, done.returncode)
        if report.exists():
            reports.append(report)
        if sarif.exists():
            logs.append(sarif.read_text())
    show(job, logs)
    told = [json.loads(report.read_text()) for report in reports]
    counts = summed(told)
    changed = any(n for action, n in counts.items() if action != "no-op")
    blocked = [why for each in told for why in each["blocked"]]
    job.tell(
        changed=str(changed).lower(),
        counts=json.dumps(counts),
        decision_digest="-".join(each["decision"] for each in told if each["decision"]),
        blocked="\n".join(blocked),
        report_folder=str(job.folder),
    )
    said = say(job, reports)
    return worst or said or fails_on(job, counts)


def summed(told: list[dict[str, Any]]) -> dict[str, int]:
    """Add up the changes of all environments by action."""
    total: Counter[str] = Counter()
    for each in told:
        total.update(each["plan"]["summary"] if each["plan"] else {})
    return dict(total)


def fails_on(job: Job, counts: Mapping[str, int]) -> int:
    """Give 1 when there is what the job is to fail on."""
    wanted = job.asked("FAIL_ON") or "error"
    deletes = counts.get("delete", 0) + counts.get("replace", 0)
    writes = sum(n for action, n in counts.items() if action != "no-op")
    return int((wanted == "changes" and writes > 0) or (wanted == "delete" and deletes > 0))


def say(job: Job, reports: list[Path]) -> int:
    """Post the comment, where one may be posted, and give its exit code; the page of the run has it in any case."""
    if not reports:
        return 0
    job.summarise(job.run("comment", "--dry-run", *map(str, reports), quiet=True).stdout)
    if job.asked("COMMENT") == "never" or not job.request or job.of_fork:
        return 0
    return job.run("comment", *map(str, reports), "--key", job.asked("KEY") or "plan").returncode


def apply(job: Job) -> int:
    """Apply each environment, one after the other; the first that fails is the last."""
    for environment in job.lines("ENVIRONMENTS") or [""]:
        options = ["--yes", "--lock-timeout", job.asked("LOCK_TIMEOUT") or "10m"]
        code = job.run("apply", *where(job, environment), *options, "--", *job.lines("FILES")).returncode
        if code:
            return code
    return 0


def publish(job: Job) -> int:
    """Put the specs of each environment where its operator reads them."""
    for environment in job.lines("ENVIRONMENTS") or [""]:
        code = job.run("publish", *where(job, environment), "--", *job.lines("FILES")).returncode
        if code:
            return code
    return 0


def drift(job: Job) -> int:
    """Fail when something differs from the specs."""
    codes = [
        job.run("plan", *where(job, environment), "--detailed-exitcode", "--", *job.lines("FILES")).returncode
        for environment in job.lines("ENVIRONMENTS") or [""]
    ]
    job.tell(changed=str(PENDING in codes).lower())
    return max(codes)


def doctor(job: Job) -> int:
    """Look for what is in the way."""
    found, worst = [], 0
    for environment in job.lines("ENVIRONMENTS") or [""]:
        done = job.run("doctor", *where(job, environment), "-o", "json", "--", *job.lines("FILES"), quiet=True)
        worst = max(worst, done.returncode)
        if done.stdout.startswith("{"):
            found.append(json.loads(done.stdout))
    for check in (check for each in found for check in each["checks"] if check["answer"] == "fail"):
        print(f"::error::{plain(check['line'])}")
    job.tell(doctor=json.dumps(found))
    return worst


def signed_in(job: Job) -> dict[str, str]:
    """Give the variables of a federated identity: a file that says where to ask, with no secret that lasts.

    The workflow's own token, which GitHub signs for five minutes, is asked for at each use.

    Source:
        https://google.aip.dev/auth/4117; https://docs.github.com/actions/concepts/security/openid-connect.
    """
    provider, account = job.asked("PROVIDER"), job.asked("SERVICE_ACCOUNT")
    if not provider or job.local:
        return {}
    audience = f"//iam.googleapis.com/{provider}"
    source = {
        "url": f"{job.env['ACTIONS_ID_TOKEN_REQUEST_URL']}&audience=https:{audience}",
        "headers": {"Authorization": f"Bearer {job.env['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"},
        "format": {"type": "json", "subject_token_field_name": "value"},
    }
    config: dict[str, Any] = {
        "type": "external_account",
        "audience": audience,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": STS,
        "credential_source": source,
    }
    if account:
        config["service_account_impersonation_url"] = IAM.format(account=account)
    file = job.folder.parent / "credentials.json"
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as text:
        json.dump(config, text)
    return {"GOOGLE_APPLICATION_CREDENTIALS": str(file)}


COMMANDS = {
    "validate": validate,
    "plan": plan,
    "apply": apply,
    "publish": publish,
    "drift": drift,
    "doctor": doctor,
}
AFTER_THE_MERGE = ("apply", "publish")


def main() -> int:
    """Run the command that was asked for."""
    job = Job(dict(os.environ), event_of(os.environ))
    command = COMMANDS.get(job.asked("COMMAND"))
    if command is None:
        print(f"::error::command is one of {', '.join(COMMANDS)}")
        return WRONG_USAGE
    if job.asked("COMMAND") in AFTER_THE_MERGE and job.request:
        why = "runs after the merge, never on a pull request: its branch may be anybody's"
        print(f"::error::{job.asked('COMMAND')} {why}")
        return BLOCKED
    if job.asked("PROVIDER") and not job.local and not job.env.get("ACTIONS_ID_TOKEN_REQUEST_URL"):
        print("::error::GitHub signs no token for this job: give it the permission `id-token: write`")
        return WRONG_USAGE
    job.folder.mkdir(parents=True, exist_ok=True)
    credentials = signed_in(job)
    try:
        return command(Job({**job.env, **credentials}, job.event))
    finally:
        for file in credentials.values():
            Path(file).unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
