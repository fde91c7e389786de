"""plan, apply and destroy as people and scripts run them."""

import json
import re
import stat
import subprocess
import time

import pytest
import yaml

from reconciler.cli.spec_files import files_of
from reconciler.engine.inventory_store import InventoryStore
from schemas import load
from tests.engine.test_scans import Images, service
from tests.operating import HELLO, REGION, spec

SECRET = "hunter2-hunter2"


@pytest.fixture
def applied(shell, operator):
    """A shell whose service is there."""
    report = operator.apply(spec())
    assert not report.failed
    return shell


def test_plan_says_by_its_exit_code_whether_there_is_something_to_do(shell, operator):
    """2 with --detailed-exitcode when there is, 0 otherwise; the plan is on stdout, all else on stderr."""
    shell.write(spec())
    before = shell("plan", "--local", "--detailed-exitcode")
    operator.apply(spec())
    after = shell("plan", "--local", "--detailed-exitcode")

    assert (before.code, after.code) == (2, 0)
    assert "+ Cloud Run service churn in europe-west1" in before.out
    assert "LOCAL" in before.err
    assert "project local (--local)" in before.err
    assert "LOCAL" not in before.out
    cost, said = after.out.splitlines()
    assert said == "Nothing to do: Google Cloud is as the spec says."
    assert cost.startswith("cost: churn: from ")
    assert "by this plan" not in cost


def test_what_may_cost_more_than_its_limit_is_planned_and_not_applied(shell, operator):
    """Both say why and what would fit, with 3; with fewer instances it goes out."""
    limit = {"amount": 1, "planLimit": 100}
    shell.write(spec(budget=limit, scaling={"maxInstances": 3}))
    planned, applied = shell("plan", "--local", "--output", "json"), shell("apply", "--local", "--yes")
    nothing = operator.services()
    shell.write(spec(budget=limit, scaling={"maxInstances": 1}))
    fitting = shell("apply", "--local", "--yes")

    assert (planned.code, applied.code, fitting.code) == (3, 3, 0)
    cost = json.loads(planned.out)["costs"]["churn"]
    assert cost["over"].endswith("above budget.planLimit (100 USD)")
    assert cost["fits"] == "scaling.maxInstances: 1 would fit"
    assert f"nothing was changed: churn: {cost['over']}" in applied.err
    assert (nothing, len(operator.services())) == ([], 1)


def test_an_image_that_is_not_known_to_be_clean_is_planned_and_not_applied(shell, operator):
    """Both say why, with 3; saved, the plan is not applied either; an image whose scan ended well goes out."""
    gate = {"repository": "ml", "scan": {"failOn": "High"}}
    strange = {"uri": "docker.io/library/nginx@sha256:" + "a" * 64}
    shell.write(spec(image=strange, registry=gate))
    planned = shell("plan", "--local", "--out", "plan.json")
    applied, saved = shell("apply", "--local", "--yes"), shell("apply", "plan.json", "--local", "--yes")
    nothing = operator.services()
    shell.write(spec(registry=gate))
    clean = shell("apply", "--local", "--yes")

    assert (planned.code, applied.code, saved.code, clean.code) == (3, 3, 3, 0)
    assert "blocked: churn: image docker.io/library/nginx@sha256:aaaaaaaaaaaa: it is in no registry" in planned.out
    assert "nothing was changed:" in applied.err
    assert "apply it with" not in planned.err
    assert "hint: deploy an image that its scan and its attestors let through, and plan again" in saved.err
    assert "hint: deploy an image that its scan and its attestors let through" in applied.err
    assert (nothing, len(operator.services())) == ([], 1)


def test_a_saved_plan_that_waits_is_planned_again(shell, operator, tmp_path):
    """It says for ever what was found when it was made; a plan that is made anew may wait no longer."""
    shell.write(service(Images(operator, tmp_path).push({}, scanned=False)))
    planned = shell("plan", "--local", "--out", "plan.json")
    applied, saved = shell("apply", "--local", "--yes"), shell("apply", "plan.json", "--local", "--yes")

    assert (planned.code, applied.code, saved.code) == (3, 3, 3)
    assert "hint: apply again when the scan has ended" in applied.err
    assert "hint: plan again when the scan has ended" in saved.err


def test_apply_refuses_to_go_on_where_nobody_can_answer(shell, operator):
    """In a pipe without --yes nothing is changed."""
    shell.write(spec())

    done = shell("apply", "--local")

    assert done.code == 64
    assert "--yes" in done.err
    assert operator.services() == []


