"""Which files are read, and what is said about those that cannot be."""

import os
from pathlib import Path

import pytest

from schemas import SpecError, load
from tests.spec.conftest import SPEC


def spec(name):
    return SPEC.replace("churn", name)


def test_a_folder_is_searched_for_specs(tmp_path):
    """Specs at any depth, in a stable order; hidden folders and other suffixes are left alone."""
    (tmp_path / "b").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "b" / "one.yml").write_text(spec("one"))
    (tmp_path / "a.yaml").write_text(spec("two"))
    (tmp_path / ".git" / "x.yaml").write_text(spec("hidden"))
    (tmp_path / "notes.txt").write_text(spec("notes"))

    specs = load(tmp_path)

    assert [each.service.name for each in specs.services] == ["two", "one"]
    assert [each.file.name for each in specs.services] == ["a.yaml", "one.yml"]
    assert specs.warnings == ()


def test_other_yaml_of_a_folder_is_skipped_with_a_warning(tmp_path):
    """A repository has YAML of other tools, templates among it that are no YAML at all."""
    (tmp_path / "mlservice.yaml").write_text(SPEC)
    (tmp_path / "chart.yaml").write_text("{{ template }}: [")
    (tmp_path / "compose.yml").write_text("services: {}")

    specs = load(tmp_path)

    assert [each.service.name for each in specs.services] == ["churn"]
    assert [str(warning) for warning in specs.warnings] == [
        f"{tmp_path / 'chart.yaml'}: warning: skipped: not a spec",
        f"{tmp_path / 'compose.yml'}: warning: skipped: not a spec",
    ]


def test_a_broken_spec_of_a_folder_is_an_error(tmp_path):
    """A file that says it is ours is not skipped because it is broken."""
    (tmp_path / "mlservice.yaml").write_text(SPEC + "  env: {A: b")

    with pytest.raises(SpecError, match=r"6:8: this bracket is not closed"):
        load(tmp_path)


def test_several_documents_and_paths(tmp_path):
    """Services come in the order of the paths; a file that is named twice counts once."""
    (tmp_path / "a.yaml").write_text(spec("a") + "---\n" + spec("b"))
    (tmp_path / "c.yaml").write_text(spec("c"))

    specs = load([tmp_path / "c.yaml", tmp_path, str(tmp_path / "a.yaml")])

    assert [each.service.name for each in specs.services] == ["c", "a", "b"]


def test_all_problems_of_all_files_at_once_in_file_order(tmp_path):
    """Nobody should have to run validate once per mistake."""
    (tmp_path / "a.yaml").write_text(spec("A") + "---\n" + spec("b") + "  zebra: 1\n")
    (tmp_path / "b.yaml").write_text(spec("c") + "  budget: many\n  scaling: {minInstances: 9}\n")

    with pytest.raises(SpecError) as refused:
        load([tmp_path / "b.yaml", tmp_path / "missing.yaml", tmp_path / "a.yaml"])

    assert [str(problem).removeprefix(f"{tmp_path}{os.sep}") for problem in refused.value.problems] == [
        'a.yaml:2:18: metadata.name: "A" is not a service name',
        'a.yaml:12:3: zebra: unknown key "zebra"',
        'b.yaml:6:11: budget: "many" is not a mapping',
        "b.yaml:7:27: scaling.minInstances: 9 is above maxInstances (3)",
        "missing.yaml: no such file or folder",
    ]


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(Path, "no such file or folder", id="missing"),
        pytest.param(lambda path: path.mkdir(), "no YAML file in this folder", id="empty-folder"),
        pytest.param(os.mkfifo, "is neither a file nor a folder", id="pipe"),
        pytest.param(
            lambda path: (path.mkdir(), (path / "x.yaml").write_text("a: 1"))[0], "no spec found", id="folder-of-others"
        ),
    ],
)
def test_paths_without_a_spec_are_refused(tmp_path, make, expected):
    """An empty folder must never read as a wish to delete everything."""
    path = tmp_path / "specs"
    make(path)

    with pytest.raises(SpecError) as refused:
        load(path)

    problem = refused.value.problems[0]
    assert problem.summary == expected
    assert problem.where.file == str(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_named(tmp_path):
    """Permissions are a problem of the file, not of the program."""
    path = tmp_path / "mlservice.yaml"
    path.write_text(SPEC)
    path.chmod(0)

    with pytest.raises(SpecError, match="cannot read the file: Permission denied"):
        load(path)


def test_nothing_at_all_is_refused():
    """No paths is a mistake of the caller, said as any other."""
    with pytest.raises(SpecError, match="no spec found"):
        load([])
