"""What runs an image, a model or what a commit made: read from Cloud Run, whoever made it."""

import json

import pytest

from reconciler.cli.commands.install import plan_operator
from reconciler.core.errors import UsageError
from reconciler.core.stamp import COMMIT, RUN, SPECS, UNCOMMITTED, Stamp
from reconciler.engine import whereabouts
from reconciler.engine.apply import apply
from reconciler.engine.planning import make_plan
from reconciler.engine.whereabouts import read_where
from schemas import load
from tests.emulator_analysis.pushed import switch
from tests.emulator_registry.client import INDEX, OCI, registry
from tests.engine.test_cleanup import PATH, REGISTRY, in_another_project, push
from tests.engine.test_operator import document
from tests.operating import HELLO, REGION, spec
from tests.operating_registry import Registered

FIRST, SECOND = "a1" * 20, "b2" * 20


def applied(operator, commit, *specs, uncommitted=False):
    """Apply specs of a commit; the run's name."""
    session = operator.session()
    session.stamp = Stamp(commit, uncommitted)
    report = apply(session, make_plan(session, load(operator.write(*specs)).services, runtime_image=HELLO))
    assert not report.failed, [str(each.error) for each in report.failed]
    return session.run_id


def revisions(operator, name="churn"):
    """Revisions, the newest first, by Google's client."""
    client = operator.api("google.cloud.run_v2", "revisions", "Revisions")
    parent = f"projects/local/locations/{REGION}/services/{name}"
    return list(client.list_revisions(request={"parent": parent}))


def found(operator, text, *regions):
    """What is found, as region, name, state and percent."""
    told = read_where(operator.session(), text, regions)
    assert not told.unknown
    return [(each.spot.region, each.spot.name, each.spot.state, each.spot.percent) for each in told.found]


def test_a_revision_carries_what_it_came_from_and_a_commit_alone_makes_none(operator):
    """Another commit of the same spec changes nothing; with another change its stamp is the new one."""
    first = applied(operator, FIRST, spec())
    (made,) = revisions(operator)
    applied(operator, SECOND, spec())

    assert (made.annotations[COMMIT], made.annotations[RUN]) == (FIRST, first)
    assert made.annotations[SPECS] == operator.plan(spec()).plan.spec_digest
    assert [each.name for each in revisions(operator)] == [made.name]
    assert operator.differences(spec()) == []

    second = applied(operator, SECOND, spec(env={"A": "1"}), uncommitted=True)
    newest, before = revisions(operator)

    assert (newest.annotations[COMMIT], newest.annotations[UNCOMMITTED]) == (SECOND, "true")
    assert newest.annotations[RUN] == second
    assert before.annotations == made.annotations
    assert operator.differences(spec(env={"A": "1"})) == []


def test_annotations_of_others_stay_and_stamps_are_never_compared(operator):
    """Somebody takes the stamp away and adds their own annotation: no difference, and theirs stays."""
    applied(operator, FIRST, spec())
    client = operator.api("google.cloud.run_v2", "services", "Services")
    live = operator.service()
    live.template.annotations.clear()
    live.template.annotations["team"] = "ml"
    client.update_service(request={"service": live}).result(timeout=60)

    assert operator.differences(spec()) == []
    applied(operator, "", spec(env={"A": "1"}))
    annotations = operator.service().template.annotations
    assert (annotations["team"], COMMIT in annotations) == ("ml", False)


