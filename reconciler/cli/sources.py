"""Where a pass takes its specs from: a bundle, a git repository, or a folder of its image."""

from __future__ import annotations

import os
from datetime import UTC
from typing import TYPE_CHECKING

from reconciler.core import errors
from reconciler.core.bundle import Fetched

if TYPE_CHECKING:
    from reconciler.core.bundle import Pointer
    from reconciler.engine.bundles import Bundles
    from reconciler.engine.session import Session
    from reconciler.hosts.repository import Repository


def from_bundle(bundles: Bundles, before: Pointer | None, *, allow_older: bool) -> Fetched:
    """Read the current bundle, or, where that cannot be used, the one that was applied last.

    Args:
        bundles: Where they are.
        before: The one that was applied last.
        allow_older: Whether the current one may be older than that.
    """
    from reconciler.engine.bundles import refuse_older  # noqa: PLC0415 - late, for start-up

    try:
        now = bundles.latest()
        refuse_older(now, None if allow_older else before, bundles.place)
        return Fetched(bundles.files(now), now)
    except errors.ReconcilerError as error:  # also where it may not be read
        trouble, hint = str(error), error.hint
    try:
        return Fetched(bundles.files(before) if before else {}, before, trouble, hint)
    except errors.ReconcilerError as error:
        return Fetched({}, before, f"{trouble}; nor can the one before: {error}", hint)


def from_repository(session: Session, repository: Repository, before: Pointer | None, *, allow_older: bool) -> Fetched:
    """Clone the specs. Where that fails, and where history went backwards, nothing is used.

    Args:
        session: The run's means.
        repository: Where they are.
        before: The commit that was applied last.
        allow_older: Whether the current one may be older than that.
    """
    from reconciler.core.orders import GIT_TOKEN_ENV  # noqa: PLC0415 - late, for start-up
    from reconciler.engine.bundles import digested  # noqa: PLC0415 - late, for start-up
    from reconciler.hosts.repository import CloneRefused, clone  # noqa: PLC0415 - late, for start-up

    try:
        found = clone(repository, os.environ.pop(GIT_TOKEN_ENV, ""))
    except CloneRefused as error:
        return Fetched({}, before, str(error), error.hint)
    published = session.clock.now().astimezone(UTC).isoformat(timespec="seconds")
    origin = {"written": found.written, "commit": found.commit, "author": found.author}
    now = digested(found.archive, published=published, **origin)
    if before and not allow_older and now.older_than(before):
        last = f"{before.commit[:12]}, applied last, of {before.written}"
        why = f"commit {now.commit[:12]} is of {now.written}, and {last}"
        hint = "if history was rewritten on purpose: mlservice operator run --allow-older"
        return Fetched({}, before, f"{repository} went back in time: {why}", hint)
    return Fetched(found.files, now, odd=found.odd)
