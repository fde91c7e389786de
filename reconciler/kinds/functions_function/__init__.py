"""The Cloud Function that starts a service's trainings: one program, told what to do by one variable."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.core.flow import Group
from reconciler.core.kind import Gift, Kind, Permissions, Roles
from reconciler.core.membership import PROJECT
from reconciler.kinds import pubsub_subscription, pubsub_topic
from reconciler.kinds.functions_function.client import FunctionsFunctionClient
from reconciler.kinds.functions_function.differences import consequence
from reconciler.kinds.functions_function.flowing import flows
from reconciler.kinds.functions_function.paid import PAID
from reconciler.kinds.functions_function.record import NAME, FunctionsFunction
from reconciler.kinds.functions_function.settings import VARIABLE, training_images, watched_monitors
from reconciler.kinds.functions_function.training import GIFTS
from reconciler.kinds.functions_function.wanted import HISTORY_WRITER, address_of, desired
from reconciler.kinds.pubsub_subscription import SUBSCRIBER
from reconciler.kinds.pubsub_topic import PUBLISHER
from reconciler.kinds.run_service import INVOKER
from reconciler.lookups.function_source import FUNCTION_SOURCE
from reconciler.lookups.labels import LABELS_TABLE, PATH, labels_table
from reconciler.lookups.model_version import MODEL_VERSION
from reconciler.lookups.project_number import asked_when

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from schemas import MLService

__all__ = ["KIND", "NAME", "VARIABLE", "FunctionsFunction", "address_of", "watched_monitors"]

ACTS_ON = frozenset(
    {
        "retraining.run.cloudRunJob.*",
        "retraining.run.webhook.*",
        "retraining.run.customJob.*",
        "retraining.run.vertexPipeline.*",
        "retraining.run.bigqueryML.*",
        "retraining.parameters.*",
        "retraining.timeout",
        "retraining.guards.cooldown",
        "retraining.guards.maxPerDay",
        "retraining.guards.maxPerMonth",
        "retraining.guards.maxConcurrent",
        "retraining.guards.minNewRows.*",
        "retraining.guards.openCircuitAfter.*",
        "retraining.evaluation.*",
        "retraining.promote",
        "monitoring.performance.*",
        "triggers.name",
        "triggers.when.pubsub",
    }
)
"""What `settings` tells the function, word by word: one that it does not must not look as if it did."""

STAYS = "what its trainings made and what was decided stays: model versions, and retraining/ of the state bucket"
"""Nothing that was learnt goes with a service: it may come back, and somebody may ask why it decided what it did."""


def _notes(service: MLService, facts: Facts) -> Iterator[tuple[str, str]]:
    """Say that labels are still to come: until then no window can be measured."""
    found = labels_table(service, facts)
    if found is not None and found.missing:
        yield f"there is no {found.what} yet: until there is, no window is measured", f"{PATH}.table"


KIND = Kind(
    name=NAME,
    title="Cloud Function",
    fields=FunctionsFunction,
    desired=desired,
    connect=FunctionsFunctionClient,
    paid=PAID,
    group=Group.TRAINING,
    flows=flows,
    keyed=frozenset({"environment", "labels"}),
    images=training_images,
    acts_on=ACTS_ON,
    permissions=Permissions(
        read=("cloudfunctions.functions.list",),
        write=(
            "cloudfunctions.functions.create",
            "cloudfunctions.functions.update",
            "cloudfunctions.functions.delete",
            "cloudfunctions.operations.get",
            "monitoring.metricDescriptors.create",
        ),
    ),
    apis=("cloudfunctions.googleapis.com",),
    # What it writes of predictions is described before the alert on it: Google refuses one on an unknown metric.
    roles=Roles(
        read=("roles/cloudfunctions.viewer",),
        write=("roles/cloudfunctions.developer", "monitoring.metricDescriptors.create"),
    ),
    gives=(
        Gift(
            HISTORY_WRITER,
            PROJECT,
            "the retraining function's own account",
            "keeping what it decided: only the service's own folder of the state bucket",
        ),
        Gift(PUBLISHER, pubsub_topic.NAME, "the retraining function's own account", "telling what it decided"),
        *GIFTS,
        Gift(INVOKER, "run_service", "the account that starts trainings", "pushing events to the function"),
        Gift(PUBLISHER, pubsub_topic.NAME, "Pub/Sub itself", "moving events that nobody could act on"),
        Gift(SUBSCRIBER, pubsub_subscription.NAME, "Pub/Sub itself", "moving events that nobody could act on"),
    ),
    lookups=(
        FUNCTION_SOURCE,
        MODEL_VERSION,
        LABELS_TABLE,
        asked_when(lambda service: service.spec.retraining is not None, "retraining"),
    ),
    stays=lambda _: STAYS,
    notes=_notes,
    consequence=lambda changes, _: consequence(changes),
    # Functions have no etag (kinds.md 2.2).
    fenced=False,
    uses=frozenset({"iam_member", "model_artifact", "pubsub_topic", "service_account"}),
)
