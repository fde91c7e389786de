"""The model registry of the emulated Vertex AI, through Google's client."""

import httpx
import pytest
from google.api_core import exceptions

from tests.conftest import Emulator
from tests.emulator.clients import both_wires
from tests.emulator_vertex.cloud import PLACE, SERVING, Vertex
from tests.emulator_vertex.cloud import vertex as aiplatform_v1

NAME = f"{PLACE}/models/churn"


def ids(found):
    """Numbers of versions."""
    return [each.version_id for each in found]


def listed(vertex, **of):
    """Ids of the models in a list."""
    found = vertex.models.list_models(request={"parent": PLACE, **of})
    return [model.name.rpartition("/")[2] for model in found]


@both_wires
def test_a_model_lives_its_life(emulator, wire):
    """Uploaded under a chosen id, read by the project's number, changed by mask, deleted at once."""
    vertex = Vertex(emulator, wire)
    folder = vertex.put("churn/1/model.onnx")
    uploaded = vertex.upload(artifact_uri=folder, container_spec={"image_uri": SERVING}, labels={"team": "a"})
    model = vertex.models.get_model(name=uploaded.model)

    assert uploaded.model_version_id == "1"
    assert uploaded.model.endswith("/locations/europe-west1/models/churn")
    assert uploaded.model.split("/")[1].isdigit()
    assert (model.name, model.version_id, list(model.version_aliases)) == (uploaded.model, "1", ["default"])
    assert (model.artifact_uri, dict(model.labels)) == (folder, {"team": "a"})
    assert model.create_time == model.version_create_time
    assert [each.id for each in model.supported_export_formats] == ["custom-trained"]

    model.description, model.display_name = "Who leaves", "Leavers"
    changed = vertex.models.update_model(model=model, update_mask={"paths": ["description"]})
    assert (changed.description, changed.display_name) == ("Who leaves", "Churn")
    assert changed.etag != model.etag
    with pytest.raises(exceptions.Conflict):  # the etag is the old one
        vertex.models.update_model(model=model, update_mask={"paths": ["description"]})

    deleting = vertex.models.delete_model(name=NAME)
    assert deleting.done()
    with pytest.raises(exceptions.NotFound, match=r"The Model does not exist\."):
        vertex.models.get_model(name=NAME)
    assert vertex.upload().model_version_id == "1"


def test_an_operation_lives_below_its_model(vertex):
    """Its metadata are those of an upload, and its first answer is not done."""
    started = vertex.models.upload_model(parent=PLACE, model={"display_name": "x"})
    name, pending = started.operation.name, started.operation.done
    answer = started.result(timeout=20)

    assert not pending
    assert name.startswith(f"{answer.model}/operations/")
    assert isinstance(started.metadata, aiplatform_v1.UploadModelOperationMetadata)
    assert answer.model.rpartition("/")[2].isdigit()
    by_id = "/".join(["projects", "local", *name.split("/")[2:]])
    assert httpx.get(f"{vertex.emulator.http}/v1/{by_id}").json()["name"] == name


def test_versions_count_up_and_aliases_find_them(vertex):
    """A new version is uploaded to its parent; the default one stays until its alias moves."""
    vertex.upload(version_description="first")
    second = vertex.upload(parent_model=NAME, version_aliases=["champion"], version_description="second")
    third = vertex.upload(parent_model=NAME, version_aliases=["default"])

    def version(name):
        return vertex.models.get_model(name=name).version_id

    assert (second.model_version_id, third.model_version_id) == ("2", "3")
    assert version(f"{NAME}@champion") == "2"
    assert version(f"{NAME}@2") == "2"
    assert version(NAME) == version(f"{NAME}@-") == version(f"{NAME}@default") == "3"
    assert vertex.models.get_model(name=f"{NAME}@1").version_description == "first"
    assert list(vertex.models.get_model(name=f"{NAME}@1").version_aliases) == []
    found = list(vertex.models.list_model_versions(name=NAME))
    assert ids(found) == ["3", "2", "1"]
    assert [each.name.rpartition("@")[2] for each in found] == ["3", "2", "1"]
    assert ids(vertex.models.list_models(parent=PLACE)) == ["3"]
    with pytest.raises(exceptions.NotFound, match="Model version"):
        vertex.models.get_model(name=f"{NAME}@loser")


