"""What the function is told: the one variable that holds its settings, of the spec and nothing else; pure.

The other half is the function's own reading of it (`runtime.retraining.settings`), which shares no code with this.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reconciler.core.naming import account_email
from schemas.names import service_account_id
from schemas.sections.retraining import Better

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from schemas import MLService
    from schemas.sections.retraining import Evaluation, Guards, Retraining

VARIABLE = "MLSERVICE_RETRAINING"
ACCOUNT_ROLE = "retrain"
"""Last part of the name of the account that the function runs as."""


def environment(service: MLService, retraining: Retraining, facts: Facts) -> dict[str, str]:
    """Give the function's variables."""
    return {VARIABLE: json.dumps(settings(service, retraining, facts), sort_keys=True, separators=(",", ":"))}


def settings(service: MLService, retraining: Retraining, facts: Facts) -> dict[str, Any]:
    """Give the settings as plain data; times are in seconds."""
    return {
        "service": service.name,
        "project": facts.project,
        "region": service.spec.region,
        "bucket": facts.bucket,
        "run": retraining.run.model_dump(mode="json", by_alias=True, exclude_none=True),
        "parameters": dict(retraining.parameters),
        "guards": guards(retraining.guards),
        "timeout": retraining.timeout_s,
        **_evaluation(retraining.evaluation),
        **({"rows": rows.table} if (rows := retraining.guards.min_new_rows) else {}),
    }


def _evaluation(wanted: Evaluation | None) -> dict[str, Any]:
    if wanted is None:
        return {}
    compared = {
        "metric": wanted.metric,
        "lower_is_better": wanted.better is Better.LOWER,
        "min_gain": wanted.min_gain,
    }
    return {"evaluation": compared, "metrics": wanted.metrics, "dataset": wanted.dataset or ""}


def guards(wanted: Guards) -> dict[str, Any]:
    """Give the limits, by the names that the function has for them."""
    return {
        "cooldown": wanted.cooldown_s,
        "max_per_day": wanted.max_per_day,
        "max_per_month": wanted.max_per_month,
        "max_concurrent": wanted.max_concurrent,
        "min_new_rows": wanted.min_new_rows.at_least if wanted.min_new_rows else 0,
        "failures": wanted.open_circuit_after.failures,
        "pause": wanted.open_circuit_after.pause_s,
    }


def folder_of(service: MLService) -> str:
    """Give what every object that the function keeps begins with, within the state bucket."""
    return f"retraining/{service.spec.region}/{service.name}/"


def email_of(service: MLService, facts: Facts) -> str:
    """Give the e-mail of the account that the function runs as."""
    return account_email(service_account_id(service.name, ACCOUNT_ROLE), facts.project)
