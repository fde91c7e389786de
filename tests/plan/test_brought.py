"""Which images a change brings: by digest and by tag, for each sort of field, whatever serves."""

from dataclasses import replace
from functools import partial

import pytest

from reconciler.core.address import Address
from reconciler.core.brought import Brought, brought_by, images_of
from reconciler.core.diff import FieldChange
from reconciler.core.objects import Observed
from reconciler.core.plan import Action, Change, Plan
from reconciler.kinds import KINDS
from reconciler.kinds.run_service.record import LATEST, Revision, Runs

SERVICE = KINDS.by_name["run_service"]
HERE = Address("run_service", "europe-west1", "churn")
OLD, NEW, THIRD = (f"europe-west1-docker.pkg.dev/acme/ml/scorer@sha256:{digit * 64}" for digit in "abc")
TAG = "europe-west1-docker.pkg.dev/acme/ml/scorer:v1"
SERVES_OLD = {"r1": 100}


def record(image, traffic=None):
    """A plain record of a service, as far as images go."""
    shares = (traffic or {LATEST: 100}).items()
    return {"image": image, "traffic": [{"version": name, "percent": percent, "tag": ""} for name, percent in shares]}


def brought(want, *fields, there=OLD, serving=SERVES_OLD, traffic=None, action=Action.UPDATE, acts=True, latest=""):
    """What a change of some fields brings, where revisions r1 to r3 are of the three images, and `tagged` of a tag."""
    images = {"r1": OLD, "r2": NEW, "r3": THIRD, "tagged": TAG}
    revisions = tuple(Revision(name, "", ready=True, created="", images=(image,)) for name, image in images.items())
    newest = latest or next((name for name, image in images.items() if image == there), "")
    seen = Observed(HERE, None, output={"runs": Runs(revisions, newest, serving)})
    changes = tuple(FieldChange(name, "", "x") for name in fields)
    change = Change(
        HERE, action, ("churn",), changes=changes, desired=record(want, traffic), observed=there and record(there)
    )
    return brought_by(SERVICE, change, seen if there else None, acts=acts)


AROUND = sorted(SERVICE.quiet)


