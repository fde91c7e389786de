"""The main job, end to end, on the embedded emulator: `make demo`.

A real model is served from a YAML file and changed by editing the file; a plan comes before every change. Everything
the story does is an `mlservice` command anyone can type, or a call through Google's own clients.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "specs" / "breast-cancer"
SERVICE = "tumour-scorer"
REGION = "europe-west1"
REQUESTS = 200
REPORTS = "operators/mlservice/2"
"""Below which the reports of passes lie that changed something: by the day, so by its year."""
TEAM = f"""\
apiVersion: mlservice/v1
metadata: {{name: {SERVICE}}}
spec:
  region: {REGION}
  image: us-docker.pkg.dev/cloudrun/container/hello
  management: {{deletion: Delete}}
---
apiVersion: mlservice/v1
kind: Operator
metadata: {{name: mlservice}}
spec:
  region: {REGION}
  schedule: "*/10 * * * *"
"""
BOLD, DIM, GREEN, OFF = ("\033[1m", "\033[2m", "\033[32m", "\033[0m") if sys.stdout.isatty() else ("", "", "", "")


def chapter(number: int, text: str) -> None:
    """Begin a part of the story."""
    print(f"\n{BOLD}{number}. {text}{OFF}", flush=True)


def say(text: str) -> None:
    """Tell what was seen."""
    print(f"{GREEN}   {text}{OFF}", flush=True)


def mlservice(*arguments: str, quiet: bool = False, expect: int = 0) -> str:
    """Run an mlservice command as a user would, showing it."""
    print(f"{DIM}$ mlservice {' '.join(arguments)}{OFF}", flush=True)
    command = [sys.executable, "-m", "reconciler.cli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    shown = (done.stdout + done.stderr) if not quiet else ""
    print("".join(f"   {line}\n" for line in shown.splitlines()), end="", flush=True)
    if done.returncode != expect:
        sys.exit(f"the demo failed: exit code {done.returncode}, expected {expect}\n{done.stdout}{done.stderr}")
    return done.stdout


@contextmanager
def workspace() -> Iterator[Path]:
    """Give a folder with a copy of the example, and an emulator of its own whose ports are free ones."""
    with tempfile.TemporaryDirectory(prefix="mlservice-demo-") as name:
        folder = Path(name)
        shutil.copytree(EXAMPLE, folder / "example")
        os.environ["MLSERVICE_EMULATOR_STATE"] = str(folder / "emulator")
        os.chdir(folder)
        try:
            yield folder / "example"
        finally:
            subprocess.run(
                [sys.executable, "-m", "reconciler.cli", "emulator", "stop"], capture_output=True, check=False
            )


def edit(path: Path, **replacements: str) -> None:
    """Change the YAML as an editor would."""
    text = path.read_text()
    for old, new in replacements.items():
        text, count = re.subn(PATTERNS[old], new, text, count=1)
        if not count:
            sys.exit(f"the demo failed: {path} has no {old}")
    path.write_text(text)


PATTERNS = {
    "uri": r"uri: \./model-v1",
    "version": r"version: v1",
    "rollout": r"  rollout: \{strategy: AllAtOnce\}",
}
SPLIT = """  rollout: {strategy: Manual}
  traffic:
    - {version: stable, percent: 80}
    - {version: latest, percent: 20, tag: candidate}"""


def status() -> dict[str, Any]:
    """Give the service's status."""
    found: dict[str, Any] = json.loads(mlservice("status", SERVICE, "--local", "-o", "json", quiet=True))[0]
    return found


def sent(url: str, token: str, body: dict[str, Any]) -> str:
    """Send one request and give its predictions as text."""
    answer = httpx.post(f"{url}/predict", json=body, headers={"authorization": f"Bearer {token}"}, timeout=60)
    answer.raise_for_status()
    return json.dumps(answer.json()["predictions"])


def identity(url: str) -> str:
    """Get the caller's identity token as any client would, through Google's library."""
    import google.auth.transport.requests  # noqa: PLC0415 - only here
    from google.oauth2 import id_token  # noqa: PLC0415 - only here

    return str(id_token.fetch_id_token(google.auth.transport.requests.Request(), url))


def clients() -> None:
    """Point Google's clients of this process at the emulator."""
    for line in mlservice("emulator", "env", quiet=True).splitlines():
        name, _, value = line.removeprefix("export ").partition("=")
        os.environ[name] = value.strip("'")


def measure_split(example: Path) -> None:
    """Send many requests and count which model answered, by what it answers."""
    now = status()
    rows = json.loads((example / "rows.json").read_text())
    body = {"instances": (rows["instances"] if isinstance(rows, dict) else rows)[:1]}
    token = identity(now["url"])
    candidate = sent(now["tags"]["candidate"], identity(now["tags"]["candidate"]), body)
    started = time.monotonic()
    with httpx.Client(headers={"authorization": f"Bearer {token}"}, timeout=60) as client:
        answers = Counter(
            json.dumps(client.post(f"{now['url']}/predict", json=body).json()["predictions"]) for _ in range(REQUESTS)
        )
    seconds = time.monotonic() - started
    new = answers[candidate]
    say(f"{REQUESTS} requests in {seconds:.1f} s: {100 * new / REQUESTS:.0f}% answered by v2 (asked: 20%)")
    for prediction, count in answers.most_common():
        say(f"  {count:4d} x {prediction}  {'v2' if prediction == candidate else 'v1'}")
    if not REQUESTS * 0.08 < new < REQUESTS * 0.34 or len(answers) != 2:  # noqa: PLR2004 - five sigma
        sys.exit("the demo failed: that is not an 80/20 split")


