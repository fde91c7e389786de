"""What the comment says: where, how much, how it goes out, what is in the way; within its budget, without secrets."""

import json
import re

import pytest
from markdown_it import MarkdownIt

from reconciler.core.address import Address
from reconciler.core.diff import FieldChange
from reconciler.core.plan import Action, Change, Note, Plan
from reconciler.kinds import KINDS
from reconciler.render.comment import BUDGET, About, render_comment
from reconciler.render.report import Report, decision_of, read_report
from tests.comments.hostile import values

TITLES = {kind.name: kind.title for kind in KINDS}
PARSER = MarkdownIt("gfm-like", {"linkify": False, "html": True})
OURS = {"<details>", "<details open>", "<summary>", "</summary>", "</details>"}
CANARIES = {
    "env": "hunter2hunter2",
    "url": "postgres://app:s3cr3tpassw0rd@db/x",
    "token": "ghp_0123456789abcdefghij0123456789abcdef",
    "key": "AIzaSyD0123456789abcdefghijklmnopqrstuv",
}


UNKNOWN_ACTION = json.dumps(
    {
        "format": "mlservice/plan-report/v1",
        "plan": {"services": [], "changes": [{"address": "a/b/c", "action": "explode", "services": []}]},
    }
).encode()


def change(name, action=Action.UPDATE, kind="run_service", **more):
    """One change of a service."""
    fields = {"labels": {"team": "growth"}}
    base = {
        "reason": "labels differ",
        "changes": (FieldChange("labels.team", "ml", "growth"),) if action is Action.UPDATE else (),
        "desired": fields,
        "observed": {"labels": {"team": "ml"}},
    }
    return Change(Address(kind, "europe-west1", name), action, (name,), **(base | more))


def report(*changes, environment="prod", **more):
    """A report of a plan."""
    services = tuple(sorted({name for c in changes for name in c.services}))
    plan = Plan.of(changes, project="acme-prod", services=services, notes=more.pop("notes", ()))
    return Report(environment, "acme-prod", plan, decision=decision_of(plan), **more)


def rendered(*reports, **more):
    """The comment."""
    return render_comment(reports, titles=TITLES, about=About("abc1234def5678", "main", ""), **more)


def html(text):
    """The raw HTML in a comment."""
    for token in PARSER.parse(text):
        if token.type == "html_block":
            yield token.content
        for child in token.children or ():
            if child.type == "html_inline":
                yield child.content


def tags(text):
    """Every tag in the raw HTML of a comment."""
    return {tag for raw in html(text) for tag in re.findall(r"<[^>]*>?", raw)}


def types(text):
    """Kinds of everything in it."""
    return {t.type for token in PARSER.parse(text) for t in (token, *(token.children or ()))}


def test_it_says_where_how_much_how_and_what_is_in_the_way():
    """The first lines answer what a reviewer asks; details follow."""
    text = rendered(
        report(change("churn"), rollouts={"churn": "Canary 5 → 25 → 100 %, at least 45 min"}),
        Report("dev", "acme-dev", None, ("services/churn.yaml:12:3: region: 'moon' is no region; europe-west1?",)),
    )

    lines = [line for line in PARSER.render(text).replace("\u200b", "").splitlines() if line]
    assert lines[0] == "<h3>mlservice plan (commit abc1234def56) onto main</h3>"
    assert lines[1] == "<p><strong>dev</strong> · project acme-dev</p>"
    assert "<strong>Blocked</strong>: services/churn.yaml:12:3: region: 'moon' is no region; europe-west1?" in lines[3]
    assert any(line.startswith("<p><strong>prod</strong> · project acme-prod · decision ") for line in lines)
    assert "<p>Plan: 1 to update; 0 unchanged.</p>" in lines
    assert "<p>Rollout of churn: Canary 5 → 25 → 100 %, at least 45 min</p>" in lines
    assert "+ labels.team: growth" in text


def test_what_needs_consent_is_blocked():
    """A deletion that the spec protects would be refused at apply: it is said before the merge."""
    gone = change("churn", Action.DELETE, guarded=True, reason="no longer in the spec")

    text = rendered(report(gone))

    assert "**Blocked**" in text
    assert "needs consent" in text
    assert "| **delete** |" in text


def test_nothing_to_do_is_one_line():
    """One that is there shrinks to it."""
    text = rendered(report(change("churn", Action.NO_OP)), report(change("churn", Action.NO_OP), environment="dev"))

    assert text == "mlservice plan: no changes (commit abc1234def56)\n"


def test_two_hundred_services_with_one_label_are_one_row():
    """What is the same is said once, with a count."""
    text = rendered(report(*[change(f"service-{number:03}") for number in range(200)]))

    assert len(text) < 3000
    assert "x200" in text
    assert "and 195 more" in text
    assert types(text) >= {"table_open", "fence"}


