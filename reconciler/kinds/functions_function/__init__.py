"""The Cloud Function that starts a service's trainings: one program, told what to do by one variable."""

from __future__ import annotations

from reconciler.core.kind import Gift, Kind, Roles
from reconciler.core.membership import PROJECT
from reconciler.kinds.functions_function.client import FunctionsFunctionClient
from reconciler.kinds.functions_function.record import NAME, FunctionsFunction
from reconciler.kinds.functions_function.wanted import HISTORY_WRITER, address_of, desired
from reconciler.lookups.function_source import FUNCTION_SOURCE

__all__ = ["KIND", "FunctionsFunction", "address_of"]

ACTS_ON = frozenset(
    {
        "retraining.run.*",
        "retraining.timeout",
        "retraining.guards.cooldown",
        "retraining.guards.maxPerDay",
        "retraining.guards.maxConcurrent",
        "retraining.guards.openCircuitAfter.*",
    }
)
"""What `settings` tells the function, word by word: one that it does not must not look as if it did."""

KIND = Kind(
    name=NAME,
    title="Cloud Function",
    fields=FunctionsFunction,
    desired=desired,
    connect=FunctionsFunctionClient,
    keyed=frozenset({"environment", "labels"}),
    acts_on=ACTS_ON,
    roles=Roles(read=("roles/cloudfunctions.viewer",), write=("roles/cloudfunctions.developer",)),
    gives=(
        Gift(
            HISTORY_WRITER,
            PROJECT,
            "the retraining function's own account",
            "keeping what it decided: only the service's own folder of the state bucket",
        ),
    ),
    lookups=(FUNCTION_SOURCE,),
    # Functions have no etag (kinds.md 2.2).
    fenced=False,
)
