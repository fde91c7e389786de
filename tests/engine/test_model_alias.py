"""`model.alias`: the registry says which version serves; each plan asks it, and says what moved."""

import html
import json
import re

import pytest

from reconciler.core.plan import Plan
from reconciler.engine.apply import apply
from reconciler.engine.planning import make_plan, plan_destroy
from reconciler.engine.saved import check_saved
from reconciler.gcp.model_registry import ModelRegistry
from reconciler.render.markdown import render_markdown
from reconciler.render.text import render_text
from schemas import SpecError, load
from tests.operating import BUCKET, HELLO, REGION, spec
from tests.operating_registry import Registered

WANTED = spec(model={"alias": "champion"})
SERVICE = f"run_service/{REGION}/churn"


@pytest.fixture
def models(operator):
    """A registry with two versions of the service's model; the first is the champion."""
    found = Registered(operator)
    found.version("a", "champion")
    found.version("b")
    return found


def served(operator, name="churn"):
    """What the server is told of its model, and the label of its revision."""
    template = operator.service(name).template
    [told] = [json.loads(each.value) for each in template.containers[0].env if each.name == "MLSERVICE_MODEL"]
    return told, template.labels["mlservice-version"]


def update(planned):
    """The one change of a service."""
    [change] = [each for each in planned.plan.pending if str(each.address) == SERVICE]
    return change


def test_the_version_that_the_alias_names_is_served(operator, models):
    """Its number and its folder reach the server, the number its revision; the plan after the apply is empty."""
    assert not operator.apply(WANTED).failed

    told, label = served(operator)
    assert told == {"uri": models.folder("a"), "version": "1", "alias": "champion"}
    assert label == "1"
    assert operator.differences(WANTED) == []


def test_an_alias_that_moved_shows_in_the_next_plan(operator, models):
    """In the text, the JSON and the Markdown, as one change from the version that serves to the one that will."""
    operator.apply(WANTED)

    models.move("champion", "2")
    planned = operator.plan(WANTED)

    words = "model 1 -> 2 (alias champion)"
    [changed] = planned.plan.pending
    assert [(c.path, c.before, c.after) for c in changed.changes if "version" in c.path] == [
        ("model.version", "1", "2"),
        ("version", "1", "2"),
    ]
    titles = {"run_service": "Cloud Run service"}
    assert words in render_text(planned.plan, titles=titles).plain
    assert words in html.unescape(render_markdown(planned.plan, titles=titles))
    assert words in json.dumps(planned.plan.to_json())
    assert not operator.apply(WANTED).failed
    assert served(operator) == ({"uri": models.folder("b"), "version": "2", "alias": "champion"}, "2")
    assert operator.differences(WANTED) == []


def test_a_saved_plan_serves_the_version_it_said(operator, models):
    """The alias moved after the plan was read: what was agreed to goes out, and the next plan says the rest."""
    file = operator.write(WANTED)
    session = operator.session()
    saved = Plan.from_json(make_plan(session, load(file).services, runtime_image=HELLO).plan.to_json())

    models.move("champion", "2")
    session = operator.session()
    assert not apply(session, check_saved(session, saved)).failed

    assert served(operator)[1] == "1"
    assert "model 1 -> 2 (alias champion)" in update(operator.plan(WANTED)).consequence


def test_until_a_version_has_the_alias_the_uri_serves(operator):
    """The first model comes from a folder; the plan says so. The first champion takes over, and the upload stays."""
    (operator.folder / "model").mkdir()
    (operator.folder / "model" / "weights.txt").write_text("0")
    wanted = spec(model={"uri": "./model", "alias": "champion", "framework": "custom"})
    models = Registered(operator)

    first = operator.plan(wanted)
    assert not operator.apply(wanted).failed
    told, _ = served(operator)
    assert told["uri"].startswith(f"gs://{BUCKET}/models/churn/")
    assert "version" not in told
    assert [note.text for note in first.plan.notes if "alias" in note.text] == [
        "no version has the alias 'champion' yet: model.uri serves until one has it"
    ]

    models.version("a", "champion")
    assert "model 1 (alias champion)" in update(operator.plan(wanted)).consequence
    assert not operator.apply(wanted).failed
    assert served(operator)[0]["uri"] == models.folder("a")
    assert operator.differences(wanted) == []
    assert list(operator.connection.storage.list_blobs(BUCKET, prefix="models/churn/"))


