"""GitHub and GitLab, as far as a comment needs them: small servers that hold to what their OpenAPI descriptions say.

Every request and every answer is checked against the description: a call that is not in it, a parameter that it does
not know or a body that it does not allow fails the test, and so does an answer that the real host could not give.
"""

import http.server
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import jsonschema

HERE = Path(__file__).parent
WHEN = "2026-11-26T12:00:00Z"


class Description:
    """What an OpenAPI description allows."""

    def __init__(self, name: str) -> None:
        self._all = json.loads((HERE / name).read_text())

    def operation(self, verb: str, path: str) -> tuple[str, dict[str, str], Any]:
        """The path's template, its variables, and the operation."""
        for template, operations in self._all["paths"].items():
            pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)
            found = re.fullmatch(pattern, path)
            if found and verb.lower() in operations:
                return template, {k: unquote(v) for k, v in found.groupdict().items()}, operations[verb.lower()]
        raise AssertionError(f"there is no {verb} {path} in the description")

    def check(self, schema: str | None, value: Any) -> None:
        """Hold a value to a schema."""
        if schema is not None:
            whole = {"$ref": f"#/schemas/{schema}", "schemas": self._all["schemas"]}
            jsonschema.validate(value, whole)

    def check_query(self, operation: Any, query: dict[str, str]) -> dict[str, Any]:
        """Hold parameters to what there is, and give them typed."""
        known = operation.get("query", {})
        assert query.keys() <= known.keys(), query
        typed = {k: int(v) if known[k].get("type") == "integer" else v for k, v in query.items()}
        for name, value in typed.items():
            jsonschema.validate(value, known[name])
        return typed


@dataclass(frozen=True)
class Asked:
    """What a request says beside its path."""

    variables: dict[str, str]
    query: dict[str, Any]
    body: Any


@dataclass
class CodeHost:
    """A host with one pull request.

    Attributes:
        accounts: Account by token.
        comments: What is there, oldest first.
        calls: Verb and template of each call.
        slow: Answers 429 that many times first.
    """

    description: Description
    accounts: dict[str, dict[str, Any]]
    comments: list[dict[str, Any]] = field(default_factory=list)
    hidden: set[int] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    slow: int = 0
    url: str = ""
    lock: Any = field(default_factory=threading.RLock)

    def answer(self, verb: str, target: str, token: str, body: Any) -> tuple[int, Any]:
        """Answer one request, and check both sides of it."""
        parts = urlsplit(target)
        with self.lock:
            template, variables, operation = self.description.operation(verb, parts.path)
            query = self.description.check_query(operation, dict(parse_qsl(parts.query)))
            self.calls.append(f"{verb} {template}")
            if self.slow:
                self.slow -= 1
                return 429, {"message": "slow down"}
            account = self.accounts.get(token)
            if account is None:
                return 401, {"message": "Bad credentials"}
            self.description.check(operation.get("body"), body)
            status, told = self.handle(verb, template, account, Asked(variables, query, body))
            self.description.check(operation["answers"][str(status)], told)
            return status, told

    def handle(self, verb, template, account, asked):
        """What the host itself does."""
        raise NotImplementedError

    def visible(self) -> list[dict[str, Any]]:
        """What a reader sees."""
        return [each for each in self.comments if each["id"] not in self.hidden]

    def page(self, query: dict[str, Any], usual: int) -> list[dict[str, Any]]:
        """One page of the comments."""
        size, number = query.get("per_page", usual), query.get("page", 1)
        return self.comments[(number - 1) * size : number * size]

    def number(self) -> int:
        """The next id."""
        return 1000 + len(self.comments)


