"""What a spec with `retraining` wants: the function, the account it runs as, what that may do, and who may not call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.core import condition
from reconciler.core.address import GLOBAL, Address
from reconciler.core.membership import ANY_ROLE, EVERYONE, EVERYONE_SIGNED_IN, PROJECT, Membership
from reconciler.core.naming import mark_labels
from reconciler.core.objects import Desired, Unwanted, Wanted
from reconciler.core.reference import Ref
from reconciler.kinds import iam_member, pubsub_topic, service_account
from reconciler.kinds.functions_function import training, triggers
from reconciler.kinds.functions_function.record import NAME, FunctionsFunction
from reconciler.kinds.functions_function.settings import (
    ACCOUNT_ROLE,
    email_of,
    environment,
    events_topic,
    folder_of,
)
from reconciler.kinds.iam_member import IamMember
from reconciler.kinds.run_service.wanted import LETS_NOBODY_CALL
from reconciler.lookups.function_source import source_of
from schemas.names import SERVICE_LONGEST, derived_name

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from schemas import MLService

RUNTIME = "python313"
MEMORY_MIB, CPU_MILLIS, CONCURRENCY, TIMEOUT_S = 512, 1000, 4, 300
MAX_INSTANCES = 3
"""A storm of events waits in its subscription; what races is settled by conditional writes, not by fewer instances."""
HISTORY_WRITER = "roles/storage.objectUser"


def name_of(service: MLService) -> str:
    """Give the function's name, which its Cloud Run service has too."""
    return derived_name(service.name, "retrain", longest=SERVICE_LONGEST)


def address_of(service: MLService) -> Address:
    """Give the address of the function."""
    return Address(NAME, service.spec.region, name_of(service))


def desired(service: MLService, facts: Facts) -> Iterator[Wanted]:
    """Want them where the spec says how to train again."""
    retraining, source = service.spec.retraining, source_of(service, facts)
    if retraining is None or source is None:
        return
    account = service_account.another(service, ACCOUNT_ROLE, "Retrains")
    history = _history_access(service, facts, account.address)
    yield account
    yield history
    may_train = list(training.wanted(service, retraining, facts, account.address))
    yield from may_train
    yield from _told(service, facts, account.address)
    fields = FunctionsFunction(
        digest=source.digest,
        runtime=RUNTIME,
        environment=environment(service, retraining, facts),
        account=Ref(account.address, "email"),
        memory_mib=MEMORY_MIB,
        cpu_millis=CPU_MILLIS,
        concurrency=CONCURRENCY,
        timeout_s=TIMEOUT_S,
        max_instances=MAX_INSTANCES,
        ingress="Internal",
        labels={**service.labels, **mark_labels(service.name)},
    )
    needs = frozenset({history.address, *(each.address for each in may_train)})
    yield Desired(address_of(service), fields, service.name, needs=needs, source=source.folder)
    yield from _never_everyone(service)
    yield from triggers.wanted(service, facts, address_of(service))


def _history_access(service: MLService, facts: Facts, account: Address) -> Desired[IamMember]:
    """Want that it reads and writes its own folder of the state bucket, and lists the bucket.

    The account is that of every region that the service is in, and each region has a folder: the title says which.
    """
    member = f"serviceAccount:{email_of(service, facts)}"
    here = Membership(PROJECT, "", HISTORY_WRITER, member, f"mlservice-history-{service.spec.region}").at(GLOBAL)
    holds = condition.below(facts.bucket, folder_of(service))
    return Desired(here, IamMember(holds), service.name, needs=frozenset({account}))


def _told(service: MLService, facts: Facts, account: Address) -> Iterator[Wanted]:
    """Want the topic that decisions and verdicts are told on, and that the function may publish there."""
    topic = pubsub_topic.wanted(events_topic(service), service.name, facts, "retraining")
    member = f"serviceAccount:{email_of(service, facts)}"
    yield topic
    yield iam_member.granted(topic.address, pubsub_topic.PUBLISHER, member, service.name, needs={account})


def _never_everyone(service: MLService) -> Iterator[Unwanted]:
    """Rule out that everyone may start trainings, whoever opened the function."""
    for member in sorted({EVERYONE, EVERYONE_SIGNED_IN}):
        here = Membership("run_service", name_of(service), ANY_ROLE, member).at(service.spec.region)
        yield Unwanted(here, service.name, "nobody but its triggers starts a retraining", spares=LETS_NOBODY_CALL)
