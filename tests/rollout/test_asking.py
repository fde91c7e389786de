"""What a version is asked before any traffic, and what its answers are worth."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.rollout.asking import (
    TRIES,
    Answered,
    Asking,
    Request,
    Worth,
    asked,
    at,
    generated,
    row_of,
    worth_of,
)
from runtime.configuration import settings
from runtime.data import features as served
from schemas.sections.model import Feature

PREDICT = Request("/predict", "{}", answer="predictions[0].score", least=0.0, most=1.0, latency_ms=200)


def answer(value, **more):
    return Answered(more.pop("status", 200), more.pop("seconds", 0.1), json.dumps(value).encode(), **more)


def fine(score=0.5):
    return answer({"predictions": [{"score": score}]})


@pytest.mark.parametrize(
    ("answered", "worth"),
    [
        pytest.param(fine(), Worth.FINE, id="fine"),
        pytest.param(fine(1.5), Worth.WRONG, id="out-of-bounds"),
        pytest.param(fine(math.nan), Worth.WRONG, id="no-number-at-all"),
        pytest.param(fine("high"), Worth.WRONG, id="text"),
        pytest.param(fine(True), Worth.WRONG, id="truth"),  # noqa: FBT003 - a value of JSON
        pytest.param(fine(None), Worth.WRONG, id="null"),
        pytest.param(answer({"predictions": []}), Worth.WRONG, id="nothing-there"),
        pytest.param(answer([]), Worth.WRONG, id="another-shape"),
        pytest.param(Answered(200, 0.1, b"<html>"), Worth.WRONG, id="no-json"),
        pytest.param(Answered(200, 0.1, b"[" * 100_000), Worth.WRONG, id="too-deep"),
        pytest.param(answer({"predictions": [{"score": 0.5}]}, cut=True), Worth.WRONG, id="too-long"),
        pytest.param(answer({"predictions": [{"score": 0.5}]}, seconds=0.3), Worth.WRONG, id="slow"),
        pytest.param(answer({}, status=500), Worth.WRONG, id="fails"),
        pytest.param(answer({}, status=404), Worth.WRONG, id="not-there"),
        pytest.param(answer({}, status=422), Worth.WRONG, id="refuses-the-row"),
        pytest.param(answer({}, status=503), Worth.AWAY, id="not-ready"),
        pytest.param(answer({}, status=429), Worth.AWAY, id="busy"),
        pytest.param(Answered(trouble="no answer"), Worth.AWAY, id="out-of-reach"),
        pytest.param(answer({}, status=403), Worth.REFUSED, id="may-not"),
        pytest.param(
            answer({}, status=302, location="https://accounts.google.com/o/oauth2/v2/auth?client_id=1"),
            Worth.REFUSED,
            id="is-to-sign-in",
        ),
        pytest.param(answer({}, status=302), Worth.WRONG, id="sends-nowhere"),
        pytest.param(answer({}, status=307, location="/predict/"), Worth.WRONG, id="sends-to-itself"),
        pytest.param(answer({}, status=307, location="https://login.acme.example/"), Worth.WRONG, id="sends-away"),
        pytest.param(answer({}, status=307, location="https://[x/"), Worth.WRONG, id="sends-to-no-address"),
        pytest.param(Answered(200, 0.1, b"9" * 5000), Worth.WRONG, id="too-long-a-number"),
    ],
)
def test_an_answer_is_worth_something(answered, worth):
    """Wrong is the version's fault; away may pass; refused is of whoever asks."""
    assert worth_of(PREDICT, answered)[0] is worth


def test_what_is_expected_is_no_refusal():
    """A service that is to answer 401 without a key does so; one of the VPC alone has no page for others."""
    assert worth_of(Request("/", status=401), answer({}, status=401))[0] is Worth.FINE
    assert worth_of(PREDICT, answer({}, status=404), inside=True)[0] is Worth.REFUSED


