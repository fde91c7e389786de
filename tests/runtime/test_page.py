"""The calls in docs/runtime.md do what the page says."""

import re
import shutil
import subprocess
from urllib.parse import urlsplit

import pytest

from tests.runtime.page import examples, promised


@pytest.fixture(scope="module")
def port(start, specs) -> int:
    """The minimal example, served as the page says."""
    port = urlsplit(start(specs / "iris" / "model", command=("reconciler.cli", "serve")).url).port
    assert port is not None
    return port


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl(port):
    """Every command prints what stands below it."""
    [block] = examples("console", port)
    shown = re.findall(r"^\$ (curl .*?)\n(\{.*?)$", block, re.MULTILINE | re.DOTALL)
    assert len(shown) == block.count("$ ")

    for command, wanted in shown:
        printed = subprocess.run(
            ["bash", "-c", command.replace("curl", "curl -sS", 1)], capture_output=True, check=True
        )
        assert printed.stdout.decode() == wanted


def test_tritonclient(port, capsys):
    """Triton's client prints what its comment says."""
    code, _ = examples("python", port)

    exec(code, {})  # noqa: S102 - it is our own page

    assert capsys.readouterr().out.splitlines() == promised(code)
