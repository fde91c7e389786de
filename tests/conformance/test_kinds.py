"""Every kind, on the emulator, through Google's own client. A new kind is picked up by itself."""

from dataclasses import fields, replace

import pytest

from reconciler.core.decide import Owner, decide
from reconciler.core.errors import NotOurs
from reconciler.core.kind import Ownership
from reconciler.core.plan import Action
from reconciler.kinds import KINDS
from tests.conformance.bench import Bench
from tests.conformance.documented import along
from tests.conformance.example import examples_of, flat
from tests.conformance.place import LOCAL
from tests.conformance.target import journal, making
from tests.conformance.target.recorder import Recorder

READING = (
    "Get",
    "List",
    "storage.objects.list",
    "storage.objects.get",
    "storage.buckets.get",
    "storage.buckets.list",
    "storage.notifications.list",
    "bigquery.datasets.get",
    "bigquery.datasets.list",
    "bigquery.tables.list",
    "bigquery.tables.get",
)


RUN = journal.place_of(LOCAL.project, LOCAL.region, "mlchjbs0exmrmy", 0)
"""Where all of it stands: at a place without a run's prefix nobody could tell what is in something of the run's."""


def announced(verb, url, body):
    making.made_by(verb, url, body, RUN)


LISTENER = Recorder(announced)


def heard(operator):
    """Have a connection on which nothing is made that a run against a project would not find again: `made_by`."""
    made = operator.emulator.clients.setdefault(Recorder, {})
    LISTENER.heard.clear()
    operator.at = RUN
    operator.connection = replace(operator.connection, bucket=RUN.bucket, listener=LISTENER, _made=made)
    return operator


class Counted(Bench):
    """A bench on an empty cloud, which counts calls; what makes an unknown sort of object fails, as in a project."""

    def __init__(self, kind, example, operator):
        super().__init__(kind, example, heard(operator))
        example.prepare(operator)

    def written(self):
        """Calls that changed something since the log was cleared."""
        calls = self.operator.emulator.calls()
        return [name for name in calls if not name.rsplit("/", maxsplit=1)[-1].startswith(READING)]


LONG = {"functions_function"}
"""What is built and started at every write: part of `make test`, left out of `make check`."""
CASES = [
    pytest.param(
        (kind, example),
        id=f"{kind.name}-{example.part}".rstrip("-"),
        marks=[pytest.mark.slow] if kind.name in LONG else [],
    )
    for kind in KINDS
    for example in examples_of(kind.name, RUN)
]


def test_what_is_made_in_what_nobody_of_the_run_made_is_refused():
    """The check that every kind here meets refuses a table in a dataset that no run would find again."""
    tables = "https://bigquery.googleapis.com/bigquery/v2/projects/local/datasets/{}/tables"
    announced("POST", tables.format(f"{RUN.prefix.replace('-', '_')}logs"), {})

    with pytest.raises(LookupError):
        announced("POST", tables.format("theirs"), {})


@pytest.fixture(params=CASES)
def bench(request, operator):
    return Counted(*request.param, operator)


def test_absent_observes_as_nothing(bench):
    """What is not there is not observed, and looking writes nothing."""
    bench.operator.emulator.control("DELETE", "calls")

    assert bench.seen() is None
    assert bench.written() == []


def test_created_then_observed_leaves_no_difference(bench):
    """The record reads back as it was written, and converging again writes nothing."""
    bench.converge(bench.want())
    bench.operator.emulator.control("DELETE", "calls")

    assert bench.decide(bench.want()).action is Action.NO_OP
    bench.converge(bench.want())
    assert bench.written() == []


def test_every_mutable_field_has_an_edit(bench):
    """No field is left out of the next test."""
    edited = {name for edit in bench.example.edits for name in edit}

    assert edited == said_by_specs(bench) - bench.kind.immutable


def said_by_specs(bench):
    """Fields that specs say something of: what hands did is never wanted."""
    return {f.name for f in fields(bench.kind.fields)} - {"by_hand", "fixed_by_hand"}


@pytest.mark.timeout(120)
def test_changing_a_field_changes_that_field_and_nothing_else(bench):
    """Each edit leaves no difference, and the rest of the live object is as it was."""
    bench.converge(bench.want())
    wrong = {}
    for edit in bench.example.edits:
        before = flat(bench.example.read(bench.operator))

        bench.converge(bench.want(**edit))

        left = bench.decide(bench.want(**edit)).changes
        after = flat(bench.example.read(bench.operator))
        beside = bench.changed_beside(before, after, edit)
        if left or beside:
            wrong[str(edit)] = (left, beside)
        bench.converge(bench.want())
    assert wrong == {}