def test_a_limit_of_ours_is_not_told_as_bad_json():
    """Who reads why a version was taken back looks for the right thing in its answer."""
    deep, long = (Answered(200, 0.1, body) for body in (b"[" * 100_000 + b"]" * 100_000, b"9" * 5000))

    assert "too deep" in worth_of(PREDICT, deep)[1]
    assert "digits" in worth_of(PREDICT, long)[1]
    assert "no JSON" in worth_of(PREDICT, Answered(200, 0.1, b"\xff{"))[1]


SECRET = "hunter2"


@given(
    st.sampled_from([200, 302, 400, 401, 403, 404, 422, 429, 500, 503]),
    st.sampled_from(["", "equals"]),
    st.recursive(st.just(SECRET), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from("ab"), inner)),
    st.booleans(),
)
def test_no_word_of_an_answer_or_a_query_is_repeated(status, equals, value, late):
    """Whatever comes back, and whatever stands behind the question mark."""
    request = Request(f"/p?key={SECRET}", "{}", answer="a", equals=equals and "b", least=0.0)

    check = asked(Asking((request,)), lambda _: answer(value, status=status), late=late)

    assert SECRET not in check.why
    assert check.why


@pytest.mark.parametrize(
    ("answers", "late", "passed"),
    [
        pytest.param([fine()], False, True, id="fine"),
        pytest.param([answer({}, status=500)], False, False, id="wrong-every-time"),
        pytest.param([answer({}, status=500), answer({}, status=500), fine()], False, True, id="a-hiccup"),
        pytest.param([answer({}, seconds=90, status=503), fine()], False, True, id="the-first-warms-it-up"),
        pytest.param([Answered(trouble="no answer")], False, None, id="out-of-reach"),
        pytest.param([Answered(trouble="no answer")], True, False, id="out-of-reach-for-too-long"),
        pytest.param([answer({}, status=403)], True, None, id="may-not-however-long"),
    ],
)
def test_a_version_is_rejected_for_what_is_its_fault(answers, late, passed):
    """Wrong answers at once, silence when its time is over, and nothing for what whoever asks may not."""
    left = [*answers]

    def send(request):
        del request
        return left.pop(0) if len(left) > 1 else left[0]

    assert asked(Asking((PREDICT,)), send, late=late).passed is passed


@given(st.integers(0, 9))
def test_what_is_wrong_is_asked_a_few_times_only(good):
    """However often it fails: the version is not loaded for ever."""
    count = [0]

    def send(request):
        del request
        count[0] += 1
        return fine() if count[0] > good + 1 else answer({}, status=500)

    check = asked(Asking((PREDICT,)), send, late=False)

    assert check.passed is (good < TRIES)
    assert count[0] <= 1 + TRIES


@given(
    st.recursive(
        st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b c", "d-e"]), inner),
    )
)
def test_every_value_has_a_path(value):
    """Each leaf is found by the way to it."""
    for path, leaf in leaves(value, ""):
        assert at(value, path) is leaf


def leaves(value, path):
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from leaves(item, f"{path}[{place}]")
    else:
        yield path, value


@st.composite
def features(draw):
    """Any feature that a spec may declare."""
    kind = draw(st.sampled_from(["number", "integer", "boolean", "category", "string"]))
    found = {"type": kind}
    if kind == "category":
        found["values"] = draw(st.lists(st.text("abc", min_size=1), min_size=1, unique=True))
    if kind in {"number", "integer"}:
        low, high = sorted(draw(st.tuples(st.integers(-1000, 1000), st.integers(-1000, 1000))))
        found |= draw(st.fixed_dictionaries({}, optional={"min": st.just(low), "max": st.just(high)}))
    return found


@given(st.dictionaries(st.text("abcd", min_size=1), features(), min_size=1, max_size=6))
def test_a_made_row_fits_its_schema(declared):
    """The bundled server takes it, whatever is declared."""
    row = row_of({name: Feature.model_validate(each) for name, each in declared.items()})

    schema = served.Schema({name: settings.Feature(**_tupled(each)) for name, each in declared.items()})
    assert schema.columns([row]).keys() == declared.keys()
    [request] = generated({name: Feature.model_validate(each) for name, each in declared.items()})
    assert json.loads(request.body) == {"instances": [row]}


def _tupled(each):
    return {key: tuple(value) if isinstance(value, list) else value for key, value in each.items()}