def test_an_alias_belongs_to_one_version(vertex):
    """Merging gives it, takes it from the version that had it, and a hyphen takes it away."""
    vertex.upload(version_aliases=["champion"])
    vertex.upload(parent_model=NAME)
    second = vertex.models.merge_version_aliases(name=f"{NAME}@2", version_aliases=["champion", "golden"])
    first = vertex.models.get_model(name=f"{NAME}@1")

    assert list(second.version_aliases) == ["champion", "golden"]
    assert list(first.version_aliases) == ["default"]
    merged = vertex.models.merge_version_aliases(name=f"{NAME}@2", version_aliases=["-golden", "default"])
    assert list(merged.version_aliases) == ["champion", "default"]
    assert vertex.models.get_model(name=NAME).version_id == "2"


@pytest.mark.parametrize(
    ("name", "aliases", "refusal"),
    [
        pytest.param(f"{NAME}@1", ["-default"], exceptions.FailedPrecondition, id="the-default-stays-somewhere"),
        pytest.param(f"{NAME}@1", ["7"], exceptions.InvalidArgument, id="a-number-is-no-alias"),
        pytest.param(f"{NAME}@1", [], exceptions.InvalidArgument, id="nothing-to-merge"),
        pytest.param(f"{NAME}@default", ["golden"], exceptions.InvalidArgument, id="not-by-an-alias"),
        pytest.param(f"{NAME}@9", ["golden"], exceptions.NotFound, id="no-such-version"),
    ],
)
def test_a_merge_that_makes_no_sense_is_refused(vertex, name, aliases, refusal):
    """The version is named by its number, aliases are no numbers, there is always a default version."""
    vertex.upload()

    with pytest.raises(refusal):
        vertex.models.merge_version_aliases(name=name, version_aliases=aliases)


def test_a_version_can_go_unless_it_is_needed(vertex):
    """The default version and the only one are kept; a number is not used again."""
    vertex.upload()
    with pytest.raises(exceptions.FailedPrecondition, match="only version"):
        vertex.models.delete_model_version(name=f"{NAME}@1")
    vertex.upload(parent_model=NAME)
    with pytest.raises(exceptions.FailedPrecondition, match="default version"):
        vertex.models.delete_model_version(name=f"{NAME}@1")

    assert vertex.models.delete_model_version(name=f"{NAME}@2").done()
    assert ids(vertex.models.list_model_versions(name=NAME)) == ["1"]
    assert vertex.upload(parent_model=NAME).model_version_id == "3"


def test_model_and_version_are_changed_separately(vertex):
    """The name says which; labels exist on both, and a read shows them merged."""
    vertex.upload(labels={"team": "a", "stage": "x"})
    vertex.upload(parent_model=NAME, labels={"run": "r2"})
    update = vertex.models.update_model
    update(model={"name": f"{NAME}@2", "labels": {"stage": "y"}}, update_mask={"paths": ["labels"]})
    update(model={"name": f"{NAME}@2", "version_description": "new"}, update_mask={"paths": ["version_description"]})

    second = vertex.models.get_model(name=f"{NAME}@2")
    assert dict(second.labels) == {"team": "a", "stage": "y"}
    assert (second.version_description, vertex.models.get_model(name=NAME).version_description) == ("new", "")
    assert dict(vertex.models.get_model(name=NAME).labels) == {"team": "a", "stage": "x"}
    with pytest.raises(exceptions.FailedPrecondition, match="separately"):
        update(model={"name": NAME, "version_description": "x"}, update_mask={"paths": ["version_description"]})
    with pytest.raises(exceptions.InvalidArgument, match="artifact_uri"):
        update(model={"name": NAME, "artifact_uri": "gs://b/c"}, update_mask={"paths": ["artifact_uri"]})
    with pytest.raises(exceptions.InvalidArgument, match="required"):
        update(model={"name": NAME})


@pytest.mark.parametrize(
    ("model", "words"),
    [
        pytest.param({"display_name": ""}, "Display name is required", id="no-name"),
        pytest.param({"display_name": "x" * 129}, "128", id="a-long-name"),
        pytest.param({"labels": {"Team": "a"}}, "Team=a", id="a-label-in-capitals"),
        pytest.param({"artifact_uri": "models/churn"}, "not a Cloud Storage path", id="a-path"),
        pytest.param({"container_spec": {"image_uri": "nginx:latest"}}, "Artifact Registry", id="another-registry"),
        pytest.param({"container_spec": {"predict_route": "/predict"}}, "image URI is required", id="no-image"),
        pytest.param({"version_aliases": ["1"]}, "version alias", id="a-number-as-alias"),
    ],
)
def test_a_model_that_cannot_be_is_refused(vertex, model, words):
    """All that is wrong is said in the words and the frame of a field violation."""
    with pytest.raises(exceptions.InvalidArgument, match=r"List of found errors:\t1\.Field: .*" + words):
        vertex.upload(**model)

    assert listed(vertex) == []


