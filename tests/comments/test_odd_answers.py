"""What is at the address of a code host may be anything: a sign-in page, another API, a server without an end."""

import http.server
import threading
from contextlib import closing, contextmanager

import pytest

from reconciler.core.errors import UsageError
from reconciler.hosts import rest
from reconciler.hosts.github import GitHub
from reconciler.hosts.gitlab import GitLab
from reconciler.hosts.rest import HostError
from reconciler.hosts.sticky import post
from reconciler.hosts.surroundings import place_of

USER = b'{"login": "jo", "id": 5}'


@contextmanager
def answering(answers, status=200):
    """A server that gives the body of the last part of a path, or that of the empty one."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def _answer(self):
            self.rfile.read(int(self.headers.get("content-length") or 0))
            body = answers.get(self.path.partition("?")[0].rpartition("/")[2], answers[""])
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_PUT = _answer  # noqa: N815 - names of the library

        def log_message(self, *_):
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


BODIES = [
    b"<html>sign in",
    b"{}",
    b"[]",
    b"null",
    b"7",
    b"[7]",
    b'[{"id": null}]',
    b'[{"id": true}]',
    b"[" * 100_000,
    b"",
]
ODD = [{"": body} for body in BODIES] + [{"user": USER, "": body} for body in BODIES if body != b"[]"]
ODD += [
    {"graphql": body, "": b"[]"} for body in (b'{"data": null}', b'{"data": {"viewer": 5}}', b'{"errors": [5]}', b"[]")
]
ODD += [
    {"user": USER, "notes": b'[{"id": 1, "author": 5, "body": 6}]', "comments": b'[{"id": 1, "user": 5}]', "": b"{}"}
]


@pytest.mark.parametrize("make", [GitHub, GitLab])
@pytest.mark.parametrize("token", ["ghs_app", "person"])
@pytest.mark.parametrize("answers", ODD, ids=lambda answers: str(answers)[:60])
def test_an_answer_that_is_none_of_such_a_host_is_said(make, token, answers):
    """Never a traceback: which host, and what may be the matter."""
    with answering(answers) as url, closing(make("acme/ml", 7, token, url)) as host, pytest.raises(HostError) as said:
        post(host, "plan", "text")

    assert "GitHub" in said.value.message or ("127.0.0.1" in said.value.message and "--api" in str(said.value.hint))


def test_a_repository_that_was_renamed_is_told_so():
    """GitHub answers 301 for its former name."""
    with (
        answering({"": b'{"message": "Moved Permanently"}'}, 301) as url,
        closing(GitHub("acme/ml", 7, "person", url)) as host,
        pytest.raises(HostError) as said,
    ):
        post(host, "plan", "text")

    assert "301 Moved Permanently" in said.value.message
    assert "renamed" in said.value.hint


def test_an_answer_without_an_end_is_not_read_to_it(monkeypatch):
    """Neither more than is useful nor longer."""
    with answering({"": b"[" + b" " * 5000 + b"]"}) as url:
        for name, value in (("_MOST_BYTES", 1000), ("_LONGEST_S", -1.0)):
            with monkeypatch.context() as patch, closing(GitHub("acme/ml", 7, "person", url)) as host:
                patch.setattr(rest, name, value)
                with pytest.raises(HostError, match="more than"):
                    host.comments()


@pytest.mark.parametrize("number", ["²", "٣", "9" * 5000, "-1", "7x"])
def test_a_number_that_is_none_is_no_pull_request(number):
    """Some signs are digits for Python and no number."""
    assert place_of({"GITLAB_CI": "true", "CI_MERGE_REQUEST_IID": number}).number == 0


@pytest.mark.parametrize(
    "event", ["[]", '{"pull_request": 5}', '{"pull_request": {"head": 5, "base": [], "number": "²"}}']
)
def test_an_event_of_another_form_is_no_pull_request(tmp_path, event):
    """It is read as data."""
    (tmp_path / "event.json").write_text(event)

    assert place_of({"GITHUB_EVENT_PATH": str(tmp_path / "event.json")}).number == 0


def test_an_address_that_is_none_is_said():
    """Whatever stands behind --api."""
    with pytest.raises(UsageError, match="no https address"):
        GitHub("acme/ml", 7, "t", "https://x:port")
