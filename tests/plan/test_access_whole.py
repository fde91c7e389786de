"""Whoever consents to access sees all of it: a condition that is cut could say anything."""

import json
from dataclasses import fields

import pytest

from reconciler.kinds import KINDS
from reconciler.render.comment import About, render_comment
from reconciler.render.report import read_report
from reconciler.render.text import render_text
from reconciler.render.values import gives_access

OLD = " || ".join(f"assertion.ref == 'refs/heads/branch-{n}'" for n in range(60))
NEW = OLD.replace("branch-30", "other-30")


def of(**change):
    """A report of a change to a provider."""
    base = {"address": "iam_workload_identity_pool_provider/global/p", "services": ["ci"], "changes": []}
    plan = {"services": ["ci"], "changes": [base | change]}
    return read_report(json.dumps({"format": "mlservice/plan-report/v1", "plan": plan}).encode())


@pytest.mark.parametrize(
    ("path", "at", "value"),
    [
        ("condition", "condition", str),
        ("mapping.attribute.way", "mapping", lambda text: {"attribute.way": text}),
        ("audiences", "audiences", lambda text: [text]),
        ("issuer", "issuer", str),
    ],
)
def test_what_gives_access_is_shown_whole(path, at, value):
    """When it is made, also in brief, and when it is changed, in both forms."""
    made = of(action="create", desired={at: value(OLD)})
    changed = of(action="update", changes=[{"path": path, "before": OLD, "after": NEW}])

    assert OLD in render_text(made.plan, titles={}, brief=True).plain
    assert f"{OLD} → {NEW}" in render_text(changed.plan, titles={}).plain
    for report in (made, changed):
        text = render_comment([report], titles={}, about=About())
        assert OLD in text.replace("\n+ ", "").replace("\n- ", "")


def test_what_gives_access_is_known_by_its_fields():
    """A kind with a field of such a name is shown whole also where the others get a line."""
    shown = {kind.name for kind in KINDS if any(gives_access(each.name) for each in fields(kind.fields))}

    assert shown == {"iam_member", "iam_role", "iam_workload_identity_pool_provider"}
