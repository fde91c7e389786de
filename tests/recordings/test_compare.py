"""The comparison hides randomness and nothing else."""

import pytest

from tests.recordings.compare import differences
from tests.recordings.placeholders import Placeholders

THEN, NOW = "2024-04-01T12:34:56.123456Z", "2026-11-23T00:41:56Z"


@pytest.mark.parametrize(
    ("recorded", "answer"),
    [
        pytest.param({"createTime": THEN}, {"createTime": NOW}, id="times"),
        pytest.param({"etag": "a"}, {"etag": "b"}, id="etags"),
        pytest.param({"uid": "1"}, {"uid": "2"}, id="uids"),
        pytest.param({"name": "p/operations/a"}, {"name": "p/operations/b"}, id="operations"),
        pytest.param({"members": ["a", "b"]}, {"members": ["b", "a"]}, id="members-have-no-order"),
    ],
)
def test_randomness_is_hidden(recorded, answer):
    """Two runs of the same requests compare as equal."""
    assert differences(recorded, answer) == []


@pytest.mark.parametrize(
    ("recorded", "answer", "path"),
    [
        pytest.param({"createTime": THEN}, {}, "createTime", id="missing"),
        pytest.param({}, {"uid": "1"}, "uid", id="too-much"),
        pytest.param({"a": {"b": 1}}, {"a": {"b": "1"}}, "a.b", id="a-number-is-no-string"),
        pytest.param({"a": [1, 2]}, {"a": [2, 1]}, "a[0]", id="lists-have-an-order"),
        pytest.param({"createTime": THEN}, {"createTime": "soon"}, "createTime", id="no-time"),
        pytest.param({"name": "x-1"}, {"name": "x-2"}, "name", id="names"),
    ],
)
def test_everything_else_shows(recorded, answer, path):
    """A difference is named by its path."""
    assert differences(recorded, answer)[0].startswith(f"{path}: ")


def test_what_the_emulator_chose_is_learned():
    """A name the recording hides is taken from the answer, and sent in later requests."""
    names = Placeholders({"projectId": "p"})
    recorded, answer = {"name": "projects/${projectId}/operations/${operationID}"}, {"name": "projects/p/operations/42"}

    names.learn(recorded, answer, "https://x/y")

    assert names.fill("/v1/${operationID}") == "/v1/42"


def test_lists_without_order_are_compared_by_what_they_say():
    """In whatever order their members, and the fields of each, are written; what is random decides nothing."""
    read = {"role": "roles/run.invoker", "members": ["user:a@example.com", "user:b@example.com"]}
    write = {"members": ["user:c@example.com"], "role": "roles/run.developer"}
    turned = {"members": [*reversed(read["members"])], "role": read["role"]}

    assert differences({"bindings": [write, read]}, {"bindings": [turned, write]}) == []
    assert differences({"bindings": [write]}, {"bindings": [{**write, "role": "roles/viewer"}]}) != []
