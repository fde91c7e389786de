"""What the reconciler gives to others, and needs itself: what kinds declare is what they do."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from reconciler.core.facts import Facts
from reconciler.core.membership import Membership
from reconciler.core.objects import Desired
from reconciler.kinds import KINDS
from reconciler.lookups.function_source import FunctionSource
from reconciler.lookups.model_version import ModelVersion
from schemas import load, to_yaml
from tests.strategies.whole_specs import whole_specs

IAM = Path(__file__).parents[3] / "shared" / "gcp" / "iam.json"


class Anything(dict):
    """Answers to whatever is asked."""

    def get(self, key, default=None):
        if key[0] == "function_source":
            return FunctionSource("0" * 32, "")
        if key[0] == "model_version":
            return ModelVersion("8", "gs://acme-mlservice/retraining/europe-west1/churn/runs/1/model/")
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

    assert {name for name in named if name.startswith("roles/")} <= known.keys()
    assert {name for name in named if not name.startswith("roles/")} <= permissions