def test_an_alias_that_is_nowhere_is_refused_with_what_would_do(operator):
    """With the place in the file; whether the model is missing or the alias, and which aliases there are."""
    with pytest.raises(SpecError) as no_model:
        operator.plan(WANTED)
    Registered(operator).version("a", "candidate")
    with pytest.raises(SpecError) as no_alias:
        operator.plan(WANTED)

    [first], [second] = no_model.value.problems, no_alias.value.problems
    assert (first.where.path, second.where.path) == ("model.alias", "model.alias")
    assert second.where.line > 1
    assert f"has no model 'churn' in {REGION}" in first.summary
    assert "none of the 1 versions of model 'churn'" in second.summary
    assert "candidate" in second.hint
    assert all("`uri` beside `alias`" in each.hint for each in (first, second))


def test_an_alias_taken_away_behind_our_back_is_refused_and_what_serves_stays(operator, models):
    """Nothing is changed by a plan that cannot be made."""
    operator.apply(WANTED)
    models.registry.give("churn", "1", "-champion")

    with pytest.raises(SpecError, match="champion"):
        operator.apply(WANTED)

    assert served(operator)[1] == "1"


def test_a_version_without_files_is_refused(operator):
    """One that is only a container has nothing that our server could load."""
    models = Registered(operator)
    image = {"imageUri": "us-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu.1-5:latest"}
    body = {"model": {"displayName": "x", "containerSpec": image, "versionAliases": ["champion"]}, "modelId": "churn"}
    operation = models.registry.api.post(f"{models.registry.place}/models:upload", body)
    while not operation.get("done"):
        operation = models.registry.api.get(operation["name"])

    with pytest.raises(SpecError, match="has no files in Cloud Storage"):
        operator.plan(WANTED)


def test_a_model_of_another_name_is_looked_up(operator):
    """`model.name` is the registry's id; the server does not hear of it."""
    Registered(operator, model="leavers").version("a", "champion")

    assert not operator.apply(spec(model={"alias": "champion", "name": "leavers"})).failed

    assert set(served(operator)[0]) == {"uri", "version", "alias"}


def reads(planned):
    """What the service's account is to read, as bucket and prefix, of the plan's conditions."""
    grants = [c.desired["condition"] for c in planned.plan.pending if "objectViewer" in str(c.address)]
    return [re.search(r'startsWith\("projects/_/buckets/(.*?)/objects/(.*)"\)', each).groups() for each in grants]


@pytest.mark.parametrize(
    ("uri", "folder", "below"),
    [
        pytest.param("", "", [(BUCKET, f"retraining/{REGION}/churn/runs/")], id="what its trainings made"),
        pytest.param("", f"gs://{BUCKET}/by-hand/7/", [], id="elsewhere in the state bucket"),
        pytest.param("", f"gs://{BUCKET}/", [], id="the state bucket"),
        pytest.param(
            "", f"gs://{BUCKET}/retraining/{REGION}/other/runs/1/model/", [], id="what others' trainings made"
        ),
        pytest.param("", f"gs://{BUCKET}/retraining/{REGION}/churn/history.json/", [], id="its history"),
        pytest.param("", "gs://payroll/x/", [], id="a bucket that the spec does not name"),
        pytest.param("gs://acme/a/1/", "gs://payroll/a/2/", [("acme", "a/1/")], id="another bucket than the spec's"),
        pytest.param("gs://acme/a/1/", "gs://acme/b/2/", [("acme", "a/1/")], id="another folder than the spec's"),
        pytest.param("gs://acme/a/1/", "gs://acme/", [("acme", "a/1/")], id="the spec's whole bucket"),
        pytest.param("gs://acme/a/1", "gs://acme/a/2/", [("acme", "a/1/"), ("acme", "a/2/")], id="beside the spec's"),
        pytest.param("gs://acme/a/", "gs://acme/a/2/", [("acme", "a/"), ("acme", "a/2/")], id="in the spec's"),
    ],
)
def test_the_service_may_read_what_the_spec_names(operator, uri, folder, below):
    """Whoever may upload a version says where its files are; the account is given no more than the spec names."""
    Registered(operator).version("a", "champion", folder=folder)

    planned = operator.plan(spec(model={"alias": "champion", **({"uri": uri} if uri else {})}))

    assert sorted(reads(planned)) == below
    told = [note.text for note in planned.plan.notes if "the spec does not name" in note.text]
    assert len(told) == (folder != "" and len(below) < 2)


