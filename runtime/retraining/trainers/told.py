"""What a training is told: where to write, which model serves, which rows to measure both on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from runtime.retraining.decision import Event
from runtime.retraining.runs import Run
from runtime.retraining.settings import Settings

RUN = "MLSERVICE_RUN"
"""The variable by which a training that was started is found again."""


def variables(settings: Settings, run: Run, event: Event) -> dict[str, str]:
    """Give the environment of a training container.

    `MLSERVICE_RUN` is the run's key; the model goes into `MLSERVICE_OUTPUT` + `model/`, the measures into
    `MLSERVICE_METRICS`. `MLSERVICE_DATASET` names the rows to measure on, where the spec names any, `MLSERVICE_LIVE`
    the folder of the model that served when the training was decided, so that both are measured on the same rows.
    """
    output = settings.output(run.key)
    given = {
        RUN: run.key,
        "MLSERVICE_SERVICE": settings.service,
        "MLSERVICE_TRIGGER": event.trigger,
        "MLSERVICE_OUTPUT": output,
        "MLSERVICE_METRICS": output + settings.metrics,
        "MLSERVICE_DATASET": settings.dataset,
        "MLSERVICE_LIVE": run.live,
    }
    return {name: value for name, value in given.items() if value}


def arguments(written: tuple[str, ...] | list[str], parameters: Mapping[str, str]) -> list[str]:
    """Give the arguments of a training container: those of the spec, then a `--name=value` per parameter."""
    return [*written, *_flags(parameters)]


def _flags(parameters: Mapping[str, str]) -> Iterator[str]:
    for name, value in parameters.items():
        yield f"--{name}={value}"