def test_a_digest_is_found_by_its_beginning_and_in_what_one_can_go_back_to(operator):
    """The service that serves it first, then the revision of before; by image, by tag, by commit and by run as well."""
    operator.apply(spec("owner", registry=REGISTRY))
    one, two = push(operator, "one", "v1"), push(operator, "two", "v2")
    run = applied(operator, FIRST, spec(image=f"{PATH}@{one}"), spec("other", image=f"{PATH}@{one}"))
    applied(operator, SECOND, spec(image=f"{PATH}@{two}"))
    serving, back = (REGION, "other", "serves", 100), (REGION, "churn", "way back", 0)

    for text in (one, one.removeprefix("sha256:")[:10], f"{PATH}@{one}", f"{PATH}:v1", FIRST[:7], FIRST, run):
        assert found(operator, text) == [serving, back], text
    assert found(operator, two) == [(REGION, "churn", "serves", 100)]
    assert {each[1] for each in found(operator, PATH)} == {"churn", "other"}
    assert found(operator, "sha256:" + "0" * 64) == []
    [told] = [each.to_json() for each in read_where(operator.session(), two).found]
    assert (told["commit"], told["why"], told["images"]) == (SECOND, ["digest"], [f"{PATH}@{two}"])
    assert told["made"]


def indexed(operator, part, path=PATH):
    """Push an index of an image; its digest."""
    with registry(operator.emulator) as made:
        size = int(made.head(f"/v2/{path}/manifests/{part}").headers["content-length"])
        platform = {"os": "linux", "architecture": "amd64"}
        entry = {"mediaType": OCI, "digest": part, "size": size, "platform": platform}
        whole = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).encode()
        answer = made.put(f"/v2/{path}/manifests/all", content=whole, headers={"content-type": INDEX})
        return answer.headers["docker-content-digest"]


def test_an_index_is_found_by_what_is_in_it(operator):
    """Deployed is the index of two platforms; asked is for one of its images, and the other way round."""
    operator.apply(spec("owner", registry=REGISTRY))
    part = push(operator, "one", "v1")
    index = indexed(operator, part)
    applied(operator, FIRST, spec(image=f"{PATH}@{index}"), spec("plain", image=f"{PATH}@{part}"))

    by_part, by_index = (read_where(operator.session(), text) for text in (part, index))

    assert {each.spot.name: each.why for each in by_part.found} == {
        "churn": (f"index of {part[7:19]}",),
        "plain": ("digest",),
    }
    assert {each.spot.name: each.why for each in by_index.found} == {
        "churn": ("digest",),
        "plain": (f"part of {index[7:19]}",),
    }


def test_a_model_is_found_by_folder_version_and_alias(operator):
    """An alias that moved names what it names now; what the spec of a revision said then is told as such."""
    models = Registered(operator)
    models.version("a", "champion")
    models.version("b")
    wanted = spec(model={"alias": "champion"})
    applied(operator, FIRST, wanted)
    models.move("champion", "2")
    applied(operator, SECOND, wanted)
    serves, back = (REGION, "churn", "serves", 100), (REGION, "churn", "way back", 0)

    assert found(operator, "churn@champion") == [serves]
    assert found(operator, "churn@1") == found(operator, models.folder("a")) == found(operator, "1") == [back]
    assert found(operator, "champion") == [serves, back]
    assert found(operator, "other@1") == []


def test_a_region_that_cannot_be_read_hides_no_other(operator):
    """It is told, and what the others have is found."""
    applied(operator, FIRST, spec(), spec("there", region="us-central1"))
    listing = "google.cloud.run.v2.Services/ListServices"
    operator.emulator.faults({"method": listing, "status": "PERMISSION_DENIED", "times": 1})

    told = read_where(operator.session(), FIRST)
    operator.emulator.faults()

    assert told.regions == (REGION, "us-central1")
    assert len(told.found) == len(told.unknown) == 1
    assert "see docs/permissions.md" in told.unknown[0]
    assert len(read_where(operator.session(), FIRST).found) == 2