@pytest.mark.parametrize("folder", ['gs://acme/x"||resource.name!="/', "gs://acme/x\\y/", "gs://acme/a/../b/"])
def test_a_version_whose_folder_has_an_odd_name_is_refused(operator, folder):
    """A name that would be read as more than a name goes into no condition."""
    Registered(operator).version("a", "champion", folder=folder)

    with pytest.raises(SpecError, match="nothing reads"):
        operator.plan(spec(model={"alias": "champion", "uri": "gs://acme/a/"}))


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ({"model": {"uri": f"gs://{BUCKET}/inventories/"}}, "model.uri"),
        ({"model": {"uri": f"gs://{BUCKET}/retraining/{REGION}/other/runs/1/"}}, "model.uri"),
        (
            {"evaluation": {"metric": "a", "dataset": f"gs://{BUCKET}/inventories/a.json"}},
            "retraining.evaluation.dataset",
        ),
        (
            {"run": {"vertexPipeline": {"template": "gs://acme/a.json", "pipelineRoot": f"gs://{BUCKET}/x"}}},
            "retraining.run.vertexPipeline.pipelineRoot",
        ),
        ({"run": {"vertexPipeline": {"template": f"gs://{BUCKET}/a.json"}}}, "retraining.run.vertexPipeline.template"),
        ({"when": {"storage": f"gs://{BUCKET}/retraining/"}}, "triggers[0].when.storage"),
        ({"when": {"pubsub": "projects/local/topics/churn-events"}}, "triggers[0].when.pubsub"),
        ({"when": {"pubsub": "projects/123456/topics/churn-events"}}, "triggers[0].when.pubsub"),
    ],
)
def test_the_state_bucket_and_our_own_topics_are_not_for_specs(operator, wanted, path):
    """With the place in the file, before anything is changed: who may read there reads every inventory."""
    trigger = {"name": "a", "when": wanted.get("when", {"schedule": "0 3 * * 1"})}
    retraining = {"run": {"webhook": {"url": "https://acme.example/x"}}, "promote": "Never"}
    retraining |= {key: value for key, value in wanted.items() if key in {"run", "evaluation"}}

    with pytest.raises(SpecError) as refused:
        operator.plan(spec(model=wanted.get("model"), retraining=retraining, triggers=[trigger]))

    assert [problem.where.path for problem in refused.value.problems] == [path]


def test_a_service_in_two_regions_has_an_account_that_reads_both_registries(operator, models):
    """Its account is one, and what each region's trainings made is apart: neither plan takes away the other's."""
    elsewhere = "us-central1"
    there = ModelRegistry.of(operator.connection, elsewhere)
    folder = models.folder("a").replace(REGION, elsewhere)
    models.put(folder)
    body = {"model": {"displayName": "x", "artifactUri": folder, "versionAliases": ["champion"]}, "modelId": "churn"}
    operation = there.api.post(f"{there.place}/models:upload", body)
    while not operation.get("done"):
        operation = there.api.get(operation["name"])
    other = spec(region=elsewhere, model={"alias": "champion"})

    assert not operator.apply(WANTED).failed
    assert not operator.apply(other).failed

    assert operator.differences(WANTED) == operator.differences(other) == []


def test_services_ask_for_each_alias_once(operator):
    """The same one is asked once, for however many services. A spec without an alias asks nothing."""
    Registered(operator, model="shared").version("a", "champion")
    model = {"alias": "champion", "name": "shared"}
    operator.emulator.control("DELETE", "calls")

    operator.plan(*(spec(f"churn-{number}", model=model) for number in range(3)), spec("other"))

    calls = operator.emulator.calls()
    assert [count for method, count in calls.items() if "ModelService" in method] == [1]


def test_destroy_leaves_the_registry_and_says_so(operator, models):
    """Versions are what trainings made; a service that comes back finds them."""
    operator.apply(WANTED)
    session = operator.session()

    planned = plan_destroy(session, [(REGION, "churn")])
    assert not apply(session, planned).failed

    assert [note.text for note in planned.plan.notes] == ["versions of its model stay in Vertex AI Model Registry"]
    assert models.holder("champion") == "1"
    assert operator.services() == []
