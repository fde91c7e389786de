"""What an operator's accounts may do, from its document alone."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from emulator.identity import roles
from reconciler.core.membership import Membership
from reconciler.kinds import KINDS
from tests.golden.world import plan_case

GOLDEN = Path(__file__).parents[1] / "golden" / "operator_with_ci"
SERVICE, OPERATOR = yaml.safe_load_all((GOLDEN / "mlservice.yaml").read_text())
APPLYING = OPERATOR["spec"]["ci"] | {"onMerge": "Apply"}
GIT = {"repository": "https://github.com/acme/ml", "token": {"secret": "key", "version": "3"}}
TOPIC = {"fields": {"labels": {}}, "output": {"name": "projects/acme/topics/passes"}, "version": "1"}
SECTIONS = [
    pytest.param({}, id="nothing-else"),
    pytest.param({"notifications": [{"email": "ml@acme.example"}]}, id="e-mail"),
    pytest.param({"notifications": [{"pubsub": "passes"}]}, id="topic"),
    pytest.param({"specs": {"git": GIT}, "ci": APPLYING}, id="token"),
]


def allowed(wants, account):
    """The permissions on the project of an operator's account."""
    member = f"serviceAccount:mlservice-{account}@acme.iam.gserviceaccount.com"
    given = [Membership.of(address) for address in wants if address.kind == "iam_member"]
    held = {there.role for there in given if there.member == member and there.on == "project"}
    [custom] = {role.rpartition("/")[2] for role in held if role.startswith("projects/")}
    [bare] = [want.fields.permissions for address, want in wants.items() if address.name == custom]
    return {*bare}.union(*(roles.predefined()[role] for role in held if role.startswith("roles/")))


@pytest.mark.parametrize("sections", SECTIONS)
def test_whoever_plans_an_operator_may_look_at_all_of_it(tmp_path, sections):
    """Where the services lead to none of its kinds, its accounts have what looking at these takes all the same."""
    shutil.copytree(GOLDEN, tmp_path, dirs_exist_ok=True)
    operator = OPERATOR | {"spec": OPERATOR["spec"] | sections}
    (tmp_path / "mlservice.yaml").write_text(yaml.safe_dump_all([SERVICE, operator]))
    (tmp_path / "observed.json").write_text(json.dumps({"objects": {"pubsub_topic/global/passes": TOPIC}}))
    wants = plan_case(KINDS, tmp_path).wants
    kinds = {address.kind for address in wants}
    looking = {permission for kind in KINDS if kind.name in kinds for permission in kind.permissions.read}

    for account in ("operator", "planner", *(["applier"] if "specs" in sections else [])):
        assert looking - allowed(wants, account) == set(), account


@pytest.mark.parametrize(
    ("registry", "reads"), [({"repository": "ml"}, False), ({"repository": "ml", "scan": {}}, True)]
)
def test_what_scans_found_is_read_only_where_a_service_asks(tmp_path, registry, reads):
    """The operator's account, and the one that plans in CI, may read it exactly then."""
    shutil.copytree(GOLDEN, tmp_path, dirs_exist_ok=True)
    service = SERVICE | {"spec": SERVICE["spec"] | {"registry": registry}}
    (tmp_path / "mlservice.yaml").write_text(yaml.safe_dump_all([service, OPERATOR]))
    wants = plan_case(KINDS, tmp_path).wants

    for account in ("operator", "planner"):
        held = allowed(wants, account)
        assert ("containeranalysis.occurrences.list" in held, "containeranalysis.occurrences.get" in held) == (
            reads,
            reads,
        )