def test_of_a_repository_of_others_only_what_runs_is_read(operator):
    """The index that runs is found by its part, and a part by the digest of its index; nothing there is listed."""
    path, _ = in_another_project(operator)
    one, two = push(operator, "one", path=path), push(operator, "two", "v2", path=path)
    index = indexed(operator, one, path)
    applied(operator, FIRST, spec(image=f"{path}@{index}"), spec("plain", image=f"{path}@{one}"))
    operator.emulator.control("DELETE", "calls")

    by = {text: {each.spot.name for each in read_where(operator.session(), text).found} for text in (one, index)}
    by_tag = [read_where(operator.session(), f"{path}:{tag}").found for tag in ("all", "v2")]
    assert by == {one: {"churn", "plain"}, index: {"churn", "plain"}}
    assert [{each.spot.name for each in found} for found in by_tag] == [{"churn", "plain"}, set()]
    assert read_where(operator.session(), two).found == ()
    assert [method for method in operator.emulator.calls() if "ListDockerImages" in method] == []


def test_a_list_that_is_cut_is_not_known_to_be_whole(operator, monkeypatch):
    """Of our repository, and of how many images of others are read: what was not looked into may have it."""
    operator.apply(spec("owner", registry=REGISTRY))
    push(operator, "one")
    path, _ = in_another_project(operator)
    theirs = push(operator, "three", path=path)
    applied(
        operator, FIRST, spec(image=f"{path}@{theirs}"), spec("ours", image=f"{PATH}@{push(operator, 'two', 'v2')}")
    )
    whole = read_where(operator.session(), "0" * 64)
    monkeypatch.setattr(whereabouts, "_MOST_LISTED", 1)
    monkeypatch.setattr(whereabouts, "_MOST_READ", 1)

    told = read_where(operator.session(), "0" * 64).unknown
    assert whole.unknown == ()
    assert ["and only" in line for line in told] == [True, True]


def test_a_repository_of_others_that_may_not_be_read_is_named_and_no_error(operator):
    """What runs is found by its digest all the same; only what is in an index there is not known."""
    applied(operator, FIRST, spec())
    reading = "google.devtools.artifactregistry.v1.ArtifactRegistry/GetDockerImage"
    operator.emulator.faults({"method": reading, "status": "PERMISSION_DENIED", "times": None})

    told = read_where(operator.session(), FIRST)
    operator.emulator.faults()

    assert [each.spot.name for each in told.found] == ["churn"]
    assert (told.unknown, told.unread) == ((), ("projects/cloudrun/locations/us/repositories/container",))


def test_functions_are_looked_for_where_one_says_to_look(operator):
    """What hides them is told of, and where nobody switched their API on there are none."""
    applied(operator, FIRST, spec())
    listing = "google.cloud.functions.v2.FunctionService/ListFunctions"
    operator.emulator.faults({"method": listing, "status": "PERMISSION_DENIED", "times": None})
    told = [read_where(operator.session(), FIRST, regions).unknown for regions in ((), ("us-east1",))]
    operator.emulator.faults()
    switch(operator.emulator, on=False, host="cloudfunctions.googleapis.com")

    assert [["functions_function/us-east1" in why for why in each] for each in told] == [[], [True]]
    assert found(operator, FIRST, "us-east1") == [(REGION, "churn", "serves", 100)]


def test_what_nobody_applied_is_found_where_one_says_to_look(operator):
    """A service made by hand, in a region without an inventory."""
    applied(operator, FIRST, spec())
    client = operator.api("google.cloud.run_v2", "services", "Services")
    digest = operator.plan(spec()).wants[next(iter(a for a in operator.plan(spec()).wants if a.kind == "run_service"))]
    template = {"containers": [{"image": digest.fields.image}]}
    request = {"parent": "projects/local/locations/us-east1", "service_id": "hand", "service": {"template": template}}
    client.create_service(request=request).result(timeout=60)
    image = digest.fields.image.partition("@")[2]

    assert [each[1] for each in found(operator, image)] == ["churn"]
    assert {each[1] for each in found(operator, image, "us-east1")} == {"churn", "hand"}