def test_deleting_twice_is_fine(bench):
    """Gone is gone, and what is gone already is no error."""
    bench.client.create(bench.want())
    seen = bench.seen()

    bench.client.delete(seen)
    bench.client.delete(seen)

    assert bench.seen() is None


def test_what_is_not_ours_is_refused_or_left(bench):
    """An object that somebody else made is refused with a way out; somebody else's grant is left and not claimed."""
    bench.client.create(bench.want(**bench.example.unmarked))
    stranger = Owner((bench.example.owner,))

    if bench.kind.ownership is Ownership.ANONYMOUS:
        change = decide(bench.kind, bench.want(), bench.seen(), stranger)
        assert (change.action, change.owned) == (Action.NO_OP, False)
    else:
        with pytest.raises(NotOurs) as refusal:
            decide(bench.kind, bench.want(), bench.seen(), stranger)
        assert "adopt" in refusal.value.hint
    assert decide(bench.kind, None, bench.seen(), stranger) is None, "and it is never pruned"


def test_keys_of_others_survive(bench):
    """A key that somebody adds to a map is no difference, outlives an update of that map, and ours can go."""
    assert bench.example.add_key.keys() == bench.kind.keyed - bench.example.all_keys_ours
    bench.converge(bench.want())
    for name, add in bench.example.add_key.items():
        theirs = add(bench.operator, f"theirs_{name}") or f"theirs_{name}"
        assert bench.decide(bench.want()).action is Action.NO_OP, name
        edit = next(e for e in bench.example.edits if e.keys() == {name})
        ours = getattr(bench.example.fields, name)

        bench.converge(bench.want(**edit))
        assert keys(bench, name) == {*edit[name], theirs}
        bench.converge(bench.want())

        assert keys(bench, name) == {*ours, theirs}


def keys(bench, name):
    return set(getattr(bench.seen().fields, name))


def test_an_update_of_what_moved_meanwhile_does_not_undo_it(bench):
    """What somebody wrote between our look and our write survives, and our change is made all the same."""
    if not bench.example.edits:
        pytest.skip("nothing of it is ever updated")
    if bench.example.meddle is None:
        pytest.skip("all of it is ours")
    bench.converge(bench.want())
    edit = bench.example.edits[0]
    stale, want = bench.seen(), bench.want(**edit)
    bench.example.meddle(bench.operator)

    bench.carry_out(want, stale)

    assert bench.example.theirs(bench.operator)
    bench.converge(want)
    assert bench.decide(want).action is Action.NO_OP


def test_what_no_record_tells_is_named_and_put_back(bench):
    """Each thing that somebody may set is in the plan by its name, and gone when that was carried out."""
    if not bench.example.by_hand:
        pytest.skip("its record tells all, or the rest is left to others")
    bench.converge(bench.want())
    wrong = {}
    for path, tamper in bench.example.by_hand.items():
        tamper(bench.operator)
        told = {change.path for change in bench.decide(bench.want()).changes}
        bench.converge(bench.want())
        left = bench.decide(bench.want()).changes
        if told not in ({f"by_hand.{path}"}, {f"fixed_by_hand.{path}"}) or left:
            wrong[path] = (told, left)
    assert wrong == {}


def test_what_starts_nothing_is_said_of_fields_of_the_record(bench):
    """A name that is none would be judged as if it started something; no field does both or neither."""
    kind = bench.kind

    assert kind.quiet | kind.rerouting <= {each.name for each in fields(kind.fields)}
    assert not kind.quiet & kind.rerouting
    assert bool(kind.rerouting) == (kind.routed is not None)


def test_google_documents_our_fields_as_ours_to_write(bench):
    """No field of ours is output only, and what Google calls immutable we do not try to change in place."""
    example = bench.example
    if example.message is None:
        pytest.skip("Google describes this in no proto-plus class")
    assert example.places.keys() == said_by_specs(bench)
    for name, places in example.places.items():
        said = [text for place in places for text in along(example.message, place)]
        assert any(said), f"{name}: Google's class has no documentation of {places}"
        assert not [t for t in said if "Output only" in t] or name in example.by_method, name
        assert not [t for t in said if "Immutable" in t] or name in bench.kind.immutable, name
