"""A pull request at GitHub.

Source:
    https://docs.github.com/rest/issues/comments and its OpenAPI description: every pull request is an issue; comments
    come by ascending id, at most 100 a page. A workflow's token is an app's: `GET /user` is refused to it, and
    GraphQL's `viewer` tells who it is. An Enterprise Server has REST at /api/v3 and GraphQL at /api/graphql
    (https://docs.github.com/enterprise-server/graphql/guides/forming-calls-with-graphql).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from reconciler.core.errors import UsageError
from reconciler.hosts.rest import Answer, HostError, Rest, number_of, text_of
from reconciler.hosts.sticky import Comment

_PAGE = 100
_MOST_PAGES = 100
_BOT = "[bot]"
_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
_VIEWER = "query { viewer { login } }"
_MINIMISE = "mutation($id: ID!) { minimizeComment(input: {subjectId: $id, classifier: OUTDATED}) { clientMutationId } }"


class GitHub:
    """One pull request.

    Args:
        repository: `owner/name`.
        number: Of the pull request.
        token: Of an app, a workflow or a person.
        url: Where the API is.

    Raises:
        UsageError: That is no repository.
    """

    def __init__(self, repository: str, number: int, token: str, url: str = "https://api.github.com") -> None:
        if not _REPOSITORY.fullmatch(repository):
            raise UsageError(f"'{repository}' is no repository", hint="write owner/name")
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        self._rest = Rest(url, headers)
        self._questions = f"{url.rstrip('/').removesuffix('/v3')}/graphql"
        self._repository = "/".join(quote(part, safe="") for part in repository.split("/"))
        self._number = number
        self._app = token.startswith("ghs_")
        self._me = ""

    def close(self) -> None:
        """Let go of connections."""
        self._rest.close()

    def me(self) -> str:
        """Say whose the token is, once: a login, with `[bot]` behind that of an app."""
        if not self._me:
            self._me = self._viewer() if self._app else self._user()
        return self._me

    def _user(self) -> str:
        try:
            return _login(self._rest.call("GET", "/user"))
        except HostError as error:
            if error.status != 403:  # noqa: PLR2004 - an app's token, which has no user
                raise
        return self._viewer()

    def _viewer(self) -> str:
        told = self._graphql(_VIEWER, {})
        data = told.record().get("data")
        login = text_of(data.get("viewer") if isinstance(data, dict) else None, "login")
        if not login:
            raise told.odd("it names no account")
        return login if login.endswith(_BOT) else f"{login}{_BOT}"

    def _graphql(self, query: str, variables: dict[str, Any]) -> Answer:
        answer = self._rest.call("POST", self._questions, body={"query": query, "variables": variables})
        if errors := answer.record().get("errors"):
            first = errors[0] if isinstance(errors, list) else None
            raise HostError(
                f"cannot ask GitHub: {' '.join(text_of(first, 'message').split())[:300] or 'it does not say why'}"
            )
        return answer

    def comments(self) -> Sequence[Comment]:
        """Give all comments, of every page."""
        found: list[Comment] = []
        for page in range(1, _MOST_PAGES + 1):
            path = f"/repos/{self._repository}/issues/{self._number}/comments"
            answer = self._rest.call("GET", path, query={"per_page": _PAGE, "page": page})
            listed = answer.listed()
            found += [_comment(answer, each) for each in listed]
            if len(listed) < _PAGE:
                return found
        raise HostError(f"there are more than {_PAGE * _MOST_PAGES} comments", hint="post without a comment")

    def create(self, body: str) -> Comment:
        """Write a new one."""
        path = f"/repos/{self._repository}/issues/{self._number}/comments"
        return _written(self._rest.call("POST", path, body={"body": body}))

    def update(self, comment: Comment, body: str) -> Comment:
        """Change one of ours."""
        path = f"/repos/{self._repository}/issues/comments/{comment.number}"
        return _written(self._rest.call("PATCH", path, body={"body": body}))

    def hide(self, comment: Comment) -> None:
        """Minimise one that is one too many, as outdated."""
        self._graphql(_MINIMISE, {"id": comment.node})


def _login(answer: Answer) -> str:
    if login := text_of(answer.record(), "login"):
        return login
    raise answer.odd("it names no account")


def _written(answer: Answer) -> Comment:
    return _comment(answer, answer.record())


def _comment(answer: Answer, told: Any) -> Comment:
    # A person may be called `github-actions`; only an app's account is of the type Bot, and has brackets in its login.
    author, number = text_of(told.get("user"), "login"), number_of(answer, told, "id")
    return Comment(number, text_of(told, "body"), author, text_of(told, "html_url"), text_of(told, "node_id"))
