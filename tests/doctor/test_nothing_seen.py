"""Where nothing could be looked at, nobody knows what is in the way."""

import pytest

from reconciler.core.checkup import Answer, Check, Checkup
from reconciler.render.doctor import render_checkup, render_checkup_markdown

WHY = "could not look: nobody is signed in, and this is a long sentence"
BLIND = [Check(name, Answer.UNKNOWN, WHY) for name in ("apis", "billing", "plan")]
WHO = [Check("caller", Answer.OK, "you are jo"), Check("clock", Answer.OK, "it is right")]
WORD = Check("specs", Answer.WARN, "a word of the spec has no effect yet")


@pytest.mark.parametrize("beside", [[], WHO, [WORD]])
def test_nothing_seen_is_no_success(beside):
    """Who you are, and what stands in the spec, says nothing of the project; why is said once."""
    found = Checkup.of("acme", "jo", ["churn"], [*BLIND, *beside])

    for said in (render_checkup(found).plain, render_checkup_markdown(found)):
        assert said.count("nobody is signed in") == 1
        assert "apis, billing, plan: could not look" in said
        assert "nothing could be looked at of churn in acme" in said
        assert "gcloud auth application-default login" in said
    assert found.exit_code == 3


def test_some_unknown_is_no_failure():
    """One thing that was seen is enough."""
    found = Checkup.of("acme", "jo", ["churn"], [*BLIND, Check("region", Answer.OK, "is there")])

    assert found.exit_code == 0
    assert "nothing is in the way" in render_checkup(found).plain
