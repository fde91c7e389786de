"""Where the job takes its specs from: a git repository, its image, a bundle; and what it does without them."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from reconciler.cli.sources import from_bundle
from reconciler.core.bundle import pack
from reconciler.engine.bundles import Bundles, digested
from reconciler.engine.operators import Installed
from tests.cli.test_reconcile import AS_THE_JOB, left, messages, pruning, report
from tests.operating import BUCKET, REGION, spec
from tests.repositories import Host

pytestmark = pytest.mark.timeout(300)
MONDAY, TUESDAY, WEDNESDAY = (f"2026-11-{day}T10:00:00+00:00" for day in (23, 24, 25))
TOKEN = "t0ps3cret"
PLACE = f"gs://{BUCKET}/specs/mlservice"


@pytest.fixture
def host(tmp_path):
    """A repository that is read with a token."""
    made = Host(tmp_path / "repositories")
    made.start()
    made.token = TOKEN
    yield made
    made.close()


def written(*specs):
    return {"services/mlservice.yaml": "---\n".join(yaml.safe_dump(each, sort_keys=False) for each in specs)}


def document(**sections):
    body = {"region": REGION, "schedule": "0 0 1 1 *", **sections}
    return {"apiVersion": "mlservice/v1", "kind": "Operator", "metadata": {"name": "mlservice"}, "spec": body}


def test_specs_are_cloned_at_each_pass(shell, operator, host):
    """The commit is in the report; git down, or history gone backwards, changes nothing, and no commit is forgotten."""
    reads = {**AS_THE_JOB, "SSL_CERT_FILE": str(host.trust), "MLSERVICE_GIT_TOKEN": TOKEN}

    def passes(*more):
        return shell("reconcile", "--local", "--git", host.address, "--folder", "services", *more, env=reads)

    operator.connection.state.make()
    old = host.push(written(spec()), MONDAY)
    assert passes().code == 0
    new = host.push(written(spec(env={"A": "1"})), TUESDAY)
    assert passes().code == 0
    told = report(operator)["bundle"]
    assert (told["commit"], told["written"], told["author"]) == (new, TUESDAY, "Ada <ada@acme.example>")
    assert report(operator)["source"]["kind"] == "git"

    host.git("push", "-qf", "origin", f"{old}:main")
    back = passes()

    assert (back.code, "went back in time" in back.err, "--allow-older" in back.err) == (1, True, True)
    assert operator.service().template.containers[0].env[0].value == "1"
    assert report(operator)["bundle"]["commit"] == new
    host.token = "another"
    down = passes()
    assert (down.code, report(operator)["services"], report(operator)["orphaned"]) == (1, {}, []), down.err
    assert "nothing is changed" in "".join(messages(down))
    assert report(operator)["bundle"]["commit"] == new
    assert TOKEN not in down.err + json.dumps(report(operator))
    host.token = TOKEN
    assert passes("--allow-older").code == 0
    assert not operator.service().template.containers[0].env
    assert passes().code == 0, "what was meant once is the last one now"

    host.push(written(spec(env={"A": "2"})) | {"services/a\nb.yaml": "kind: no"}, WEDNESDAY)
    assert passes().code == 1
    assert operator.service().template.containers[0].env[0].value == "2", "one odd file keeps nobody from the rest"
    assert any("a\\nb.yaml: its name is none" in problem for problem in report(operator)["problems"])


def test_the_job_is_made_to_clone_with_a_secret(shell, operator):
    """Its arguments say where, a secret's version is its variable, its account may read it; again, nothing is to do."""
    secrets = operator.api("google.cloud.secretmanager_v1", "secret_manager_service", "SecretManagerService")
    made = secrets.create_secret(parent="projects/local", secret_id="key", secret={"replication": {"automatic": {}}})
    secrets.add_secret_version(parent=made.name, payload={"data": TOKEN.encode()})
    git = {"repository": "https://git.example/acme/ml", "folder": "services", "token": {"secret": "key"}}
    shell.write(spec(), document(specs={"git": git}))

    assert shell("install", "--local", "--yes", "--skip-doctor").code == 0

    jobs = operator.api("google.cloud.run_v2", "jobs", "Jobs")
    job = jobs.get_job(name=f"projects/local/locations/{REGION}/jobs/mlservice-operator")
    [container] = job.template.template.containers
    assert list(container.args)[:7] == [
        "reconcile",
        "--git",
        git["repository"],
        "--branch",
        "main",
        "--folder",
        "services",
    ]
    [token] = [each for each in container.env if each.name == "MLSERVICE_GIT_TOKEN"]
    reference = token.value_source.secret_key_ref
    assert (reference.secret, reference.version) == ("key", "1")
    policy = secrets.get_iam_policy(request={"resource": made.name})
    assert "roles/secretmanager.secretAccessor" in {binding.role for binding in policy.bindings}
    again = shell("install", "--local", "--yes", "--skip-doctor")
    assert "Nothing to do" in again.out, again.out


