"""What an emulator answers to the requests that the target was asked, beside what the target answered."""

from __future__ import annotations

import json
import os
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conformance.target.recorder import Heard
from tests.conformance.target.scrubbing import as_recording
from tests.conftest import Emulator
from tests.recordings import cases
from tests.recordings.replay import Finding, Known, replay

LIVE = "live"
KNOWN = Path(__file__).with_name("known.toml")


def known(case: cases.Case) -> list[Known]:
    """What an emulator on one machine answers otherwise, by its nature: known.toml."""
    return [Known(**({"case": case.name} | each)) for each in tomllib.loads(KNOWN.read_text())["difference"]]


def elsewhere() -> dict[str, str]:
    """This process's environment without what leads to the target."""
    leads = ("GOOGLE_", "CLOUDSDK_", "MLSERVICE_", "GCE_METADATA_")
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(leads) and not name.endswith("_EMULATOR_HOST")
    }


@dataclass(frozen=True)
class Recording:
    """The scrubbed exchanges of one example.

    Args:
        kind: Folder among the recordings.
        name: File in it.
        heard: Exchanges.
    """

    kind: str
    name: str
    heard: Sequence[Heard]

    def write(self, folder: Path) -> Path:
        """Write it as a file of recordings."""
        path = folder / self.kind / f"{self.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        exchanges = [as_recording(each, LIVE) for each in self.heard]
        for index, each in enumerate(exchanges):
            each["source"]["index"] = index
        path.write_text(json.dumps(exchanges, indent=1, ensure_ascii=True, sort_keys=False) + "\n")
        return path


@dataclass(frozen=True)
class Judged:
    """One recording, replayed."""

    recording: Recording
    findings: Sequence[Finding]

    @property
    def different(self) -> list[Finding]:
        """Exchanges that an emulator answers otherwise."""
        return [finding for finding in self.findings if finding.unknown]


def judge(paths: Mapping[Path, Recording], patience_s: float) -> Iterator[Judged]:
    """Replay written recordings, each on an emulator that was just emptied.

    Args:
        paths: Where they are.
        patience_s: For how long, for each, an answer may become the target's.
    """
    if not paths:
        return
    with tempfile.TemporaryDirectory() as folder:
        emulator = Emulator.start(Path(folder), env=elsewhere())
        try:
            for path, recording in paths.items():
                emulator.reset()
                case = cases.read(path)
                yield Judged(recording, replay(emulator.http, case, known(case), patience_s=patience_s))
        finally:
            emulator.stop()


def bodies(finding: Finding) -> tuple[Any, Any]:
    """Give both answers: the target's and the emulator's."""
    return finding.exchange.answer, finding.answer
