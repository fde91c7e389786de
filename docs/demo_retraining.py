"""The demo's act of training: a model that is trained again by itself, and comes back through plan and apply.

`make demo` tells it after that of watching, `python docs/demo_retraining.py` by itself. Clock and triggers, the
function that decides, the training with its account and its rows, the registry: all run as on Google Cloud, on this
machine.
"""

import json
import os
import shutil
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from demo_stage import REGION, ROOT, await_it, chapter, clients, kept, mlservice, say, workspace

EXAMPLE = ROOT / "specs" / "digits"
SERVICE, BUCKET = "digit-reader", "acme-digits"
IMAGE = "europe-west1-docker.pkg.dev/acme/ml/digit-reader-train:1"
PLACE = f"projects/local/locations/{REGION}"


def tell(folder: Path, first: int) -> None:
    """Tell the act.

    Args:
        folder: An empty one.
        first: Number of its first chapter.
    """
    example, rows = folder / "digits", folder / "handwriting"
    shutil.copytree(EXAMPLE, example)
    subprocess.run([sys.executable, str(EXAMPLE / "rows.py"), str(rows)], check=True)
    chapter(first, "A model that is to be trained again: rows and a first model, a training in an image (specs/digits)")
    before_three()
    prepare(example, rows)
    chapter(first + 1, "Monday, three o'clock in Paris: the schedule fires, a training runs, its model is better")
    mlservice("emulator", "advance", "10m")
    ended(trainings=1)
    chapter(first + 2, "That shows in the next plan; the apply serves it")
    mlservice("plan", str(example), "--local", "--detailed-exitcode", expect=2)
    mlservice("apply", str(example), "--local", "--yes", quiet=True)
    read(example, rows)
    chapter(first + 3, "New rows come in, whose labels slipped by one line: they train, and their model is refused")
    upload(rows / "slipped.csv", "rows/march.csv")
    ended(trainings=2)
    mlservice("why", SERVICE, "--local")
    mlservice("models", SERVICE, "--local")
    # Its function looks every ten minutes whether there are new rows: in the days that later acts let pass, too.
    mlservice("destroy", SERVICE, "--local", "--yes", quiet=True)


def prepare(example: Path, rows: Path) -> None:
    """Make what is somebody's own (bucket, first version, image), and apply the spec."""
    bucket().create()
    for name in ("rows/pilot.csv", "rows/january.csv", "holdout.csv"):
        upload(rows / name, name)
    register(example / "model" / "model.onnx")
    command = ("--create", "--", "python", "main.py")
    mlservice("emulator", "push", str(example / "training"), IMAGE, *command, quiet=True)
    mlservice("apply", str(example), "--local", "--yes", quiet=True)
    allow(f"{SERVICE}-train@local.iam.gserviceaccount.com")
    read(example, rows)


def register(model: Path) -> None:
    """Make the model of the pilot the first version in the registry, as `gcloud ai models upload` does."""
    bucket().blob("models/pilot/model.onnx").upload_from_filename(str(model))
    wanted = {"displayName": SERVICE, "artifactUri": f"gs://{BUCKET}/models/pilot/", "versionAliases": ["champion"]}
    url = f"{os.environ['MLSERVICE_EMULATOR']}/v1/{PLACE}/models:upload"
    httpx.post(url, json={"modelId": SERVICE, "model": wanted}).raise_for_status()
    say(f"version 1 of {SERVICE} in Vertex AI Model Registry, the champion: a model that the pilot's rows made")


def bucket() -> Any:
    """Give the bucket of the rows, through Google's client."""
    from google.cloud import storage  # noqa: PLC0415 - only here

    return storage.Client.from_service_account_json(os.environ["GOOGLE_APPLICATION_CREDENTIALS"]).bucket(BUCKET)


def upload(file: Path, name: str) -> None:
    """Put a file of rows into the bucket."""
    bucket().blob(name).upload_from_filename(str(file))
    say(f"gs://{BUCKET}/{name}: {len(file.read_text().splitlines())} rows")


def allow(account: str) -> None:
    """Let an account read the bucket, as its owner does for whoever trains on it."""
    here = bucket()
    policy = here.get_iam_policy(requested_policy_version=3)
    policy.bindings.append({"role": "roles/storage.objectViewer", "members": {f"serviceAccount:{account}"}})
    here.set_iam_policy(policy)
    say(f"{account} may read gs://{BUCKET}")


def before_three() -> None:
    """Let time pass until it is Monday, ten to three, in Paris: before the apply, as after it every look costs time."""
    told = httpx.get(f"{os.environ['MLSERVICE_EMULATOR']}/_emulator/clock").json()
    now = datetime.fromisoformat(told["now"]).astimezone(ZoneInfo("Europe/Paris"))
    goal = (now + timedelta(days=7 - now.weekday())).replace(hour=2, minute=50, second=0, microsecond=0)
    mlservice("emulator", "advance", f"{int(goal.timestamp() - now.timestamp())}s")


def ended(trainings: int) -> None:
    """Wait for a training's end, let the next look at it take its model in, and tell what came of it."""
    job = await_it(lambda: newest(trainings), SERVICE)
    name = job["name"].rpartition("/")[2]
    say(f"{job['displayName']}: custom job {name} {job['state'].removeprefix('JOB_STATE_').lower()}")
    logs = httpx.get(f"{os.environ['MLSERVICE_EMULATOR']}/_emulator/logs?job={name}").json()
    for line in [line for lines in logs.values() for line in lines][-3:]:
        say(f"  {line}")
    mlservice("emulator", "advance", "10m", quiet=True)
    say(await_it(lambda: verdict(trainings), SERVICE))


def newest(count: int) -> dict[str, Any] | None:
    """Give the last custom job once there are so many and it is over."""
    found = httpx.get(f"{os.environ['MLSERVICE_EMULATOR']}/v1/{PLACE}/customJobs").json().get("customJobs", [])
    over = len(found) == count and "endTime" in found[0]
    return found[0] if over else None


def verdict(count: int) -> str:
    """Give what came of the last training; empty while nobody has looked at it."""
    runs = (kept(SERVICE, "history.json") or {"runs": []})["runs"]
    return str(runs[-1].get("why", "")) if len(runs) == count else ""


def read(example: Path, rows: Path) -> None:
    """Have ten digits read, and say how many are right."""
    lines = [line.rpartition(",") for line in (rows / "holdout.csv").read_text().splitlines()]
    truth = {pixels: digit for pixels, _, digit in lines}
    asked = json.loads((example / "rows.json").read_text())["instances"]
    wanted = [truth[",".join(map(str, pixels))] for pixels in asked]
    found = mlservice("predict", SERVICE, str(example / "rows.json"), "--local", quiet=True).split()
    right = sum(one == other for one, other in zip(found, wanted, strict=True))
    say(f"read as {' '.join(found)}; they are {' '.join(wanted)}: {right} of {len(wanted)} right")


if __name__ == "__main__":
    with workspace() as alone:
        mlservice("emulator", "start")
        clients()
        tell(alone, 1)
