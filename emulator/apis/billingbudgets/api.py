"""Budgets: made, read, changed, deleted.

Source: kinds.md section 10, recordings billing_budget, comments of the messages of google-cloud-billing-budgets 1.22.0.
E-mails are not sent.
"""

import uuid
from typing import Any

from google.cloud.billing.budgets_v1.types import budget_service
from google.protobuf.empty_pb2 import Empty

from emulator.apis.billingbudgets import metering, notices, topics
from emulator.apis.billingbudgets.access import require
from emulator.apis.billingbudgets.checks import numbered, settle
from emulator.apis.billingbudgets.stored import BUDGETS, Budget
from emulator.apis.cloudbilling.projects import account_named
from emulator.core.api import Api, Call
from emulator.core.failures import ApiFailure
from emulator.core.paging import page_of
from emulator.core.resources import apply_mask, check_etag, etag_of, fits
from emulator.core.world import World

API = Api("billingbudgets")
SERVICE = "google.cloud.billing.budgets.v1.BudgetService/"
MOST = 100
"""Source: comment of `ListBudgetsRequest.page_size`."""


def account_of(world: World, name: str) -> str:
    """The account of a budget.

    Raises:
        ApiFailure: INVALID_ARGUMENT: it is no name of one.
    """
    if not fits(BUDGETS.pattern, name):
        raise ApiFailure("INVALID_ARGUMENT", f"Invalid resource name {name!r}.")
    return account_named(world, name.partition("/budgets/")[0])


def found(world: World, call: Call, permission: str, name: str) -> Any:
    """A budget that the caller may see or change.

    Raises:
        ApiFailure: INVALID_ARGUMENT, NOT_FOUND; PERMISSION_DENIED, also where it is not there, for who may see none.
    """
    account, budget = account_of(world, name), BUDGETS.find(world, name)
    require(world, call, permission, account, *([budget.budget_filter] if budget is not None else []))
    return BUDGETS.get(world, name)


@API.method(SERVICE + "CreateBudget")
def create(world: World, request: Any, call: Call) -> Any:
    """Make one, under a name of the server's; a name that is sent is not looked at."""
    account = account_named(world, request.parent)
    require(world, call, "billing.budgets.create", account, request.budget.budget_filter)
    budget = Budget()
    budget.CopyFrom(request.budget)
    budget.name = f"{account}/budgets/{uuid.uuid4()}"
    settle(world, budget)
    if budget.notifications_rule.pubsub_topic:
        topics.attach(world, call, budget.notifications_rule.pubsub_topic)
    budget.etag = etag_of(budget)
    metering.look(world)
    with world.store.transaction():
        BUDGETS.insert(world, budget)
        notices.begin(world, budget.name, 0, world.clock.now() + notices.EVERY)
    return budget


@API.method(SERVICE + "GetBudget")
def get(world: World, request: Any, call: Call) -> Any:
    """Read one."""
    return found(world, call, "billing.budgets.get", request.name)


@API.method(SERVICE + "ListBudgets")
def list_budgets(world: World, request: Any, call: Call) -> Any:
    """A page of an account's; with a scope of those that count what one project costs, and nothing else."""
    account = account_named(world, request.parent)
    scope = [numbered(world, request.scope)] if request.scope else []
    require(world, call, "billing.budgets.list", account, Budget(budget_filter={"projects": scope}).budget_filter)
    all_of_it = BUDGETS.all(world, f"{account}/")
    chosen = [each for each in all_of_it if not scope or list(each.budget_filter.projects) == scope]
    shown, token = page_of(request, chosen, default=MOST, most=MOST)
    return budget_service.ListBudgetsResponse.pb()(budgets=shown, next_page_token=token)


@API.method(SERVICE + "UpdateBudget")
def update(world: World, request: Any, call: Call) -> Any:
    """Change one by the mask; without one, what has a value in the request, and nothing else."""
    sent = request.budget
    before = found(world, call, "billing.budgets.update", sent.name)
    after = changed(world, before, request)
    require(
        world, call, "billing.budgets.update", account_of(world, sent.name), before.budget_filter, after.budget_filter
    )
    topic = after.notifications_rule.pubsub_topic
    if topic and topic != before.notifications_rule.pubsub_topic:
        topics.attach(world, call, topic)
    with world.store.transaction():
        # Again: somebody may have written since.
        after = changed(world, BUDGETS.get(world, sent.name), request)
        BUDGETS.save(world, after)
    return after


def changed(world: World, before: Any, request: Any) -> Any:
    """What a budget becomes.

    Raises:
        ApiFailure: ABORTED: the etag is another one's. INVALID_ARGUMENT, UNIMPLEMENTED.
    """
    sent, made = request.budget, Budget()
    check_etag(sent.etag, before.etag)
    made.CopyFrom(before)
    written = [descriptor.name for descriptor, _ in sent.ListFields()]
    apply_mask(made, sent, list(request.update_mask.paths) or written, keep=("name", "etag"))
    settle(world, made)
    made.etag = etag_of(made)
    return made


@API.method(SERVICE + "DeleteBudget")
def delete(world: World, request: Any, call: Call) -> Any:
    """Delete one; its topic keeps what was granted on it."""
    name = found(world, call, "billing.budgets.delete", request.name).name
    with world.store.transaction():
        BUDGETS.remove(world, name)
        notices.end(world, name)
    return Empty()