@pytest.mark.slow
def test_apply_on_a_terminal_asks(shell, operator):
    """No leaves everything as it is, yes goes on."""
    shell.write(spec())

    no = shell.on_terminal("apply", "--local", answer="n")
    assert (no.code, operator.services()) == (1, [])
    assert "Apply 2 changes in project local?" in no.out
    assert "nothing was changed" in no.out

    yes = shell.on_terminal("apply", "--local", answer="y")
    assert yes.code == 0
    assert "2 of 2 changes done." in yes.out
    assert len(operator.services()) == 1


def test_a_saved_plan_is_applied_exactly(shell, operator):
    """What was read is what happens, even when the file was edited since; the plan is its owner's alone."""
    shell.write(spec(env={"MODE": "read"}))
    shell("plan", "--local", "--out", "plan.json")
    shell.write(spec(env={"MODE": "edited later"}))

    done = shell("apply", "plan.json", "--local", "--yes")

    assert done.code == 0, done.err
    assert operator.service().template.containers[0].env[0].value == "read"
    assert stat.S_IMODE((shell.folder / "plan.json").stat().st_mode) == 0o600


@pytest.mark.slow
def test_a_saved_plan_that_does_not_fit_is_refused(applied, operator):
    """Edited, stale or printed: it says which, and nothing is changed."""
    applied.write(spec(scaling={"maxInstances": 7}))
    applied("plan", "--local", "--out", "plan.json")
    plan = json.loads((applied.folder / "plan.json").read_text())
    (applied.folder / "edited.json").write_text(json.dumps({**plan, "services": ["other"]}))
    (applied.folder / "printed.json").write_text(applied("plan", "--local", "-o", "json").out)
    live = operator.service()
    live.template.max_instance_request_concurrency = 77
    client = operator.api("google.cloud.run_v2", "services", "Services")
    client.update_service(request={"service": live}).result()

    edited = applied("apply", "edited.json", "--local", "--yes")
    printed = applied("apply", "printed.json", "--local", "--yes")
    stale = applied("apply", "plan.json", "--local", "--yes")

    assert (edited.code, printed.code, stale.code) == (64, 64, 1)
    assert "was edited" in edited.err
    assert "printed, not saved" in printed.err
    assert "concurrency was 80 and is 77" in stale.err
    assert operator.service().template.scaling.max_instance_count == 3


@pytest.mark.slow
def test_a_saved_plan_keeps_what_it_says_nothing_of(shell, operator):
    """An older model stays listed as ours, and the spec's word on deletion is kept, as when a spec is applied."""
    for version in ("one", "two"):
        (shell.folder / version).mkdir()
        (shell.folder / version / "model.onnx").write_text(version)
        shell.write(spec(model={"uri": f"./{version}"}))
        shell("plan", "--local", "--out", "plan.json")
        done = shell("apply", "plan.json", "--local", "--yes")
        assert done.code == 0, done.err

    [inventory] = operator.inventories().values()
    assert len([address for address in inventory.entries if address.kind == "model_artifact"]) == 2
    assert shell("destroy", "churn", "--local", "--yes").code == 0
    assert list(operator.connection.storage.list_buckets()) == []


@pytest.mark.slow
def test_two_applies_at_once_never_interleave(shell, operator):
    """One does the work; the other waits and finds it done, or is refused and told who is at work."""
    shell.write(spec())
    operator.emulator.faults({"method": "google.cloud.run.v2.Services/CreateService", "hang": True})
    first = shell.start("apply", "--local", "--yes")
    _until_locked(operator)

    refused = shell("apply", "--local", "--yes")
    waited = shell.start("apply", "--local", "--yes", "--lock-timeout", "1m")
    while "waiting" not in waited.stderr.readline():
        assert waited.poll() is None
    operator.emulator.faults()
    first_told, waited_told = first.communicate(timeout=60)[1], waited.communicate(timeout=60)[1]

    assert (first.returncode, waited.returncode, refused.code) == (0, 0, 1), first_told + waited_told
    assert "is being changed by" in refused.err
    assert "--lock-timeout" in refused.err
    assert operator.emulator.calls()["google.cloud.run.v2.Services/CreateService"] == 1
    [inventory] = operator.inventories().values()
    assert inventory.lock is None


def _until_locked(operator, within_s=30):
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if any(inventory.lock for inventory in operator.inventories().values()):
            return
        time.sleep(0.05)
    raise AssertionError("the first apply took no lock")


def test_apply_answers_programs_with_one_document(shell):
    """`apply --output json` gives plan and report together, so a script can parse stdout."""
    shell.write(spec())

    done = shell("apply", "--local", "--yes", "-o", "json")

    assert done.code == 0
    assert {c["address"] for c in done.json["plan"]["changes"]} == {
        r["address"] for r in done.json["report"]["results"]
    }
    assert all(r["outcome"] == "done" for r in done.json["report"]["results"])


