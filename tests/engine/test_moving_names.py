"""Names that move, many services at once, and how often Google is asked."""

from collections import Counter

import pytest

from schemas import SpecError
from tests.engine.test_cleanup import PATH, push
from tests.operating import REGION, spec

SECRETS = ("google.cloud.secretmanager_v1", "secret_manager_service", "SecretManagerService")
IMAGE = f"{PATH}:v1"


@pytest.fixture
def repository(operator):
    """The repository that `IMAGE` is in."""
    api = operator.api("google.cloud.artifactregistry_v1", "artifact_registry", "ArtifactRegistry")
    parent = f"projects/local/locations/{REGION}"
    made = {"parent": parent, "repository_id": "ml", "repository": {"format_": "DOCKER"}}
    api.create_repository(request=made).result()


def changes(operator, wanted):
    return [(c.path, c.before, c.after) for change in operator.plan(wanted).plan.pending for c in change.changes]


def test_a_moved_tag_is_planned_by_digest(operator, repository):
    """New content under the same tag is a difference; the same content pushed again is none."""
    first = push(operator, "one")
    wanted = spec(image=IMAGE)
    assert not operator.apply(wanted).failed

    assert push(operator, "one") == first
    assert operator.differences(wanted) == []

    second = push(operator, "two")
    base = IMAGE.removesuffix(":v1")
    assert changes(operator, wanted) == [("image", f"{base}@{first}", f"{base}@{second}")]


def test_a_new_secret_version_is_planned_by_number(operator):
    """`latest` means a number, and the plan shows which."""
    api = operator.api(*SECRETS)
    secret = {"replication": {"automatic": {}}}
    made = api.create_secret(request={"parent": "projects/local", "secret_id": "token", "secret": secret})
    api.add_secret_version(request={"parent": made.name, "payload": {"data": b"one"}})
    wanted = spec(secrets={"TOKEN": {"secret": "token", "version": "latest"}})
    assert not operator.apply(wanted).failed
    assert operator.differences(wanted) == []

    api.add_secret_version(request={"parent": made.name, "payload": {"data": b"two"}})

    assert changes(operator, wanted) == [("secrets.TOKEN", "token:1", "token:2")]


def test_a_changed_model_folder_is_a_new_artifact_and_a_new_revision(operator):
    """Content decides: the old files stay for the revision that may still serve, the new ones are beside them."""
    model = operator.folder / "model"
    model.mkdir()
    (model / "weights.txt").write_text("1")
    wanted = spec(model={"uri": "./model", "framework": "custom"}, runtime={"startup": {"deadline": "10s"}})
    first = operator.plan(wanted).plan

    (model / "weights.txt").write_text("2")
    (model / ".git").mkdir()
    (model / ".git" / "HEAD").write_text("not a part of the model")
    second = operator.plan(wanted).plan

    artifacts = [next(c for c in p.changes if c.address.kind == "model_artifact") for p in (first, second)]
    assert artifacts[0].address != artifacts[1].address
    assert list(artifacts[1].desired["files"]) == ["weights.txt"]
    services = [next(c for c in p.changes if c.address.kind == "run_service") for p in (first, second)]
    assert services[0].desired["model"]["uri"] != services[1].desired["model"]["uri"]


def reads(operator, *specs):
    operator.emulator.control("DELETE", "calls")
    assert operator.differences(*specs) == []
    calls = Counter(operator.emulator.calls())
    # One list call sees all services of a region; a service alone is read by name. Either way it is one call.
    calls["Services/read"] = sum(calls.pop(f"google.cloud.run.v2.Services/{m}Service{s}", 0) for m, s in
                                 (("Get", ""), ("List", "s")))  # fmt: skip
    # Who may call is one policy per service, and Google has no list of those.
    calls["policies per service"] = calls.pop("google.cloud.run.v2.Services/GetIamPolicy", 0) // len(specs)
    return calls


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_thirty_services_are_applied_together_and_read_as_one(operator):
    """Thirty services converge in one apply, and an empty plan asks as often for thirty as for one."""
    many = [spec(f"scorer-{n}") for n in range(30)]

    report = operator.apply(*many)

    assert not report.failed, [str(r.error) for r in report.failed]
    assert len(operator.services()) == 30
    assert reads(operator, many[0]) == reads(operator, *many)
    assert not operator.destroy(*(f"scorer-{n}" for n in range(30))).failed
    assert operator.services() == []


ROLLED_BACK = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"


def test_a_rollback_in_the_console_is_understood(operator):
    """It is no drift that an apply undoes: that version is rejected by a hand, stays so, and the next one goes out."""
    operator.apply(spec())
    first = operator.service().latest_ready_revision.rpartition("/")[2]
    second = spec(env={"A": "2"})
    operator.apply(second)
    client = operator.api("google.cloud.run_v2", "services", "Services")
    live = operator.service()
    live.traffic = [{"type_": ROLLED_BACK, "revision": first, "percent": 100}]
    client.update_service(request={"service": live}).result()

    [change] = operator.plan(second).plan.pending
    assert change.reason.startswith("rollout: ")
    for _ in range(3):
        operator.apply(second)
    assert [target.revision for target in operator.service().traffic if target.percent] == [first]
    assert operator.differences(second) == []

    third = spec(env={"A": "3"})
    operator.apply(third)
    newest = operator.service().latest_created_revision.rpartition("/")[2]
    assert [target.revision for target in operator.service().traffic if target.percent] == [newest]
    assert operator.differences(third) == []


def test_what_is_only_observed_is_left_where_a_hand_put_it(operator):
    """With mode Observe not even the reason is written."""
    operator.apply(spec())
    first = operator.service().latest_ready_revision.rpartition("/")[2]
    operator.apply(spec(env={"A": "2"}))
    client = operator.api("google.cloud.run_v2", "services", "Services")
    live = operator.service()
    live.traffic = [{"type_": ROLLED_BACK, "revision": first, "percent": 100}]
    client.update_service(request={"service": live}).result()

    operator.apply(spec(env={"A": "2"}, management={"deletion": "Delete", "mode": "Observe"}))

    live = operator.service()
    assert [target.revision for target in live.traffic] == [first]
    assert not [key for key in live.annotations if key.startswith("mlservice.dev/")]


@pytest.mark.parametrize("pin", [True, False], ids=["pinned", "not-pinned"])
@pytest.mark.parametrize("version", ["9", "2", "latest"], ids=["never-made", "disabled", "newest-is-disabled"])
def test_a_secrets_version_that_cannot_be_read_is_refused(operator, version, pin):
    """Secret and version are named at plan time, where the spec says it; a revision with it would never start."""
    api = operator.api("google.cloud.secretmanager_v1", "secret_manager_service", "SecretManagerService")
    secret = {"parent": "projects/local", "secret_id": "tok", "secret": {"replication": {"automatic": {}}}}
    name = api.create_secret(request=secret).name
    for _ in range(2):
        api.add_secret_version(request={"parent": name, "payload": {"data": b"x"}})
    api.disable_secret_version(request={"name": f"{name}/versions/2"})

    with pytest.raises(SpecError) as refused:
        operator.plan(spec(secrets={"TOKEN": {"secret": "tok", "version": version, "pin": pin}}))

    [problem] = refused.value.problems
    assert problem.where.path == "secrets.TOKEN"
    assert "'tok'" in problem.summary
    assert f"'{version}'" in problem.summary
    assert operator.differences(spec(secrets={"TOKEN": {"secret": "tok", "version": "1", "pin": pin}}))