def test_an_id_is_checked_and_given_once(vertex):
    """A taken one, a malformed one, and a parent that is not there are refused."""
    vertex.upload()
    with pytest.raises(exceptions.AlreadyExists):
        vertex.upload()
    with pytest.raises(exceptions.InvalidArgument, match="model_id"):
        vertex.upload("1churn")
    with pytest.raises(exceptions.NotFound):
        vertex.upload(parent_model=f"{PLACE}/models/other")
    with pytest.raises(exceptions.InvalidArgument, match="Invalid Model resource name"):
        vertex.models.get_model(name=f"{PLACE}/models/Not-A-Name")


def test_an_upload_of_nothing_fails_in_its_operation(vertex):
    """A folder without files is found out later; the id is free again, and other versions are untouched."""
    with pytest.raises(exceptions.FailedPrecondition, match='There are no files under "gs://models/none" to copy'):
        vertex.upload(artifact_uri="gs://models/none")

    assert vertex.upload().model_version_id == "1"


def test_lists_are_filtered_ordered_and_paged(vertex):
    """As the request's comments have it: model, display_name, labels; ascending unless told otherwise."""
    for model_id, name, labels in (
        ("a", "One", {"team": "x"}),
        ("b", "Two", {"team": "y", "old": ""}),
        ("c", "One", {}),
    ):
        vertex.upload(model_id, display_name=name, labels=labels)

    assert listed(vertex) == ["c", "b", "a"]
    assert listed(vertex, filter='display_name="One"') == ["c", "a"]
    assert listed(vertex, filter='displayName!="One"') == ["b"]
    assert listed(vertex, filter="model=b") == ["b"]
    assert listed(vertex, filter="labels.team=x") == ["a"]
    assert listed(vertex, filter="labels:old OR labels.team=x") == ["b", "a"]
    assert listed(vertex, filter='labels.team:* AND NOT display_name="Two"') == ["a"]
    assert listed(vertex, filter='baseModelName="text-bison"') == []
    assert listed(vertex, order_by="display_name, create_time desc") == ["c", "a", "b"]
    assert listed(vertex, order_by="create_time", page_size=2) == ["a", "b", "c"]
    masked = next(iter(vertex.models.list_models(request={"parent": PLACE, "read_mask": {"paths": ["name"]}})))
    assert (bool(masked.name), masked.display_name) == (True, "")


@pytest.mark.parametrize("query", ['owner="x"', "display_name>1", "(model=a", "model=a model=b", "labels.a:x", '"'])
def test_a_filter_that_is_not_understood_is_refused(vertex, query):
    """Rather than answered as if it were not there."""
    with pytest.raises(exceptions.InvalidArgument, match="Invalid filter"):
        listed(vertex, filter=query)


def test_the_older_version_of_the_api_sees_the_same(vertex):
    """v1beta1 over REST."""
    vertex.upload()
    beta = httpx.get(f"{vertex.emulator.http}/v1beta1/{NAME}")

    assert beta.json()["displayName"] == "Churn"
    assert beta.json()["versionId"] == "1"


@pytest.mark.slow
def test_models_survive_a_kill(tmp_path):
    """Versions and aliases are found again; an upload that was under way is finished."""
    emulator = Emulator.start(tmp_path)
    vertex = Vertex(emulator)
    vertex.upload()
    started = vertex.models.upload_model(
        request={"parent": PLACE, "parent_model": NAME, "model": {"display_name": "x", "version_aliases": ["champion"]}}
    )
    name = started.operation.name
    emulator.kill()

    emulator = Emulator.start(tmp_path)
    try:
        vertex = Vertex(emulator)
        url = f"{emulator.http}/v1/{name}:wait"
        assert httpx.post(url, timeout=30).json()["response"]["modelVersionId"] == "2"
        assert vertex.models.get_model(name=f"{NAME}@champion").version_id == "2"
        assert ids(vertex.models.list_model_versions(name=NAME)) == ["2", "1"]
    finally:
        emulator.stop()
