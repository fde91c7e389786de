"""Rollouts that are played through."""

import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from reconciler.cli.app import run
from reconciler.core.rollout.rehearsal import rehearse
from schemas import SpecError
from schemas.scenario import Scenario, read_scenario
from schemas.sections.rollout import Replay, Smoke, SmokeRequest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "rehearse-a-rollout.md"
STEPS = [{"traffic": 5, "hold": "15m"}, {"traffic": 25, "hold": "30m"}, {"traffic": 50, "hold": "30m"}]


def scenario(candidate=None, stable=None, *, gates=None, per_minute=600, people=(), minutes=None, rollout=None, **more):
    what = {"candidate": candidate or {"errors": 0.002}, "stable": stable or {"errors": 0.002}}
    said = {"strategy": "Canary", "steps": STEPS, "gates": gates or {"errorRate": 0.01}, **(rollout or {})}
    stretches = minutes or [{"requestsPerMinute": per_minute, **what}]
    whole = {"rollout": said, "minutes": stretches, "people": list(people), **more}
    return Scenario.model_validate(whole, by_alias=True, by_name=False)


def played(*given, **more):
    return list(rehearse(scenario(*given, **more)))


SLOW = {
    "stable": {"slow": 0.01},
    "gates": {"latencyP95": "250ms"},
    "per_minute": 60,
    "rollout": {"concurrency": 8},
}
TENTHS = [1] * 10
GONE = [{"lasts": "8m", "requestsPerMinute": 600}, {"requestsPerMinute": 600, "visible": False}]


@pytest.mark.parametrize(
    ("more", "ends", "within"),
    [
        pytest.param({}, "finished", 105, id="good"),
        pytest.param({"candidate": {"errors": 0.3}}, "rolled back", 10, id="errors"),
        pytest.param({"candidate": {"errors": 0.05}, "per_minute": 60}, "rolled back", 45, id="errors-at-one-a-second"),
        pytest.param(
            {"candidate": {"errors": 0.02}, "stable": {"errors": 0.03}, "lasts": "6h"},
            "StableFailing",
            360,
            id="both-are-bad",
        ),
        pytest.param({"candidate": {"reached": 0.0}}, "rolled back", 15, id="nobody-reaches-it"),
        pytest.param(
            {"candidate": {"slow": 0.3}, "stable": {"slow": 0.02}, "gates": {"latencyP95": "250ms"}},
            "rolled back",
            15,
            id="slow",
        ),
        pytest.param(
            {
                "candidate": {"predictions": [1, *[0] * 9]},
                "stable": {"predictions": TENTHS},
                "gates": {"predictionDrift": 0.05},
            },
            "rolled back",
            15,
            id="a-constant-model",
        ),
        pytest.param(
            {
                "candidate": {"predictions": TENTHS},
                "stable": {"predictions": TENTHS},
                "gates": {"predictionDrift": 0.05},
            },
            "finished",
            105,
            id="the-same-model",
        ),
        pytest.param({"per_minute": 0, "lasts": "6h"}, "NotEnoughData", 360, id="nobody-asks"),
        pytest.param({"minutes": GONE, "lasts": "6h"}, "MetricsMissing", 360, id="nothing-to-see"),
        pytest.param(
            {"minutes": GONE, "gates": {"errorRate": 0.01, "onMetricsMissing": "Rollback"}},
            "rolled back",
            35,
            id="nothing-to-see-goes-back",
        ),
        pytest.param({"people": [{"at": "10m", "do": "abort"}]}, "rolled back", 10, id="aborted"),
        pytest.param({"people": [{"at": "30m", "do": "move", "percent": 0}]}, "aborted by hand", 30, id="by-hand"),
        pytest.param({"people": [{"at": "30m", "do": "move", "percent": 100}]}, "accepted by hand", 30, id="accepted"),
        pytest.param(
            {"people": [{"at": "40m", "do": "release"}], "candidate": {"errors": 0.0}},
            "finished",
            150,
            id="a-newer-version-begins-anew",
        ),
        pytest.param(
            {"people": [{"at": "40m", "do": "release"}], "rollout": {"supersede": "Finish"}},
            "finished",
            230,
            id="a-newer-version-waits",
        ),
        pytest.param({**SLOW, "candidate": {"slow": 0.2, "starts": 1}}, "finished", 105, id="slow-when-it-starts"),
        pytest.param({**SLOW, "candidate": {"slow": 0.2}}, "rolled back", 60, id="slow-without-a-start"),
        pytest.param({"people": [{"at": "6m", "do": "promote", "allSteps": True}]}, "finished", 40, id="hurried"),
    ],
)
def test_rollouts_end_as_they_should(more, ends, within):
    """Within so many minutes, by evidence of what happened: an event, or what is waited for in the end."""
    passes = played(**more)
    last = passes[-1]
    happened = next((each.step.event for each in reversed(passes) if each.step.event), "")

    assert ends in {happened, str(last.step.wait)}
    assert (last.at - passes[0].at).total_seconds() <= within * 60


