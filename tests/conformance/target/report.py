"""What a run found, as Markdown: the claims of every kind, and each answer that differs with both bodies."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.conformance.target.fidelity import Judged, bodies
from tests.conformance.target.trial import FAILED, OK, SKIPPED, Trial
from tests.recordings.replay import Finding


def report(trials: Sequence[Trial], judged: Sequence[Judged], left: Sequence[str]) -> str:
    """Give the whole of it."""
    parts = ["# Conformance\n", _kinds(trials, judged)]
    parts += [_claims(trials, FAILED, "Failed"), _claims(trials, SKIPPED, "Skipped")]
    if left:
        parts.append("## Left behind\n\n" + "".join(f"- {line}\n" for line in left))
    parts.append(_differences(judged))
    return "\n".join(part for part in parts if part)


def _kinds(trials: Sequence[Trial], judged: Sequence[Judged]) -> str:
    answers = {f"{each.recording.kind}/{each.recording.name}": each for each in judged}
    lines = ["| Kind | Claims that hold | Failed | Skipped | Exchanges | Answered otherwise by the emulator |"]
    lines.append("|---|---|---|---|---|---|")
    for trial in trials:
        counts = Counter(step.outcome for step in trial.steps)
        replayed = answers.get(f"{trial.kind.name}/{case_name(trial)}")
        exchanges = str(len(replayed.findings)) if replayed else "not replayed"
        otherwise = str(len(replayed.different)) if replayed else ""
        cells = (trial.name, counts[OK], counts[FAILED], counts[SKIPPED], exchanges, otherwise)
        lines.append(f"| {' | '.join(str(cell) for cell in cells)} |")
    return "\n".join(lines) + "\n"


def case_name(trial: Trial) -> str:
    """Name a trial's file among the recordings."""
    return "-".join(["conformance", *trial.example.part.split()])


def _claims(trials: Sequence[Trial], outcome: str, title: str) -> str:
    lines = [
        f"- {trial.name}, {step.claim}: {_one_line(step.why)}\n"
        for trial in trials
        for step in trial.steps
        if step.outcome == outcome
    ]
    return f"## {title}\n\n{''.join(lines)}" if lines else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())[:1000]


def _differences(judged: Sequence[Judged]) -> str:
    found = [(each, finding) for each in judged for finding in each.different]
    if not found:
        return "## Differences\n\nNone: the emulator gave every answer that the target gave.\n"
    return "## Differences\n\n" + "\n".join(_difference(each, finding) for each, finding in found)


def _difference(each: Judged, finding: Finding) -> str:
    exchange = finding.exchange
    target, emulator = bodies(finding)
    lines = "".join(f"- `{line}`\n" for line in finding.unknown)
    where = f"{each.recording.kind}/{each.recording.name} #{finding.number}: {exchange.verb} {exchange.url}"
    return (
        f"### {where}\n\n{lines}\n{_body('Asked', exchange.body)}"
        f"{_body(f'The target ({exchange.status})', target)}{_body('The emulator', emulator)}"
    )


def _body(title: str, body: Any) -> str:
    return f"{title}:\n\n```json\n{json.dumps(body, indent=1, sort_keys=True)}\n```\n\n"
