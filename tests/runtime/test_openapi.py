"""Requests that schemathesis makes from OpenAPI documents: ours, and the published one of Open Inference Protocol."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytest.importorskip("schemathesis", reason="schemathesis is not installed")
PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "oip" / "open_inference_rest.yaml"
# What each document promises about answers; acceptance of every drawn body is not among it, since a tensor's shape
# and data must agree, which OpenAPI cannot say.
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.fixture(scope="module")
def server(start, specs):
    """The minimal example."""
    return start(specs / "iris/model")


def run(document: str, url: str, checks: str, examples: int = 8) -> str:
    """Run schemathesis as its users do; gives its report."""
    command = [str(Path(sys.executable).parent / "st"), "run", document, "--url", url, "--checks", checks]
    options = ["--max-examples", str(examples), "--seed", "1", "--no-color", "--phases", "examples,coverage,fuzzing"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=280, check=False)
    print("\n".join(done.stdout.splitlines()[-25:]))  # noqa: T201 - the run's evidence
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
def test_our_document(server):
    """Every answer to every drawn request is one that our document describes."""
    report = run(f"{server.url}/openapi.json", server.url, CHECKS)

    assert re.search(r"Test cases|test cases", report)


@pytest.mark.slow
@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published document is not beside this repository")
def test_the_published_document(server, tmp_path):
    """The same for the protocol's own document; its paths hold literal `$`, and name no errors but 400."""
    document = yaml.safe_load(PUBLISHED.read_text())
    document["paths"] = {path.replace("${", "{"): item for path, item in document["paths"].items()}
    for item in document["paths"].values():
        for parameter in item.get("parameters", []):
            parameter["schema"]["enum"] = ["model"] if parameter["name"] == "MODEL_NAME" else ["1"]
    (tmp_path / "oip.yaml").write_text(yaml.safe_dump(document))

    report = run(str(tmp_path / "oip.yaml"), server.url, "not_a_server_error,response_schema_conformance")

    assert re.search(r"Test cases|test cases", report)