def test_the_job_reads_specs_that_lie_in_its_image(shell, operator, tmp_path):
    """An image of the user's, with our program and the specs: a pass makes the service, and says what it read."""
    image = tmp_path / "image"
    for package in ("reconciler", "schemas", "runtime"):
        shutil.copytree(
            Path(__file__).parents[2] / package, image / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    registry = operator.api("google.cloud.artifactregistry_v1", "artifact_registry", "ArtifactRegistry")
    wanted = {
        "parent": f"projects/local/locations/{REGION}",
        "repository_id": "ml",
        "repository": {"format_": "DOCKER"},
    }
    registry.create_repository(request=wanted).result(20)
    place = f"{REGION}-docker.pkg.dev/local/ml/operator:1"
    pushed = {"image": place, "folder": str(image), "command": [sys.executable, "-m", "reconciler.cli"]}
    operator.emulator.control("POST", "images", pushed)
    specs = tmp_path / "specs"
    specs.mkdir()
    shell.write(spec(), document(image=place, specs={"image": {"folder": str(specs)}}))
    shutil.copy(tmp_path / "mlservice.yaml", specs)
    assert shell("install", "--local", "--yes", "--skip-doctor").code == 0

    assert shell("operator", "run", "--local").code == 0

    assert left(operator) == {"churn"}
    told = report(operator)
    assert (told["source"], told["bundle"]) == ({"kind": "folder", "place": str(specs)}, None)
    assert "@sha256:" in told["build"]["image"]
    (specs / "mlservice.yaml").write_text("")
    assert shell("reconcile", "--local", str(specs), env=AS_THE_JOB).code == 1
    assert "no spec found" in json.dumps(report(operator)["problems"])
    assert left(operator) == {"churn"}


@pytest.mark.parametrize("before", [True, False], ids=["after-a-good-one", "the-first"])
def test_a_bundle_that_cannot_be_used_is_reported_and_costs_nothing(shell, operator, before):
    """The pass goes on with the last one, or with none: it is told, and nothing is deleted, whatever was ordered."""
    operator.connection.state.make()
    if before:
        shell.write(spec())
        assert shell("publish", "--local", "--to", PLACE).code == 0
        assert shell("reconcile", "--local", "--bundle", PLACE, env=pruning()).code == 0
        operator.connection.storage.bucket(BUCKET).blob("specs/mlservice/current.json").upload_from_string("{")

    done = shell("reconcile", "--local", "--bundle", PLACE, env=pruning())

    told = report(operator)
    assert (done.code, told["exitCode"], len(told["problems"])) == (1, 1, 1), done.err
    assert "publish" in done.err
    assert set(told["services"]) == left(operator) == ({"churn"} if before else set())


GOOD, OTHER = pack({"a.yaml": b"1"}), pack({"a.yaml": b"2"})


def pointer(archive, written=TUESDAY):
    return digested(archive, written=written, published=written)


def stored(made):
    return json.dumps(made.to_json()).encode()


@pytest.mark.parametrize(
    ("current", "archive", "said"),
    [
        pytest.param(None, None, "there is no bundle", id="missing"),
        pytest.param(b"", None, "cannot be read", id="empty"),
        pytest.param(stored(pointer(OTHER))[:40], OTHER, "cannot be read", id="half-written"),
        pytest.param(b"\xff\xfe", None, "cannot be read", id="unreadable"),
        pytest.param(b'{"format": 9}', None, "none of this version", id="of-another-version"),
        pytest.param(stored(pointer(OTHER)), None, "not the one that the pointer names", id="without-its-archive"),
        pytest.param(stored(pointer(OTHER)), b"", "not the one that the pointer names", id="with-an-empty-archive"),
        pytest.param(stored(pointer(OTHER)), OTHER[:700], "not the one that", id="with-half-an-archive"),
        pytest.param(stored(pointer(OTHER, MONDAY)), OTHER, "is older", id="older"),
    ],
)
def test_of_a_bad_bundle_nothing_is_used(operator, current, archive, said):
    """However it is bad, the one that was applied last is used instead; where there was none, none is."""
    operator.connection.state.make()
    bucket = operator.connection.storage.bucket(BUCKET)
    before = pointer(GOOD)
    bucket.blob(f"specs/mlservice/{before.archive}").upload_from_string(GOOD)
    if current is not None:
        bucket.blob("specs/mlservice/current.json").upload_from_string(current)
    if archive is not None:
        bucket.blob(f"specs/mlservice/{pointer(OTHER).archive}").upload_from_string(archive)
    bundles = Bundles(operator.connection, PLACE)

    found = from_bundle(bundles, before, allow_older=False)

    assert (found.files, found.pointer) == ({"a.yaml": b"1"}, before)
    assert said in found.trouble
    assert "publish" in found.hint
    if said != "is older":
        assert from_bundle(bundles, None, allow_older=False).files == {}
    bucket.blob(f"specs/mlservice/{before.archive}").delete()
    assert "nor can the one before" in from_bundle(bundles, before, allow_older=False).trouble


def test_a_bundle_that_may_not_be_read_is_a_bad_one(operator):
    """The account lost its role on the bundle's bucket: the pass says so, and does nothing."""
    operator.connection.state.make()
    operator.emulator.faults({"method": "storage.objects.get", "status": "PERMISSION_DENIED", "times": None})
    try:
        found = from_bundle(Bundles(operator.connection, PLACE), pointer(GOOD), allow_older=False)
    finally:
        operator.emulator.faults()

    assert (found.files, found.pointer) == ({}, pointer(GOOD))
    assert "injected fault" in found.trouble


def test_an_override_is_for_one_pass_alone(shell, operator):
    """`operator run --allow-older` changes no job: the next pass is as careful as it was."""
    shell.write(spec(), document())
    assert shell("install", "--local", "--yes", "--skip-doctor").code == 0
    installed = Installed.find(operator.session())

    execution = installed.run("--allow-older")

    executions = operator.api("google.cloud.run_v2", "executions", "Executions")
    parent = f"projects/local/locations/{REGION}/jobs/mlservice-operator"
    [container] = executions.get_execution(name=f"{parent}/executions/{execution}").template.containers
    assert container.args[-1] == "--allow-older"
    jobs = operator.api("google.cloud.run_v2", "jobs", "Jobs")
    assert "--allow-older" not in jobs.get_job(name=parent).template.template.containers[0].args
