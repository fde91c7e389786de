"""Every kind, each after the kinds its objects need. A new kind is one file and one line here."""

from __future__ import annotations

from reconciler.core.kind import Kinds
from reconciler.kinds import (
    artifact_repository,
    iam_member,
    model_artifact,
    run_service,
    service_account,
)

KINDS = Kinds.of(
    artifact_repository.KIND,
    service_account.KIND,
    iam_member.KIND,
    model_artifact.KIND,
    run_service.KIND,
)