def test_a_bad_day_of_both_stops_nothing():
    """Ten minutes of 5 % in both versions are no evidence against one of them."""
    calm = {"requestsPerMinute": 600, "candidate": {"errors": 0.002}, "stable": {"errors": 0.002}}
    storm = {**calm, "lasts": "10m", "candidate": {"errors": 0.05}, "stable": {"errors": 0.05}}
    passes = played(minutes=[{**calm, "lasts": "30m"}, storm, calm])

    assert passes[-1].step.event == "finished"


def test_what_waits_says_when_it_ends():
    """And is right about it: within a third, of what chance there is."""
    passes = played(per_minute=6, seed=11)
    said = next(each for each in passes if each.step.ends and each.percent == 5 and each.at > passes[8].at)
    took, told = passes[-1].at - said.at, said.step.ends - said.at

    assert passes[-1].step.event == "finished"
    assert 0.7 <= told / took <= 1.3
    assert re.search(r"\d+ of 94 requests; at 0\.\d+ req/min step 1 ends about", said.step.why)


def test_the_same_seed_is_the_same_rollout():
    """Chance is a seed's."""
    one, same, other = ([each.to_json() for each in played(seed=seed)] for seed in (1, 1, 2))

    assert one == same != other


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def test_the_page_shows_what_is_printed(tmp_path, capsys):
    """Its first scenario, and what the command says of it."""
    file = tmp_path / "scenario.yaml"
    file.write_text(blocks("yaml")[0])

    assert run(["simulate", str(file)]) == 0
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == blocks("text")[0].splitlines()


def test_the_page_names_every_key():
    """Whoever writes a scenario finds all that it may say."""
    page, keys = PAGE.read_text(), set()

    def collect(model):
        for each in model.model_fields.values():
            keys.add(each.alias)
            for part in (each.annotation, *getattr(each.annotation, "__args__", ())):
                if isinstance(part, type) and issubclass(part, BaseModel):
                    collect(part)

    collect(Scenario)
    asked = {each.alias for model in (Replay, Smoke, SmokeRequest) for each in model.model_fields.values()}
    assert {each for each in keys if not re.search(rf"\b{each}\b", page)} <= {"onFailure", *asked}


def test_json_has_every_pass(tmp_path, capsys):
    """With what each gate says."""
    file = tmp_path / "past.yaml"
    file.write_text(blocks("yaml")[1])

    assert run(["simulate", str(file), "--output", "json"]) == 0
    passes = json.loads(capsys.readouterr().out)
    assert passes[-1]["event"] == "rolled back"
    assert {each["gate"] for each in passes[-1]["gates"]} == {"errors", "latency", "share"}
    assert "paused by ben" in {each["why"] for each in passes}


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        pytest.param(
            "rollout: {strategy: Canary}\nminutes: [{requestsPerMinute: 1}]", "1:1", "needs steps", id="steps"
        ),
        pytest.param("rollout: {}\nminutes: []", "2:1", "the list is empty", id="no-minutes"),
        pytest.param("rollout: {}\nminutes: [{requestsPerMinute: -1}]", "2:31", "0 to 1000000", id="negative"),
        pytest.param("rollout: {}\nminutes: [{requestPerMinute: 1}]", "2:11", "requestsPerMinute", id="misspelt"),
        pytest.param(
            "rollout:\n  freeze: [{from: Fry 16:00, to: Mon 08:00}]\nminutes: [{requestsPerMinute: 1}]",
            "2:19",
            "Fry 16:00",
            id="no-day",
        ),
        pytest.param("- 1", "1:1", "is no scenario", id="a-list"),
        pytest.param("rollout: {}\nminutes: [{requestsPerMinute: 1}]\nstart: today", "3:8", "today", id="no-moment"),
        pytest.param(
            "rollout: {}\nminutes: [{requestsPerMinute: 1}]\nstart: 9999-12-31T23:59:00Z", "3:8", "9999", id="too-late"
        ),
        pytest.param(
            "rollout: {}\nminutes: [{requestsPerMinute: 1}]\nstart: 0001-01-01T00:00:00Z", "3:8", "0001", id="too-early"
        ),
        pytest.param(
            "rollout: {}\nminutes:\n- requestsPerMinute: 1\n  candidate: {predictions: [0, 0]}\n"
            "  stable: {predictions: [1, 1]}",
            "4:",
            "no bin has anything",
            id="no-distribution",
        ),
        pytest.param(
            "rollout: {}\nminutes: [{requestsPerMinute: 1}]\npeople: [{at: 1m, do: dance}]",
            "3:23",
            "dance",
            id="no-verb",
        ),
        pytest.param("rollout: {", "1:", "", id="broken"),
    ],
)
def test_what_is_wrong_with_a_scenario_has_its_place(tmp_path, text, place, says):
    """File, line and column."""
    file = tmp_path / "scenario.yaml"
    file.write_text(text)
    with pytest.raises(SpecError) as refused:
        read_scenario(file)

    assert any(f"scenario.yaml:{place}" in str(each) and says in str(each) for each in refused.value.problems), [
        str(each) for each in refused.value.problems
    ]
