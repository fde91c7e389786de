"""The project's number: Google's own agents are called by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from reconciler.core.facts import Facts, Lookup, Question
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection
    from schemas import LoadedOperator, LoadedService, MLService, Operator

AGENTS = {
    "pubsub": "gcp-sa-pubsub",
    "monitoring": "gcp-sa-monitoring-notification",
    "logging": "gcp-sa-logging",
    "storage": "gs-project-accounts",
    "iap": "gcp-sa-iap",
}
"""Domain of each API's agent. Source: cloud.google.com/iam/docs/service-agents."""

Needs = Callable[["MLService"], bool]


def agent(api: str, number: str) -> str:
    """Give the member that an API of Google's acts as in a project.

    Args:
        api: As in `AGENTS`.
        number: The project's number.
    """
    return f"serviceAccount:service-{number}@{AGENTS[api]}.iam.gserviceaccount.com"


def for_none(service: MLService) -> bool:
    """Need it for no service."""
    del service
    return False


def no_operator(operator: Operator) -> bool:
    """Need it for no operator."""
    del operator
    return False


def asked_when(needs: Needs, where: str, *, operators: Callable[[Operator], bool] = no_operator) -> Lookup[str]:
    """Make the lookup for specs that need it.

    Args:
        needs: Tells whether a spec needs the number.
        where: Path below `spec` that the need comes from, for the problem when there is no answer.
        operators: Tells whether an operator's document needs it.
    """

    def asks(loaded: LoadedService, facts: Facts) -> Iterator[Question]:
        if needs(loaded.service):
            yield Question(facts.project, where)

    def operates(loaded: LoadedOperator, facts: Facts) -> Iterator[Question]:
        if operators(loaded.operator):
            yield Question(facts.project, where)

    return Lookup(
        PROJECT_NUMBER,
        str,
        asks,
        _answer,
        "resourcemanager.projects.get",
        "cloudresourcemanager.googleapis.com",
        operates,
        assumed=lambda _: NUMBER_UNKNOWN,
    )


PROJECT_NUMBER = "project_number"
NUMBER_UNKNOWN = "PROJECT_NUMBER"
"""Stands for the number where nobody asks, as in Google's documentation."""


def number_of(facts: Facts) -> str:
    """Give the number of the project at hand.

    Raises:
        KeyError: Nobody asked for it.
    """
    return str(facts.answers[PROJECT_NUMBER, facts.project])


def _answer(connection: Connection, question: Question) -> str:
    api: Any = connection.client("google.cloud.resourcemanager_v3", "projects", "Projects")
    with calling("read", f"project {question.key}"):
        found = api.get_project(request={"name": f"projects/{question.key}"}, retry=READING, timeout=CALL_TIMEOUT_S)
    return str(found.name.rpartition("/")[2])