@pytest.mark.parametrize(
    ("said", "new", "back"),
    [
        pytest.param(partial(brought, OLD, there="", action=Action.CREATE), [OLD], [], id="created"),
        pytest.param(partial(brought, NEW, "image"), [NEW], [], id="another-image"),
        pytest.param(partial(brought, NEW, "image", acts=False), [], [], id="only-looked-at"),
        pytest.param(partial(brought, NEW, action=Action.NO_OP), [], [], id="nothing-to-do"),
        pytest.param(partial(brought, OLD, "env"), [], [], id="what-serves-is-started-anew"),
        pytest.param(partial(brought, OLD.replace("@", ":v1@"), "image"), [], [], id="the-same-with-a-tag-beside"),
        pytest.param(partial(brought, NEW, "env", there=NEW), [NEW], [], id="in-the-template-and-serves-nothing"),
        *(pytest.param(partial(brought, NEW, each, there=NEW), [], [], id=f"around-it-{each}") for each in AROUND),
        *(
            pytest.param(
                partial(brought, TAG, each, there=TAG, serving={"tagged": 100}), [], [], id=f"around-a-tag-{each}"
            )
            for each in AROUND
        ),
        *(
            pytest.param(partial(brought, TAG, each, there=TAG), [], [], id=f"around-a-tag-that-serves-nothing-{each}")
            for each in AROUND
        ),
        pytest.param(partial(brought, TAG, "env", there=TAG, serving={"tagged": 100}), [TAG], [], id="a-tag-read-anew"),
        pytest.param(
            partial(brought, TAG, "traffic", there=TAG, serving={"tagged": 100}), [], [], id="a-tag-that-serves"
        ),
        pytest.param(partial(brought, TAG, "traffic", there=TAG), [TAG], [], id="requests-to-a-tag"),
        # A revision tells the digest of what its tag named when it was made.
        pytest.param(
            partial(brought, TAG, "traffic", there=TAG, latest="r1"), [], [], id="a-tag-that-serves-by-digest"
        ),
        pytest.param(
            partial(brought, TAG, "traffic", there=TAG, latest="r2"), [NEW], [], id="requests-to-the-digest-of-a-tag"
        ),
        pytest.param(partial(brought, TAG, "labels", there=TAG, latest="r2"), [], [], id="around-the-digest-of-a-tag"),
        pytest.param(partial(brought, TAG, "env", there=TAG, latest="r1"), [TAG], [], id="a-tag-that-serves-read-anew"),
        pytest.param(
            partial(brought, TAG, "traffic", there=TAG, latest="gone", traffic={"r3": 100}),
            [],
            [THIRD],
            id="a-way-back",
        ),
        pytest.param(
            partial(brought, TAG, "traffic", there=TAG, latest="gone"), [TAG], [], id="of-no-revision-that-is-known"
        ),
        pytest.param(
            partial(brought, NEW, "env", "traffic", there=NEW, latest="r3"), [NEW], [], id="latest-is-what-is-made-now"
        ),
        pytest.param(
            partial(brought, NEW, "traffic", there=NEW, latest="r3", traffic={"r2": 100}),
            [NEW],
            [],
            id="an-older-one-of-it",
        ),
        pytest.param(partial(brought, NEW, "traffic", there=NEW), [NEW], [], id="requests-to-the-template"),
        pytest.param(partial(brought, NEW, "traffic", "labels", there=NEW), [NEW], [], id="and-its-labels"),
        pytest.param(partial(brought, NEW, "traffic", there=NEW, traffic={"r2": 100}), [NEW], [], id="by-its-revision"),
        pytest.param(
            partial(brought, NEW, "traffic", there=NEW, traffic={"r3": 100}), [], [THIRD], id="to-a-third-one"
        ),
        pytest.param(
            partial(brought, NEW, "traffic", there=NEW, traffic={"r1": 50, "r3": 50}),
            [],
            [THIRD],
            id="a-part-to-a-third-one",
        ),
        pytest.param(
            partial(brought, NEW, "traffic", there=NEW, traffic={"r1": 100, "r3": 0}), [], [], id="a-tag-of-traffic"
        ),
        pytest.param(
            partial(brought, OLD, "traffic", traffic={"r1": 100}, serving={"r1": 50, "r2": 50}),
            [],
            [],
            id="less-of-another",
        ),
        pytest.param(
            partial(brought, NEW, "image", there=OLD, traffic={"r3": 100}),
            [NEW],
            [THIRD],
            id="a-candidate-and-a-way-back",
        ),
        # Every revision failed: what is in the template serves nothing, and was never let through.
        pytest.param(partial(brought, OLD, "image", there=NEW, serving={}), [OLD], [], id="nothing-serves"),
        pytest.param(
            partial(brought, NEW, "env", there=NEW, serving={}), [NEW], [], id="nothing-serves-of-the-template"
        ),
        pytest.param(
            partial(brought, NEW, "labels", there=NEW, serving={}), [], [], id="nothing-serves-and-nothing-starts"
        ),
    ],
)
def test_what_a_change_of_a_service_brings(said, new, back):
    """New is what comes to where it does not serve; what requests go back to is told of."""
    found = said()

    assert (list(found.new), list(found.back)) == (new, back)


@pytest.mark.parametrize("serving", [{}, {"r1": 100}, {"r1": 1, "r2": 99}])
def test_what_serves_has_a_share(serving):
    """Whatever the template says."""
    images = {"r1": OLD, "r2": NEW}

    assert list(brought(THIRD, "image", there=THIRD, serving=serving).serving) == [images[each] for each in serving]


def test_what_has_no_revisions_runs_what_its_record_says():
    """The image of a training stands in the settings of its function."""
    here = Address("functions_function", "europe-west1", "churn")
    kind = replace(KINDS.by_name["functions_function"], images=lambda each: (each["image"],))
    change = Change(
        here,
        Action.UPDATE,
        ("churn",),
        changes=(FieldChange("environment", "", "x"),),
        desired={"image": NEW},
        observed={"image": OLD},
    )

    assert brought_by(kind, change, None, acts=True) == Brought((NEW,), (), (OLD,))


def test_images_are_those_of_the_services_that_ask():
    """What goes is told apart from what stays; an object of two services is each one's."""
    one = Revision("r1", "", ready=True, created="", images=(OLD,))
    seen = {HERE: Observed(HERE, None, output={"runs": Runs((one,), "r1", SERVES_OLD)})}
    change = Change(
        HERE,
        Action.UPDATE,
        ("churn", "fraud", "calm"),
        changes=(FieldChange("image", OLD, NEW),),
        desired=record(NEW),
        observed=record(OLD),
    )

    found = images_of(
        Plan.of([change], project="acme", services=("calm", "churn", "fraud")), seen, KINDS, ["churn", "fraud"]
    )
    assert sorted(found) == ["churn", "fraud"]
    assert all((each.new, each.replaced, each.serving) == ((NEW,), (OLD,), ()) for each in found.values())
