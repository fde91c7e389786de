"""The job that reconciles by itself: installed, fired by the emulator's clock, working as its own account."""

import json
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from emulator.images import bundled as hello
from reconciler.core.inventory import Inventory
from reconciler.engine.inventory_store import InventoryStore
from tests.conftest import HTTP
from tests.operating import BUCKET, REGION, spec

IMAGES = f"{REGION}-docker.pkg.dev/local/ml"

OPERATOR = {
    "apiVersion": "mlservice/v1",
    "kind": "Operator",
    "metadata": {"name": "mlservice"},
    "spec": {"region": REGION, "schedule": "*/10 * * * *"},
}
PASS_S = 600
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def installed(shell, operator):
    """A project whose operator was installed, before anything was published."""
    shell.write(spec(), OPERATOR)
    done = shell("install", "--local", "--yes")
    assert done.code == 0, done.err
    return shell


def test_install_looks_first_for_what_is_in_the_way(shell, operator):
    """A secret that is missing is said before anything is made; `--skip-doctor` installs all the same."""
    shell.write(spec(env={"A": "1"}, secrets={"KEY": {"secret": "none"}}), OPERATOR)

    done = shell("install", "--local", "--yes")

    assert (done.code, "gcloud secrets create none" in done.err, done.out) == (3, True, ""), done.err
    assert operator.inventories() == {}
    shell.write(OPERATOR)
    brief, whole = shell("install", "--local"), shell("install", "--local", "--verbose")
    assert (brief.code, whole.code) == (64, 64), "there is nobody to ask"
    assert 0 < 2 * len(brief.out.splitlines()) < len(whole.out.splitlines()), "a line for each, not one for each field"
    assert set(brief.out.splitlines()) <= set(whole.out.splitlines())
    assert all(each in brief.out for each in whole.out.splitlines() if "ermission" in each), (
        "what gives access is whole"
    )
    assert shell("install", "--local", "--yes").code == 0, "an operator alone is in nobody's way"


def test_an_upgrade_waits_for_a_person_where_it_would_do_something_new(shell, operator, tmp_path):
    """Specs as before, another image of ours: what the old version would not have done is shown, asked for, then done.

    A tag that moves at that moment is such a thing: which of the two it was cannot be told.
    """
    push(operator, tmp_path / "image", "one")
    shell.write(spec(image=f"{IMAGES}/app:1"), OPERATOR)
    assert shell("install", "--local", "--yes", "--skip-doctor").code == 0
    assert shell("reconcile", "--local", env=told("v1")).code == 0
    before = operator.service().template.containers[0].image
    push(operator, tmp_path / "image", "two")

    held = shell("reconcile", "--local", env=told("v2"))

    assert (held.code, "is held" in held.err) == (3, True), held.err
    assert operator.service().template.containers[0].image == before
    shown = shell("operator", "status", "--local")
    assert (shown.code, "churn: held" in shown.out, "operator proceed" in shown.out) == (1, True, True)
    assert shell("operator", "proceed", "--local").code == 64, "there is nobody to ask"
    done = shell("operator", "proceed", "--local", "--yes")
    assert (done.code, "run_service/" in done.out) == (0, True), done.err
    assert shell("reconcile", "--local", env=told("v2")).code == 0
    assert operator.service().template.containers[0].image != before
    assert shell("operator", "proceed", "--local", "--yes").code == 64, "nothing is held any more"


def push(operator, folder, text):
    """Somebody builds the service's image, under the tag that it has already."""
    shutil.copytree(Path(hello.__file__).parent / "hello", folder, dirs_exist_ok=True)
    (folder / "which").write_text(text)
    if text == "one":
        registry = operator.api("google.cloud.artifactregistry_v1", "artifact_registry", "ArtifactRegistry")
        wanted = {"format_": "DOCKER"}
        parent = f"projects/local/locations/{REGION}"
        registry.create_repository(request={"parent": parent, "repository_id": "ml", "repository": wanted}).result(20)
    command = [sys.executable, "-S", "-E", "-B", "server.py"]
    image = {"image": f"{IMAGES}/app:1", "folder": str(folder), "command": command}
    operator.emulator.control("POST", "images", image)


def told(image):
    """What the job of that version is told."""
    orders = {"name": "mlservice", "region": REGION, "environment": "", "drift": "Correct", "deletes": 10}
    said = orders | {"timeZone": "Etc/UTC", "freeze": [], "runtimeImage": "", "image": image}
    return {"MLSERVICE_OPERATOR": json.dumps(said)}


def edit(operator, **template):
    """Somebody changes the service by hand."""
    client = operator.api("google.cloud.run_v2", "services", "Services")
    live = operator.service()
    for name, value in template.items():
        setattr(live.template, name, value)
    client.update_service(request={"service": live}).result(timeout=20)


def reports(operator):
    """Every report that is kept, oldest first."""
    blobs = operator.connection.storage.list_blobs(BUCKET, prefix="operators/mlservice/2")
    return [json.loads(blob.download_as_bytes()) for blob in blobs]


