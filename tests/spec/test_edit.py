"""Values of a spec's file change where they stand, or nothing does."""

import pytest

from schemas import load
from schemas.edit import NotEditable, edited

HEAD = "apiVersion: mlservice/v1\nkind: MLService\nmetadata: {name: churn}\nspec:\n  region: europe-west1\n"
ENVIRONMENT = "environments:\n  prod:\n    spec:\n      model: {{uri: {}, version: {}}}\n"
NEW = {"model.uri": "gs://acme/runs/9/model/", "model.version": "8"}


def change(tmp_path, text, values=None, environment=None, name="churn"):
    """Edit a file's text."""
    file = tmp_path / "mlservice.yaml"
    file.write_bytes(text.encode())
    [loaded] = [s for s in load(file, environment=environment).services if s.service.name == name]
    return edited(text, loaded, values or NEW, beside="model.uri")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            "  model:  # serves\n    uri: ./model   # the first\n    version: 7\n    framework: onnx\n",
            "  model:  # serves\n    uri: gs://acme/runs/9/model/   # the first\n    version: 8\n    framework: onnx\n",
            id="block, with comments",
        ),
        pytest.param(
            "  model: {version: '7', uri: \"gs://a-b/c/\", framework: onnx}\n",
            "  model: {version: '8', uri: \"gs://acme/runs/9/model/\", framework: onnx}\n",
            id="flow, quoted, the other way round",
        ),
        pytest.param(
            "  model:\n    uri: ./model\n    framework: onnx\n",
            "  model:\n    uri: gs://acme/runs/9/model/\n    version: '8'\n    framework: onnx\n",
            id="no version yet",
        ),
        pytest.param(
            "  model: {uri: ./model, framework: onnx}\n",
            "  model: {uri: gs://acme/runs/9/model/, version: '8', framework: onnx}\n",
            id="no version yet, in braces",
        ),
        pytest.param(
            "  model:\n    uri: ./model", "  model:\n    uri: gs://acme/runs/9/model/\n    version: '8'", id="last line"
        ),
        pytest.param(
            "  model:\r\n    uri: ./model\r\n    # kept\r\n",
            "  model:\r\n    uri: gs://acme/runs/9/model/\r\n    version: '8'\r\n    # kept\r\n",
            id="line breaks of Windows",
        ),
        pytest.param(
            "  model: {uri: ./m, version: 2026-11-20}\n",
            "  model: {uri: gs://acme/runs/9/model/, version: 8}\n",
            id="a version that is a date",
        ),
    ],
)
def test_only_the_two_values_change(tmp_path, before, after):
    """Comments, order, quotes and line breaks stay."""
    assert change(tmp_path, HEAD + before) == HEAD + after


def test_what_is_in_an_environment_changes_there(tmp_path):
    """The base and the other environments stay as they are."""
    base = HEAD + "  model: {uri: ./base, version: 1}\n"
    text = base.replace("{", "{{").replace("}", "}}") + ENVIRONMENT

    after = change(tmp_path, text.format("./prod", 2), environment="prod")

    assert after == text.format(NEW["model.uri"], 8)


def test_the_right_service_of_several_changes(tmp_path):
    """Two documents say the same of their models."""
    one = HEAD + "  model: {uri: ./model, version: 1}\n"
    text = f"\ufeff{one}---\n{one.replace('churn', 'other')}"

    after = change(tmp_path, text, name="other")

    assert after.startswith(f"\ufeff{one}---\n")
    assert after.count("version: 8") == after.count("version: 1") == 1


@pytest.mark.parametrize(
    "model",
    [
        pytest.param("  model:\n    uri: >-\n      ./model\n    version: 1\n", id="folded"),
        pytest.param("  model: {uri: &place ./model, version: 1}\n", id="an anchor"),
        pytest.param("  env: {PLACE: &p ./model}\n  model: {uri: *p, version: 1}\n", id="an alias"),
        pytest.param('  model: {uri: "./m\\u006fdel", version: 1}\n', id="an escape"),
        pytest.param("  model:\n    uri:\n      ./mo\n      del\n", id="two lines"),
    ],
)
def test_what_a_program_should_not_touch_is_left_with_its_place(tmp_path, model):
    """Named with file, line and column; nothing is written."""
    with pytest.raises(NotEditable, match=r"mlservice\.yaml:\d+:\d+") as refused:
        change(tmp_path, HEAD + model)

    assert "by hand" in refused.value.hint


def test_half_in_an_environment_is_left(tmp_path):
    """Of two values one is everyone's and one is that environment's: only a person knows which is meant."""
    base = HEAD + "  model: {uri: ./model, version: 1}\n"
    text = base + "environments: {prod: {spec: {model: {uri: ./prod}}}}\n"

    with pytest.raises(NotEditable, match="apart from"):
        change(tmp_path, text, environment="prod")


@pytest.mark.parametrize("others", ["prod: {project: acme-prod}", "prod: {spec: {model: {framework: onnx}}}"])
def test_what_other_environments_have_as_well_is_left(tmp_path, others):
    """What stands in the base is theirs too: one environment's promotion is not another's."""
    text = (
        HEAD + "  model: {uri: ./model, version: 1}\n" + f"environments:\n  dev: {{project: acme-dev-1}}\n  {others}\n"
    )

    with pytest.raises(NotEditable, match="of the environment prod as well"):
        change(tmp_path, text, environment="dev")
    assert "gs://acme/runs/9/model/" in change(tmp_path, text)


def test_what_other_environments_say_otherwise_is_changed(tmp_path):
    """Where each has its own, the base is the one that was chosen."""
    prod = "prod: {spec: {model: {uri: ./prod, version: 2}}}"
    text = HEAD + "  model: {uri: ./model, version: 1}\n" + f"environments:\n  dev: {{project: acme-dev-1}}\n  {prod}\n"

    after = change(tmp_path, text, environment="dev")

    assert after == text.replace("./model, version: 1", f"{NEW['model.uri']}, version: 8")


def test_a_digest_beside_the_model_is_left(tmp_path):
    """It is the old model's: the new one would not be loaded."""
    digest = "0" * 64
    with pytest.raises(NotEditable, match=r"is the digest"):
        change(tmp_path, HEAD + f"  model: {{uri: ./model, version: 1, sha256: '{digest}'}}\n")
