"""Problems as text, JSON and SARIF."""

import json

from schemas.problems import Problem, Severity, SourceRef, in_file_order
from schemas.report import as_json, as_sarif, as_text, summary_line

PROBLEMS = in_file_order(
    [
        Problem(
            SourceRef("a b.yaml", 12, 14, "rollout.steps[1].traffic"),
            "50 is below the step before it (80)",
            "steps must rise",
            rule="rollout-steps",
        ),
        Problem(SourceRef("a b.yaml", 3, 1, "region"), '"x" is new', severity=Severity.WARNING, rule="region"),
        Problem(SourceRef("gone.yaml"), "no such file or folder", rule="unusable-path"),
    ]
)


def test_text():
    """What a terminal shows: editors and people find the place; hints stand below."""
    assert as_text(PROBLEMS).splitlines() == [
        'a b.yaml:3:1: region: warning: "x" is new',
        "a b.yaml:12:14: rollout.steps[1].traffic: 50 is below the step before it (80)",
        "  hint: steps must rise",
        "gone.yaml: no such file or folder",
    ]
    assert summary_line(PROBLEMS) == "2 errors, 1 warning"
    assert summary_line(()) == "no problems"


def test_json():
    """Every part of a problem by its name; what is not known is null."""
    records = json.loads(as_json(PROBLEMS))

    assert records[1] == {
        "severity": "error",
        "rule": "rollout-steps",
        "file": "a b.yaml",
        "line": 12,
        "column": 14,
        "path": "rollout.steps[1].traffic",
        "summary": "50 is below the step before it (80)",
        "hint": "steps must rise",
    }
    assert (records[2]["line"], records[2]["path"], records[2]["hint"]) == (None, None, None)


def test_sarif():
    """What code hosts need: rule, level, file as a URI, region, message."""
    log = json.loads(as_sarif(PROBLEMS, version="1.2.3"))

    (run,) = log["runs"]
    assert log["version"] == "2.1.0"
    assert run["tool"]["driver"]["version"] == "1.2.3"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["region", "rollout-steps", "unusable-path"]
    result = run["results"][1]
    assert (result["ruleId"], result["ruleIndex"], result["level"]) == ("rollout-steps", 1, "error")
    assert result["message"]["text"].endswith("(80)\nHint: steps must rise")
    place = result["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "a%20b.yaml"}, "region": {"startLine": 12, "startColumn": 14}}
    assert "region" not in run["results"][2]["locations"][0]["physicalLocation"]