def test_apply_answers_with_one_document_when_it_is_refused(shell, operator):
    """Without a report, when there is none."""
    shell.write(spec())
    InventoryStore(operator.session()).take(operator.plan(spec()).inventories[REGION, "churn"])

    done = shell("apply", "--local", "--yes", "-o", "json")

    assert done.code == 1
    assert done.json["report"] is None
    assert "is being changed by tester" in done.err


@pytest.mark.slow
def test_secrets_show_nowhere(shell, operator):
    """A value of `env` that looks secret is in no plan, report or log, and in no saved plan."""
    shell.write(spec(env={"API_TOKEN": SECRET, "DB": f"postgres://me:{SECRET}@db/x"}))
    runs = [
        shell("validate"),
        *(shell("plan", "--local", "-o", form) for form in ("text", "json", "markdown")),
        shell("apply", "--local", "--yes", "-o", "json"),
    ]
    shell.write(spec(env={"API_TOKEN": f"{SECRET}2"}))
    saved = shell("plan", "--local", "--out", "plan.json")
    live = operator.service()
    live.template.containers[0].env[0].value = f"{SECRET}3"
    operator.api("google.cloud.run_v2", "services", "Services").update_service(request={"service": live}).result()
    runs += [saved, shell("apply", "plan.json", "--local", "--yes"), shell("reconcile", "--local")]

    assert [run.code for run in runs] == [0, 0, 0, 0, 0, 0, 1, 0]
    assert not [run for run in runs if SECRET in run.out + run.err]
    assert SECRET not in (shell.folder / "plan.json").read_text()
    assert "plan.json holds no value that looks secret" in saved.err


@pytest.mark.slow
def test_a_saved_plan_takes_its_secrets_from_the_spec(shell, operator):
    """They are applied as they were when the plan was made, whatever else was edited since, or nothing is."""
    words = {"MODE": "read", "API_TOKEN": SECRET, "DB": f"postgres://me:{SECRET}@db/x"}
    shell.write(spec(env=words))
    shell("plan", "--local", "--out", "plan.json")
    shell.write(spec(env=words | {"API_TOKEN": f"{SECRET}2"}))
    changed = shell("apply", "plan.json", "--local", "--yes")
    (shell.folder / "mlservice.yaml").unlink()
    gone = shell("apply", "plan.json", "--local", "--yes")
    shell.write(spec(env=words | {"MODE": "edited later"}), name="other.yaml")
    elsewhere = shell("apply", "plan.json", "other.yaml", "--local", "--yes")

    assert (changed.code, gone.code, elsewhere.code) == (1, 64, 0), elsewhere.err
    assert "env.API_TOKEN: its value, which the plan hides, is not what the spec says" in changed.err
    assert "mlservice apply plan.json mlservice.yaml" in gone.err
    applied = {each.name: each.value for each in operator.service().template.containers[0].env}
    assert applied.items() >= words.items()
    assert not [run for run in (changed, gone, elsewhere) if SECRET in run.out + run.err]


@pytest.mark.slow
def test_a_saved_plan_needs_no_spec_for_secrets_that_stay(shell, operator):
    """What is there already is known by its digest; what somebody changed there makes the plan stale."""
    shell.write(spec(env={"MODE": "a", "API_TOKEN": SECRET}))
    shell("apply", "--local", "--yes")
    shell.write(spec(env={"MODE": "b", "API_TOKEN": SECRET}))
    for name in ("plan.json", "late.json"):
        shell("plan", "--local", "--out", name)
    (shell.folder / "mlservice.yaml").unlink()

    done = shell("apply", "plan.json", "--local", "--yes")
    live = operator.service()
    next(each for each in live.template.containers[0].env if each.name == "API_TOKEN").value = f"{SECRET}3"
    operator.api("google.cloud.run_v2", "services", "Services").update_service(request={"service": live}).result()
    late = shell("apply", "late.json", "--local", "--yes")

    assert (done.code, late.code) == (0, 1), done.err
    assert "env.API_TOKEN was '(hidden)' and is '(hidden)'" in late.err


@pytest.mark.slow
def test_what_a_spec_protects_is_destroyed_with_consent_only(shell, operator):
    """Protect is the default: exit 3 and the two ways; with consent everything goes, without the spec."""
    operator.apply(spec(management={"deletion": "Protect"}))

    blocked = shell("destroy", "churn", "--local", "--yes")
    assert blocked.code == 3
    assert "--allow-destroy" in blocked.err
    assert "management.deletion: Delete" in blocked.err
    assert len(operator.services()) == 1

    done = shell("destroy", "churn", "--local", "--yes", "--allow-destroy")
    assert done.code == 0
    assert (operator.services(), operator.inventories()) == ([], {})


