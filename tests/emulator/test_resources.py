"""What all APIs share: masks, names, pages, labels, etags."""

import itertools

import pytest
from google.cloud.run_v2.types import service as types
from hypothesis import given
from hypothesis import strategies as st

from emulator.core.failures import ApiFailure
from emulator.core.paging import Order, page, token_after
from emulator.core.resources import apply_mask, check_labels, etag_of, part

Service = types.Service.pb()


def sample(**fields):
    return Service(name="s", description="old", labels={"a": "1", "b": "2"}, custom_audiences=["x"], **fields)


def masked(*paths: str, **sent):
    """`sample` after an update of `paths` to `sent`."""
    target = sample()
    target.template.service_account = "me"
    target.template.timeout.seconds = 9
    apply_mask(target, Service(**sent), paths, keep=("name", "uid"))
    return target


def test_a_masked_field_is_copied_and_another_left():
    """The mask alone decides."""
    changed = masked("description", description="new", labels={"z": "9"})

    assert (changed.description, dict(changed.labels)) == ("new", {"a": "1", "b": "2"})


@pytest.mark.parametrize("field", ["description", "labels", "custom_audiences", "template", "template.timeout"])
def test_masked_but_absent_is_cleared(field):
    """As recorded for Pub/Sub (pubsub_subscription/push-oidc), whatever the type of the field."""
    changed = masked(field)
    for name in field.split("."):
        changed, parent = getattr(changed, name), changed

    assert not parent.ListFields() or name not in [found.name for found, _ in parent.ListFields()]


def test_a_path_into_a_message_changes_just_that():
    """Nested paths leave their neighbours alone."""
    changed = masked("template.service_account", template={"service_account": "you"})

    assert (changed.template.service_account, changed.template.timeout.seconds) == ("you", 9)


def test_a_path_into_a_map_changes_one_key():
    """Set, changed or removed."""
    assert dict(masked("labels.a", labels={"a": "9"}).labels) == {"a": "9", "b": "2"}
    assert dict(masked("labels.a").labels) == {"b": "2"}


def test_a_star_means_every_field_but_those_kept():
    """Full replacement; names and output-only fields stay."""
    changed = masked("*", description="new", uid="forged", name="forged")

    assert (changed.name, changed.uid, changed.description, dict(changed.labels)) == ("s", "", "new", {})


def test_an_unknown_path_is_refused():
    """By name, as INVALID_ARGUMENT."""
    with pytest.raises(ApiFailure, match="colour"):
        masked("colour")


PLACES = st.tuples(st.integers(0, 2), st.sampled_from("abc"), st.integers(0, 1000))
ORDERS = st.lists(st.booleans(), max_size=3).map(lambda down: Order(lambda item: item, tuple(down)))


@given(
    order=ORDERS,
    staying=st.sets(PLACES, max_size=20),
    turns=st.lists(st.tuples(st.sets(PLACES, max_size=3), st.integers(1, 5)), min_size=1, max_size=6),
)
def test_pages_join_up_whatever_is_made_and_removed_between_two(order, staying, turns):
    """Whatever is there all the time is shown once, what is not at most once, in order, up to the last page."""
    seen, token = [], ""
    for others, size in itertools.cycle(turns):
        shown, token = page(staying | others, size, token, order)
        seen += shown
        if not token:
            break

    assert [item for item in seen if item in staying] == order.arranged(staying)
    assert seen == order.arranged(seen)
    assert len(seen) == len(set(seen))


def test_an_order_goes_up_and_down_by_its_parts():
    """By the first part first; each its own way."""
    items = [(n, letter) for n in (1, 2) for letter in "ab"]

    assert Order(tuple, (True,)).arranged(items) == [(2, "a"), (2, "b"), (1, "a"), (1, "b")]
    assert Order(tuple, (False, True)).arranged(items) == [(1, "b"), (1, "a"), (2, "b"), (2, "a")]


@pytest.mark.parametrize(
    ("size", "token"), [(-1, ""), (1, "nonsense"), (1, "AAAA"), (1, "b24="), (1, token_after(("a",), "another list"))]
)
def test_bad_pages_are_refused(size, token):
    """A negative size, a token that was never given."""
    with pytest.raises(ApiFailure, match="INVALID_ARGUMENT"):
        page(["a", "b"], size, token)


@pytest.mark.parametrize(("key", "value"), [("Upper", "a"), ("1a", "a"), ("a", "B"), ("a" * 64, "a"), ("a", "b" * 64)])
def test_bad_labels_are_refused(key, value):
    """Lower case, 63 characters, a letter first."""
    check_labels([("a-b_c", "d")])
    with pytest.raises(ApiFailure, match="label"):
        check_labels([(key, value)])


def test_an_etag_follows_the_content():
    """Equal content, equal etag; the etag itself does not count."""
    assert etag_of(sample()) == etag_of(sample(etag="x")) != etag_of(sample(uid="1"))


def test_ids_are_cut_out_of_names():
    """By the collection that comes before them."""
    assert part("projects/p/locations/l/services/s", "locations") == "l"
    for bad in ("projects/p", "projects/p/locations", ""):
        with pytest.raises(ApiFailure):
            part(bad, "locations")
