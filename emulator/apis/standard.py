"""The methods that collections have in common, declared once per collection: get, list, update, delete, IAM policies.

Source: AIP-131, AIP-132, AIP-134, AIP-135, AIP-211. Fields of requests and answers are found by the names those give.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf import message_factory
from google.protobuf.empty_pb2 import Empty

from emulator.core.api import Api, Behaviour, Call, Policies
from emulator.core.paging import BY_NAME, Order, page_of
from emulator.core.resources import Collection, apply_mask, check_etag, refuse_query
from emulator.core.world import World
from emulator.identity import iam_policy

PARENTS = ("parent", "name", "project")
"""Where a list request names what it lists; older APIs use the last two."""
Deleted = Callable[[World, Any], Any]
"""Told of a message just removed, inside the transaction; what it returns is the answer, None: an empty one."""


@dataclass(frozen=True, slots=True)
class Listing:
    """How an API lists.

    Attributes:
        default: Page size when none is asked for (kinds.md 2.1).
        most: Largest page.
        order: In which order.
        matching: What the API's `filter` lets through; None: the emulator refuses filters here.
    """

    default: int = 100
    most: int = 1000
    order: Order = BY_NAME
    matching: Callable[[list[Any], str], list[Any]] | None = None


PLAIN = Listing()


def nothing_more(_: World, __: Any) -> None:
    """There is nothing else to do."""


def any_mask(_: Sequence[str]) -> None:
    """Every mask will do; none means every field."""


@dataclass(frozen=True, slots=True)
class Update:
    """How an API changes a resource.

    Attributes:
        keep: Output-only fields: naming them changes nothing.
        check_mask: Refuses a mask (an empty one, one that names what cannot change).
        settle: Fills in and checks the changed message before it is saved.
    """

    keep: Sequence[str] = ("name",)
    check_mask: Callable[[Sequence[str]], None] = any_mask
    settle: Callable[[World, Any], None] = nothing_more


def standard(
    api: Api,
    service: str,
    noun: str,
    collection: Collection,
    *,
    listing: Listing = PLAIN,
    update: Update | None = None,
    deleted: Deleted | None = nothing_more,
    policies: Policies | None = None,
) -> None:
    """Declare the standard methods of a collection.

    Args:
        api: Gets the behaviours.
        service: `google.pubsub.v1.Publisher/`.
        noun: As the methods name one: `Topic` for `GetTopic`, `ListTopics`, `DeleteTopic`.
        collection: Where the messages are kept.
        listing: How they are listed.
        update: How one is changed; None: updating is not one of the standard methods here.
        deleted: What else goes with one; None: deleting is not one of the standard methods here.
        policies: The IAM policies of these resources, where they have any: `held(collection)`.
    """
    api.behaviours[f"{service}Get{noun}"] = getting(collection, noun)
    api.behaviours[f"{service}List{plural(noun)}"] = listing_of(collection, listing)
    if update is not None:
        api.behaviours[f"{service}Update{noun}"] = updating(collection, noun, update)
    if deleted is not None:
        api.behaviours[f"{service}Delete{noun}"] = deleting(collection, noun, deleted, policies)
    if policies is not None:
        api.policies.append(policies)


def plural(noun: str) -> str:
    """`Topic` -> `Topics`, `Repository` -> `Repositories`."""
    return f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"


def held(collection: Collection, **more: Any) -> Policies:
    """The IAM policies of a collection's resources, each kept under the resource's own name."""
    return Policies(
        collection.pattern, lambda world, name: str(collection.get(world, collection.key(world, name)).name), **more
    )


def getting(collection: Collection, noun: str) -> Behaviour:
    """The method that reads one."""

    def answer(world: World, request: Any, _: Call) -> Any:
        return collection.get(world, collection.key(world, named(request, noun)))

    return answer


def named(request: Any, noun: str) -> str:
    """The resource that a request names: its field `name`, or in older APIs the one called as the resource."""
    return str(getattr(request, "name" if "name" in request.DESCRIPTOR.fields_by_name else field_of(noun)))


def field_of(noun: str) -> str:
    """`NotificationChannel` -> `notification_channel`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", noun).lower()


def listing_of(collection: Collection, how: Listing) -> Behaviour:
    """The method that reads a page of them."""

    def answer(world: World, request: Any, _: Call) -> Any:
        parent = next(field for field in PARENTS if field in request.DESCRIPTOR.fields_by_name)
        found = collection.below(world, collection.place(world, getattr(request, parent)))
        refuse_query(request, ("order_by",) if how.matching is not None else ("filter", "order_by"))
        every = collection.read(found)
        chosen = how.matching(every, getattr(request, "filter", "")) if how.matching is not None else every
        messages, token = page_of(request, chosen, how.order, default=how.default, most=how.most)
        return list_answer(request, messages, token, len(chosen))

    return answer


def list_answer(request: Any, messages: Sequence[Any], token: str, total: int) -> Any:
    """The response message of a list request: its one repeated message field holds what was found."""
    descriptor = request.DESCRIPTOR
    name = descriptor.full_name.removesuffix("Request") + "Response"
    response: Any = message_factory.GetMessageClass(descriptor.file.pool.FindMessageTypeByName(name))()
    field = next(each for each in response.DESCRIPTOR.fields if each.is_repeated and each.message_type is not None)
    getattr(response, field.name).extend(messages)
    response.next_page_token = token
    if "total_size" in response.DESCRIPTOR.fields_by_name:
        response.total_size = total
    return response


def updating(collection: Collection, noun: str, how: Update) -> Behaviour:
    """The method that changes one, by the mask in the request; it answers the whole resource."""

    def answer(world: World, request: Any, _: Call) -> Any:
        sent, paths = getattr(request, field_of(noun)), list(request.update_mask.paths)
        how.check_mask(paths)
        with world.store.transaction():
            message = collection.get(world, collection.key(world, sent.name))
            check_etag(getattr(sent, "etag", ""), getattr(message, "etag", ""))
            apply_mask(message, sent, paths or ["*"], keep=how.keep)
            how.settle(world, message)
            collection.save(world, message)
        return message

    return answer


def deleting(collection: Collection, noun: str, deleted: Deleted, policies: Policies | None) -> Behaviour:
    """The method that removes one, with its policy."""

    def answer(world: World, request: Any, _: Call) -> Any:
        with world.store.transaction():
            found = collection.get(world, collection.key(world, named(request, noun)))
            check_etag(getattr(request, "etag", ""), getattr(found, "etag", ""))
            if policies is not None:
                iam_policy.forget(world, policies.key(world, found.name))
            collection.remove(world, found.name)
            return deleted(world, found) or Empty()

    return answer