@pytest.mark.slow
def test_destroy_needs_no_spec(applied, operator):
    """The inventory knows what is there; a name it does not know is wrong usage and the known ones are named."""
    unknown = applied("destroy", "chrn", "--local", "--yes")
    assert unknown.code == 64
    assert "churn" in unknown.err
    assert applied("destroy", "churn", "--local").code == 64, "nobody to ask"

    assert applied("destroy", "churn", "--local", "--yes").code == 0
    assert operator.services() == []


@pytest.mark.slow
def test_what_is_partly_applied_is_4(shell, operator):
    """A change that fails stops what needs it and nothing else; the exit code says that something was done."""
    shell.write(spec("one"), spec("two"))
    fault = {"method": "*.Services/CreateService", "times": 1, "status": "INVALID_ARGUMENT", "message": "no such luck"}
    operator.emulator.faults(fault)

    done = shell("apply", "--local", "--yes")

    operator.emulator.faults()
    assert done.code == 4
    assert "no such luck" in done.err
    assert len(operator.services()) == 1
    assert shell("apply", "--local", "--yes").code == 0


def test_colour_is_for_terminals(applied):
    """None in a pipe and none where NO_COLOR says so."""
    applied.write(spec(env={"A": "1"}))
    piped = applied("plan", "--local")
    shown = applied.on_terminal("plan", "--local")
    plain = applied.on_terminal("plan", "--local", env={"NO_COLOR": "1"})

    assert "\x1b[" not in piped.out + piped.err
    assert "\x1b[33m" in shown.out or "\x1b[1;33m" in shown.out
    assert "\x1b[3" not in plain.out
    assert HELLO.rpartition("/")[2] in shown.out or "env.A" in shown.out


def notes(shell, *arguments):
    """What a plan says beside its changes."""
    return [note["text"] for note in shell("plan", *arguments, "--local", "--output", "json").json["notes"]]


def test_a_service_that_is_renamed_leaves_the_old_one_and_says_so(shell, operator):
    """The plan names it until it is destroyed, saved or not; a service of another file is none of this one's."""
    told = "was applied from this file, which names it no more"
    shell.write(spec("beside"), name="beside.yaml")
    assert shell("apply", "beside.yaml", "--local", "--yes").code == 0
    shell.write(spec("churn"))
    assert shell("plan", "--local", "--out", "plan.json").code == 0
    assert shell("apply", "plan.json", "--local", "--yes").code == 0
    before = notes(shell)
    shell.write(spec("churn-2"))
    (renamed,), applied = notes(shell), shell("apply", "--local", "--yes")
    shell.write(spec("churn-2"), spec("churn-3"))
    (longer,) = notes(shell)
    shell("destroy", "churn", "--local", "--yes")

    assert before == []
    said = f"churn in europe-west1 {told}, and is left as it is; if nothing else wants it: mlservice destroy churn"
    assert renamed == longer == said
    assert f"note: {renamed} [mlservice.yaml]" in applied.out
    assert notes(shell) == []
    assert {each.name.rpartition("/")[2] for each in operator.services()} == {"beside", "churn-2"}


def test_a_file_is_the_same_in_every_clone_of_its_repository(tmp_path):
    """By ssh, by HTTPS and with a token; not at another path, in another repository or for another environment."""
    marks = {}
    for place, remote in {
        "ssh": "git@github.com:acme/ml.git",
        "https": "https://x-access-token:secret@github.com/acme/ml",
        "other": "https://github.com/acme/other.git",
        "here": "",
        "there": "",
    }.items():
        folder = tmp_path / place
        (folder / "specs").mkdir(parents=True)
        git = ["git", "-C", str(folder)]
        subprocess.run([*git, "init", "--quiet"], check=True)
        if remote:
            subprocess.run([*git, "remote", "add", "origin", remote], check=True)
        for name in ("a.yaml", "specs/b.yaml"):
            (folder / name).write_text(yaml.safe_dump(spec(re.sub(r"\W", "-", name))))
        marks |= {(place, one.path[-6:]): one.mark for one in files_of(load(folder).documents).values()}
    assert marks["ssh", "a.yaml"] == marks["https", "a.yaml"]
    assert marks["ssh", "b.yaml"] == marks["https", "b.yaml"]
    assert len(set(marks.values())) == len(marks) - 2

    own = spec("c") | {"environments": {"prod": {}, "test": {}}}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(own))
    found = {files_of(load(tmp_path / "c.yaml", environment=each).documents)["c"].mark for each in ("prod", "test")}
    assert len(found) == 2
