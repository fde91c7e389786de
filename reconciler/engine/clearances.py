"""What is known of the images of a plan: what scans found, who attested them, who built them."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core.planned import Planned
from reconciler.engine.attestations import with_attestations
from reconciler.engine.origins import with_origins
from reconciler.engine.scans import with_scans
from reconciler.engine.session import Session
from schemas import Loaded


def with_clearances(session: Session, documents: Sequence[Loaded], planned: Planned) -> Planned:
    """Give a plan with all of that, as far as specs ask for it.

    Args:
        session: The run's means.
        documents: What is planned.
        planned: The plan.
    """
    for known in (with_scans, with_attestations, with_origins):
        planned = known(session, documents, planned)
    return planned
