"""`make changelog`: the notes of changes/ become a release in CHANGELOG.md."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KEPT = {"README.md", "template.md.jinja"}
KINDS = ("added", "changed", "fixed", "removed")
NOTES = sorted(path for path in (ROOT / "changes").iterdir() if path.name not in KEPT)


def release(folder, version):
    """Make a release, and read the changelog."""
    words = [sys.executable, "-m", "towncrier", "build", "--yes", "--version", version, "--date", "2026-11-26"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return (folder / "CHANGELOG.md").read_text()


@pytest.fixture
def folder(tmp_path):
    """What towncrier reads, outside of the clone."""
    for name in ("pyproject.toml", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "changes").mkdir()
    for name in KEPT:
        shutil.copy(ROOT / "changes" / name, tmp_path / "changes")
    return tmp_path


def test_each_note_is_under_its_heading_once(folder):
    """All of ours, whole; the notes go, what explains them stays."""
    for note in NOTES:
        shutil.copy(note, folder / "changes")

    text = release(folder, "0.2.0")

    parts = dict(zip(*[iter(re.split(r"^### (\w+)$", text, flags=re.MULTILINE)[1:])] * 2, strict=True))
    assert [name.lower() for name in parts] == [kind for kind in KINDS if any(f".{kind}." in n.name for n in NOTES)]
    for note in NOTES:
        words = " ".join(note.read_text().split())
        held = {name.lower(): " ".join(part.split()).count(words) for name, part in parts.items()}
        assert held == {**dict.fromkeys(held, 0), note.name.split(".")[1]: 1}, note.name
    assert {path.name for path in (folder / "changes").iterdir()} == KEPT


def test_the_newest_release_stands_first(folder):
    """Below the heading of the page; what was released before stays as it was written."""
    (folder / "changes" / "one.added.md").write_text("First words,\nin two lines.\n")
    before = release(folder, "0.2.0")
    (folder / "changes" / "two.fixed.md").write_text("Second words.\n")

    text = release(folder, "0.3.0")

    assert before.count("- First words,\n  in two lines.\n") == 1
    assert re.findall(r"^## .*", text, re.MULTILINE) == ["## 0.3.0 (2026-11-26)", "## 0.2.0 (2026-11-26)"]
    assert text.startswith("# Changelog\n")
    assert text.endswith(before[before.index("## 0.2.0") :])
    assert text.index("- Second words.") < text.index("- First words")


def test_a_note_says_of_which_sort_it_is():
    """A name that nobody reads would be left out of the release."""
    assert [note.name for note in NOTES if not re.fullmatch(rf"[a-z0-9-]+\.({'|'.join(KINDS)})\.md", note.name)] == []
    assert [note.name for note in NOTES if not note.read_text().strip()] == []