def test_a_job_carries_what_it_came_from(operator):
    """The job that reconciles: its executions have the stamp, and its image is found as a job's."""
    session = operator.session()
    session.stamp = Stamp(FIRST)
    assert not apply(session, plan_operator(session, load(operator.write(document())))).failed
    client = operator.api("google.cloud.run_v2", "jobs", "Jobs")
    [job] = client.list_jobs(request={"parent": f"projects/local/locations/{REGION}"})
    image = job.template.template.containers[0].image

    assert (job.template.annotations[COMMIT], job.template.annotations[RUN]) == (FIRST, session.run_id)
    assert found(operator, image.partition("@")[2]) == [(REGION, "mlservice-operator", "its executions", 0)]
    assert found(operator, FIRST) == [(REGION, "mlservice-operator", "its executions", 0)]


@pytest.mark.parametrize("text", ["", "a b", "sha256:xyz", "sha256:ab", "no/registry/image", "@1", "m@", "x" * 1001])
def test_what_can_be_nothing_is_refused(operator, text):
    """Before any call, with what would do."""
    session = operator.session()
    operator.emulator.control("DELETE", "calls")

    with pytest.raises(UsageError, match="is no digest, image, model or commit"):
        read_where(session, text)
    assert operator.emulator.calls() == {}


def test_what_is_too_short_is_not_known_to_run_nowhere(operator):
    """Fewer digits than are looked for: it says so, unless a version has that name."""
    Registered(operator).version("a", "champion")
    applied(operator, FIRST, spec(model={"alias": "champion"}))

    assert found(operator, "1") == [(REGION, "churn", "serves", 100)]
    for text in (FIRST[:3], "0"):
        told = read_where(operator.session(), text)
        assert (told.found, ["too short" in why for why in told.unknown]) == ((), [True])
    assert read_where(operator.session(), "xyz").unknown == ()


@pytest.mark.slow
def test_a_function_is_found_by_the_image_that_its_trainings_start_from(operator):
    """It stands in its settings alone, and nothing runs it until somebody trains."""
    operator.apply(spec("owner", registry=REGISTRY))
    trains = push(operator, "train")
    run = {"customJob": {"image": f"{PATH}@{trains}"}}
    report = operator.apply(spec(retraining={"run": run, "guards": {"cooldown": "6h"}}))

    assert not report.failed, [str(each.error) for each in report.failed]
    assert found(operator, trains) == [(REGION, "churn-retrain", "its trainings", 0)]


def functions(operator):
    """Functions, by Google's client."""
    client = operator.api("google.cloud.functions_v2", "function_service", "FunctionService")
    parent = f"projects/local/locations/{REGION}"
    return list(client.list_functions(request={"parent": parent})), client


def test_a_function_carries_what_it_came_from(operator):
    """Found by commit and run; a commit alone changes nothing of it, and labels of others stay."""
    operator.make_job()

    def retrained(cooldown):
        return spec(retraining={"run": {"cloudRunJob": {"name": "train"}}, "guards": {"cooldown": cooldown}})

    run = applied(operator, FIRST, retrained("6h"))
    [made], client = functions(operator)
    made.labels["team"] = "growth"
    client.update_function(request={"function": made, "update_mask": {"paths": ["labels"]}}).result(timeout=60)
    applied(operator, SECOND, retrained("6h"))
    [before], _ = functions(operator)

    assert (before.labels[COMMIT], before.labels[RUN], before.labels["team"]) == (FIRST, run, "growth")
    assert operator.differences(retrained("6h")) == []
    of_functions = [each.spot for each in read_where(operator.session(), FIRST).found if each.spot.kind == "function"]
    assert [(each.name, each.stamp.commit, each.stamp.run) for each in of_functions] == [
        (before.name.rpartition("/")[2], FIRST, run)
    ]

    applied(operator, SECOND, retrained("7h"), uncommitted=True)
    [after], client = functions(operator)
    assert (after.labels[COMMIT], after.labels[UNCOMMITTED], after.labels["team"]) == (SECOND, "true", "growth")
    for key in (COMMIT, UNCOMMITTED, RUN, SPECS):
        del after.labels[key]
    client.update_function(request={"function": after, "update_mask": {"paths": ["labels"]}}).result(timeout=60)
    assert operator.differences(retrained("7h")) == []
