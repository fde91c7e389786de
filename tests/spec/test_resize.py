"""Sizes and numbers of instances change in a spec's file, and nothing else does."""

import pytest

from schemas import load
from schemas.edit import NotEditable
from schemas.resize import resized

HEAD = (
    "apiVersion: mlservice/v1\nkind: MLService\nmetadata: {name: churn}\n"
    "spec:\n  image: europe-west1-docker.pkg.dev/acme/ml/churn:1\n  region: europe-west1  # here\n"
)
NO_GPU = {"resources.gpu": None, "resources.cpu": 1, "resources.memory": "512Mi"}


def change(tmp_path, text, values, environment=None):
    """Edit a file's text."""
    file = tmp_path / "mlservice.yaml"
    file.write_bytes(text.encode())
    [loaded] = load(file, environment=environment).services
    return resized(text, loaded, values)


@pytest.mark.parametrize(
    ("before", "values", "after"),
    [
        pytest.param(
            "  resources:\n    cpu: 4      # four\n    memory: 8Gi # a lot\n",
            {"resources.cpu": 1, "resources.memory": "512Mi"},
            "  resources:\n    cpu: 1      # four\n    memory: 512Mi # a lot\n",
            id="lines, with comments",
        ),
        pytest.param(
            "  resources: {cpu: '4', memory: 8Gi}\n",
            {"resources.cpu": 1, "resources.memory": "512Mi"},
            "  resources: {cpu: '1', memory: 512Mi}\n",
            id="in braces, quoted",
        ),
        pytest.param(
            "  resources:\n    gpu: nvidia-l4  # for training\n    cpu: 4\n    memory: 16Gi\n",
            NO_GPU,
            "  resources:\n    cpu: 1\n    memory: 512Mi\n",
            id="a line goes",
        ),
        pytest.param(
            "  resources:\n    gpu: nvidia-l4  # gone\n  scaling: {minInstances: 1}\n",
            NO_GPU,
            "  resources:\n    cpu: 1\n    memory: 512Mi\n  scaling: {minInstances: 1}\n",
            id="what was left out takes the place of what goes",
        ),
        pytest.param(
            "  resources: {gpu: {type: nvidia-l4, zonalRedundancy: true}}\n",
            NO_GPU,
            "  resources: {cpu: 1, memory: 512Mi}\n",
            id="braces in braces",
        ),
        pytest.param(
            "  resources: {cpu: 4, memory: 16Gi, gpu: nvidia-l4}\n",
            NO_GPU,
            "  resources: {cpu: 1, memory: 512Mi}\n",
            id="the last one in braces goes",
        ),
        pytest.param(
            "  resources: {gpu: nvidia-l4, cpu: 4, memory: 16Gi}\n",
            NO_GPU,
            "  resources: {cpu: 1, memory: 512Mi}\n",
            id="the first one in braces goes",
        ),
        pytest.param(
            "  scaling:\n    # never more\n    minInstances: 2\n",
            {"scaling.minInstances": 1, "scaling.maxInstances": 5},
            "  scaling:\n    # never more\n    minInstances: 1\n    maxInstances: 5\n",
            id="a line comes",
        ),
        pytest.param(
            "  scaling: {minInstances: 2}",
            {"scaling.minInstances": 1, "scaling.concurrency": 8},
            "  scaling: {minInstances: 1, concurrency: 8}",
            id="one more in braces, on the last line",
        ),
        pytest.param(
            "  scaling:\r\n    minInstances: 2\r\n    # kept\r\n",
            {"scaling.maxInstances": 5},
            "  scaling:\r\n    minInstances: 2\r\n    maxInstances: 5\r\n    # kept\r\n",
            id="line breaks of Windows",
        ),
    ],
)
def test_only_what_was_to_change_does(tmp_path, before, values, after):
    """Comments, order, quotes and line breaks stay."""
    assert change(tmp_path, HEAD + before, values) == HEAD + after


def test_a_section_that_is_not_there_comes_behind_the_region(tmp_path):
    """In a line of its own, with the text around it as it was."""
    after = change(tmp_path, HEAD + "  # more\n", {"scaling.maxInstances": 5})

    assert after == HEAD + "  scaling: {maxInstances: 5}\n  # more\n"


@pytest.mark.parametrize(
    ("text", "environment", "why"),
    [
        pytest.param("  resources:\n    gpu:\n      type: nvidia-l4\n", None, "several lines", id="a block"),
        pytest.param("  resources: &small {cpu: &c '1', memory: 1Gi}\n", None, "anchor", id="an anchor"),
        pytest.param(
            "  resources: {cpu: 4, memory: 16Gi, gpu: nvidia-l4}\nenvironments:\n  prod: {}\n  test: {}\n",
            "prod",
            "of the environment test as well",
            id="other environments would change",
        ),
    ],
)
def test_what_is_written_otherwise_is_left_to_people(tmp_path, text, environment, why):
    """And said: nothing is edited."""
    with pytest.raises(NotEditable, match=why):
        change(tmp_path, HEAD + text, NO_GPU, environment)
