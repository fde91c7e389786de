"""What a spec may ask of a version before it has traffic, where its model is the bundled server's."""

import pytest

from schemas import SpecError, load

TEXT = """\
apiVersion: mlservice/v1
metadata: {name: churn}
spec:
  region: europe-west1
  model:
    uri: gs://acme-models/churn/1/
    features:
      age: {type: integer}
      email: {type: string, log: %s}
    prediction: {name: score}
  rollout: {strategy: BlueGreen, smoke: {}, replay: %s}
%s"""
LOGGING = "  monitoring: {logging: {table: ml_logs.churn}}\n"


@pytest.mark.parametrize(
    ("log", "replay", "monitoring", "said", "hint"),
    [
        pytest.param("true", "{}", LOGGING, "", "", id="fine"),
        pytest.param(
            "false",
            "{}",
            LOGGING,
            '9:34: model.features.email.log: "email" is not logged',
            "log it, or leave rollout.replay out",
            id="not-logged",
        ),
        pytest.param(
            "true", "{}", "", "11:45: rollout.replay: replay needs the prediction log", "for example", id="no-log"
        ),
        pytest.param(
            "true",
            "{rows: 2000, perSecond: 10}",
            LOGGING,
            "11:60: rollout.replay.rows: 2000 rows take longer than 100 s at 10 a second",
            "ask fewer",
            id="too-long",
        ),
        pytest.param(
            "true",
            "{agreement: 98}",
            LOGGING,
            "11:65: rollout.replay.agreement: 98 is not in (0, 1]",
            "0.98",
            id="percent",
        ),
    ],
)
def test_what_is_replayed_was_logged_whole(tmp_path, log, replay, monitoring, *, said, hint):
    """What makes it impossible is said with its line, before anything is planned."""
    file = tmp_path / "mlservice.yaml"
    file.write_text(TEXT % (log, replay, monitoring))
    if not said:
        assert load(file).services
        return

    with pytest.raises(SpecError) as refused:
        load(file)

    [problem] = refused.value.problems
    assert str(problem).startswith(f"{file}:{said}")
    assert hint in problem.hint


SHADOW = """\
apiVersion: mlservice/v1
metadata: {name: churn}
spec:
  region: europe-west1
  model: {uri: gs://acme-models/churn/1/}
  rollout: {strategy: BlueGreen, shadow: {percent: 5, for: 10m}, gates: {errorRate: 0.01}}
%s
"""


@pytest.mark.parametrize(
    ("more", "said"),
    [
        pytest.param("", "", id="fine"),
        pytest.param("  access: {authentication: Public}", "", id="open"),
        pytest.param("  access: {ingress: Internal}", "needs `access.ingress: All`", id="inside"),
        pytest.param("  access: {authentication: IAP}", "cannot pass Identity-Aware Proxy", id="people"),
        pytest.param(
            "  runtime: {shadow: {url: 'https://a.example/predict'}}", "and runtime.shadow both copy", id="two-shadows"
        ),
        pytest.param("  runtime: {protocols: [v2]}", "needs the bundled server and its `json`", id="protocol"),
    ],
)
def test_copies_are_refused_where_none_can_arrive(tmp_path, more, said):
    """Whatever stands in their way is said with the line that asks for them, before anything is planned."""
    file = tmp_path / "mlservice.yaml"
    file.write_text(SHADOW % more)
    if not said:
        assert load(file).services
        return

    with pytest.raises(SpecError) as refused:
        load(file)

    assert [f"{file}:6:34: rollout.shadow: rollout.shadow {said}" in str(each) for each in refused.value.problems] == [
        True
    ]


def test_copies_need_gates(tmp_path):
    """Answers that nothing judges would only cost."""
    file = tmp_path / "mlservice.yaml"
    file.write_text(SHADOW.replace("{errorRate: 0.01}", "{minRequests: 5}") % "")

    with pytest.raises(SpecError, match="needs gates that judge the answers"):
        load(file)
