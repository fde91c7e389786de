"""The data that decide: where they are from, and what is said where there are none."""

import json
from pathlib import Path

import pytest

from emulator import cloud
from emulator.apis import LISTED
from emulator.core.api import Call, Registry, folder_of
from emulator.core.failures import ApiFailure
from emulator.core.permissions import Demand, Table, demands, read
from emulator.identity import roles
from emulator.wire import enforcement
from emulator.wire.dispatch import perform

DATASET = Path(__file__).resolve().parents[3] / "shared/gcp/iam.json"
ACCOUNT = "caller@local.iam.gserviceaccount.com"


@pytest.fixture
def dataset():
    """The list that ours are made from; it is not part of this repository."""
    if not DATASET.exists():
        pytest.skip("the dataset is not here")
    return json.loads(DATASET.read_text())


def test_the_roles_are_those_of_the_dataset(dataset):
    """Made by `python -m emulator.identity.roles`, and not touched since."""
    assert json.loads(roles.FILE.read_text()) == roles.derived(dataset)


def test_methods_need_what_the_dataset_knows(dataset):
    """Cloud Storage's names are the same there: ours is one of those it names, for each method that it knows."""
    table = read(folder_of("emulator.apis.storage.app"))
    known = {method: set(found) for method, found in dataset["methods"].items() if found and method in table.methods}

    odd = {method for method, found in known.items() if {d.permission for d in table.methods[method]} - found}

    assert len(known) > 10
    assert odd == set()


def test_every_api_has_words_and_a_service():
    """Refusals name the API in `ErrorInfo.domain`."""
    mixins = {"emulator.apis.longrunning", "emulator.apis.locations", "emulator.apis.run_v1.routes"}
    tables = {each.module: read(folder_of(each.module)) for each in LISTED if each.module not in mixins}

    assert [module for module, table in tables.items() if not table.service.endswith(".googleapis.com")] == []


def test_a_method_without_an_entry_is_refused_with_the_gap_s_name(tmp_path):
    """To service accounts; the developer calls it as ever."""
    world = cloud.build(tmp_path)
    api = world.part(Registry)._load(LISTED[0])
    method = "google.longrunning.Operations/Prune"
    api.behaviours[method] = lambda _, request, __: request
    try:
        assert perform(world, Call(method, mutating=True, caller="developer@example.com"), "x") == "x"
        with pytest.raises(ApiFailure, match=f"does not know which permissions {method} needs") as refused:
            perform(world, Call(method, mutating=True, caller=ACCOUNT), iter([object()]))
    finally:
        del api.behaviours[method]
        world.store.close()
    assert refused.value.code == "PERMISSION_DENIED"


def test_what_a_streamed_request_needs_its_first_message_says(tmp_path):
    """It is still there for the behaviour; an empty stream asks for nothing."""
    world = cloud.build(tmp_path)
    call = Call("google.longrunning.Operations/ListOperations", mutating=False, caller=ACCOUNT)

    assert list(enforcement.check(world, call, iter(["a", "b"]))) == ["a", "b"]
    assert list(enforcement.check(world, call, iter(()))) == []
    world.store.close()


def test_permissions_are_read_as_they_are_written():
    """One or several, on the request's own resource, on a field, or as an account; anything else is refused."""
    account = "iam.serviceAccounts.actAs as job.template.service_account or default"

    assert demands("run.jobs.get") == (Demand("run.jobs.get"),)
    assert demands("anyone") == ()
    assert demands(["a.b.c on topic", account]) == (
        Demand("a.b.c", ("topic",)),
        Demand("iam.serviceAccounts.actAs", ("job", "template", "service_account"), account=True, default=True),
    )
    with pytest.raises(ValueError, match="no permission with a field"):
        demands("run.jobs.get at name")


def test_an_api_without_a_table_has_an_empty_one(tmp_path):
    """So that a new folder works for the developer before its permissions are named."""
    assert read(tmp_path) == Table()
