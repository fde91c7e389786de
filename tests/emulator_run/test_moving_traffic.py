"""The bundled server in operation: callers keep predicting while traffic moves between two versions of a model."""

import asyncio
import json
import math
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import onnxruntime
import pytest

from reconciler.cli.context import runtime_image
from reconciler.engine.apply import apply
from reconciler.engine.planning import make_plan
from schemas import load
from tests.operating import Operator, spec

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).resolve().parents[2] / "specs" / "breast-cancer"
VERSIONS = ("v1", "v2")
CALLERS = 8
PAUSE_S = 0.01  # between an answer and a caller's next request: load, not a race for the processor
MOVES = ({"v1": 50, "v2": 50}, {"v2": 100}, {"v1": 100}, {"v1": 20, "v2": 80}, {"v1": 100}, {"v2": 100})
ROUNDING = 1e-6  # a row sums up a little differently inside a batch
ANSWERS = 50  # of each version that has traffic, before it moves on
STOPS = 4  # moves after which a version has none


@dataclass
class Load:
    """Callers, each with one connection that it keeps and one row.

    Attributes:
        predictions: By version, what its model says to the rows.
        answered: By version, how many requests.
        failed: What else came back, in words.
    """

    url: str
    rows: list[list[float]]
    predictions: dict[str, list[float]]
    answered: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Call until the block ends, and until what is under way is answered."""
        thread = threading.Thread(target=lambda: asyncio.run(self._all()))
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def all_answer(self, versions: Iterable[str], since: Counter[str]) -> bool:
        """Whether each of these versions has answered enough requests since a count of them."""
        return all(self.answered[version] - since[version] >= ANSWERS for version in versions)

    async def _all(self) -> None:
        await asyncio.gather(*(self._keep_calling(number % len(self.rows)) for number in range(CALLERS)))

    async def _keep_calling(self, row: int) -> None:
        limits = httpx.Limits(max_connections=1)
        async with httpx.AsyncClient(timeout=30, trust_env=False, limits=limits) as client:
            while not self._stop.is_set():
                try:
                    self._note(row, await client.post(f"{self.url}/predict", json={"instances": [self.rows[row]]}))
                except httpx.HTTPError as error:
                    self.failed.append(repr(error))
                await asyncio.sleep(PAUSE_S)

    def _note(self, row: int, answer: httpx.Response) -> None:
        """Tell by the prediction which version answered: they differ in every row."""
        got = answer.json()["predictions"][0] if answer.status_code == 200 else math.nan
        right = [v for v in VERSIONS if math.isclose(got, self.predictions[v][row], rel_tol=0, abs_tol=ROUNDING)]
        if len(right) == 1:
            self.answered.update(right)
        else:
            self.failed.append(f"row {row}: {answer.status_code} {answer.text}")


@dataclass
class Service:
    """The larger example's two versions as one service, whose traffic is set by hand."""

    operator: Operator

    def apply(self, version: str, **percent: int) -> None:
        """Declare a version and the shares of all, and make it so."""
        wanted = spec(
            "tumours",
            model={"uri": f"./model-{version}", "version": version},
            access={"authentication": "Public"},
            rollout={"strategy": "Manual"},
            traffic=[{"version": name, "percent": share} for name, share in percent.items()],
        )
        del wanted["spec"]["image"]
        session = self.operator.session()
        specs = load(self.operator.write(wanted))
        report = apply(session, make_plan(session, specs.services, runtime_image=runtime_image()))
        assert not report.failed, [str(result.error) for result in report.failed]

    def logged(self, message: str) -> int:
        """How often the instances logged something."""
        logs = self.operator.emulator.control("GET", "logs?service=tumours")
        return sum(message in line for lines in logs.values() for line in lines)


@pytest.fixture
def service(operator, tmp_path):
    """The service at its first version."""
    for version in VERSIONS:
        shutil.copytree(EXAMPLE / f"model-{version}", tmp_path / f"model-{version}")
    service = Service(operator)
    service.apply("v1", latest=100)
    return service


def own_predictions(version: str, rows: list[list[float]]) -> list[float]:
    """What the artefact of a version itself says."""
    session = onnxruntime.InferenceSession(str(EXAMPLE / f"model-{version}" / "model.onnx"))
    return session.run(None, {session.get_inputs()[0].name: np.array(rows, np.float32)})[0].tolist()


def until(done: Callable[[], bool], what: str) -> None:
    """Wait for something that takes a second or two."""
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end, f"not within a minute: {what}"
        time.sleep(0.02)


def test_no_prediction_fails_while_traffic_moves(service, operator):
    """Traffic moves six times under load, and four times that stops a version's instance: nobody notices.

    No request fails, and each answer is what one of the two models says to that row.
    """
    rows = [list(row.values()) for row in json.loads((EXAMPLE / "rows.json").read_text())["instances"]]
    predictions = {version: own_predictions(version, rows) for version in VERSIONS}
    calls = Load(operator.service("tumours").uri, rows, predictions)

    with calls.running():
        for shares in MOVES:
            service.apply("v2", **shares)
            before = calls.answered.copy()
            until(partial(calls.all_answer, shares, since=before), f"answers by {[*shares]}")

    assert calls.failed == []
    until(lambda: service.logged("Finished server process") == STOPS, "instances end by themselves")
    assert service.logged("signal received") == STOPS, "each by SIGTERM, none by SIGKILL"