def test_two_hundred_different_services_fit_and_what_does_not_is_counted():
    """Whatever the size, the body is taken by the host, is whole Markdown, and says what was left out."""
    made = [
        change(
            f"service-{n:03}",
            changes=(FieldChange("image", "x" * 90 + str(n), "y" * 90 + str(n)),),
            reason=f"r{n}" * 40,
        )
        for n in range(200)
    ]
    gone = change("zzz-last", Action.DELETE, reason="no longer in the spec")

    text = rendered(report(*made, gone), report(*made, environment="stage"))

    assert BUDGET * 0.8 < len(text) <= BUDGET
    assert "more rows: see the job." in text
    assert "**delete**" in text
    assert tags(text) <= OURS
    assert text.count("<details") == text.count("</details>") == 2


def test_a_thousand_reasons_and_services_fit():
    """What is always said is bounded as well."""
    blocked = tuple(f"services/x.yaml:{n}:1: " + "why " * 150 for n in range(1000))
    reports = [Report(f"env-{n:03}", "acme", None, blocked) for n in range(12)]

    text = rendered(*reports)

    assert len(text) <= BUDGET
    assert "(cut: see the job)" in text


@pytest.mark.parametrize("environments", [1, 2, 3, 5, 40])
@pytest.mark.parametrize("blocked", [0, 10])
def test_notes_of_many_environments_fit(environments, blocked):
    """What plans note is bounded too, whatever a sign of it becomes; what is left out is counted."""
    notes = tuple(Note("churn", "<&|`" * 150, "") for _ in range(12))
    why = tuple("why " * 150 + str(n) for n in range(blocked))
    made = [
        report(change("churn", reason="<" * 300), environment=f"env-{n:02}" + "&" * 290, notes=notes, blocked=why)
        for n in range(environments)
    ]

    text = rendered(*made)

    assert len(text) <= BUDGET
    assert re.search(r"more notes?: see the job|Details of \d+ more: see the job", text)
    assert text.count("<details") == text.count("</details>")
    assert tags(text) <= OURS


def test_hostile_values_in_every_place_leave_the_comment_whole(request):
    """Names, reasons, fields, notes, environments: there is no HTML but ours, no link, no image, no heading more."""
    for value in values(request.config.getoption("--hostile"))[::5]:
        bad = change(
            value.strip() or "x",
            reason=value,
            consequence=value,
            problem=value,
            changes=(FieldChange(f"env.{value}", value, value + "!"),),
        )
        text = rendered(
            report(bad, environment=value, rollouts={value.strip() or "x": value}, notes=(Note(value, value, value),)),
            Report(value, value, None, (value,)),
        )

        assert tags(text) <= OURS, value
        assert not types(text) & {"link_open", "image", "bullet_list_open", "ordered_list_open", "hr", "em_open"}, value
        assert sum(t.type == "heading_open" for t in PARSER.parse(text)) == 1, value
        raw = "".join(html(text))
        assert raw.count("</details>") == raw.count("<details") == 1, value


def test_planted_secrets_are_in_no_form_of_it():
    """Environment variables, addresses, messages, labels: whoever reads the pull request sees none of them."""
    secrets = change(
        "churn",
        reason=f"cannot read {CANARIES['url']}",
        problem=f"token {CANARIES['token']} was refused",
        changes=(FieldChange("env.DB_PASSWORD", CANARIES["env"], CANARIES["env"] + "2"),),
        desired={"env": {"DB_PASSWORD": CANARIES["env"]}, "labels": {"x": CANARIES["key"]}},
    )
    blocked = (f"cannot apply: {CANARIES['url']} and {CANARIES['key']}",)
    made = report(secrets, blocked=blocked, notes=(Note("churn", CANARIES["token"], ""),))

    forms = [rendered(made), json.dumps(made.to_json()["plan"])]

    assert [name for name, value in CANARIES.items() for form in forms if value in form] == []


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{",
        b"\xff\xfe",
        b'{"format": "mlservice/plan-report/v2"}',
        b'{"format": "mlservice/plan-report/v1", "blocked": "all"}',
        b'{"format": "mlservice/plan-report/v1", "plan": {"services": [], "changes": [{"address": "x"}]}}',
        UNKNOWN_ACTION,
        b'{"format": "mlservice/plan-report/v1", "plan": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=["empty", "list", "cut", "bytes", "version", "type", "address", "action", "deep"],
)
def test_a_report_of_a_stranger_is_read_as_data_or_refused(text):
    """It comes from the job of a fork: nothing of it is quoted in the refusal."""
    with pytest.raises(ValueError, match="it is no report of `mlservice plan --report`"):
        read_report(text)


def test_a_report_reads_back_as_it_was_written():
    """The job that posts says what the job that planned found."""
    made = report(change("churn"), change("gone", Action.DELETE), rollouts={"churn": "AllAtOnce"}, blocked=("no",))

    again = read_report(json.dumps(made.to_json()).encode())

    assert rendered(again) == rendered(made)


def test_decisions_are_the_same_whatever_else_moved():
    """A digest in the comment and one after the merge tell whether something else would be done."""
    first, second = (report(change("churn", version=v)).decision for v in ("1", "2"))
    other = report(change("churn", changes=(FieldChange("labels.team", "ml", "sales"),))).decision

    assert first == second != other
