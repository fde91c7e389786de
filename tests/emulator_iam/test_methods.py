"""Each method of each API: refused without its permissions, in the API's words, and allowed with them."""

import re
from typing import Any

import pytest
from google.api_core import exceptions

from emulator.apis import LISTED
from emulator.core import permissions
from emulator.core.api import Registry, folder_of
from emulator.identity import roles
from emulator.wire import table
from emulator.wire.enforcement import ON_OPERATION, OPERATIONS
from emulator.wire.named import default_field
from tests.emulator_iam.callers import PROJECT, Account, client_class, grant

REGISTRY = Registry(LISTED)
TABLES = {each.module: permissions.read(folder_of(each.module)) for each in LISTED}
ROUTES = table.load()
PACKAGES = {prefix: each.package for each in LISTED for prefix in each.services if each.package}
CHECKED = sorted(
    method
    for method, row in ROUTES.items()
    if row.stream is None
    and method.startswith(tuple(PACKAGES))
    and any(found.methods.get(method) for found in TABLES.values())
)
"""Whether the emulator does them is asked in tests: looking at all behaviours imports all of Google's packages."""


@pytest.fixture(scope="module")
def caller(shared_emulator) -> Account:
    """One account for all methods: its key takes longer than a test. What they leave behind, no other one looks at."""
    shared_emulator.reset()
    return Account(shared_emulator)


@pytest.fixture
def account(caller) -> Account:
    """A service account that nobody has given anything."""
    grant(caller.emulator)
    return caller


def demands_of(method: str) -> Any:
    """The table that has the method, and what it demands."""
    found = next(each for each in REGISTRY.permissions(method) if method in each.methods)
    return found, found.methods[method]


def least(permission: str) -> str:
    """The predefined role with the fewest permissions that people may be given."""
    return next(role for role in roles.with_permission(permission) if "erviceAgent" not in role)


def example_of(pattern: str) -> str:
    """A name made as a pattern says, in the project that tests have."""
    words = pattern.replace("**", "x").removeprefix("*/*/").split("/")
    if pattern == "*/*" or pattern.startswith("*/*/"):  # of a project, as Service Usage says it
        return "/".join(["projects/local", *([] if pattern == "*/*" else [w if w != "*" else "thing" for w in words])])
    pairs = zip(["", *words], words, strict=False)
    given = {"projects": "local", "locations": "europe-west1"}
    return "/".join(word if word != "*" else given.get(before, "thing") for before, word in pairs)


def path_of(method: str) -> str:
    """The path of a method over REST; nothing where Google's package names none."""
    bindings = ROUTES[method].bindings
    return bindings[0].path if bindings else ""


def has_rest(method: str) -> bool:
    """Whether Google's client of a method speaks REST."""
    try:
        return bool(client_of(method).get_transport_class("rest"))
    except KeyError:
        return False


def client_of(method: str) -> Any:
    """Google's client class for a method."""
    package = next(found for prefix, found in PACKAGES.items() if method.startswith(prefix))
    return client_class(package, method.rpartition("/")[0].rpartition(".")[2])


def request_of(method: str) -> Any:
    """A request whose resource is named as the API's paths say, and whose accounts are named."""
    message = ROUTES[method].request()
    for name, pattern in re.findall(r"\{([\w.]+)=([^}]+)\}", path_of(method)):
        put(message, name.split("."), example_of(pattern))
    for demand in demands_of(method)[1]:
        path = demand.field or default_field(message.DESCRIPTOR)
        if not demand.account and not value(message, path):
            put(message, path, PROJECT)
    return message


def put(message: Any, path: Any, text: str) -> None:
    """Set a field by its path."""
    for name in path[:-1]:
        message = getattr(message, name)
    setattr(message, path[-1], text)


def value(message: Any, path: Any) -> str:
    """Read a field by its path."""
    for name in path:
        message = getattr(message, name)
    return str(message)


def call(account: Account, method: str, wire: str = "grpc") -> None:
    """Call a method by Google's own client, as the account."""
    client = account.client(client_of(method), wire)
    getattr(client, re.sub(r"(?<!^)(?=[A-Z])", "_", method.rpartition("/")[2]).lower())(
        request=request_of(method), retry=None
    )


def refusal(account: Account, method: str, wire: str = "grpc") -> exceptions.Forbidden | None:
    """IAM's refusal, or None: whatever else the API says of a thing that is not there."""
    try:
        call(account, method, wire)
    except exceptions.Forbidden as error:
        return error if error.reason == "IAM_PERMISSION_DENIED" else None
    except exceptions.GoogleAPICallError:
        return None
    return None


def test_every_method_says_what_it_needs():
    """A method without an entry would be refused to every service account: there is none."""
    gaps = [
        method
        for listed in LISTED
        for method in REGISTRY._load(listed).behaviours
        if method.removeprefix(OPERATIONS) not in ON_OPERATION
        and not any(method in found.methods for found in REGISTRY.permissions(method))
    ]

    assert gaps == []


def test_every_entry_is_of_a_permission_that_a_role_has():
    """A misspelt permission would be one that nobody can be given."""
    named = {demand.permission for found in TABLES.values() for demands in found.methods.values() for demand in demands}
    named |= {
        f"{noun}.{verb}"
        for found in TABLES.values()
        for noun in found.policies.values()
        for verb in ("getIamPolicy", "setIamPolicy")
    }

    assert sorted(each for each in named if not roles.with_permission(each)) == []


def test_every_entry_is_of_a_method_and_a_field_that_exist():
    """Entries follow Google's definitions, or they would never be read."""
    wrong = []
    for found in TABLES.values():
        for method, demands in found.methods.items():
            if "/" not in method:
                continue
            row = ROUTES.get(method)
            for demand in demands:
                try:
                    value(row.request(), demand.field)
                except AttributeError as error:
                    wrong.append((method, str(error)))

    assert wrong == []


@pytest.mark.parametrize("method", CHECKED)
def test_a_method_needs_its_permissions(account, method):
    """Refused without a role, naming permission and resource as the API does; with the least roles IAM lets it pass."""
    if REGISTRY.behaviour(method) is None:
        pytest.skip("the emulator does not do it")
    found, demands = demands_of(method)
    first = demands[0]
    named = value(request_of(method), first.field or default_field(ROUTES[method].request.DESCRIPTOR))

    refused = refusal(account, method)

    assert refused is not None
    assert refused.message == found.denied.format(permission=first.permission, resource=named, caller=account.email)
    assert (refused.domain, refused.metadata["permission"]) == (found.service, first.permission)
    grant(account.emulator, *((least(each.permission), account.member) for each in demands))
    assert refusal(account, method) is None


@pytest.mark.parametrize("method", sorted({method.rpartition("/")[0]: method for method in CHECKED}.values()))
def test_it_is_the_same_over_rest(account, method):
    """One method of each service: the wire makes no difference."""
    if REGISTRY.behaviour(method) is None or not has_rest(method):
        pytest.skip("the emulator does not do it, or Google's client of it speaks gRPC alone")
    demands = demands_of(method)[1]

    refused = refusal(account, method, "rest")

    assert refused is not None
    assert refused.metadata["permission"] == demands[0].permission
    grant(account.emulator, *((least(each.permission), account.member) for each in demands))
    assert refusal(account, method, "rest") is None
