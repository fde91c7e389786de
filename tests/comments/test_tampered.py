"""A report passes from a job that runs a stranger's code to one with a token: whatever is in it, it is data."""

import json
import random

import pytest

from reconciler.core.membership import KIND
from reconciler.render import comment, values
from reconciler.render.comment import BUDGET, About, render_comment
from reconciler.render.report import MOST_BYTES, read_report
from reconciler.render.text import render_text
from schemas import redaction
from schemas.redaction import HIDDEN

ABOUT = About("abc", "main", "")
SCALARS = [None, True, 0, -1, 1.5, float("inf"), "", "x", "a/b/c", "\ud800", "`|<", "\r\n", 10**300, "/".join("abcdef")]
FIELDS = [
    "traffic",
    "env",
    "model",
    "features",
    "columns",
    "version",
    "percent",
    "tag",
    "$ref",
    "output",
    "form",
    "values",
]
KINDS = ["run_service", KIND, "no_such", ""]


def anything(chance, depth=0):
    """Any JSON, with the words that mean something to us."""
    sort = chance.random()
    if depth > 3 or sort < 0.4:
        return chance.choice(SCALARS)
    if sort < 0.6:
        return [anything(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {chance.choice(FIELDS): anything(chance, depth + 1) for _ in range(chance.randrange(5))}


def tampered(chance):
    """A report that is one by its form, and anything where values stand."""
    record = {name: anything(chance) for name in chance.sample(FIELDS, 4)}
    path = ".".join(chance.sample(FIELDS, chance.randrange(1, 4)))
    change = {
        "address": f"{chance.choice(KINDS)}/global/{chance.choice(['x', 'a b c', ' ', 'project roles/x user:y t'])}",
        "action": chance.choice(["create", "update", "delete", "replace", "wait", "no-op"]),
        "services": chance.choice([[], ["churn"]]),
        "desired": chance.choice([None, record]),
        "observed": chance.choice([None, {name: anything(chance) for name in FIELDS}]),
        "changes": [{"path": path, "before": anything(chance), "after": anything(chance)}],
        "problem": chance.choice(["", "x"]),
    }
    return {"format": "mlservice/plan-report/v1", "plan": {"services": ["churn"], "changes": [change]}}


def said(report, **more):
    """The comment of one report."""
    return render_comment([read_report(json.dumps(report).encode())], titles={}, about=ABOUT, **more)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_stands_in_a_report_is_shown_or_refused(seed):
    """Never a traceback, in neither form."""
    chance = random.Random(seed)  # noqa: S311 - the same each time
    for _ in range(60):
        try:
            report = read_report(json.dumps(tampered(chance)).encode())
        except ValueError as error:
            assert "it is no report" in str(error)  # noqa: PT017 - most are shown
            continue
        assert render_comment([report], titles={}, about=ABOUT)
        assert render_text(report.plan, titles={}).plain


def of(*changes):
    """A report of changes to a service."""
    base = {"address": "run_service/europe-west1/a", "services": ["a"], "changes": []}
    plan = {"services": ["a"], "changes": [base | each for each in changes]}
    return {"format": "mlservice/plan-report/v1", "plan": plan}


@pytest.mark.parametrize("traffic", [5, "all", [5], [{}], {"a": 1}, [{"version": "x"}]])
def test_traffic_that_is_no_list_of_shares_is_a_value(traffic):
    """It is shown as it is."""
    assert "traffic" in said(of({"action": "create", "desired": {"traffic": traffic}}))


def test_a_report_nested_too_deep_is_refused():
    """Before anything walks through it."""
    deep = json.dumps(of({"action": "create", "desired": {"x": 1}})).replace('"x": 1', '"x": ' + "[" * 300 + "]" * 300)
    with pytest.raises(ValueError, match="no report"):
        read_report(deep.encode())


def test_a_report_that_is_too_large_is_refused():
    """With the size that is allowed."""
    with pytest.raises(ValueError, match="more than 8 MiB"):
        read_report(b" " * (MOST_BYTES + 1))


def test_what_nobody_sees_is_not_looked_through(monkeypatch):
    """A comment is short: of a long report only that is searched for secrets which may be shown."""
    searched, hidden = [], redaction.redacted

    def counted(text):
        searched.append(len(text))
        return hidden(text)

    for module in (values, comment, redaction):
        monkeypatch.setattr(module, "redacted", counted)
    long = "word key=value " * 20_000
    many = [
        {"address": f"run_service/europe-west1/a{n}", "action": "create", "desired": {"x": long[:900]}}
        for n in range(3000)
    ]
    report = of(
        {"action": "update", "desired": {"x": 1}, "changes": [{"path": "x", "before": long, "after": f"{long}z"}]},
        {"action": "create", "desired": {"x": long, "y": ["a"] * 100_000}},
        *many,
    )
    text = said(report)

    assert len(text) <= BUDGET
    assert "more rows" in text
    assert sum(searched) < 2_000_000


@pytest.mark.parametrize("before", range(60, 97, 4))
@pytest.mark.parametrize(
    "secret",
    ["ghp_" + "a1B2" * 9000, "-----BEGIN PRIVATE KEY-----" + "MIIE" * 3000, "https://me:" + "hunter" * 500 + "@x/"],
)
def test_a_secret_that_is_cut_is_hidden_all_the_same(secret, before):
    """What is shown ends within it, and so may what is looked at."""
    text = said(of({"action": "create", "desired": {"x": "w " * (before // 2) + secret}}))

    assert HIDDEN[:1] in text
    assert not any(part in text for part in ("a1B2", "MIIE", "hunter"))


def test_where_two_long_values_part_is_still_shown():
    """Also far behind their beginnings."""
    long = "word " * 5000
    text = said(of({"action": "update", "changes": [{"path": "x", "before": f"{long}one", "after": f"{long}two"}]}))

    assert "one" in text
    assert "two" in text
