"""The decision itself: policies, members and conditions, against a naive evaluation."""

import random
from datetime import UTC, datetime

import pytest

from emulator.identity import access, conditions, roles
from emulator.identity.access import Binding, decide
from emulator.identity.conditions import Context, UnknownConditionError, holds

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
OBJECT = Context(
    "projects/_/buckets/b/objects/models/churn/m.onnx", "storage.googleapis.com/Object", "storage.googleapis.com", NOON
)
ROLES = {"roles/reader": {"get", "list"}, "roles/writer": {"create"}, "roles/all": {"get", "list", "create"}}
CONDITIONS = {
    "": True,
    'resource.name.startsWith("projects/_/buckets/b/objects/models/")': True,
    'resource.name.startsWith("projects/_/buckets/other/")': False,
    'request.time < timestamp("2026-11-26T13:00:00Z")': True,
    'resource.matchTag("123/env", "prod")': None,
}
MEMBERS = [
    "serviceAccount:me@p.iam",
    "serviceAccount:other@p.iam",
    "allUsers",
    "group:all@example.com",
    "domain:example.com",
    "allAuthenticatedUsers",
]
MINE = frozenset({"serviceAccount:me@p.iam", "allUsers", "allAuthenticatedUsers"})


def naive(bindings: list[Binding], permission: str) -> bool:
    """Look at every binding, every member, with the truth of each condition written down."""
    for binding in bindings:
        for member in binding.members:
            if member in MINE and permission in ROLES[binding.role] and CONDITIONS[binding.condition]:
                return True
    return False


def test_random_policies_are_decided_as_a_naive_reader_would():
    """2000 policies of up to six bindings: the same answer, with the unknown conditions where nothing else grants."""
    chance = random.Random(9)  # noqa: S311 - a fixed seed, for tests
    for _ in range(2000):
        bindings = [
            Binding(
                chance.choice(list(ROLES)),
                frozenset(chance.sample(MEMBERS, chance.randint(0, 3))),
                chance.choice(list(CONDITIONS)),
            )
            for _ in range(chance.randint(0, 6))
        ]
        for permission in ("get", "create", "delete"):
            verdict = decide(bindings, MINE, permission, OBJECT, permits=lambda role, wanted: wanted in ROLES[role])

            assert verdict.granted == naive(bindings, permission)
            of_mine = [each for each in bindings if each.members & MINE and permission in ROLES[each.role]]
            unknown = {each.condition for each in of_mine if CONDITIONS[each.condition] is None}
            assert set(verdict.unknown) == (set() if verdict.granted else unknown)


@pytest.mark.parametrize(
    ("expression", "truth"),
    [
        (
            'resource.name == "x" || resource.name.startsWith("projects/_/buckets/b/objects/models/")',
            True,
        ),
        ('resource.type == "storage.googleapis.com/Object" && resource.service == "storage.googleapis.com"', True),
        ('resource.type != "storage.googleapis.com/Bucket" && !resource.name.endsWith(".pkl")', True),
        ("resource.name.extract('/objects/{folder}/') == 'models'", True),
        (
            'request.time > timestamp("2026-01-01T00:00:00Z") && request.time < timestamp("2027-01-01T00:00:00+01:00")',
            True,
        ),
        ('request.time.getHours("Europe/Berlin") == 13 && request.time.getDayOfWeek() == 4', True),
        ('request.time.getDayOfWeek("Europe/Berlin") >= 5', False),
        ('api.getAttribute("iam.googleapis.com/modifiedGrantsByRole", []).hasOnly(["roles/run.invoker"])', True),
        ('(resource.name == "x" || !(resource.type == "y")) && true', True),
        ("!!false", False),
        ('timestamp("x") < request.time || resource.service == "storage.googleapis.com"', True),
        ('"a" && resource.name == "x"', False),
    ],
)
def test_conditions_of_the_documentation_are_evaluated(expression, truth):
    """Names, types, times and attributes, as IAM's pages on conditions write them."""
    assert holds(expression, OBJECT) == truth


@pytest.mark.parametrize(
    "expression",
    [
        'resource.matchTag("123/env", "prod")', "resource.name", "resource.name < 3", "request.auth.claims.sub == 'x'",
        'resource.name.matches("a*")', "1 +", "", "a" * 5000, "(" * 100 + "true" + ")" * 100, '"a" && true',
        "timestamp('x') < request.time", 'request.time.getHours("Nowhere/At_All") == 1', '"a" == "a" "b"',
        'resource.name.startsWith("a", "b")', "api.getAttribute([], 1) == 1",
    ],
)  # fmt: skip
def test_a_condition_that_is_not_understood_is_not_true(expression):
    """It raises the one error that means so, and never another."""
    with pytest.raises(UnknownConditionError):
        holds(expression, OBJECT)


def test_random_texts_never_break_the_parser():
    """5000 texts of the language's own words are true, false or unknown."""
    words = [
        "resource.name",
        "request.time",
        '"a"',
        "1",
        "==",
        "<",
        "&&",
        "||",
        "!",
        "(",
        ")",
        ".",
        "startsWith",
        "[",
        "]",
        ",",
        "true",
        "timestamp",
    ]
    chance = random.Random(3)  # noqa: S311 - a fixed seed, for tests
    for _ in range(5000):
        text = " ".join(chance.choices(words, k=chance.randint(1, 8)))
        try:
            assert isinstance(holds(text, OBJECT), bool)
        except UnknownConditionError:
            continue


def test_the_roles_of_agents_exist():
    """Each is a predefined role that we know the permissions of."""
    assert set(access.AGENTS.values()) <= set(roles.predefined())
    assert conditions.holds("true", OBJECT)
