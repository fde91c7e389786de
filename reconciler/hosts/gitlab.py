"""A merge request at GitLab.

Source:
    https://docs.gitlab.com/api/notes and its OpenAPI description: notes by page of at most 100; events of the system
    are among them. `CI_JOB_TOKEN` cannot write notes: a project access token can.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from reconciler.hosts.rest import Answer, HostError, Rest, number_of, text_of
from reconciler.hosts.sticky import Comment

_PAGE = 100
_MOST_PAGES = 100


class GitLab:
    """One merge request.

    Args:
        project: Its number, or its path `group/name`.
        number: Of the merge request within the project.
        token: Of the project, a group or a person.
        url: Where the API is.
    """

    def __init__(self, project: str, number: int, token: str, url: str = "https://gitlab.com/api/v4") -> None:
        self._rest = Rest(url, {"PRIVATE-TOKEN": token})
        self._notes = f"/projects/{quote(project, safe='')}/merge_requests/{number}/notes"
        self._me = ""

    def close(self) -> None:
        """Let go of connections."""
        self._rest.close()

    def me(self) -> str:
        """Say whose the token is, once: the number of an account."""
        if not self._me:
            answer = self._rest.call("GET", "/user")
            self._me = str(number_of(answer, answer.record(), "id"))
        return self._me

    def comments(self) -> Sequence[Comment]:
        """Give all notes that accounts wrote, of every page."""
        found: list[Comment] = []
        for page in range(1, _MOST_PAGES + 1):
            query = {"per_page": _PAGE, "page": page, "sort": "asc", "order_by": "created_at"}
            answer = self._rest.call("GET", self._notes, query=query)
            listed = answer.listed()
            found += [_comment(answer, each) for each in listed if not each.get("system")]
            if len(listed) < _PAGE:
                return found
        raise HostError(f"there are more than {_PAGE * _MOST_PAGES} notes", hint="post without a comment")

    def create(self, body: str) -> Comment:
        """Write a new one."""
        return _written(self._rest.call("POST", self._notes, body={"body": body}))

    def update(self, comment: Comment, body: str) -> Comment:
        """Change one of ours."""
        return _written(self._rest.call("PUT", f"{self._notes}/{comment.number}", body={"body": body}))

    def hide(self, comment: Comment) -> None:
        """Delete one that is one too many: GitLab has no way to put it aside."""
        self._rest.call("DELETE", f"{self._notes}/{comment.number}")


def _written(answer: Answer) -> Comment:
    return _comment(answer, answer.record())


def _comment(answer: Answer, told: Any) -> Comment:
    author = told.get("author")
    number = author.get("id", "") if isinstance(author, dict) else ""
    return Comment(number_of(answer, told, "id"), text_of(told, "body"), str(number))
