"""Whoever opens a pull request chooses which files there are, of which sort, and what they are called."""

import json
import os
from pathlib import Path

import pytest
from rich.text import Text

from reconciler.cli.console import clean, data
from schemas import SpecError, load
from schemas.problems import Problem, SourceRef


def test_a_pipe_among_specs_is_said_and_not_waited_for(tmp_path):
    """Opening one waits for ever for somebody to write into it."""
    os.mkfifo(tmp_path / "b.yaml")
    (tmp_path / "c.yaml").symlink_to("/dev/zero")
    (tmp_path / "a.yaml").write_text("kind: [")
    with pytest.raises(SpecError) as refused:
        load([tmp_path])

    said = {Path(p.where.file).name: p.summary for p in refused.value.problems}
    assert said["b.yaml"] == said["c.yaml"] == "is no regular file"


@pytest.mark.parametrize(
    "name", ["x\n::error::boo.yaml", "x\r##[error]boo.yaml", "\u202eboo.yaml", "a\x1b[2J.yaml", "x\u2028y"]
)
def test_the_name_of_a_file_stays_on_its_line(name):
    """And shows what would not be seen."""
    said = str(Problem(SourceRef(name, 1, 1, f"env.{name}"), f"'{name}' is wrong"))

    assert len(said.splitlines()) == 1
    assert said.isprintable()


@pytest.mark.parametrize("name", ["::set-output name=x::y.yaml", "##[command]x.yaml", " ::error::x"])
def test_a_name_gives_no_orders(name):
    """At the beginning of a line it would be one."""
    assert str(SourceRef(name, 1, 1)) == f"./{name}:1:1"


@pytest.mark.parametrize("make", [str, Text])
def test_what_a_job_prints_gives_its_runner_no_orders(make, monkeypatch):
    """A value of a spec may say what a runner obeys; on a laptop it is shown as it is."""
    text = "  ::stop-commands::x\nenv.A  ##[error]boo ##vso[task.x]y\na::b ## c"
    monkeypatch.setenv("CI", "true")
    assert str(clean(make(text))) == "  : :stop-commands::x\nenv.A  # #[error]boo # #vso[task.x]y\na::b ## c"
    for name in ("CI", "GITHUB_ACTIONS", "TF_BUILD"):
        monkeypatch.delenv(name, raising=False)
    assert str(clean(make(text))) == text


def test_json_gives_no_orders_and_stays_the_same(capsys):
    """Of GitHub's runner or of Azure's: programs read the same text."""
    said = {"a": "##[error]boo ##vso[task.setvariable]x", "b": "# ##"}

    data(said)

    printed = capsys.readouterr().out
    assert json.loads(printed) == said
    assert "##[" not in printed
    assert "##vso" not in printed
