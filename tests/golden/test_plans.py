"""mlservice.yaml and a recorded world in, the plan as people read it out."""

import io
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from rich.console import Console

from reconciler.core.errors import PlansRefused
from reconciler.core.plan import Action, Plan
from reconciler.kinds import KINDS
from reconciler.render.markdown import render_markdown
from reconciler.render.text import render_text
from tests.golden.world import plan_case

HERE = Path(__file__).parent
CASES = sorted(path.parent for path in HERE.glob("*/mlservice.yaml"))
TITLES = {kind.name: kind.title for kind in KINDS}


def text_of(plan):
    console = Console(file=io.StringIO(), width=200, color_system=None, soft_wrap=True)
    console.print(render_text(plan, titles=TITLES), end="", markup=False)
    return console.file.getvalue()


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_plan_reads_as_recorded(case, golden):
    """People approve changes by reading plans, so the text is part of our interface."""
    try:
        plan = plan_case(KINDS, case).plan
    except PlansRefused as refusal:
        said = "".join(f"{problem.message}\n  hint: {problem.hint}\n" for problem in refusal.problems)
        golden.check(case / "plan.txt", said)
        return
    golden.check(case / "plan.txt", text_of(plan))
    golden.check(case / "plan.md", render_markdown(plan, titles=TITLES))


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_a_plan_is_the_same_every_time_and_survives_being_saved(case):
    """The same files give the same plan, and saving it loses nothing."""
    try:
        plan = plan_case(KINDS, case).plan
    except PlansRefused:
        return
    assert plan_case(KINDS, case).plan == plan
    assert Plan.from_json(plan.to_json()) == plan


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_every_kind_has_a_golden_plan_and_an_example(kind):
    """A new kind is one file, one line and one golden folder of its name; this is the folder."""
    assert {"example.py", "mlservice.yaml", "plan.txt"} <= {path.name for path in (HERE / kind).iterdir()}
    plan = plan_case(KINDS, HERE / kind).plan
    assert any(change.address.kind == kind and change.action is not Action.NO_OP for change in plan.changes)


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_what_needs_something_is_deleted_before_it(case):
    """A kind says what it uses, and every plan bears it out; a role goes with what it is on, whichever is first."""
    try:
        changes = plan_case(KINDS, case).plan.changes
    except PlansRefused:
        return
    needed = {(need.kind, c.address.kind) for c in changes if c.address.kind != "iam_member" for need in c.needs}

    assert [(one, user) for one, user in sorted(needed) if one != user and user not in KINDS.earlier(one)] == []


def test_deleting_goes_in_no_circle():
    """Of two kinds at most one waits for the other."""
    assert set(TopologicalSorter({kind.name: KINDS.earlier(kind.name) for kind in KINDS}).static_order())
