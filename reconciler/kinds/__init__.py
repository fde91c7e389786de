"""Every kind, each after the kinds its objects need. A new kind is one file and one line here."""

from __future__ import annotations

from reconciler.core.kind import Kinds
from reconciler.kinds import (
    artifact_repository,
    model_artifact,
    project_role,
    run_invoker,
    run_service,
    secret_accessor,
    service_account,
)

KINDS = Kinds.of(
    artifact_repository.KIND,
    service_account.KIND,
    project_role.KIND,
    secret_accessor.KIND,
    model_artifact.KIND,
    run_service.KIND,
    run_invoker.KIND,
)
