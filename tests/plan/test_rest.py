"""Google's APIs as plain JSON: what is said of operations, of answers that a server here gives."""

import json

import pytest
import requests
from requests.adapters import BaseAdapter

from reconciler.core import errors
from reconciler.gcp.calls import calling
from reconciler.gcp.rest import Rest

PENDING = {"name": "operations/1"}
REFUSED = {"name": "operations/1", "done": True, "error": {"code": 7, "message": "Permission 'a.b.c' denied"}}


class Server(BaseAdapter):
    """Answers one thing after the other, and the last one for ever."""

    def __init__(self, *answers):
        super().__init__()
        self.answers = list(answers)

    def send(self, request, **_):
        answer = requests.Response()
        answer.status_code, answer.request, answer.url = 200, request, request.url
        body = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        answer._content = json.dumps(body).encode()
        return answer

    def close(self):
        """Nothing is open."""


def written(*answers):
    session = requests.Session()
    session.mount("https://", Server(*answers))
    with calling("create", "thing"):
        return Rest(session, "https://x.example/v1").write("POST", "things", {}, patience_s=0.01)


def test_an_operation_that_is_done_gives_its_response():
    """At once, or when it is asked about."""
    done = PENDING | {"done": True, "response": {"a": 1}}

    assert written(done) == written(PENDING, done) == {"a": 1}


def test_an_operation_that_goes_on_is_told_as_that():
    """Not as a network that fails: the next run finds how it ended."""
    with pytest.raises(errors.OperationTimeout, match="cannot create thing: still going after") as told:
        written(PENDING)
    assert "run again" in told.value.hint


@pytest.mark.parametrize("answers", [(REFUSED,), (PENDING, REFUSED)], ids=["at-once", "later"])
def test_an_operation_that_ends_badly_says_why_and_what_helps(answers):
    """As an operation of the other wire does."""
    with pytest.raises(errors.OperationFailed, match=r"cannot create thing: Permission 'a\.b\.c' denied") as told:
        written(*answers)
    assert "grant" in told.value.hint


@pytest.mark.parametrize(
    "read", [lambda api: api.listed("things", "things"), lambda api: api.searched("x", {}, "things")]
)
def test_a_list_that_is_not_read_to_its_end_is_none(read):
    """What is left off would be taken for what is not there."""
    session = requests.Session()
    session.mount("https://", Server({"things": [{}], "nextPageToken": "more"}))

    refused = pytest.raises(errors.InvalidRequest, match=r"cannot list things: .* more than 200 pages of things")
    with refused, calling("list", "things"):
        list(read(Rest(session, "https://x.example/v1")))