class FakeGitHub(CodeHost):
    """GitHub: apps have no user, bodies have a limit, comments can be minimised."""

    def handle(self, verb, template, account, asked):
        """Answer as GitHub does."""
        if template == "/user":
            refused = {"message": "Resource not accessible by integration"}
            return (403, refused) if account["type"] == "Bot" else (200, account)
        if template == "/graphql":
            return 200, self.graphql(account, asked.body)
        if verb == "GET":
            return 200, self.page(asked.query, 30)
        return self.write(verb, account, asked)

    def write(self, verb, account, asked):
        """Make or change a comment."""
        if len(asked.body["body"]) > 65_536:
            return 422, {"message": "Validation Failed"}
        if verb == "POST":
            self.say(account, asked.body["body"])
            return 201, self.comments[-1]
        found = next((each for each in self.comments if str(each["id"]) == asked.variables["comment_id"]), None)
        if found is None or found["user"] != account:
            return 404, {"message": "Not Found"}
        found["body"] = asked.body["body"]
        return 200, found

    def graphql(self, account, body):
        """The two things that are asked this way."""
        if "minimizeComment" in body["query"]:
            found = next(each for each in self.comments if each["node_id"] == body["variables"]["id"])
            assert found["user"] == account, "somebody else's comment was touched"
            self.hidden.add(found["id"])
            return {"data": {"minimizeComment": {"clientMutationId": None}}}
        return {"data": {"viewer": {"login": account["login"]}}}

    def say(self, account, text: str) -> None:
        """Let an account write a comment."""
        number = self.number()
        self.comments.append(
            {
                "id": number,
                "node_id": f"IC_{number}",
                "url": f"{self.url}/repos/acme/ml/issues/comments/{number}",
                "html_url": f"https://github.example/acme/ml/pull/7#issuecomment-{number}",
                "issue_url": f"{self.url}/repos/acme/ml/issues/7",
                "body": text.replace("\n", "\r\n"),
                "user": account,
                "created_at": WHEN,
                "updated_at": WHEN,
                "author_association": "NONE",
            }
        )


class FakeEnterprise(FakeGitHub):
    """GitHub on a server of its own: REST at /api/v3, GraphQL beside it."""

    def answer(self, verb, target, token, body):
        """Answer below the server's two roots."""
        rest = target.startswith("/api/v3/")
        assert rest != (target == "/api/graphql"), f"there is nothing at {target}"
        assert target != "/api/v3/graphql", "that is REST"
        return super().answer(verb, target.removeprefix("/api/v3" if rest else "/api"), token, body)


class FakeGitLab(CodeHost):
    """GitLab: what the system did is among the notes; they can be deleted."""

    def handle(self, verb, template, account, asked):
        """Answer as GitLab does."""
        if template == "/user":
            return 200, account
        assert asked.variables["id"] == "acme/ml"
        if verb == "GET":
            return 200, self.page(asked.query, 20)
        if verb == "POST":
            self.say(account, asked.body["body"])
            return 201, self.comments[-1]
        return self.change(verb, account, asked)

    def change(self, verb, account, asked):
        """Change or delete a note."""
        found = next((each for each in self.comments if str(each["id"]) == asked.variables["note_id"]), None)
        if found is None or found["author"] != account:
            return 404, {"message": "404 Not found"}
        if verb == "DELETE":
            self.hidden.add(found["id"])
            return 204, None
        found["body"] = asked.body["body"]
        return 200, found

    def say(self, account, text: str, *, system: bool = False) -> None:
        """Let an account write a note."""
        about = {"noteable_id": 7, "noteable_type": "MergeRequest", "system": system}
        note = {"id": self.number(), "body": text, "author": account, "created_at": WHEN, "updated_at": WHEN}
        self.comments.append(note | about)


def github_user(login: str, sort: str = "User") -> dict[str, Any]:
    """An account of GitHub's."""
    number = sum(map(ord, login))
    about = {"type": sort, "site_admin": False, "url": f"https://api.github.example/users/{login}"}
    return {"login": login, "id": number, "node_id": f"U_{number}", **about}


def gitlab_user(name: str) -> dict[str, Any]:
    """An account of GitLab's."""
    return {"id": sum(map(ord, name)), "username": name, "name": name, "state": "active"}


@contextmanager
def served(host: CodeHost) -> Iterator[CodeHost]:
    """Serve a host on this machine; what was wrong with a call fails the test at the end."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # an answer is two writes: the second would wait for an acknowledgement

        def _answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            given = self.headers.get("authorization", "").removeprefix("Bearer ") or self.headers.get("private-token")
            try:
                status, told = host.answer(self.command, self.path, str(given), body)
            except (AssertionError, jsonschema.ValidationError) as error:
                host.wrong.append(str(error).splitlines()[0])
                status, told = 400, {"message": "the test will fail"}
            text = b"" if status == 204 else json.dumps(told).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.send_header("content-type", "application/json")
            if status == 429:
                self.send_header("retry-after", "0")
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _answer  # noqa: N815 - names of the library

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    host.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield host
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert host.wrong == []
