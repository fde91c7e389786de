"""Names of what a service becomes: `<service>-<role>`, shortened where Google's limit is shorter.

The one place that knows how names are derived, so that the loader can refuse two services whose names would meet.
"""

import hashlib
from collections.abc import Iterable

SERVICE_LONGEST = 49  # Cloud Run: fewer than 50 characters
TAG_AND_SERVICE_LONGEST = 46  # Cloud Run: traffic tag and service name together
ACCOUNT_SHORTEST, ACCOUNT_LONGEST = 6, 30  # IAM: service account id
CI_PURPOSES = ("planner", "applier")
"""Purposes of an operator's accounts that a CI acts as. No account of a service has one of them."""
_DIGEST = 6  # hex digits that keep shortened names apart


def derived_name(service: str, role: str, *, longest: int, shortest: int = 1) -> str:
    """The name of a service's child in `role`; shortened, with a digest of the service's name, if it does not fit.

    Args:
        service: A valid service name.
        role: What the child is for, `run`, `retrain`.
        longest: Most characters Google allows.
        shortest: Least characters Google allows.

    Examples:
        >>> derived_name("churn", "run", longest=30)
        'churn-run'
        >>> derived_name("quarterly-churn-scorer-of-growth", "run", longest=30)
        'quarterly-churn-sco-9f50ea-run'
    """
    plain = f"{service}-{role}"
    if shortest <= len(plain) <= longest:
        return plain
    digest = hashlib.sha256(service.encode()).hexdigest()[:_DIGEST]
    room = longest - len(role) - _DIGEST - 2
    return f"{service[:room].rstrip('-')}-{digest}-{role}"


def service_account_id(service: str, role: str = "run") -> str:
    """Id of the dedicated service account: `<service>-run`, 6 to 30 characters."""
    return derived_name(service, role, longest=ACCOUNT_LONGEST, shortest=ACCOUNT_SHORTEST)


def page_name(operator: str) -> str:
    """The name of an operator's page: of its Cloud Run service."""
    return f"{operator}-page"


def ci_accounts(operator: str) -> frozenset[str]:
    """Ids of the accounts of an operator's that a CI acts as.

    Args:
        operator: Its name.
    """
    return frozenset(service_account_id(operator, purpose) for purpose in CI_PURPOSES)


def own_topics(service: str, storage_triggers: Iterable[str]) -> frozenset[str]:
    """Ids of the topics that a service's retraining makes: what it is told on, tells on, and leaves to people.

    Args:
        service: A valid service name.
        storage_triggers: Names of the triggers that a bucket fires.
    """
    told = (f"{service}_{trigger}" for trigger in storage_triggers)
    return frozenset({f"{service}-events", f"{service}-retrain", f"{service}-retrain-dead", *told})
