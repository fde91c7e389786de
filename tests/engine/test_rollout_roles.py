"""A rollout by an account that has what docs/permissions.md asks for, step by step: what it lacks is waited for."""

import httpx
import pytest
from google.cloud import iam_admin_v1

from reconciler.cli.permissions import INVENTORY
from reconciler.kinds.run_service import KIND
from tests.emulator.clients import client
from tests.emulator_iam.callers import PROJECT, Account
from tests.engine.test_asking import echo
from tests.engine.test_least_roles import AsAccount, Deployer, on_the_bucket
from tests.engine.test_least_roles import wanted as roles_of_the_page
from tests.engine.test_rollouts import Stage, order
from tests.operating import spec
from tests.specs.test_examples import token_for

JUDGING, *_ = (extra.roles for extra in KIND.extras)
BLUE = {
    "strategy": "BlueGreen",
    "approval": True,
    "bake": "10m",
    "keep": 10,
    "gates": {"errorRate": 0.1, "minRequests": 10},
}


class Private(Stage):
    """A service that lets in only whom it knows, rolled out by an account."""

    def wanted(self, **env):
        return spec(env=env, rollout={**BLUE, "smoke": echo(env["V"])})

    def ask(self, count=40, minutes=3):
        """So many requests of the owner, whom it knows."""
        url = self.operator.service().uri
        headers = {"authorization": f"Bearer {token_for(self.operator, url)}"}
        with httpx.Client(headers=headers, trust_env=False) as made:
            codes = {made.get(url).status_code for _ in range(count)}
        self.operator.emulator.advance(60 * minutes)
        return codes

    def said(self, **env):
        """One pass, and what a look says afterwards."""
        self.pass_(**env)
        assert not self.report.failed, [str(each.error) for each in self.report.failed]
        notes = self.operator.plan(self.wanted(**env)).plan.notes
        return " ".join(note.text for note in notes if note.text.startswith("rollout"))


@pytest.fixture
def deployer(operator, tmp_path):
    """An account with nothing but the state bucket."""
    operator.connection.state.make()
    account = Account(operator.emulator, "deployer")
    (tmp_path / "key.json").write_text(account.key)
    on_the_bucket(operator, account, *INVENTORY.write)
    admin = client(operator.emulator, iam_admin_v1.IAMClient)
    admin.create_role(request={"parent": PROJECT, "role_id": "deployer", "role": {}})
    return Deployer(AsAccount(operator, str(tmp_path / "key.json")), account)


@pytest.mark.slow
def test_blue_green_with_a_bake_takes_what_the_page_says(deployer):
    """Asked at its own address, let on by a person, judged, and stable: with metrics that cannot be read it waits."""
    stage, every = Private(deployer.operator), (*roles_of_the_page(), *JUDGING)
    deployer.may(*every)
    stage.said(V="1")
    first = stage.newest()
    stage.ask(5)
    stage.said(V="2")
    new = stage.newest()

    assert "it waits for `promote`" in stage.said(V="2")
    assert stage.shares() == {first: 100}
    assert order(stage, "promote", V="2") == ""
    stage.said(V="2")
    assert stage.shares() == {first: 10, new: 90}

    for _ in range(4):
        assert stage.ask() == {200}
    deployer.may(*(role for role in every if role not in JUDGING))
    blind = stage.said(V="2")
    assert "monitoring.timeSeries.list" in blind
    assert stage.shares() == {first: 10, new: 90}
    deployer.may(*every)

    said = stage.said(V="2")

    assert stage.shares() == {new: 100}, said
    assert deployer.operator.differences(stage.wanted(V="2")) == []
