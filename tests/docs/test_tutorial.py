"""The tutorial is run as it is written, in order, in an empty folder."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.warm import program

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text()
BLOCK = re.compile(
    r"^(?:<!-- (?P<note>file|exit): (?P<value>\S+) -->\n)?```(?P<language>\w+)\n(?P<body>.*?)^```",
    re.MULTILINE | re.DOTALL,
)


def commands(body):
    """Commands of a console block, each with the output shown below it."""
    for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def pattern(shown):
    """What output must match: `...` on a line of its own is any lines, `…` is anything within a line."""
    lines = [".*\n?" if line == "..." else line_pattern(line) + "\n" for line in shown.splitlines()]
    return re.compile("".join(lines).replace(".*\n?", "(?:.*\n)*?"))


def line_pattern(line):
    """One line, with its wildcards; widths of columns differ with the names in them."""
    return re.sub(r"(?:\\ ){2,}", " +", ".*".join(map(re.escape, line.split("…"))))


@pytest.fixture
def reader(tmp_path, tmp_path_factory):
    """Somebody who has cloned the repository beside an empty folder and set PATH."""
    (tmp_path / "mlservice").symlink_to(ROOT)
    own = tmp_path_factory.mktemp("bin")
    path = f"{own}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(tmp_path), "LANG": "C.UTF-8"}

    def run(command):
        return subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=120,
            check=False,
        )

    with program(own):
        yield tmp_path, run
        run("mlservice emulator stop")


@pytest.mark.slow
def test_the_readme_starts_as_it_says(reader):
    """The first commands anybody types work, given a model."""
    folder, run = reader
    shutil.copytree(ROOT / "specs" / "iris" / "model", folder / "my-model")
    block = next(b for b in BLOCK.finditer((ROOT / "README.md").read_text()) if "mlservice init" in b["body"])

    for command, _ in commands(block["body"]):
        done = run(command) if not command.startswith("pip ") else None
        assert done is None or done.returncode == 0, f"{command}\n{done.stdout}"
    assert done.stdout == '"setosa"\n'


@pytest.mark.slow
def test_the_tutorial_goes_as_it_is_told(reader):
    """Every command ends as shown and prints what is shown."""
    folder, run = reader
    ran = 0
    for block in BLOCK.finditer(TUTORIAL):
        if block["note"] == "file":
            (folder / block["value"]).write_text(block["body"])
        if block["language"] != "console":
            continue
        for command, shown in commands(block["body"]):
            done = run(command)
            assert done.returncode == (int(block["value"]) if block["note"] == "exit" else 0), (
                f"{command}\n{done.stdout}"
            )
            assert pattern(shown).fullmatch(done.stdout), f"{command}\n{done.stdout}\nis not\n{shown}"
            ran += 1
    assert ran > 12
