"""What specs name is looked up once, and what is wrong with an answer is told at its place: toy lookups."""

from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.core import errors
from reconciler.core.facts import Facts, Lookup, Question
from reconciler.core.kind import Kinds
from reconciler.engine.resolve import look_up, resolve
from reconciler.engine.session import Session
from schemas import SpecError, load
from schemas.problems import Problem
from tests.clocks import FakeClock
from tests.toys import TOY, Cloud

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
BOTH = load([GOLDEN / "operator" / "mlservice.yaml"])
[SERVICE], [OPERATOR] = BOTH.services, BOTH.operators
GIVEN = Facts("acme", "b")


class Asked:
    """Lookups of toys: what a service asks, what comes of it, and what it lacks then."""

    def __init__(self, pool, *questions, lacks=(), answers=None):
        self.calls, self.answers = [], answers or {}
        lookup = Lookup(
            "toys",
            str,
            lambda *_: iter(questions),
            self.answer,
            operates=lambda loaded, given: iter([Question(f"of {loaded.name} in {given.project}", "image")]),
            lacks=lambda loaded, _: (Problem(loaded.where("spec.image"), each) for each in lacks),
        )
        self.session = Session(Cloud(), Kinds.of(replace(TOY, lookups=(lookup,))), pool, FakeClock(), "tester", "run-1")

    def answer(self, _, question):
        self.calls.append(question.key)
        found = self.answers.get(question.key, question.key.upper())
        if isinstance(found, Exception):
            raise found
        return found


def test_each_is_asked_once_and_every_service_has_its_answers(pool):
    """An operator asks for what its document names."""
    asked = Asked(pool, Question("a", "image"), Question("b", "image"), Question("a", "region"))

    service, again, operator = resolve(asked.session, [SERVICE, SERVICE, OPERATOR], GIVEN)

    assert service == again
    assert service.answers == {("toys", "a"): "A", ("toys", "b"): "B"}
    of_operator = f"of {OPERATOR.name} in acme"
    assert operator.answers == {("toys", of_operator): of_operator.upper()}
    assert sorted(asked.calls) == sorted(["a", "b", of_operator])
    assert (service.project, service.bucket) == ("acme", "b")


def test_what_the_spec_can_do_without_may_be_missing(pool):
    """It has no answer then; something else that is wrong with it is a problem all the same."""
    missing = errors.NotFoundError("read", "a", "there is none")
    asked = Asked(pool, Question("a", "image", optional=True), answers={"a": missing})
    assert resolve(asked.session, [SERVICE], GIVEN)[0].answers == {("toys", "a"): None}

    wrong = errors.InvalidRequest("read", "a", "it is none", hint="name another")
    for optional, error in ((True, wrong), (False, missing), (False, wrong)):
        asked = Asked(pool, Question("a", "image", optional=optional), answers={"a": error})
        with pytest.raises(SpecError) as refused:
            resolve(asked.session, [SERVICE], GIVEN)
        [problem] = refused.value.problems
        assert (problem.where, error.why in problem.summary) == (SERVICE.where("spec.image"), True)
        assert problem.hint == error.hint


def test_every_problem_is_told_at_once(pool):
    """What is not there, what follows from answers, and faults of ours, each with whose spec it is about."""
    answers = {"a": errors.NotFoundError("read", "a", "there is none"), "b": RuntimeError("boom")}
    asked = Asked(pool, Question("a", "image"), Question("b", "region"), lacks=["too small"], answers=answers)

    with pytest.raises(SpecError) as refused:
        resolve(asked.session, [SERVICE], GIVEN)

    told = {problem.summary: problem.hint for problem in refused.value.problems}
    assert set(told) == {
        "cannot read a: there is none",
        "too small",
        f"{SERVICE.name}: lookup toys of b ended unexpectedly: RuntimeError: boom",
    }
    assert "please report it" in told[f"{SERVICE.name}: lookup toys of b ended unexpectedly: RuntimeError: boom"]


def test_what_is_no_mistake_of_a_spec_ends_the_run_unless_every_error_is_kept(pool):
    """A refusal of Google's is nobody's problem with a place."""
    refused = errors.NotPermitted("read", "a", "no")
    asked = Asked(pool, Question("a", "image"), answers={"a": refused})

    with pytest.raises(errors.NotPermitted):
        resolve(asked.session, [SERVICE], GIVEN)

    questions, known = look_up(asked.session, [SERVICE], GIVEN)
    assert [question.key for _, question in questions[0]] == ["a"]
    assert list(known.values()) == [refused]