def behind_its_back() -> None:
    """Change the service through Google's client, as somebody on the console would."""
    import grpc  # noqa: PLC0415 - only here
    from google.cloud import run_v2  # noqa: PLC0415 - only here
    from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport  # noqa: PLC0415 - only here

    channel = grpc.insecure_channel(os.environ["MLSERVICE_EMULATOR_GRPC"])
    client = run_v2.ServicesClient(transport=ServicesGrpcTransport(channel=channel))
    service = client.get_service(name=f"projects/local/locations/{REGION}/services/{SERVICE}")
    service.template.max_instance_request_concurrency = 1
    service.template.containers[0].env.append(run_v2.EnvVar(name="DEBUG_BY_HAND", value="1"))
    client.update_service(service=service).result()
    say("somebody set concurrency to 1 and added an environment variable of their own")


def mended() -> None:
    """Show what the passes changed: each that did left a report."""
    from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415 - only here
    from google.cloud import storage  # noqa: PLC0415 - only here

    client = storage.Client(project="local", credentials=AnonymousCredentials())
    reports = [json.loads(blob.download_as_bytes()) for blob in client.list_blobs("local-mlservice", prefix=REPORTS)]
    changes = [change for report in reports for change in report["services"][SERVICE]["changes"]]
    for change in changes:
        say(f"by a pass: {change['action']} {change['address']} {', '.join(change['fields'])} ({change['reason']})")
    if not any(change["reason"].startswith("config drift") for change in changes):
        sys.exit("the demo failed: the job mended nothing")


def nothing_left() -> None:
    """Ask every API what is there."""
    from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415 - only here
    from google.cloud import storage  # noqa: PLC0415 - only here

    run = httpx.get(f"{os.environ['MLSERVICE_EMULATOR']}/v2/projects/local/locations/{REGION}/services").json()
    client = storage.Client(project="local", credentials=AnonymousCredentials())
    buckets = [bucket.name for bucket in client.list_buckets()]
    say(f"Cloud Run services: {len(run.get('services', []))}, buckets: {len(buckets)}")
    if run.get("services") or buckets:
        sys.exit("the demo failed: something is left")


def main() -> None:
    """Tell the story."""
    started = time.monotonic()
    with workspace() as example:
        spec = example / "mlservice.yaml"
        dev = (str(spec), "-e", "dev", "--local")
        chapter(1, "Google Cloud on this machine")
        mlservice("emulator", "start")
        clients()
        chapter(2, f"One YAML file becomes a served model ({EXAMPLE.relative_to(ROOT)}, a real breast-cancer model)")
        mlservice("apply", *dev, "--yes")
        chapter(3, "Call it, with real rows and the caller's own identity")
        mlservice("predict", SERVICE, str(example / "rows.json"), "--local")
        chapter(4, "Edit the file: a new model version for 20% of the traffic. The plan first")
        edit(spec, uri="uri: ./model-v2", version="version: v2", rollout=SPLIT)
        mlservice("plan", *dev, "--detailed-exitcode", expect=2)
        mlservice("apply", *dev, "--yes", quiet=True)
        say("applied")
        chapter(5, f"{REQUESTS} requests show the split")
        measure_split(example)
        chapter(6, "Somebody changes the service behind the reconciler's back; the next pass mends it")
        behind_its_back()
        mlservice("reconcile", *dev)
        mlservice("plan", *dev, "--detailed-exitcode")
        say("their variable stays: it is not a field of ours")
        chapter(7, "Destroy it, and look whether anything is left")
        mlservice("destroy", SERVICE, "--local", "--yes")
        nothing_left()
        chapter(8, "The same by itself: a job that installs itself, reads what was published, and mends what it finds")
        team = example / "team.yaml"
        team.write_text(TEAM)
        mlservice("install", str(team), "--local", "--yes", quiet=True)
        say("installed: a Cloud Run job, the schedule that starts it, an account with the roles that the service needs")
        mlservice("publish", str(team), "--local")
        mlservice("emulator", "advance", "10m")
        behind_its_back()
        mlservice("emulator", "advance", "30m")
        mlservice("operator", "status", "--local")
        mended()
        mlservice("uninstall", "--local", "--yes", quiet=True)
        mlservice("destroy", SERVICE, "--local", "--yes", quiet=True)
    print(f"\n{BOLD}That was {time.monotonic() - started:.0f} s.{OFF} Now yours:")
    print("  mlservice init my-service && mlservice apply my-service --local    the tutorial: docs/tutorial.md")


if __name__ == "__main__":
    main()
