"""What lies in a mounted folder is read through Google's client; a lookup that fails in its own way stops no other."""

from dataclasses import replace

import pytest

from reconciler.core.kind import Kinds
from reconciler.core.orders import Orders
from reconciler.engine.passes import Pass
from reconciler.engine.planning import make_plan
from reconciler.lookups.mounted_bytes import MOUNTED_BYTES
from schemas import SpecError, load, load_valid
from tests.engine.test_passes import Lines, names, states
from tests.operating import HELLO, spec

FOLDER = "gs://acme-models/writer/"


@pytest.fixture
def files(operator):
    """A folder with two files, and one beside it."""
    bucket = operator.connection.storage.create_bucket("acme-models")
    for name, size in (("writer/a", 1000), ("writer/b", 24), ("other", 7)):
        bucket.blob(name).upload_from_string(b"0" * size)
    return operator


def test_a_folder_with_files_is_planned_and_its_files_are_counted(files):
    """Those of the folder, and no others; the service that mounts it is made."""
    [loaded] = load(files.write(spec(mounts={"/m": FOLDER}))).services

    [question] = MOUNTED_BYTES.asks(loaded, None)

    assert MOUNTED_BYTES.answer(files.connection, question) == 1024
    assert not files.apply(spec(mounts={"/m": FOLDER})).failed
    assert files.differences(spec(mounts={"/m": FOLDER})) == []


def _breaks(connection, question):
    raise ValueError("None could not be converted to unicode")


@pytest.fixture
def broken(operator):
    """A run one of whose lookups has a fault of its own."""
    kinds = [
        replace(kind, lookups=tuple(replace(each, answer=_breaks) if each is MOUNTED_BYTES else each
                                    for each in kind.lookups))
        for kind in operator.session().kinds
    ]  # fmt: skip
    return replace(operator.session(), kinds=Kinds.of(*kinds))


def test_a_lookup_with_a_fault_is_named(operator, broken):
    """With the service, and where in its file."""
    operator.connection.storage.create_bucket("acme-models")
    services = load(operator.write(spec("a"), spec("b", mounts={"/m": FOLDER}))).services

    with pytest.raises(SpecError) as refused:
        make_plan(broken, services, runtime_image=HELLO)

    [problem] = refused.value.problems
    assert problem.summary.startswith(f"b: lookup mounted_bytes of {FOLDER} ended unexpectedly: ValueError: None could")
    assert problem.where.path == "mounts./m.bucket"
    assert problem.where.line > 1


def test_a_lookup_with_a_fault_stops_no_other(operator, broken):
    """Whoever does not ask it is made in the same pass."""
    made = Pass(broken, Orders(), lambda each: make_plan(broken, each, runtime_image=HELLO), Lines(), dry_run=False)
    made.run(load_valid(operator.write(spec("a"), spec("b", mounts={"/m": FOLDER})))[0].services)

    assert states(made) == {"a": "changed", "b": "refused"}
    assert names(operator) == {"a"}
