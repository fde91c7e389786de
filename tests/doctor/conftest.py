"""A patient: an operator whose specs are examined, on a cloud where everything is well until a test spoils it."""

from dataclasses import replace

import pytest
from google.cloud import iam_admin_v1

from reconciler.engine.doctor import examine
from schemas import load
from tests.emulator.clients import client
from tests.emulator_iam.callers import PROJECT, Account
from tests.engine.test_least_roles import AsAccount
from tests.operating import HELLO


class Patient:
    """Specs, and what is found when they are looked at."""

    def __init__(self, operator):
        self.operator = operator
        self.emulator = operator.emulator

    def looked_at(self, *specs, session=None, **options):
        """The whole checkup."""
        loaded = load(self.operator.write(*specs))
        session = session or self.operator.session()
        said = {"runtime_image": HELLO, "operators": loaded.operators, **options}
        return examine(session, loaded.services, loaded.warnings, **said)

    def found(self, name, *specs, **options):
        """The checks of one name: answer, line and commands of each."""
        return [c for c in self.looked_at(*specs, **options).checks if c.name == name]

    def client(self, cls):
        """Google's client, for spoiling something."""
        return client(self.emulator, cls)

    def as_account(self, folder, *permissions):
        """The same, as an account that has these permissions and no others."""
        account = Account(self.emulator, "deployer")
        (folder / "key.json").write_text(account.key)
        admin = self.client(iam_admin_v1.IAMClient)
        role = {"included_permissions": list(permissions)}
        made = admin.create_role(request={"parent": PROJECT, "role_id": "deployer", "role": role})
        return Patient(AsAccount(self.operator, str(folder / "key.json"))), account, made.name


@pytest.fixture
def patient(operator):
    """An operator with a cloud of its own."""
    return Patient(operator)


@pytest.fixture
def wrong_clock(operator):
    """A session whose clock is off by some time."""

    def made(off):
        session = operator.session()
        return replace(session, clock=type(session.clock)(off))

    return made
