"""The demo's act of rollouts: a worse version is caught with a fifth of the requests, and the next good one arrives.

`make demo` tells it before the act of money, `python docs/demo_rollout.py` by itself. Requests are real ones, what both
versions answered is read from Cloud Monitoring, and its minutes pass by the emulator's clock.
"""

import hashlib
import json
import os
import re
import sys
from collections import Counter
from pathlib import Path

import httpx
from demo_stage import REGION, chapter, clients, identity, mlservice, say, workspace

SERVICE = "petal-scorer"
SPEC = """apiVersion: mlservice/v1
kind: MLService
metadata: {name: petal-scorer}
spec:
  region: europe-west1
  model:
    uri: ./v1
    version: "1"
    framework: custom
    file: model.py
    sha256: @SHA@
    features: {petal_cm: {type: number}}
  rollout:
    strategy: Canary
    steps: [{traffic: 20}]
    gates: {errorRate: 0.05, minRequests: 30}
  management: {deletion: Delete}
"""
GOOD = """class Model:
    def load(self, folder):
        pass

    def predict(self, inputs):
        return inputs["petal_cm"] * 2.0
"""
WORSE = GOOD.replace(
    "        return",
    '        if (inputs["petal_cm"] > 3).any():\n            raise ValueError("no large petals")\n        return',
)
BETTER = GOOD.replace("2.0", "2.5")
MINUTES, A_MINUTE = 6, 50
"""How long is asked before each pass, and how often."""


def tell(folder: Path, first: int) -> None:
    """Tell the act.

    Args:
        folder: An empty one.
        first: Number of its first chapter.
    """
    spec = folder / "petals" / "mlservice.yaml"
    for number, code in enumerate((GOOD, WORSE, BETTER), 1):
        (spec.parent / f"v{number}").mkdir(parents=True)
        (spec.parent / f"v{number}" / "model.py").write_text(code)
    here = (str(spec), "--local")
    there = ("rollout", "--file", *here)
    chapter(first, "A new version gets a fifth of the requests first: this one fails on half of them")
    write(spec, 1)
    mlservice("apply", *here, "--yes", quiet=True)
    url = address()
    write(spec, 2)
    mlservice("apply", *here, "--yes", quiet=True)
    mlservice("apply", *here, "--yes", quiet=True)
    asked = until(spec, url, r'"rejected": \[\{')
    mlservice(*there)
    say(f"{sum(asked.values())} requests, {asked[500]} errors; and it stays back, whatever the spec says")
    chapter(first + 1, "The next version is a good one: step by step it gets everything")
    write(spec, 3)
    mlservice("plan", *here, "--detailed-exitcode", expect=2)
    mlservice("apply", *here, "--yes", quiet=True)
    mlservice("apply", *here, "--yes", quiet=True)
    asked = until(spec, url, '"Steady"')
    mlservice(*there)
    say(f"{sum(asked.values())} requests on the way, {asked[500]} errors")
    mlservice("destroy", SERVICE, "--local", "--yes", quiet=True)


def write(spec: Path, number: int) -> None:
    """Write the spec with a version of the model."""
    code = (spec.parent / f"v{number}" / "model.py").read_bytes()
    text = SPEC.replace("./v1", f"./v{number}").replace('version: "1"', f'version: "{number}"')
    spec.write_text(text.replace("@SHA@", hashlib.sha256(code).hexdigest()))


def address() -> str:
    """Give the service's address."""
    place = f"{os.environ['MLSERVICE_EMULATOR']}/v2/projects/local/locations/{REGION}/services/{SERVICE}"
    return str(httpx.get(place).json()["uri"])


def advance(seconds: int) -> None:
    """Let time pass, as `mlservice emulator advance` does."""
    httpx.post(f"{os.environ['MLSERVICE_EMULATOR']}/_emulator/advance", json={"seconds": seconds}, timeout=60)


def until(spec: Path, url: str, end: str) -> Counter[int]:
    """Ask for some minutes, then let a pass look, until the rollout says a word; give the codes of the answers."""
    codes: Counter[int] = Counter()
    head = {"authorization": f"Bearer {identity(url)}"}
    with httpx.Client(headers=head, timeout=30) as client:
        for _ in range(8):
            for number in range(MINUTES * A_MINUTE):
                body = {"instances": [{"petal_cm": 1.0 + number % 2 * 4}]}
                codes[client.post(f"{url}/predict", json=body).status_code] += 1
                if number % A_MINUTE == A_MINUTE - 1:
                    advance(60)
            advance(180)  # so late are metrics
            mlservice("apply", str(spec), "--local", "--yes", quiet=True)
            told = json.loads(mlservice("rollout", "--file", str(spec), "--local", "-o", "json", quiet=True))[0]
            if re.search(end, json.dumps(told)):
                return codes
    sys.exit(f"the demo failed: the rollout did not end: {told}")


def main() -> None:
    """Tell it by itself."""
    with workspace() as folder:
        mlservice("emulator", "start")
        clients()
        tell(folder, first=1)


if __name__ == "__main__":
    main()
