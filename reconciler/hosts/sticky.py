"""One comment per key, whatever else is said on a pull request and however often a job runs.

A comment is ours when it begins with our marker *and* was written by the very account whose token we hold. A marker
alone is text that everybody can write; an author alone is shared by every workflow of a repository.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

_KEY = re.compile(r"[^A-Za-z0-9._/-]+")
_LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment that is there.

    Args:
        number: The host's id; those made later have greater ones.
        body: Its text as it was sent.
        author: Who wrote it, as the host tells accounts apart.
        url: Where people read it.
        node: Another id of it, where the host has two.
    """

    number: int
    body: str
    author: str
    url: str = ""
    node: str = ""


class Host(Protocol):
    """One pull request at a code host. Methods raise `HostError`."""

    def close(self) -> None:
        """Let go of connections."""

    def me(self) -> str:
        """Say whose the token is."""

    def comments(self) -> Sequence[Comment]:
        """Give all comments, of every page."""

    def create(self, body: str) -> Comment:
        """Write a new one."""

    def update(self, comment: Comment, body: str) -> Comment:
        """Change one of ours."""

    def hide(self, comment: Comment) -> None:
        """Put away one of ours that is one too many."""


def marker(key: str) -> str:
    """Give the first line of our comment, which nobody sees.

    Args:
        key: Says which comment: a path and an environment. Other signs than those of paths become dashes.
    """
    plain = re.sub(r"-{2,}", "-", _KEY.sub("-", key))[:_LONGEST_KEY]  # two dashes would end what hides it
    return f"<!-- mlservice:plan key={plain} v1 -->"


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of it.

    Args:
        done: `created`, `updated`, `unchanged` or `silent`.
        url: Where people read it; empty for none.
    """

    done: str
    url: str = ""


def post(host: Host, key: str, text: str, *, silent: bool = False) -> Posted:
    """Let exactly one comment of ours say something.

    Args:
        host: The pull request.
        key: Says which comment.
        text: What it says.
        silent: There is nothing to say: no new comment is made for it, one that is there says so.

    Raises:
        HostError: The host refuses, or does not answer.
    """
    body = f"{marker(key)}\n{text}"
    ours = _ours(host, key)
    if not ours:
        if silent:
            return Posted("silent")
        made = host.create(body)
        return _settled(host, key, body, made)
    first, *others = ours
    for other in others:
        host.hide(other)
    if _same(first.body, body):
        return Posted("unchanged", first.url)
    return Posted("updated", host.update(first, body).url or first.url)


def _ours(host: Host, key: str) -> list[Comment]:
    """Find ours, the oldest first: that one stays when there are several."""
    me, line = host.me(), marker(key)
    found = [c for c in host.comments() if c.author == me and c.body.partition("\n")[0].rstrip("\r") == line]
    return sorted(found, key=lambda comment: comment.number)


def _settled(host: Host, key: str, body: str, made: Comment) -> Posted:
    """Look once more after making one: a job beside us may have made one in the same moment. The older one stays."""
    ours = _ours(host, key)
    if not ours or ours[0].number == made.number:
        return Posted("created", made.url)
    for other in ours[1:]:
        host.hide(other)
    if not _same(ours[0].body, body):
        host.update(ours[0], body)
    return Posted("updated", ours[0].url)


def _same(there: str, wanted: str) -> bool:
    """Compare texts as hosts keep them: with their own line ends, and without blanks at the end."""
    return there.replace("\r\n", "\n").rstrip() == wanted.rstrip()
