"""`model.alias`: the registry says which version serves; each plan asks it, and says what moved."""

import html
import json

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


@pytest.mark.parametrize(
    ("folder", "below"),
    [
        pytest.param("", f"retraining/{REGION}/churn/runs/", id="what its trainings made"),
        pytest.param(f"gs://{BUCKET}/by-hand/7/", "by-hand/7/", id="elsewhere in the state bucket"),
        pytest.param("gs://acme-models/churn/7/", "", id="another bucket"),
    ],
)
def test_the_service_may_read_what_the_alias_names(operator, folder, below):
    """Of the state bucket no more than its trainings' runs, or that one folder."""
    Registered(operator).version("a", "champion", folder=folder)

    planned = operator.plan(WANTED)

    [grant] = [c for c in planned.plan.pending if "objectViewer" in str(c.address)]
    bucket = "acme-models" if "acme" in folder else BUCKET
    whole = f"projects/_/buckets/{bucket}"
    assert grant.desired["condition"] == (
        f'resource.name == "{whole}" || resource.name.startsWith("{whole}/objects/{below}")'
    )


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
