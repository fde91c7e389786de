"""How a plan reads: people approve changes by reading it."""

import json

import pytest

from reconciler.core.address import Address
from reconciler.core.diff import FieldChange
from reconciler.core.membership import Membership
from reconciler.core.plan import Action, Change
from reconciler.core.sealing import Sealer
from reconciler.core.secrecy import looks_secret, masked
from reconciler.kinds.functions_function.settings import VARIABLE
from reconciler.render.names import Names
from reconciler.render.values import differences, listing, shown
from schemas.redaction import HIDDEN

NAMES = Names({"service_account": "service account"}, "acme")
OURS = "serviceAccount:churn-run@acme.iam.gserviceaccount.com"
CHURN = ("run_service", "churn", "roles/run.invoker")
LONG = "x" * 200


@pytest.mark.parametrize(
    ("address", "said"),
    [
        pytest.param(
            Membership("project", "", "roles/storage.objectViewer", OURS, "of-bucket").at("global"),
            "project role roles/storage.objectViewer for churn-run@… (of-bucket)",
            id="our-account-in-short",
        ),
        pytest.param(
            Membership(*CHURN, "serviceAccount:web@other.iam.gserviceaccount.com").at("europe-west1"),
            "permission to call churn for web@other.iam.gserviceaccount.com",
            id="strange-account-in-full",
        ),
        pytest.param(
            Membership(*CHURN, "user:ann@example.com").at("europe-west1"),
            "permission to call churn for user:ann@example.com",
            id="person",
        ),
        pytest.param(
            Membership(*CHURN, "allUsers").at("europe-west1"),
            "permission to call churn for everyone",
            id="everyone",
        ),
        pytest.param(
            Membership("service_account", "churn-run", "roles/iam.serviceAccountUser", OURS).at("global"),
            "role roles/iam.serviceAccountUser on service account churn-run for churn-run@…",
            id="a-role-that-has-no-words-of-its-own",
        ),
        pytest.param(Address("run_service", "europe-west1", "churn"), "run_service churn", id="no-title"),
    ],
)
def test_names_read_as_words(address, said):
    """A grant says what, whose and under which condition; an account of the project goes without it."""
    assert NAMES(address) == said


def test_a_new_services_features_share_a_line():
    """Forty lines of features hide what matters."""
    features = {f"measurement_{n}": {"type": "number", "min": 0.0, "max": float(n)} for n in range(10)}
    record = {"model": {"uri": "gs://b/m/", "features": features}, "columns": list(features), "timeout_s": 30}

    told = dict(listing(record))

    assert list(told) == ["model.uri", "model.features", "timeout_s"]
    assert told["model.features"].startswith("10: measurement_0 number 0..0, measurement_1 number 0..1, ")
    assert told["model.features"].endswith(", …")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"type": "number", "min": 0}, "number 0.."),
        ({"type": "number", "min": 0.5, "max": 2.0}, "number 0.5..2"),
        ({"type": "category", "values": ["a", "b"]}, "category a|b"),
        ({"type": "string", "log": False, "monitor": False}, "string, not logged, not monitored"),
    ],
)
def test_a_feature_reads_as_a_phrase(value, said):
    """Type and bounds on one line."""
    assert shown("model.features.x", value) == said


def test_long_values_show_where_they_part():
    """Two values that agree for longer than a line are cut in front of the difference, not behind it."""
    change = Change(
        Address("run_service", "r", "n"),
        Action.UPDATE,
        ("n",),
        changes=(FieldChange("env.LIST", LONG + "a", LONG + "b"),),
        desired={"env": {}},
    )

    [(_, before, after)] = differences(change)

    assert before.endswith("xa")
    assert after.endswith("xb")
    assert len(before) < 30


@pytest.mark.parametrize("name", ["API_TOKEN", "db_password", "OPENAI_API_KEY", "apikey", "clientSecret", "dbpass"])
def test_what_looks_secret_is_hidden(name):
    """A variable whose name says secret never shows its value."""
    assert shown(f"env.{name}", "hunter2") == HIDDEN
    assert masked("", {"env": {name: "hunter2"}, "image": "i"}) == {"env": {name: HIDDEN}, "image": "i"}


@pytest.mark.parametrize(
    ("said", "secret"),
    [
        ({"run": {"webhook": {"url": "https://acme.example/hooks/open-sesame"}}}, "open-sesame"),
        ({"run": {"webhook": {"url": "https://acme.example/?k=sesame"}}}, "sesame"),
        ({"run": {"webhook": {"url": "https://sesame.acme.example"}}}, "sesame"),
        ({"parameters": {"dbpass": "hunter2", "days": "180"}}, "hunter2"),
        ({"run": {"customJob": {"image": "a", "env": {"DB_PASSWORD": "hunter2"}}}}, "hunter2"),
        ({"run": {"vertexPipeline": {"template": "t", "parameters": {"api_key": "hunter2"}}}}, "hunter2"),
    ],
)
def test_what_a_function_is_told_hides_its_secrets(said, secret):
    """In a plan as text, as data and as a file: who has a webhook's address may call it, whatever it looks like."""
    text, path = json.dumps({"service": "churn", **said}), f"environment.{VARIABLE}"
    function = Address("functions_function", "europe-west1", "churn-retrain")

    sealed = Sealer("00" * 16).record(function, {"environment": {VARIABLE: text}})

    for printed in (
        shown(path, text),
        masked(path, text),
        json.dumps(sealed),
        masked("", {"environment": {"A": text}}),
    ):
        assert secret not in str(printed)
    assert json.loads(masked(path, text))["service"] == "churn"
    assert masked(path, "{no json") == "{no json"


@pytest.mark.parametrize("path", ["env.MAX_TOKENS", "env.TOKENIZERS_PARALLELISM", "env.LOG_LEVEL", "labels.token"])
def test_what_does_not_is_shown(path):
    """Everyday settings of model servers are not hidden."""
    assert not looks_secret(path, "12")


def test_a_value_that_looks_secret_is_hidden_whatever_its_name():
    """A password inside an address is one, too."""
    assert shown("env.DATABASE", "postgres://me:hunter2@db/x") == HIDDEN