def test_the_job_makes_services_and_mends_what_is_changed_behind_its_back(installed, operator):
    """The schedule fires it, it makes the service, and puts back what a hand changed; the report says so."""
    shell = installed
    again = shell("install", "--local", "--yes")
    assert "Nothing to do" in again.out
    assert shell("publish", "--local").code == 0

    operator.emulator.advance(PASS_S)
    assert operator.service().template.max_instance_request_concurrency == 80
    edit(operator, max_instance_request_concurrency=7)
    operator.emulator.advance(PASS_S)

    assert operator.service().template.max_instance_request_concurrency == 80
    made, mended = reports(operator)
    assert made["services"]["churn"]["state"] == "changed"
    [change] = mended["services"]["churn"]["changes"]
    assert (change["outcome"], change["fields"]) == ("done", [{"path": "concurrency", "before": 7, "after": 80}])
    assert change["reason"].startswith("config drift")
    assert mended["services"]["operator_mlservice"]["state"] == "ok"
    by_job = shell("history", "churn", "--local", "-o", "json").json
    assert [(each["outcome"], each["by"]["kind"]) for each in by_job] == [("changed", "operator")] * 2
    assert by_job[0]["changes"][0]["fields"] == change["fields"]
    assert by_job[0]["source"]["bundle"] == mended["bundle"]["digest"]
    told = shell("operator", "status", "--local")
    assert (told.code, "1 changed" in told.out) == (0, True), told.out

    assert shell("operator", "pause", "--local").code == 0
    again = shell("operator", "pause", "--local")
    assert (again.code, "paused already" in again.out) == (0, True), "what is done already is no failure"
    edit(operator, max_instance_request_concurrency=7)
    operator.emulator.advance(2 * PASS_S)
    assert operator.service().template.max_instance_request_concurrency == 7
    assert shell("operator", "resume", "--local").code == 0
    assert shell("operator", "run", "--local").code == 0
    assert operator.service().template.max_instance_request_concurrency == 80
    assert "done update run_service" in shell("operator", "logs", "--local").out

    gone = shell("uninstall", "--local", "--yes")
    assert gone.code == 0, gone.err
    assert [service.name.rpartition("/")[2] for service in operator.services()] == ["churn"]
    assert {key[1] for key in operator.inventories()} == {"churn"}
    assert shell("operator", "status", "--local").code == 64
    assert shell("report", "--local", "--html", "out").code == 0
    shown = json.loads((shell.folder / "out/index.json").read_text())
    assert (shown["byHand"], [each["name"] for each in shown["services"]]) == (True, ["churn"]), "it looked by itself"


@pytest.mark.long
def test_a_new_version_goes_out_step_by_step_by_the_schedule_alone(installed, operator):
    """Published, and then nobody does anything: 5, 25, 50 and all of real requests, by passes."""
    steps = [{"traffic": percent, "hold": "5m"} for percent in (5, 25, 50)]
    rollout = {"strategy": "Canary", "steps": steps, "gates": {"errorRate": 0.05, "minRequests": 40}}
    for version in ("1", "2"):
        wanted = spec(env={"V": version}, rollout=rollout, access={"authentication": "Public"})
        installed.write(wanted, OPERATOR)
        assert installed("install", "--local", "--yes").code == 0
        assert installed("publish", "--local").code == 0
        operator.emulator.advance(PASS_S)
    new, walked = operator.service().latest_created_revision.rpartition("/")[2], []
    for _ in range(10):
        operator.emulator.advance(PASS_S)
        walked.append(sum(each.percent for each in operator.service().traffic if each.revision == new))
        if walked[-1] == 100:
            break
        codes = {HTTP.get(operator.service().uri).status_code for _ in range(120)}
        assert codes == {200}

    assert [share for place, share in enumerate(walked) if share not in walked[:place] and share] == [5, 25, 50, 100]
    entries = installed("history", "churn", "--local", "-o", "json").json
    assert {each["by"]["kind"] for each in entries} == {"operator"}
    assert any("has 100 %" in each["reason"] for each in entries)


def test_no_text_of_a_report_draws_a_line_of_its_own(shell, operator):
    """Whoever may write a report may write line breaks into any text of it; each stays in the line that it is of."""
    InventoryStore(operator.session()).take(Inventory(service="operator_mlservice", region=REGION))
    text, now = "x\nFORGED", datetime.now(UTC).isoformat()
    change = {
        "address": text,
        "action": text,
        "outcome": text,
        "reason": text,
        "error": text,
        "fields": [{"path": text}],
    }
    service = {"region": REGION, "state": text, "problems": [text], "changes": [change]}
    said = {
        "format": "mlservice/report/v2", "shard": {"index": 0}, "started": now, "ended": now, "exitCode": 1,
        "problems": [text], "warnings": [text], "services": {text: service, "churn": service | {"state": "failed"}},
        "orphaned": [{"region": text, "name": text, "since": text, "state": text, "reason": text}],
        "bundle": {"digest": text, "commit": text}, "source": {"kind": text},
        "calls": [{"api": text, "calls": 2, "throttled": 1}],
        "canary": {"build": {"version": text}, "specs": text, "held": {text: text}},
    }  # fmt: skip
    blob = operator.connection.storage.bucket(BUCKET).blob("operators/mlservice/latest/0.json")
    blob.upload_from_string(json.dumps(said))

    for command in ("status", "logs", "proceed"):
        shown = shell("operator", command, "--local")
        lines = (shown.out + shown.err).splitlines()
        assert any("x FORGED" in line for line in lines), shown
        assert not [line for line in lines if line.startswith("FORGED")], command
