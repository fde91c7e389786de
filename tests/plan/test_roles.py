"""What the reconciler gives to others, and needs itself: what kinds declare is what they do."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from emulator.identity.conditions import Context
from emulator.identity.conditions import holds as emulated
from reconciler.core import condition
from reconciler.core.facts import Facts
from reconciler.core.membership import Membership
from reconciler.core.objects import Desired
from reconciler.kinds import KINDS
from reconciler.lookups.billing_account import BillingAccount
from reconciler.lookups.billing_export import BillingExport
from reconciler.lookups.function_source import FunctionSource
from reconciler.lookups.model_version import ModelVersion
from schemas import MLService, load, to_yaml
from tests.operating import spec
from tests.strategies.whole_specs import whole_specs

IAM = Path(__file__).parents[3] / "shared" / "gcp" / "iam.json"


REGIONS = ("europe-west1", "us-central1")
MODELS = ("gs://acme-models/a/1/", "gs://acme-models/b/1/")
"""What a service's spec says differently of its regions."""
RETRAINED = {
    "run": {"vertexPipeline": {"template": "gs://acme-ml/train.yaml", "pipelineRoot": "gs://acme-ml/runs"}},
    "evaluation": {"metric": "auroc", "dataset": "gs://acme-data/kept-out.csv"},
    "promote": "Never",
}


def conditions(tmp_path, region, uri, **model):
    """Every conditional grant that a spec wants in a region: the condition by its address."""
    wanted = spec(region=region, model={"uri": uri, **model}, retraining=RETRAINED)
    (tmp_path / "mlservice.yaml").write_text(to_yaml(MLService.model_validate(wanted, by_alias=True)), encoding="utf-8")
    [loaded] = load(tmp_path / "mlservice.yaml").services
    facts = Facts("acme", "acme-mlservice", "runtime", answers=Anything())
    grants = [w for k in KINDS for w in k.desired(loaded.service, facts) if isinstance(w, Desired)]
    return {w.address: w.fields.condition for w in grants if w.address.kind == "iam_member" and w.fields.condition}


def test_no_two_regions_of_a_service_want_one_grant_under_two_conditions(tmp_path):
    """The accounts are the same in every region: a condition's title says all in which it may differ from another."""
    here, there = (conditions(tmp_path, *one) for one in zip(REGIONS, MODELS, strict=True))

    assert len(here) == 7  # history, runs, serving, dataset, pipeline, its root, model
    assert all(here[address] == there[address] for address in here.keys() & there.keys())


@pytest.mark.parametrize("text", ['x"||resource.name!="', "back\\slash\\", "ünïcode"])
def test_a_name_stays_a_name_in_a_condition(text):
    """As the emulator's reading of CEL has it: true of that one object, and of no other."""
    for holds in (condition.one_object("acme", text), condition.below("acme", text)):
        for there, true in {f"acme/objects/{text}": True, "payroll/objects/salaries": False}.items():
            asked = Context(f"projects/_/buckets/{there}", "", "", datetime(2026, 11, 26, tzinfo=UTC))
            assert emulated(holds, asked) is true


class Anything(dict):
    """Answers to whatever is asked."""

    def get(self, key, default=None):
        if key[0] == "function_source":
            return FunctionSource("0" * 32, "")
        if key[0] == "model_version":
            return ModelVersion("8", "gs://acme-mlservice/retraining/europe-west1/churn/runs/1/model/")
        if key[0] == "billing_account":
            return BillingAccount("billingAccounts/0A1B2C-3D4E5F-6A7B8C")
        if key[0] == "billing_export":
            return BillingExport("EU")
        return default if key[0] == "model_files" else "1"

    def __getitem__(self, key):
        return "1"


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=whole_specs())
def test_every_role_that_is_given_is_declared(tmp_path, document):
    """Whatever a spec says, no kind wants somebody to have a role that its list, and so the page, does not name."""
    file = tmp_path / "mlservice.yaml"
    file.write_text(to_yaml(document), encoding="utf-8")
    [loaded] = load(file).services
    facts = Facts("acme", "acme-mlservice", "runtime", answers=Anything())

    for kind in KINDS:
        declared = {(gift.role, gift.on) for gift in kind.gives}
        wanted = (want.address for want in kind.desired(loaded.service, facts) if isinstance(want, Desired))
        given_now = {Membership.of(address) for address in wanted if address.kind == "iam_member"}
        assert {(one.role, one.on) for one in given_now} <= declared, kind.name


@pytest.mark.skipif(not IAM.exists(), reason="the list of Google's roles is not here")
def test_roles_and_permissions_are_googles():
    """No role and no permission on the page is a misspelt one."""
    known = json.loads(IAM.read_text())["roles"]
    permissions = {permission for role in known.values() for permission in role["permissions"]}
    named = {name for kind in KINDS for name in (*kind.roles.read, *kind.roles.write)}
    named |= {gift.role for kind in KINDS for gift in kind.gives}

    # The list is of the APIs that are called: cloud.google.com/sql/docs/mysql/iam-roles, /iap/docs/managing-access.
    added = {"roles/cloudsql.client", "roles/iap.httpsResourceAccessor"}
    assert {name for name in named if name.startswith("roles/")} <= known.keys() | added
    assert {name for name in named if not name.startswith("roles/")} <= permissions
