"""Which of two models is taken: the one a training made, or the one that serves when it ends. Pure.

The model that serves may be another one at the end than at the beginning: what a training measured of it counts only
where it is the same still. Else what was recorded of it when it was trained counts; where nobody measured it, it stays.
"""

from __future__ import annotations

from dataclasses import dataclass

from runtime.retraining.outcome import Evaluation, Measures, Unmeasured, Verdict, judge, measures
from runtime.retraining.runs import History, Run


@dataclass(frozen=True, slots=True)
class Live:
    """The model that serves.

    Args:
        artifact: Its folder.
        version: Its number in the registry; empty of one that is not there.
    """

    artifact: str
    version: str = ""


def verdict(
    run: Run,
    content: bytes | None,
    live: Live | None,
    history: History,
    evaluation: Evaluation | None,
    *,
    winner: Live | None = None,
) -> Verdict:
    """Judge what a run made.

    Args:
        run: The run.
        content: Its metrics file; None where there is none.
        live: What serves now; None where nothing does, or nobody knows.
        history: What was measured of earlier models.
        evaluation: The comparison; None takes any model that is not older than the one that serves.
        winner: The last model that won. What was recorded of it counts where nobody measured a model of the spec's own.

    Raises:
        Unmeasured: The metrics file is missing, or says nothing of use.
    """
    before = history.of_model(live.artifact, live.version) if live is not None else None
    if evaluation is None:
        return _of_age(run, before)
    if content is None:
        raise Unmeasured("the training wrote no metrics file")
    found = measures(content, evaluation.metric)
    if live is None:
        return judge(found, evaluation, recorded=None)
    if live.artifact.rstrip("/") == run.live.rstrip("/"):
        recorded = _recorded(before, evaluation)
        if recorded is None and not live.version and winner is not None:
            recorded = _recorded(history.of_model(winner.artifact, winner.version), evaluation)
        if found.live is None and recorded is None and live.version:
            return _unknown(found, evaluation, live)
        return judge(found, evaluation, recorded=recorded)
    return _against_another(found, evaluation, live, _recorded(before, evaluation))


def _of_age(run: Run, before: Run | None) -> Verdict:
    """Without a comparison the newer training is the better one."""
    if before is not None and before.key != run.key and before.claimed > run.claimed:
        return Verdict(better=False, reason=f"version {before.version} is of a later training, and serves already")
    return Verdict(better=True, reason="it was trained; the spec compares no models")


def _recorded(before: Run | None, evaluation: Evaluation) -> float | None:
    """Give what was measured of a model when it was trained, by the same measure."""
    told = before.verdict if before is not None else None
    if not told or told.get("metric") != evaluation.metric:
        return None
    value = told.get("candidate")
    return float(value) if isinstance(value, (int, float)) else None


def _unknown(found: Measures, evaluation: Evaluation, live: Live) -> Verdict:
    serving = f"version {live.version}" if live.version else live.artifact
    reason = (
        f"{evaluation.metric} {found.candidate:.6g}, but nobody measured {serving}, which serves: training must "
        "measure it on the same rows, and write that as `live`"
    )
    return Verdict(better=False, reason=reason, numbers={"candidate": found.candidate})


def _against_another(found: Measures, evaluation: Evaluation, live: Live, recorded: float | None) -> Verdict:
    """Compare with a model that began to serve while this one was trained."""
    if recorded is None:
        return _unknown(found, evaluation, live)
    return judge(Measures(found.candidate), evaluation, recorded=recorded)
