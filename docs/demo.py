"""The main job, end to end, on the embedded emulator: `make demo`.

A real model is served from a YAML file and changed by editing the file; a plan comes before every change. Another one
is watched: what it is asked becomes something else, which is found, told, and trained for. A third one is trained again
when a schedule fires and when new rows come in. A worse version is caught with a fifth of the requests. One that has
spent its budget is kept to it, until a person takes that back. A job installs itself, and goes on by itself.
Everything the story does is an `mlservice` command anyone can type, or a call of Google's own APIs.
"""

import json
import os
import re
import shutil
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import demo_budget
import demo_monitoring
import demo_operator
import demo_retraining
import demo_rollout
import httpx
from demo_stage import BOLD, OFF, REGION, ROOT, chapter, clients, identity, mlservice, say, workspace

EXAMPLE = ROOT / "specs" / "breast-cancer"
SERVICE = "tumour-scorer"
REQUESTS = 200


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
    with workspace() as folder:
        example = folder / "example"
        shutil.copytree(EXAMPLE, example)
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
        demo_monitoring.tell(folder, first=8)
        demo_retraining.tell(folder, first=13)
        demo_rollout.tell(folder, first=17)
        demo_budget.tell(folder, first=19)
        demo_operator.tell(folder, SERVICE, number=22, meanwhile=behind_its_back)
    print(f"\n{BOLD}That was {time.monotonic() - started:.0f} s.{OFF} Now yours:")
    print(f"  {demo_operator.PAGE.relative_to(ROOT)}/index.html    what the job found, as pages: open it in a browser")
    print("  mlservice page --local    your own, live, at http://127.0.0.1:8765/")
    print("  mlservice init my-service && mlservice apply my-service --local    the tutorial: docs/tutorial.md")
    print(f"  {demo_monitoring.PAGE.relative_to(ROOT)}    what the monitor found, as a page: open it in a browser")


if __name__ == "__main__":
    main()
